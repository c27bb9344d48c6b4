# SPDX-License-Identifier: MIT
"""The table and the JSON file."""
from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
import time
from pathlib import Path

from driver.goals import GOALS, MIB
from driver.plan import IDLE_COUNTS, Cell, Program, waiting
from driver.sample import Results, Sample


def duration(nanoseconds: float | None) -> str:
    if nanoseconds is None:
        return "–"
    for unit, size in (("ms", 1e6), ("µs", 1e3), ("ns", 1)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return "0"


def scaled(value: float | None, size: float, unit: str) -> str:
    return "–" if value is None else f"{value / size:.3g}{unit}"


def row(results: Results, program: Program) -> list[str]:
    def column(cell: Cell, write) -> str:
        mark = " †" if results.is_elsewhere(program.name, cell) else ""
        return write(cell) + mark

    def trip(cell):
        return duration(results.median(program.name, cell, "rtt_ns"))

    def rate(cell):
        return scaled(results.median(program.name, cell, "msg_per_s"), 1e6, " M")

    def throughput(cell):
        return scaled(results.median(program.name, cell, "bytes_per_s"), 1e9, "")

    multiple = results.times_c2c(program.name, Cell("rtt"))
    return [program.label, column(Cell("rtt"), trip),
            "–" if multiple is None else f"{multiple:.3g}",
            *(column(Cell("stream", size), rate) for size in (64, 1024)),
            *(column(Cell("stream", size), throughput) for size in (65536, MIB)),
            column(Cell("rtt", cpus="one"), trip),
            scaled(results.cpu(program.name, Cell("paced", rate=1000)), 0.01, " %")]


HEADINGS = ["", "RTT 64 B", "× c2c", "64 B msg/s", "1 KiB msg/s", "64 KiB GB/s", "1 MiB GB/s",
            "RTT, both on one CPU", "CPU at 1 msg/ms"]


def markdown(rows: list[list[str]]) -> str:
    """A table whose columns line up."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |" for cells in rows]
    lines[1] = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join(lines)


def rate_lines(results: Results, programs: list[Program]) -> list[str]:
    lines = []
    for program in programs:
        value = results.median(program.name, Cell("capacity"), "msg_per_s")
        if value is not None:
            lines.append(f"- {program.label}: a reader takes in {value / 1e6:.3g} M messages/s of "
                         "64 B that are written many at a time")
        value = results.median(program.name, Cell("handshake"), "per_s")
        if value is not None:
            lines.append(f"- {program.label}: {value:.0f} authenticated TCP connections per second")
    for cpus in ("two", "one"):
        value = results.ratio("mproc_stream", "naive", Cell("stream", cpus=cpus), "msg_per_s")
        if value is not None:
            lines.append(f"- mproc stream pipe against two reads, 64 B with one send for each message, "
                         f"on {cpus} CPU{'s' if cpus == 'two' else ''}: {value:.3g} x")
    return lines


def wait_lines(results: Results, programs: list[Program]) -> list[str]:
    lines = []
    for program in programs:
        if "waitset" not in program.modes:
            continue
        found = [(n, results.median(program.name, waiting(n), "wait_ns")) for n in IDLE_COUNTS]
        figures = ", ".join(f"{duration(ns)} beside {n} idle" for n, ns in found if ns is not None)
        if figures:
            lines.append(f"- {program.label}, wait and receive: {figures}")
    return lines


def read_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def read_build(build: Path) -> dict:
    return json.loads((build / "bench" / "build.json").read_text(encoding="utf-8"))


def describe(build: Path) -> dict:
    return {"cpu": read_model(), "cpus": os.cpu_count(), "kernel": platform.release(),
            "system": platform.platform(), "python": platform.python_version(),
            "command": " ".join(sys.argv), "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            **read_build(build)}


class OtherLoad:
    """What else runs on the machine while the benchmarks do."""

    def __init__(self):
        self.start = self.read()

    @staticmethod
    def read() -> tuple[float, float]:
        """Ticks that the machine was not idle for, and those of them that were ours."""
        stat = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat[1:9])
        return user + nice + system + irq + softirq + steal, sum(os.times()[:4])

    def share(self, seconds: float) -> float:
        """Of all CPUs, since the start."""
        (busy0, ours0), (busy1, ours1) = self.start, self.read()
        ticks = (busy1 - busy0) / os.sysconf("SC_CLK_TCK") - (ours1 - ours0)
        return max(0.0, ticks / seconds / (os.cpu_count() or 1))


def text(machine: dict, results: Results, programs: list[Program], notes: list[str]) -> str:
    rows = [row(results, p) for p in programs if "rtt" in p.modes]
    return "\n".join([
        f"{machine['cpu']}, Linux {machine['kernel']}, {machine['compiler']}, "
        f"{machine['buildtype']}; {machine['date']}; `{machine['command']}`. Meanwhile other programs "
        f"took {machine['other_load']:.0%} of the {machine['cpus']} CPUs.",
        "",
        f"Raw round trip of a flag between the two CPUs (c2c): {results.c2c:.0f} ns "
        f"(\"{results.placement}\"). Medians of samples of this placement; † of another one, where "
        f"this was not seen; {results.moved} samples are left out because the CPUs moved. – is not "
        "possible or not measured.",
        "", markdown([HEADINGS, *rows]),
        "", *rate_lines(results, programs), *wait_lines(results, programs),
        "", *(f"- {note}" for note in notes),
        "", *(goal.line(results) for goal in GOALS), ""])


def write_json(path: Path, machine: dict, samples: list[Sample], notes: list[str]) -> None:
    document = {"machine": machine, "notes": notes,
                "samples": [dataclasses.asdict(sample) for sample in samples]}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
