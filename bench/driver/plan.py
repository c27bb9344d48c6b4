# SPDX-License-Identifier: MIT
"""What is measured: programs, cells (a mode with its size, CPUs and rate), and how long."""
from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
SIZES = (64, 1024, 65536, 1048576)
CPUS = sorted(os.sched_getaffinity(0))[:2]
IDLE_COUNTS = (10, 100, 1000, 10000)  # of descriptors beside an active one
RATES = (10, 100, 1000, 10000, 100000)

# Two ranks, which pin themselves; shared memory and nothing else.
MPIRUN = ("mpirun --allow-run-as-root --oversubscribe --bind-to none --mca pml ob1 "
          "--mca btl self,vader -np 2").split()


@dataclass(frozen=True)
class Cell:
    mode: str
    size: int = 64  # of a message; for "waitset", how many are idle
    cpus: str = "two"  # or "one": both sides on the same
    rate: int = 0  # messages per second, for "paced"

    def arguments(self) -> list[str]:
        first, second = CPUS[0], CPUS[-1] if self.cpus == "two" else CPUS[0]
        return [str(first), str(second), str(self.rate)]

    def patience(self) -> int:
        """How many times longer than others to measure: little happens here."""
        return 4 if self.mode == "paced" and self.rate <= 10 else 1


@dataclass(frozen=True)
class Program:
    name: str
    label: str
    command: tuple[str, ...]
    modes: frozenset = field(default=frozenset({"rtt", "stream", "paced"}))


MESSAGES = frozenset({"rtt", "stream", "paced"})
FRAMES = MESSAGES | {"capacity"}
HANDSHAKE = frozenset({"handshake"})
WAITSET = frozenset({"waitset"})

# Those that are compared with each other stand together, and so run one after the other.
COMPILED = (
    ("pipe", "raw pipe", MESSAGES),
    ("mproc_ring", "mproc ring", MESSAGES),
    ("unix", "raw unix stream", FRAMES),
    ("mproc_stream", "mproc stream pipe", FRAMES),
    ("naive", "unix stream, two reads", FRAMES),
    ("tcp", "raw TCP loopback", FRAMES),
    ("mproc_tcp", "mproc over TCP", FRAMES),
    ("mq", "POSIX mq", MESSAGES),
    ("zeromq", "ZeroMQ ipc", MESSAGES),
    ("nng", "nng ipc", MESSAGES),
    ("boost", "Boost message_queue", MESSAGES),
    ("openmpi", "OpenMPI shared memory", MESSAGES),
    ("handshake", "mproc listener and client", HANDSHAKE),
    ("wait_raw", "raw epoll_wait and read", WAITSET),
    ("wait_raw_message", "raw epoll_wait and recvmsg", WAITSET),
    ("wait_stream", "mproc waitset, stream", WAITSET),
    ("wait_ring", "mproc waitset, ring", WAITSET),
)
SCRIPTS = (
    ("python_pipe", "Python Pipe, bytes", MESSAGES),
    ("python_handshake", "Python Listener and Client", HANDSHAKE),
)


def find_programs(build: Path) -> tuple[list[Program], list[str]]:
    """The programs that exist, and a note for each that does not."""
    programs, notes = [], []
    for name, label, modes in COMPILED:
        path = build / "bench" / f"bench_{name}"
        launcher = tuple(MPIRUN) if name == "openmpi" else ()
        if not path.exists() or (launcher and not shutil.which(launcher[0])):
            notes.append(f"{label}: left out, not built or not installed (see bench/packages.txt)")
            continue
        programs.append(Program(name, label, (*launcher, str(path)), modes))
    for name, label, modes in SCRIPTS:
        path = SOURCE / "peers" / f"{name}.py"
        programs.append(Program(name, label, (sys.executable, str(path)), modes))
    return programs, notes


def waiting(idle: int) -> Cell:
    return Cell("waitset", idle, "one")


@dataclass(frozen=True)
class Plan:
    cells: tuple[Cell, ...]
    seconds: float  # of measuring in each sample
    budget: float  # seconds for the whole run
    rounds: int = 3  # samples of everything
    goal_rounds: int = 7  # samples of what a goal depends on, as far as the budget goes


def full_plan() -> Plan:
    cells = [Cell(mode, size, cpus) for cpus in ("two", "one") for mode in ("rtt", "stream")
             for size in SIZES]
    cells += [Cell("paced", rate=rate) for rate in (0, *RATES)]
    cells += [Cell("capacity"), Cell("handshake"), *map(waiting, IDLE_COUNTS)]
    return Plan(tuple(cells), seconds=0.25, budget=430)


def quick_plan() -> Plan:
    cells = (Cell("rtt"), Cell("rtt", cpus="one"), Cell("stream"), Cell("stream", 1048576),
             Cell("capacity"), Cell("handshake"), Cell("paced", rate=0), Cell("paced", rate=1000),
             waiting(IDLE_COUNTS[0]), waiting(IDLE_COUNTS[-1]))
    return Plan(cells, seconds=0.06, budget=42, goal_rounds=5)
