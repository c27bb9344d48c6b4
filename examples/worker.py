#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The worker of command.c: answers lists of numbers with what can be said of them.

It is started with a connection whose descriptor MPROC_CONNECTIONS names, and ends when the other end
is closed.
"""
import os
import statistics
from multiprocessing.connection import Connection


def inherited_connections():
    """The connections that this program was started with, by name, or by position if they have none."""
    connections = {}
    for entry in os.environ.pop("MPROC_CONNECTIONS").split(","):
        name, _, place = entry.rpartition("=")
        handle, _, mode = place.partition(":")
        os.set_inheritable(int(handle), False)
        connections[name or len(connections)] = Connection(
            int(handle), readable="r" in mode, writable="w" in mode)
    return connections


def describe(numbers):
    return {"mean": statistics.fmean(numbers), "median": statistics.median(numbers),
            "deviation": statistics.pstdev(numbers)}


def main():
    with inherited_connections()["jobs"] as jobs:
        while True:
            try:
                number, samples = jobs.recv()
            except EOFError:
                break
            try:
                jobs.send((number, describe(samples)))
            except (statistics.StatisticsError, TypeError) as error:
                jobs.send((number, str(error)))


if __name__ == "__main__":
    main()
