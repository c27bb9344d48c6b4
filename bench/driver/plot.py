# SPDX-License-Identifier: MIT
"""Plots, drawn by gnuplot where it is installed."""
from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from driver.plan import RATES, SIZES, Cell, Program
from driver.sample import Results

TERMINALS = (("svg", "svg size 900,560 dynamic background 'white' font 'sans-serif,13'"),
             ("png", "png size 1200,760 font 'sans,12'"))


@dataclass(frozen=True)
class Plot:
    file: str
    title: str
    x: str
    y: str
    points: tuple
    at: Callable  # (results, program name, point) -> value or None


def latency(cpus: str):
    def at(results, name, size):
        value = results.median(name, Cell("rtt", size, cpus), "rtt_ns")
        return None if value is None else value / 1000
    return at


def throughput(cpus: str):
    def at(results, name, size):
        value = results.median(name, Cell("stream", size, cpus), "bytes_per_s")
        return None if value is None else value / 1e9
    return at


def one_way(results, name, rate):
    value = results.median(name, Cell("paced", rate=rate), "one_way_ns")
    return None if value is None else value / 1000


def cpu_use(results, name, rate):
    value = results.cpu(name, Cell("paced", rate=rate))
    return None if value is None else value * 100


PLOTS = (
    Plot("latency", "Round trip, two CPUs", "message, bytes", "µs", SIZES, latency("two")),
    Plot("throughput", "One way, two CPUs", "message, bytes", "GB/s", SIZES, throughput("two")),
    Plot("latency-one-cpu", "Round trip, both on one CPU", "message, bytes", "µs", SIZES,
         latency("one")),
    Plot("throughput-one-cpu", "One way, both on one CPU", "message, bytes", "GB/s", SIZES,
         throughput("one")),
    Plot("cpu", "CPU of the busier side", "messages of 64 B per second", "% of a CPU", RATES,
         cpu_use),
    Plot("paced", "Time on the way, two CPUs", "messages of 64 B per second", "µs", RATES, one_way),
)


def series(plot: Plot, results: Results, programs: list[Program]) -> list[tuple[Program, list]]:
    found = []
    for program in programs:
        points = [(x, plot.at(results, program.name, x)) for x in plot.points]
        points = [(x, y) for x, y in points if y]
        if len(points) > 1:
            found.append((program, points))
    return found


def script(plot: Plot, lines: list[tuple[Program, list]], output: Path, terminal: str) -> str:
    data = "".join(f"$d{i} << E\n" + "".join(f"{x} {y}\n" for x, y in points) + "E\n"
                   for i, (_, points) in enumerate(lines))
    width = {True: 4, False: 1.5}
    curves = ", ".join(
        f"$d{i} with linespoints lw {width[p.name.startswith('mproc')]} title '{p.label}' noenhanced"
        for i, (p, _) in enumerate(lines))
    return (f"{data}set terminal {terminal}\nset output '{output}'\nset logscale xy\n"
            f"set title '{plot.title}'\nset xlabel '{plot.x}'\nset ylabel '{plot.y}'\n"
            f"set grid\nset key outside right\nset format x '10^{{%L}}'\nplot {curves}\n")


def draw(directory: Path, results: Results, programs: list[Program]) -> list[str]:
    """Returns the names of the files written."""
    if not shutil.which("gnuplot"):
        return []
    written = []
    for plot in PLOTS:
        lines = series(plot, results, programs)
        for suffix, terminal in TERMINALS if lines else ():
            output = directory / f"{plot.file}.{suffix}"
            subprocess.run(["gnuplot"], input=script(plot, lines, output, terminal), text=True,
                           check=True, encoding="utf-8")
            written.append(output.name)
    return written
