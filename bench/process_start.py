#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""process_start.py BUILDDIR [quick]

Start processes by raw fork, posix_spawn, mproc's start methods and Python's, from parents with
10 MiB and with 1 GiB of touched memory, all taking turns in one run. Prints medians and whether the
goals are met, and writes all times to BUILDDIR/bench-results/process_start.json.
"""
from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

SIZES = (10, 1024)  # MiB
KINDS = ("raw_fork", "fork", "posix_spawn", "spawn", "forkserver", "python_fork", "python_spawn",
         "python_forkserver")
PEER = Path(__file__).resolve().parent / "peers" / "python_start.py"

# What it is, MiB, time of this, at most so many times the time of that.
GOALS = (
    ("fork against a raw fork", 10, "exit", "fork", "raw_fork", 1.10),
    ("fork against a raw fork", 1024, "exit", "fork", "raw_fork", 1.10),
    ("spawn against posix_spawn of the same program", 10, "exit", "spawn", "posix_spawn", 1.20),
    ("fork server against fork", 1024, "exit", "forkserver", "fork", 1 / 50),
)


def run(command: list[str]) -> dict:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          timeout=600)
    return json.loads(done.stdout)


def measure(program: Path, quick: bool) -> dict:
    """times[MiB][kind][what] is a list of microseconds."""
    times: dict = {size: {} for size in SIZES}
    for _ in range(3 if quick else 10):
        for size in SIZES:
            rounds = {10: 60, 1024: 6}[size] // (3 if quick else 1)
            found = run([str(program), str(size), str(rounds)])
            found |= run([sys.executable, str(PEER), str(size), str(max(1, rounds // 6))])
            for kind, whats in found.items():
                for what, values in whats.items():
                    times[size].setdefault(kind, {}).setdefault(what, []).extend(values)
    return times


def median(times: dict, size: int, kind: str, what: str) -> float | None:
    values = times[size].get(kind, {}).get(what)
    return statistics.median(values) if values else None


def written(microseconds: float | None) -> str:
    if microseconds is None:
        return "–"
    return f"{microseconds / 1000:.3g} ms" if microseconds >= 1000 else f"{microseconds:.3g} µs"


def table(times: dict) -> str:
    columns = [(size, what) for size in SIZES for what in ("message", "exit")]
    lines = ["| | " + " | ".join(f"{size} MiB, to {what}" for size, what in columns) + " |",
             "|---" * (len(columns) + 1) + "|"]
    lines += ["| " + " | ".join([kind, *(written(median(times, size, kind, what))
                                         for size, what in columns)]) + " |" for kind in KINDS]
    return "\n".join(lines)


def goal_line(times: dict, goal: tuple) -> str:
    text, size, what, kind, other, limit = goal
    figure, base = median(times, size, kind, what), median(times, size, other, what)
    name = f"{text}, {size} MiB, start to {what}"
    if figure is None or base is None:
        return f"----  {name}: not measured"
    ratio = figure / base
    if limit < 1:
        return f"{'PASS' if ratio <= limit else 'MISS'}  {name}: {1 / ratio:.3g} x faster (goal {1 / limit:g} x)"
    return f"{'PASS' if ratio <= limit else 'MISS'}  {name}: {ratio:.3f} x (goal <= {limit:g} x)"


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["quick"]):
        sys.exit(__doc__)
    build = Path(sys.argv[1]).resolve()
    times = measure(build / "bench" / "bench_process_start", bool(sys.argv[2:]))
    directory = build / "bench-results"
    directory.mkdir(exist_ok=True)
    (directory / "process_start.json").write_text(json.dumps(times) + "\n", encoding="utf-8")
    print(table(times))
    print()
    print("\n".join(goal_line(times, goal) for goal in GOALS))


if __name__ == "__main__":
    main()
