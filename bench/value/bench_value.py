#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mproc against CPython's C pickle, the same objects in one run: bench_value.py BENCH_VALUE [NAME...]

Both take turns, a sample each, so that what else happens on the machine hits both alike. The times are the best samples, nanoseconds of CPU
time per call; the ratios, CPython's time by mproc's, are the medians over the pairs of samples. Making the result and freeing it is part of
a call on both sides. linear_* show how the cost grows with the size.
"""
import itertools
import pickle
import statistics
import struct
import subprocess
import sys
import time

ROUNDS = 15
ROUNDS_OF_LONG = 3
LONG = 250e6  # nanoseconds of a call

mixed = [0, 255, 256, 65535, 65536, -1, 2**31 - 1, -2**31]

objects = {
    "list_1000_ints": lambda: list(range(1000)),
    "list_1000_mixed_ints": lambda: [n for n, _ in zip(itertools.cycle(mixed), range(1000))],
    "dict_1000_str_float": lambda: {f"key{i}": i * 1.5 for i in range(1000)},
    "tuple_of_records": lambda: tuple((i, f"name{i}", i * 0.5, (i % 2 == 0, None)) for i in range(200)),
    "list_1000_strs": lambda: [f"some text {i}" for i in range(1000)],
    "one_dict": lambda: {"id": 7, "name": "x", "value": 1.5, "ok": True},
    "list_of_dicts": lambda: [{"id": i, "name": f"name{i}", "value": i * 1.5, "ok": i % 2 == 0} for i in range(1000)],
    "dict_of_dicts": lambda: {f"key{i}": {"x": i, "y": i * 0.5, "tags": ["a", "b"]} for i in range(1000)},
    "list_of_lists_of_ints": lambda: [[i, i + 1, i + 2, i + 3] for i in range(1000)],
    "list_of_lists_of_floats": lambda: [[i * 0.5, i * 0.25, i * 0.125] for i in range(1000)],
    "list_of_long_and_short": lambda: [[i] * (1, 2, 50)[i % 3] + ["x" * (i % 7 * 50)] for i in range(1000)],
    "dict_of_lists": lambda: {f"key{i}": [i, i * 0.5, f"text {i}"] for i in range(1000)},
    "tuple_of_lists": lambda: tuple([i, -i, None] for i in range(1000)),
    "list_of_bytes": lambda: [b"%d bytes" % i for i in range(1000)],
    "set_of_strs": lambda: {f"member {i}" for i in range(1000)},
    "list_of_sets": lambda: [{i, i + 1, i + 2} for i in range(1000)],
    "list_of_non_ascii": lambda: [f"größe {i} €" for i in range(1000)],
    "bytes_1MiB": lambda: bytes(range(256)) * 4096,
}
for mib in (1, 4, 16, 64):
    objects[f"linear_{mib}MiB"] = lambda mib=mib: [(i, float(i), f"{i:08d}") for i in range(mib * 37000)]


class Sampler:
    """Calls of a function, as many as fill a sample."""

    def __init__(self, run):
        self.run = run
        self.calls = 1

    def sample(self):
        while True:
            start = time.process_time()
            for _ in range(self.calls):
                self.run()
            taken = time.process_time() - start
            if taken >= 0.02:
                return taken / self.calls * 1e9
            self.calls *= 2


class Peer:
    """bench_value, holding the object."""

    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def take(self, data):
        self.child.stdin.write(b"o" + struct.pack("=Q", len(data)) + data)

    def sample(self, command):
        self.child.stdin.write(command)
        self.child.stdin.flush()
        return float(self.child.stdout.readline())


def compare(peer, command, run):
    python = Sampler(run)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(peer.sample(command))
        theirs.append(python.sample())
        if theirs[-1] > LONG and len(theirs) >= ROUNDS_OF_LONG:
            break
    ratio = statistics.median(t / o for t, o in zip(theirs, ours))
    return f"{min(theirs):12.0f} {min(ours):12.0f} {ratio:6.1f}"


def main():
    peer = Peer(sys.argv[1])
    print(f"{'object':24}{'bytes':>10} {'loads':>12} {'mproc':>12} {'ratio':>6}  {'dumps':>12} {'mproc':>12} {'ratio':>6}")
    for name in sys.argv[2:] or objects:
        obj = objects[name]()
        data = pickle.dumps(obj, 4)
        peer.take(data)
        decode = compare(peer, b"d", lambda: pickle.loads(data))
        encode = compare(peer, b"e", lambda: pickle.dumps(obj, 4))
        print(f"{name:24}{len(data):10} {decode}  {encode}", flush=True)
    block = objects["bytes_1MiB"]()
    copy = Sampler(lambda: bytearray(block))
    print(f"copying 1 MiB in Python: {min(copy.sample() for _ in range(ROUNDS)):.0f} ns")


main()
