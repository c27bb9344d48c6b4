#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A peer that speaks the {sha256} handshake of CPython 3.12 and later.

Written from the protocol's description in CPython's Lib/multiprocessing/connection.py, so that an
older python3 can play a newer one. Usable as a module and as a program:

    sha256_peer.py listen ADDRESS KEY [options]    print the bound address, serve, echo
    sha256_peer.py dial   ADDRESS KEY [options]    connect, send, print what comes back

ADDRESS is HOST:PORT, a path beginning with "/", or "@NAME" for an abstract name. KEY is text; an
empty string is the empty key; "-" is none: no handshake.

    --count N      clients to serve (listen) or messages to send (dial); 1 by default
    --size N       bytes per message (dial)
    --challenge D  digest that our own challenges ask for: sha256 by default, or md5, sha384, ...

Exit status: 0 all well, 2 the peer failed authentication or rejected us, 3 protocol error.
"""

import argparse
import hashlib
import hmac
import os
import socket
import struct
import sys

CHALLENGE = b"#CHALLENGE#"
WELCOME = b"#WELCOME#"
FAILURE = b"#FAILURE#"
LIMIT = 256
DIGESTS = ("md5", "sha256", "sha384", "sha3_256", "sha3_384")


class AuthenticationError(Exception):
    """A wrong key, on either side."""


class ProtocolError(Exception):
    """A frame or message that the protocol does not have."""


class Peer:
    """Framed messages over a socket."""

    def __init__(self, sock):
        self.sock = sock

    def _read(self, n):
        chunks = []
        while n > 0:
            chunk = self.sock.recv(min(n, 1 << 20))
            if not chunk:
                raise EOFError("end of file" + (" inside a frame" if chunks else ""))
            chunks.append(chunk)
            n -= len(chunk)
        return b"".join(chunks)

    def recv(self, limit=None):
        (n,) = struct.unpack("!i", self._read(4))
        if n == -1:
            (n,) = struct.unpack("!Q", self._read(8))
        if n < 0 or (limit is not None and n > limit):
            raise ProtocolError(f"impossible header {n}")
        return self._read(n)

    def send(self, payload):
        if len(payload) > 0x7FFFFFFF:
            header = struct.pack("!iQ", -1, len(payload))
        else:
            header = struct.pack("!i", len(payload))
        self.sock.sendall(header)
        self.sock.sendall(payload)

    def close(self):
        self.sock.close()


def split_tag(message):
    """("digest", rest) of a message that begins with "{digest}"."""
    if message[:1] == b"{" and b"}" in message[:10]:
        tag, rest = message[1:].split(b"}", 1)
        if tag.decode("latin-1") in DIGESTS:
            return tag.decode("latin-1"), rest
    raise AuthenticationError(f"no digest in {message!r}")


def mac(key, message, digest):
    return hmac.new(key, message, getattr(hashlib, digest)).digest()


def deliver(peer, key, digest="sha256"):
    message = b"{%s}" % digest.encode() + os.urandom(40)
    peer.send(CHALLENGE + message)
    answer = peer.recv(LIMIT)
    try:
        used, given = split_tag(answer)
        if not hmac.compare_digest(given, mac(key, message, used)):
            raise AuthenticationError("digest received was wrong")
    except AuthenticationError:
        peer.send(FAILURE)
        raise
    peer.send(WELCOME)


def answer(peer, key):
    message = peer.recv(LIMIT)
    if not message.startswith(CHALLENGE):
        raise AuthenticationError(f"expected a challenge, not {message!r}")
    message = message[len(CHALLENGE):]
    digest, _ = split_tag(message)
    peer.send(b"{%s}" % digest.encode() + mac(key, message, digest))
    if peer.recv(LIMIT) != WELCOME:
        raise AuthenticationError("digest sent was rejected")


def parse(address):
    """(family, socket address) of an address as mproc writes it."""
    if address.startswith("unix:"):
        return socket.AF_UNIX, address[5:]
    if address.startswith("/"):
        return socket.AF_UNIX, address
    if address.startswith("@"):
        return socket.AF_UNIX, "\0" + address[1:]
    host, port = address.rsplit(":", 1)
    host = host.strip("[]") or "localhost"
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))


def connect(address, key=None, digest="sha256"):
    family, where = parse(address)
    sock = socket.socket(family, socket.SOCK_STREAM)
    peer = Peer(sock)
    try:
        sock.connect(where)
        if key is not None:
            answer(peer, key)
            deliver(peer, key, digest)
    except BaseException:
        peer.close()
        raise
    return peer


class Listener:
    def __init__(self, address, key=None, digest="sha256"):
        family, where = parse(address)
        self.key = key
        self.digest = digest
        self.path = where if family == socket.AF_UNIX and where[:1] != "\0" else None
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(where)
        self.sock.listen(64)

    @property
    def address(self):
        name = self.sock.getsockname()
        if self.sock.family == socket.AF_UNIX:
            return "@" + name[1:].decode() if isinstance(name, bytes) else name
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{host}:{name[1]}"

    def accept(self):
        sock, _ = self.sock.accept()
        peer = Peer(sock)
        try:
            if self.key is not None:
                deliver(peer, self.key, self.digest)
                answer(peer, self.key)
        except BaseException:
            peer.close()
            raise
        return peer

    def close(self):
        self.sock.close()
        if self.path:
            os.unlink(self.path)


def listen(options, key):
    listener = Listener(options.address, key, options.challenge)
    try:
        print(listener.address, flush=True)
        for _ in range(options.count):
            peer = listener.accept()
            try:
                while True:
                    peer.send(peer.recv())
            except EOFError:
                peer.close()
    finally:
        listener.close()


def dial(options, key):
    peer = connect(options.address, key, options.challenge)
    for i in range(options.count):
        message = bytes((i + k) % 256 for k in range(256)) * (options.size // 256 + 1)
        peer.send(message[:options.size])
        if peer.recv() != message[:options.size]:
            raise ProtocolError("the echo differs")
    print(f"{options.count} messages of {options.size} bytes echoed", flush=True)
    peer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("listen", "dial"))
    parser.add_argument("address")
    parser.add_argument("key")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--challenge", default="sha256", choices=DIGESTS)
    options = parser.parse_args()
    key = None if options.key == "-" else os.fsencode(options.key)
    try:
        (listen if options.mode == "listen" else dial)(options, key)
    except AuthenticationError as error:
        print(f"AuthenticationError: {error}", file=sys.stderr)
        return 2
    except (ProtocolError, EOFError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
