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
    times = []
    end = time.perf_counter() + seconds
    if rate <= 0:
        time.sleep(seconds)
        return [0]
    at = time.perf_counter() + 1 / rate
    while at < end:
        time.sleep(max(0, at - time.perf_counter()))
        before = time.perf_counter_ns()
        conn.send_bytes(message)
        conn.recv_bytes()
        times.append(time.perf_counter_ns() - before)
        at += 1 / rate
    return times or [0]


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


def follow_drain(conn):
    while conn.recv_bytes()[0] == GO:
        pass


MODES = {
    "rtt": (drive_rtt, follow_echo),
    "stream": (drive_stream, follow_drain),
    "paced": (drive_paced, follow_echo),
}


def drive_phase(conn, mode, size, seconds, rate):
    cpu, start = time.process_time_ns(), time.perf_counter_ns()
    what = MODES[mode][0](conn, bytes([GO]) * size, seconds, rate)
    conn.send_bytes(bytes([STOP]) * size)
    (other,) = struct.unpack_from("q", conn.recv_bytes(), 8)
    took = time.perf_counter_ns() - start
    return what, took / 1e9, [(time.process_time_ns() - cpu) / took, other / took]


def follow_phase(conn, mode, size):
    cpu = time.process_time_ns()
    MODES[mode][1](conn)
    conn.send_bytes(struct.pack("qq", STOP, time.process_time_ns() - cpu).ljust(size))


def summary(mode, size, what, seconds, cpu):
    if mode == "stream":
        rate = what / seconds
        return {"msg_per_s": round(rate), "bytes_per_s": round(rate * size), "cpu": cpu}
    times = sorted(what)
    return {"rtt_ns": round(statistics.median(times)), "p99_ns": times[len(times) * 99 // 100], "cpu": cpu}


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
    print(json.dumps(summary(mode, size, *drive_phase(ours, mode, size, seconds, rate))))
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
