# SPDX-License-Identifier: MIT
"""Take samples, each between two measurements of where the host has put the CPUs.

On a virtual machine the round trip of one flag between two CPUs ("c2c") jumps between a few levels,
as the host moves virtual CPUs between cores that share a cache and cores that do not. Only samples
of one placement may be compared; a sample during which the placement changed is of no use.
"""
from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from driver.plan import CPUS, Cell, Plan, Program

UNSUPPORTED = 77  # BENCH_UNSUPPORTED of common.h
PLACEMENTS = ((80, "near"), (250, "middle"), (float("inf"), "far"))  # c2c below, nanoseconds
C2C_FRESH = 0.05  # seconds for which a measured c2c holds
PATIENCE = 10  # seconds that a program may take beyond its measuring


@dataclass(frozen=True)
class Sample:
    program: str
    cell: Cell
    values: dict
    c2c: tuple[float, float]
    placement: str  # "moved" if it changed


def placement_of(c2c: float) -> str:
    return next(name for limit, name in PLACEMENTS if c2c < limit)


def run_program(command: list[str], patience: float) -> tuple[int, str, str]:
    """Run in a process group of its own, which is killed if it does not end in time."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             start_new_session=True)
    try:
        out, err = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return -1, "", f"no end after {patience:.0f} s"
    return child.returncode, out, err


class Sampler:
    def __init__(self, build: Path, programs: list[Program], plan: Plan, say):
        self.c2c_command = [str(build / "bench" / "c2c"), *map(str, CPUS)]
        self.programs = programs
        self.plan = plan
        self.say = say
        self.samples: list[Sample] = []
        self.failures: Counter = Counter()
        self.notes: list[str] = []
        self.last_c2c = (0.0, 0.0)  # when, nanoseconds
        self.end = time.monotonic() + plan.budget

    def c2c(self, fresh: bool) -> float:
        when, value = self.last_c2c
        if not fresh or time.monotonic() - when > C2C_FRESH:
            status, out, err = run_program(self.c2c_command, PATIENCE)
            if status != 0:
                raise SystemExit(f"bench: c2c failed: {err}")
            value = float(out)
            self.last_c2c = (time.monotonic(), value)
        return value

    def fail(self, program: Program, cell: Cell, status: int, error: str) -> None:
        self.failures[program.name, cell] += self.plan.rounds if status == UNSUPPORTED else 1
        last = error.strip().splitlines()[-1:] or [f"status {status}"]
        what = f"{cell.rate} messages per second" if cell.mode == "paced" else f"{cell.size} bytes"
        if cell.mode == "waitset":
            what = f"{cell.size} idle"
        note = f"{program.label}, {cell.mode}, {what}, on {cell.cpus}: {last[0]}"
        if status == UNSUPPORTED:
            note = f"{program.label}: {last[0].split(': ', 1)[-1]}"
        if note not in self.notes:
            self.notes.append(note)

    def take(self, program: Program, cell: Cell) -> None:
        before = self.c2c(fresh=True)
        seconds = self.plan.seconds * cell.patience()
        command = [*program.command, cell.mode, str(cell.size), str(seconds), *cell.arguments()]
        status, out, error = run_program(command, seconds + PATIENCE)
        after = self.c2c(fresh=False)
        if status != 0:
            self.fail(program, cell, status, error)
            return
        here = placement_of(before)
        if cell.cpus == "one":
            here = "one"
        elif here != placement_of(after):
            here = "moved"
        self.samples.append(Sample(program.name, cell, json.loads(out), (before, after), here))

    def wanted(self, program: Program, cell: Cell) -> bool:
        return cell.mode in program.modes and self.failures[program.name, cell] < 2

    def counts(self) -> Counter:
        """Usable samples of each program and cell."""
        main = main_placement(self.samples)
        return Counter((s.program, s.cell) for s in self.samples if s.placement in (main, "one"))

    def round(self, number: int, jobs: list[tuple[Program, Cell]]) -> None:
        self.say(f"round {number}: {len(jobs)} samples, {self.end - time.monotonic():.0f} s left")
        for program, cell in jobs:
            if time.monotonic() > self.end:
                return
            self.take(program, cell)

    def all_jobs(self, first: int) -> list[tuple[Program, Cell]]:
        """Every program in every cell; each round starts with another program."""
        order = self.programs[first:] + self.programs[:first]
        return [(p, cell) for cell in self.plan.cells for p in order if self.wanted(p, cell)]

    def run(self, is_goal) -> None:
        for number in range(self.plan.rounds):
            self.round(number + 1, self.all_jobs(number * 4 % len(self.programs)))
        number = self.plan.rounds
        while time.monotonic() < self.end:
            counts = self.counts()
            jobs = [(p, c) for p, c in self.all_jobs(0)
                    if counts[p.name, c] < (self.plan.goal_rounds if is_goal(p.name, c)
                                            else self.plan.rounds)]
            if not jobs:
                return
            number += 1
            self.round(number, jobs)


def main_placement(samples: list[Sample]) -> str:
    """The placement of most samples that need two CPUs."""
    seen = Counter(s.placement for s in samples if s.placement not in ("one", "moved"))
    return seen.most_common(1)[0][0] if seen else "middle"


class Results:
    """Medians over samples of one placement: the main one, or another where that was not seen."""

    def __init__(self, samples: list[Sample]):
        self.placement = main_placement(samples)
        self.usable = defaultdict(lambda: defaultdict(list))  # program and cell, then placement
        for s in samples:
            if s.placement != "moved":
                self.usable[s.program, s.cell][s.placement].append(s)
        self.moved = sum(s.placement == "moved" for s in samples)
        self.c2c = statistics.median([x for s in samples for x in s.c2c
                                      if placement_of(x) == self.placement] or [float("nan")])

    def pick(self, program: str, cell: Cell) -> list[Sample]:
        groups = self.usable[program, cell]
        return groups.get(self.placement) or max(groups.values(), key=len, default=[])

    def is_elsewhere(self, program: str, cell: Cell) -> bool:
        """Whether the figure is of another placement than the main one."""
        return any(s.placement not in (self.placement, "one") for s in self.pick(program, cell))

    def median(self, program: str, cell: Cell, value: str) -> float | None:
        values = [s.values[value] for s in self.pick(program, cell)]
        return statistics.median(values) if values else None

    def cpu(self, program: str, cell: Cell) -> float | None:
        """Share of a CPU that the busier side used."""
        values = [max(s.values["cpu"]) for s in self.pick(program, cell)]
        return statistics.median(values) if values else None

    def times_c2c(self, program: str, cell: Cell) -> float | None:
        """Round trip as a multiple of the flag's, measured right beside it."""
        values = [s.values["rtt_ns"] / statistics.mean(s.c2c)
                  for group in self.usable[program, cell].values() for s in group]
        return statistics.median(values) if values else None

    def ratio(self, program: str, other: str, cell: Cell, value: str) -> float | None:
        """Median of program / other over pairs of samples of the same placement."""
        values = []
        for placement, ours in self.usable[program, cell].items():
            theirs = self.usable[other, cell].get(placement, [])
            values += [a.values[value] / b.values[value] for a, b in zip(ours, theirs)
                       if b.values[value]]
        return statistics.median(values) if values else None
