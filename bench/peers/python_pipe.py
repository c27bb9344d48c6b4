# SPDX-License-Identifier: MIT
"""Python's multiprocessing.Pipe, measured as common.c measures: MODE SIZE SECONDS CPU0 CPU1 [RATE]."""
import json
import os
import statistics
import struct
import sys
import time
from multiprocessing import Pipe

STOP, GO = 0, 1
WARM_UP = 0.2
DATA_OFFSET = 8


def drive_rtt(conn, message, seconds, _rate):
    times = []
    before = time.perf_counter_ns()
    until = before + int(seconds * 1e9)
    while before < until:
        conn.send_bytes(message)
        conn.recv_bytes()
        after = time.perf_counter_ns()
        times.append(after - before)
        before = after
    return times


def drive_paced(conn, message, seconds, rate):
    """Send one message per 1/rate seconds; returns the CPU time that keeping the pace cost."""
    pacing = 0
    message = bytearray(message)
    at = time.monotonic()
    end = at + seconds
    while time.monotonic() < end:
        at = min(at + 1 / rate if rate > 0 else end, end)
        cpu = time.thread_time_ns()
        time.sleep(max(0, at - time.monotonic()))
        pacing += time.thread_time_ns() - cpu
        if at < end:
            struct.pack_into("q", message, DATA_OFFSET, time.monotonic_ns())
            conn.send_bytes(message)
    return pacing


def drive_stream(conn, message, seconds, _rate):
    count = 0
    until = time.perf_counter() + seconds
    burst = 64 if len(message) < 16384 else 1
    while time.perf_counter() < until:
        for _ in range(burst):
            conn.send_bytes(message)
        count += burst
    return count


def follow_echo(conn):
    while (message := conn.recv_bytes())[0] == GO:
        conn.send_bytes(message)
    return 0


def follow_drain(conn):
    while conn.recv_bytes()[0] == GO:
        pass
    return 0


def follow_posts(conn):
    """Returns the median time that messages were on their way."""
    times = [0]
    while (message := conn.recv_bytes())[0] == GO:
        times.append(time.monotonic_ns() - struct.unpack_from("q", message, DATA_OFFSET)[0])
    return statistics.median_low(times)


MODES = {
    "rtt": (drive_rtt, follow_echo),
    "stream": (drive_stream, follow_drain),
    "paced": (drive_paced, follow_posts),
}


def drive_phase(conn, mode, size, seconds, rate):
    cpu, start = time.process_time_ns(), time.perf_counter_ns()
    what = MODES[mode][0](conn, bytes([GO]) * size, seconds, rate)
    conn.send_bytes(bytes([STOP]) * size)
    other, median = struct.unpack_from("qq", conn.recv_bytes(), DATA_OFFSET)
    took = time.perf_counter_ns() - start
    ours = time.process_time_ns() - cpu - (what if mode == "paced" else 0)
    return summary(mode, size, what, took / 1e9, median) | {"cpu": [ours / took, other / took]}


def follow_phase(conn, mode, size):
    cpu = time.process_time_ns()
    median = MODES[mode][1](conn)
    conn.send_bytes(struct.pack("qqq", STOP, time.process_time_ns() - cpu, median).ljust(size))


def summary(mode, size, what, seconds, median):
    if mode == "stream":
        return {"msg_per_s": what / seconds, "bytes_per_s": what / seconds * size}
    if mode == "paced":
        return {"one_way_ns": median}
    return {"rtt_ns": statistics.median(what), "p99_ns": sorted(what)[len(what) * 99 // 100]}


def main():
    mode, size, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    cpus = [int(cpu) for cpu in sys.argv[4:6]]
    rate = float(sys.argv[6]) if len(sys.argv) > 6 else 0
    if mode not in MODES:
        sys.exit(77)
    ours, theirs = Pipe()
    child = os.fork()
    side = 0 if child else 1
    os.sched_setaffinity(0, {cpus[side]})
    (theirs if child else ours).close()
    if not child:
        follow_phase(theirs, mode, size)
        follow_phase(theirs, mode, size)
        os._exit(0)
    drive_phase(ours, mode, size, seconds * WARM_UP, rate)
    print(json.dumps(drive_phase(ours, mode, size, seconds, rate)))
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
