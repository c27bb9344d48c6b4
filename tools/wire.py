#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pass one TCP connection on to another address, and print each message that goes by.

usage: wire.py HOST:PORT        prints `listening on HOST:PORT` first
"""
import socket
import struct
import sys
import threading

SHOWN = 48
LONG_HEADER = struct.pack("!i", -1)


def split_frame(data):
    """The first whole frame of CPython's connections in `data`: (header, payload), or None."""
    size = 12 if data[:4] == LONG_HEADER else 4
    if len(data) < size:
        return None
    length, = struct.unpack("!Q", data[4:12]) if size == 12 else struct.unpack("!i", data[:4])
    if len(data) < size + length:
        return None
    return data[:size], data[size:size + length]


def say(line):
    # One write per line: two threads talk.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show(arrow, header, payload):
    text = repr(bytes(payload[:SHOWN]))[2:-1]
    more = "" if len(payload) <= SHOWN else " ..."
    say(f"{arrow} {header.hex(' ')} | {len(payload)} bytes: {text}{more}")


def relay(source, sink, arrow):
    """Everything from `source` goes to `sink`; frames are shown before they are whole there."""
    data = b""
    while chunk := source.recv(65536):
        data += chunk
        while frame := split_frame(data):
            show(arrow, *frame)
            data = data[sum(map(len, frame)):]
        sink.sendall(chunk)
    say(f"{arrow} end of file")
    sink.shutdown(socket.SHUT_WR)


def relay_quietly(source, sink, arrow):
    # One end may be gone already: the other one finds out by itself.
    try:
        relay(source, sink, arrow)
    except OSError as error:
        say(f"{arrow} {error.strerror}")


def main(target):
    host, _, port = target.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        say("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        client, _ = listener.accept()
    server = socket.create_connection((host, int(port)))
    back = threading.Thread(target=relay_quietly, args=(server, client, "server -> client"))
    back.start()
    relay_quietly(client, server, "client -> server")
    back.join()


if __name__ == "__main__":
    main(sys.argv[1])
