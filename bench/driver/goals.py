# SPDX-License-Identifier: MIT
"""What mproc promises, as lines that say PASS or MISS with the figure."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from driver.plan import IDLE_COUNTS, Cell, waiting
from driver.sample import Results

MIB = 1048576
IDLE = 0.001  # share of a CPU below which a process counts as idle


@dataclass(frozen=True)
class Goal:
    what: str
    measure: Callable[[Results], float | None]
    limit: float
    at_most: bool = False
    unit: str = "x"
    scale: float = 1

    def line(self, results: Results) -> str:
        figure = self.measure(results)
        bound = f"{'<=' if self.at_most else '>='} {self.limit:g} {self.unit}"
        if figure is None:
            return f"----  {self.what}: not measured (goal {bound})"
        figure *= self.scale
        met = figure <= self.limit if self.at_most else figure >= self.limit
        return f"{'PASS' if met else 'MISS'}  {self.what}: {figure:.3g} {self.unit} (goal {bound})"


def ratio(program: str, other: str, cell: Cell, value: str):
    return lambda results: results.ratio(program, other, cell, value)


def times_faster(other: str):
    """How many round trips of mproc's pipe one of the other's takes."""
    return ratio(other, "mproc_ring", Cell("rtt"), "rtt_ns")


def speed(size: int):
    return lambda results: results.median("mproc_ring", Cell("stream", size), "bytes_per_s")


def growth(program: str):
    """How much longer a wait takes beside the most idle ones than beside the fewest."""
    def measure(results):
        few, many = (results.median(program, waiting(n), "wait_ns")
                     for n in (IDLE_COUNTS[0], IDLE_COUNTS[-1]))
        return many / few if few and many else None
    return measure


def wait_goals(program: str, label: str, raw: str, call: str):
    most = IDLE_COUNTS[-1]
    return (Goal(f"waitset, {label}, {most} idle and 1 active, against raw epoll_wait and {call}",
                 ratio(program, raw, waiting(most), "wait_ns"), 1.2, at_most=True),
            Goal(f"waitset, {label}, {most} idle against {IDLE_COUNTS[0]}", growth(program), 1.2,
                 at_most=True))


GOALS = (
    Goal("stream pipe against raw socket, 1 MiB throughput",
         ratio("mproc_stream", "unix", Cell("stream", MIB), "bytes_per_s"), 0.95),
    Goal("stream pipe against a reader of two reads, 64 B messages/s it can take in",
         ratio("mproc_stream", "naive", Cell("capacity"), "msg_per_s"), 2),
    Goal("TCP handshakes/s against Python's",
         ratio("handshake", "python_handshake", Cell("handshake"), "per_s"), 1),
    Goal("pipe, round trip of 64 B against one flag's",
         lambda results: results.times_c2c("mproc_ring", Cell("rtt")), 2.2, at_most=True),
    Goal("pipe, round trip of 64 B faster than ZeroMQ", times_faster("zeromq"), 100),
    Goal("pipe, round trip of 64 B faster than nng", times_faster("nng"), 100),
    Goal("pipe, 64 B one way",
         lambda results: results.median("mproc_ring", Cell("stream"), "msg_per_s"), 50,
         unit="M msg/s", scale=1e-6),
    Goal("pipe, 64 B one way against OpenMPI",
         ratio("mproc_ring", "openmpi", Cell("stream"), "msg_per_s"), 3),
    Goal("pipe, 64 B one way against ZeroMQ",
         ratio("mproc_ring", "zeromq", Cell("stream"), "msg_per_s"), 10),
    Goal("pipe, 64 KiB one way", speed(65536), 30, unit="GB/s", scale=1e-9),
    Goal("pipe, 1 MiB one way", speed(MIB), 30, unit="GB/s", scale=1e-9),
    Goal("pipe, round trip on one CPU against a raw pipe's",
         ratio("mproc_ring", "pipe", Cell("rtt", cpus="one"), "rtt_ns"), 1, at_most=True),
    Goal("pipe, CPU of the busier side at 1 message per ms",
         lambda results: results.cpu("mproc_ring", Cell("paced", rate=1000)), 2, at_most=True,
         unit="%", scale=100),
    Goal("pipe, CPU of the busier side when idle",
         lambda results: results.cpu("mproc_ring", Cell("paced", rate=0)), 100 * IDLE,
         at_most=True, unit="%", scale=100),
    *wait_goals("wait_stream", "stream", "wait_raw_message", "recvmsg"),
    *wait_goals("wait_ring", "ring", "wait_raw", "read"),
)

# What goals are made of deserves more samples.
SUBJECTS = {
    Cell("stream", MIB): {"mproc_stream", "unix", "mproc_ring"},
    Cell("stream", 65536): {"mproc_ring"},
    Cell("capacity"): {"mproc_stream", "naive"},
    Cell("handshake"): {"handshake", "python_handshake"},
    Cell("rtt"): {"mproc_ring", "zeromq", "nng"},
    Cell("stream"): {"mproc_ring", "openmpi", "zeromq"},
    Cell("rtt", cpus="one"): {"mproc_ring", "pipe"},
    Cell("paced", rate=1000): {"mproc_ring", "pipe"},
    Cell("paced", rate=0): {"mproc_ring"},
    waiting(IDLE_COUNTS[0]): {"wait_stream", "wait_ring"},
    waiting(IDLE_COUNTS[-1]): {"wait_raw", "wait_raw_message", "wait_stream", "wait_ring"},
}


def is_goal(program: str, cell: Cell) -> bool:
    return program in SUBJECTS.get(cell, ())
