# SPDX-License-Identifier: MIT
"""python_start.py MIB ROUNDS

What it takes Python's multiprocessing to start a process by each of its methods, as
bench/process_start.c measures it: until the first message is here, until it has been joined.
Prints one line of JSON with all times in microseconds.
"""
import json
import mmap
import multiprocessing
import sys
import time


def end_at_once() -> None:
    pass


def send_one(conn) -> None:
    conn.send_bytes(b"x")


def to_exit(context) -> float:
    began = time.monotonic()
    process = context.Process(target=end_at_once)
    process.start()
    process.join()
    return (time.monotonic() - began) * 1e6


def to_message(context) -> float:
    began = time.monotonic()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=send_one, args=(theirs,))
    process.start()
    theirs.close()
    ours.recv_bytes()
    took = (time.monotonic() - began) * 1e6
    process.join()
    ours.close()
    return took


def touched(size: int) -> mmap.mmap:
    """Memory in pages of the usual size, see process_start.c."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for start in range(0, size, 1 << 20):
        memory[start:start + (1 << 20)] = b"\1" * (1 << 20)
    return memory


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    memory = touched(int(sys.argv[1]) << 20)
    rounds = int(sys.argv[2])
    methods = [m for m in ("fork", "spawn", "forkserver")
               if m in multiprocessing.get_all_start_methods()]
    contexts = {method: multiprocessing.get_context(method) for method in methods}
    times = {f"python_{method}": {"exit": [], "message": []} for method in methods}
    for turn in range(-1, rounds):
        for method, context in contexts.items():
            taken = {"exit": to_exit(context), "message": to_message(context)}
            for what, microseconds in taken.items():
                if turn >= 0:  # a fork server has to come up
                    times[f"python_{method}"][what].append(round(microseconds, 1))
    assert memory[-1] == 1
    print(json.dumps(times))


if __name__ == "__main__":
    main()
