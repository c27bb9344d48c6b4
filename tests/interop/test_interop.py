# SPDX-License-Identifier: MIT
"""CPython's multiprocessing.connection against mproc, in both roles, on the wire.

    python3 test_interop.py PEER EXAMPLES

PEER is the program built from peer.c, EXAMPLES the directory of the examples, if they were built. Python up to 3.11 speaks the MD5 handshake only, for which mproc's
side asks by "md5"; sha256_peer.py speaks the one of 3.12 and later.
"""

import array
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, wait

import sha256_peer
import value_random

PEER = None
EXAMPLES = None
KEY = "secret password"
SIZES = (0, 1, 16384, 16385, 1 << 20)
# Reading 64 MiB takes Python seconds: once over TCP and AF_UNIX in each role is enough.
LARGE = SIZES + (64 << 20,)
OLD_PYTHON = sys.version_info < (3, 12)
LEGACY = ["md5"] if OLD_PYTHON else []
EXAMPLE_LEGACY = ["--legacy-md5"] if OLD_PYTHON else []
DEADLINE = 30


def payload(size):
    return bytes(range(256)) * (size // 256) + bytes(size % 256)


class Framed:
    """A Connection as sha256_peer takes it."""

    def __init__(self, conn):
        self.send = conn.send_bytes
        self.recv = conn.recv_bytes


def sha256_client(address, key):
    conn = Client(address)
    try:
        sha256_peer.answer(Framed(conn), key)
        sha256_peer.deliver(Framed(conn), key)
    except BaseException:
        conn.close()
        raise
    return conn


def sha256_accept(listener, key):
    conn = listener.accept()
    try:
        sha256_peer.deliver(Framed(conn), key)
        sha256_peer.answer(Framed(conn), key)
    except BaseException:
        conn.close()
        raise
    return conn


class Peer:
    """A running peer process, or another program."""

    def __init__(self, *args, program=None, **options):
        self.process = subprocess.Popen([program or PEER, *args], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, **options)

    def line(self):
        return self.process.stdout.readline().strip()

    def result(self):
        out, _ = self.process.communicate(timeout=DEADLINE)
        return out.strip().splitlines()[-1]


def to_python(address):
    """mproc's address string as multiprocessing.connection writes it."""
    if address.startswith("@"):
        return "\0" + address[1:]
    if address.startswith("/"):
        return address
    host, port = address.rsplit(":", 1)
    return (host, int(port))


def to_mproc(address):
    if isinstance(address, tuple):
        return f"{address[0]}:{address[1]}"
    if isinstance(address, bytes):  # an abstract name
        return "@" + address[1:].decode()
    return address


def speaks_with_python():
    """Whether mproc was built with the digest that this Python needs."""
    if not OLD_PYTHON:
        return True
    peer = Peer("listen", "127.0.0.1:0", KEY, "md5")
    first = peer.line()
    peer.process.kill()
    peer.process.communicate()
    return first not in ("ENOTSUP", "EOPNOTSUPP")  # one number, two names


def needs_common_digest(test):
    @functools.wraps(test)
    def guarded(self):
        if not speaks_with_python():
            self.skipTest("mproc was built without MD5, all that this Python speaks")
        test(self)
    return guarded


def needs_examples(test):
    @functools.wraps(test)
    def guarded(self):
        if not os.path.exists(os.path.join(EXAMPLES, "object_server")):
            self.skipTest("the examples were not built")
        test(self)
    return guarded


def out_of_time(number, frame):
    raise TimeoutError("a test took too long")


class Interop(unittest.TestCase):
    def setUp(self):
        # accept() of Python has no time limit of its own.
        signal.signal(signal.SIGALRM, out_of_time)
        signal.alarm(2 * DEADLINE)
        self.addCleanup(signal.alarm, 0)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def mproc_addresses(self):
        return ["127.0.0.1:0", self.folder + "/c.sock", "@mproc-interop-c-%d" % os.getpid()]

    def python_addresses(self):
        return [("127.0.0.1", 0), self.folder + "/py.sock", "\0mproc-interop-py-%d" % os.getpid()]

    @staticmethod
    def sizes_over(address):
        return SIZES if address[0] in "@\0" else LARGE

    def exchange(self, conn, sizes=SIZES):
        """Everything comes back as it was; large messages need a thread, both sides would block."""
        for size in sizes:
            data = payload(size)
            sender = threading.Thread(target=conn.send_bytes, args=(data,))
            sender.start()
            self.assertEqual(conn.recv_bytes(), data)
            sender.join()
        for i in range(200):
            conn.send_bytes(b"%d" % i)
        for i in range(200):
            self.assertTrue(conn.poll(DEADLINE))
            self.assertEqual(conn.recv_bytes(), b"%d" % i)

    @needs_common_digest
    def test_python_client_of_mproc_listener(self):
        for address in self.mproc_addresses():
            with self.subTest(address=address):
                peer = Peer("listen", address, KEY, *LEGACY)
                with Client(to_python(peer.line()), authkey=KEY.encode()) as conn:
                    self.exchange(conn, self.sizes_over(address))
                self.assertEqual(peer.result(), "ok")

    @needs_common_digest
    def test_mproc_client_of_python_listener(self):
        for address in self.python_addresses():
            with self.subTest(address=address):
                with Listener(address, authkey=KEY.encode()) as listener:
                    peer = Peer("dial", to_mproc(listener.address), KEY, *LEGACY)
                    with listener.accept() as conn:
                        self.exchange(conn, self.sizes_over(address))
                self.assertEqual(peer.result(), "ok")

    def test_without_a_key(self):
        peer = Peer("listen", "127.0.0.1:0", "-")
        with Client(to_python(peer.line())) as conn:
            self.exchange(conn, SIZES[:4])
        self.assertEqual(peer.result(), "ok")
        with Listener(("127.0.0.1", 0)) as listener:
            peer = Peer("dial", to_mproc(listener.address), "-")
            with listener.accept() as conn:
                self.exchange(conn, SIZES[:4])
        self.assertEqual(peer.result(), "ok")

    @needs_common_digest
    def test_the_empty_key_is_a_key(self):
        peer = Peer("listen", self.folder + "/c.sock", "", *LEGACY)
        with Client(to_python(peer.line()), authkey=b"") as conn:
            self.exchange(conn, (0, 1))
        self.assertEqual(peer.result(), "ok")

    @needs_common_digest
    def test_python_client_with_a_wrong_key(self):
        for address in self.mproc_addresses():
            with self.subTest(address=address):
                peer = Peer("listen", address, KEY, *LEGACY)
                where = to_python(peer.line())
                for _ in range(3):
                    with self.assertRaises(AuthenticationError):
                        Client(where, authkey=b"wrong")
                # The listener is none the worse for it.
                with Client(where, authkey=KEY.encode()) as conn:
                    self.exchange(conn, (0, 1))
                self.assertEqual(peer.result(), "ok")

    @needs_common_digest
    def test_mproc_client_with_a_wrong_key(self):
        for address in self.python_addresses():
            with self.subTest(address=address):
                with Listener(address, authkey=KEY.encode()) as listener:
                    peer = Peer("dial", to_mproc(listener.address), "wrong", *LEGACY)
                    with self.assertRaises(AuthenticationError):
                        listener.accept()
                    self.assertEqual(peer.result(), "MPROC_EAUTH")

    @unittest.skipUnless(OLD_PYTHON, "this Python speaks sha256")
    def test_md5_is_refused_unless_asked_for(self):
        peer = Peer("listen", "127.0.0.1:0", KEY)
        where = to_python(peer.line())
        with self.assertRaises(AuthenticationError):
            Client(where, authkey=KEY.encode())
        peer.process.kill()
        peer.process.communicate()
        with Listener(("127.0.0.1", 0), authkey=KEY.encode()) as listener:
            peer = Peer("dial", to_mproc(listener.address), KEY)
            with self.assertRaises((AuthenticationError, EOFError, OSError)):
                listener.accept()
            self.assertEqual(peer.result(), "MPROC_EAUTH")

    def test_mproc_client_with_a_key_of_a_listener_without_one(self):
        with Listener(("127.0.0.1", 0)) as listener:
            peer = Peer("dial", to_mproc(listener.address), KEY)
            with listener.accept():
                self.assertEqual(peer.result(), "MPROC_ENOCHALLENGE")

    def test_sha256_client_of_mproc_listener(self):
        for address in self.mproc_addresses():
            with self.subTest(address=address):
                peer = Peer("listen", address, KEY)
                with sha256_client(to_python(peer.line()), KEY.encode()) as conn:
                    self.exchange(conn)
                self.assertEqual(peer.result(), "ok")

    def test_sha256_listener_and_mproc_client(self):
        for address in self.python_addresses():
            with self.subTest(address=address):
                with Listener(address) as listener:
                    peer = Peer("dial", to_mproc(listener.address), KEY)
                    with sha256_accept(listener, KEY.encode()) as conn:
                        self.exchange(conn)
                self.assertEqual(peer.result(), "ok")

    def test_sha256_with_a_wrong_key(self):
        peer = Peer("listen", "127.0.0.1:0", KEY)
        where = to_python(peer.line())
        with self.assertRaises(sha256_peer.AuthenticationError):
            sha256_client(where, b"wrong")
        with sha256_client(where, KEY.encode()) as conn:
            self.exchange(conn, (0, 1))
        self.assertEqual(peer.result(), "ok")
        with Listener(("127.0.0.1", 0)) as listener:
            peer = Peer("dial", to_mproc(listener.address), "wrong")
            with self.assertRaises(sha256_peer.AuthenticationError):
                sha256_accept(listener, KEY.encode())
            self.assertEqual(peer.result(), "MPROC_EAUTH")

    def test_mproc_adopts_a_descriptor_of_python(self):
        ours, theirs = socket.socketpair()
        peer = Peer("adopt", str(theirs.fileno()), pass_fds=[theirs.fileno()])
        theirs.close()
        with Connection(ours.detach()) as conn:
            self.exchange(conn)
        self.assertEqual(peer.result(), "ok")

    def test_python_adopts_a_descriptor_of_mproc(self):
        peer = Peer("spawn", sys.executable, os.path.join(os.path.dirname(__file__), "adopter.py"))
        self.assertEqual(peer.result(), "ok")

    @needs_common_digest
    def test_pythons_wait_sees_messages_and_the_end(self):
        peer = Peer("listen", self.folder + "/c.sock", KEY, *LEGACY)
        with Client(to_python(peer.line()), authkey=KEY.encode()) as conn:
            self.assertEqual(wait([conn], 0), [])
            conn.send_bytes(b"x")
            self.assertEqual(wait([conn], DEADLINE), [conn])
            self.assertEqual(conn.recv_bytes(), b"x")
        self.assertEqual(peer.result(), "ok")

    def echo_values(self, values):
        """Each comes back as it was, and the peer ends well."""
        peer = Peer("values", self.folder + "/c.sock", KEY, *LEGACY)
        with Client(to_python(peer.line()), authkey=KEY.encode()) as conn:
            for value in values:
                sender = threading.Thread(target=conn.send, args=(value,))
                sender.start()
                answer = conn.recv()
                sender.join()
                self.assertEqual(type(answer), type(value))
                # nan is equal to nothing, but reads the same.
                self.assertTrue(answer == value or repr(answer) == repr(value), repr(value)[:500])
        self.assertEqual(peer.result(), "ok")

    @needs_common_digest
    def test_the_workers_tuples_come_back_by_value(self):
        self.echo_values([(i, "Process-%d" % worker) for worker in range(1, 5) for i in range(10)])

    @needs_common_digest
    def test_objects_come_back_by_value(self):
        self.echo_values([None, [2.25, None, "junk", float], ValueError, array.array("i", [42, 1729]),
                          range(3, 9, 2), {"bytes": bytes(1 << 20), "text": "\u4e16" * 100000}])

    @needs_common_digest
    def test_random_objects_come_back_by_value(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        with self.subTest(seed=seed):
            self.echo_values([value_random.value(rng, rng.randint(0, 4), []) for _ in range(300)])

    @needs_examples
    @needs_common_digest
    def test_python_client_of_the_object_server(self):
        for address in self.mproc_addresses():
            with self.subTest(address=address):
                server = Peer(address, *EXAMPLE_LEGACY,
                              program=os.path.join(EXAMPLES, "object_server"))
                where = to_python(server.line().replace("listening on ", "", 1))
                with Client(where, authkey=KEY.encode()) as conn:
                    self.assertEqual(conn.recv(), [2.25, None, "junk", float])
                    self.assertEqual(conn.recv_bytes(), b"hello")
                    numbers = array.array("i", [0, 0, 0, 0, 0])
                    self.assertEqual(conn.recv_bytes_into(numbers), 8)
                    self.assertEqual(numbers, array.array("i", [42, 1729, 0, 0, 0]))
                    with self.assertRaises(EOFError):
                        conn.recv()
                server.process.communicate(timeout=DEADLINE)
                self.assertEqual(server.process.returncode, 0)

    @needs_examples
    @needs_common_digest
    def test_the_object_client_of_a_python_server(self):
        for address in self.python_addresses():
            with self.subTest(address=address):
                with Listener(address, authkey=KEY.encode()) as listener:
                    client = Peer(to_mproc(listener.address), *EXAMPLE_LEGACY,
                                  program=os.path.join(EXAMPLES, "object_client"))
                    with listener.accept() as conn:
                        conn.send([2.25, None, "junk", float])
                        conn.send_bytes(b"hello")
                        conn.send_bytes(array.array("i", [42, 1729]))
                    said, _ = client.process.communicate(timeout=DEADLINE)
                self.assertEqual(said.splitlines(), ["[2.25, None, 'junk', <builtins.float>]", "hello",
                                                     "8", "42 1729 0 0 0"])
                self.assertEqual(client.process.returncode, 0)


def main():
    global PEER, EXAMPLES
    PEER = os.path.abspath(sys.argv.pop(1))
    EXAMPLES = os.path.abspath(sys.argv.pop(1))
    program = unittest.main(exit=False, verbosity=1)
    result = program.result
    # As libcheck counts, so that one reader of logs does for all suites.
    good = result.testsRun - len(result.failures) - len(result.errors)
    print("%d%%: Checks: %d, Failures: %d, Errors: %d" % (
        100 * good // max(result.testsRun, 1), result.testsRun, len(result.failures),
        len(result.errors)))
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
