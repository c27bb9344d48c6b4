# SPDX-License-Identifier: MIT
"""Python's Listener and Client over TCP with a key: handshake SIZE SECONDS CPU0 CPU1 [RATE]."""
import json
import os
import sys
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener

KEY = b"secret password"


def serve(listener):
    while True:
        try:
            listener.accept().close()
        except (AuthenticationError, EOFError, OSError):
            pass


def connect_for(address, seconds):
    count = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        Client(address, authkey=KEY).close()
        count += 1
    return count / (time.perf_counter() - start)


def main():
    seconds, cpus = float(sys.argv[3]), [int(cpu) for cpu in sys.argv[4:6]]
    listener = Listener(("127.0.0.1", 0), backlog=128, authkey=KEY)
    child = os.fork()
    os.sched_setaffinity(0, {cpus[0 if child else 1]})
    if not child:
        serve(listener)
    try:
        connect_for(listener.address, seconds / 5)
        print(json.dumps({"per_s": connect_for(listener.address, seconds)}))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
