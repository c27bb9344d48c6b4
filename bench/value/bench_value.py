#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mproc against CPython's C pickle, the same objects in one run: bench_value.py BENCH_VALUE

Best of several samples each, nanoseconds of CPU time per call, so that a loaded machine disturbs less; the ratio is CPython's time by mproc's.
"""
import pickle
import struct
import subprocess
import sys
import time

SAMPLES = 7

objects = {
    "list_1000_ints": list(range(1000)),
    "dict_1000_str_float": {f"key{i}": i * 1.5 for i in range(1000)},
    "tuple_of_records": tuple((i, f"name{i}", i * 0.5, (i % 2 == 0, None)) for i in range(200)),
    "list_1000_strs": [f"some text {i}" for i in range(1000)],
    "bytes_1MiB": bytes(range(256)) * 4096,
}
for mib in (1, 4, 16, 64):
    objects[f"linear_{mib}MiB"] = [(i, float(i), f"{i:08d}") for i in range(mib * 37000)]


def best(run):
    least, n = float("inf"), 1
    samples = 0
    while samples < SAMPLES:
        start = time.process_time()
        for _ in range(n):
            run()
        taken = time.process_time() - start
        if taken < 0.03:
            n *= 2
            continue
        least = min(least, taken / n * 1e9)
        samples += 1
        if taken > 2:
            break
    return least


def main():
    child = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(f"{'object':22}{'bytes':>10} {'loads':>12} {'mproc':>12} {'ratio':>6}  {'dumps':>12} {'mproc':>12} {'ratio':>6}")
    for name, obj in objects.items():
        data = pickle.dumps(obj, 4)
        child.stdin.write(f"{name}\n".encode() + struct.pack("=Q", len(data)) + data)
        child.stdin.flush()
        decode, encode = map(float, child.stdout.readline().split()[1:])
        loads = best(lambda: pickle.loads(data))
        dumps = best(lambda: pickle.dumps(obj, 4))
        print(f"{name:22}{len(data):10} {loads:12.0f} {decode:12.0f} {loads / decode:6.1f}  "
              f"{dumps:12.0f} {encode:12.0f} {dumps / encode:6.1f}", flush=True)
    block = objects["bytes_1MiB"]
    print(f"copying 1 MiB in Python: {best(lambda: bytearray(block)):.0f} ns")


main()
