#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python side of the demo: plain multiprocessing.connection, as its manual shows it.

usage: peer.py server            prints `listening on HOST:PORT`, sends to one client
       peer.py client HOST:PORT  prints what the server sends
"""
import sys
from multiprocessing.connection import Client, Listener

KEY = b"secret password"


def serve():
    with Listener(("127.0.0.1", 0), authkey=KEY) as listener:
        print("listening on %s:%d" % listener.address, flush=True)
        with listener.accept() as connection:
            connection.send_bytes(b"hello from Python")
            connection.send_bytes(b"")
            connection.send_bytes(b"and goodbye")


def receive(address):
    host, _, port = address.rpartition(":")
    with Client((host, int(port)), authkey=KEY) as connection:
        while True:
            try:
                print("received", connection.recv_bytes(), flush=True)
            except EOFError:
                return


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        receive(sys.argv[2])
