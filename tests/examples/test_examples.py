#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The example programs do what the comments on top of them say.

    test_examples.py DIRECTORY_OF_THE_PROGRAMS
"""
import contextlib
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
from multiprocessing.connection import Client

PROGRAMS = None
WORKER = pathlib.Path(__file__).parents[2] / "examples" / "worker.py"
KEY = b"secret password"
LEGACY = ["--legacy-md5"] if sys.version_info < (3, 12) else []
DEADLINE = 60


def run(name, *arguments):
    return subprocess.run([PROGRAMS / name, *arguments], capture_output=True, text=True,
                          timeout=DEADLINE, check=False)


@contextlib.contextmanager
def server(name, *arguments):
    """A running server; its address and the process. It has ended well when this is left."""
    with subprocess.Popen([PROGRAMS / name, *arguments], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline().rstrip("\n")
            prefix = "listening on "
            assert said.startswith(prefix), said
            yield said[len(prefix):], process
            process.stdin.close()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


def dial(address):
    host, _, port = address.rpartition(":")
    return Client((host, int(port)), authkey=KEY)


class Examples(unittest.TestCase):
    def test_pwc_counts_the_words_of_all_files(self):
        with tempfile.TemporaryDirectory() as directory:
            words = 0
            paths = []
            for number in range(40):
                path = pathlib.Path(directory, str(number))
                path.write_text("one two\tthree\n" * (number * 97), encoding="ascii")
                words += 3 * number * 97
                paths.append(path)
            result = run("pwc", *paths)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"{words} words in 40 files", result.stdout)

    def test_pwc_says_which_file_it_could_not_read(self):
        result = run("pwc", __file__, "/nonexistent/file")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("/nonexistent/file", result.stderr)

    def test_every_message_of_every_worker_arrives_in_order(self):
        result = run("wait_workers")
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        for worker in range(1, 5):
            own = [line for line in lines if f"'Process-{worker}'" in line]
            self.assertEqual(own, [f"({i}, 'Process-{worker}')" for i in range(10)])

    def test_the_client_gets_what_the_server_sends(self):
        for address in ("127.0.0.1:0", None):
            with self.subTest(address=address):
                with server("server", *[address] if address else []) as (real, process):
                    result = run("client", real)
                    sent = process.stdout.read()
                self.assertEqual(result.returncode, 0, result.stderr)
                for message in ("hello", "", "and goodbye"):
                    self.assertIn(f'sent "{message}"\n', sent)
                    self.assertIn(f'received {len(message)} bytes: "{message}"\n', result.stdout)

    def test_the_object_client_prints_what_the_object_server_sends(self):
        for address in ("127.0.0.1:0", None):
            with self.subTest(address=address):
                with server("object_server", *[address] if address else []) as (real, _):
                    result = run("object_client", real)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stdout.splitlines(), [
                    "[2.25, None, 'junk', <builtins.float>]", "hello", "8", "42 1729 0 0 0"])

    @unittest.skipUnless(pathlib.Path(sys.argv[1], "command").exists(), "needs daemonic commands")
    def test_the_command_prints_what_the_python_worker_answers(self):
        result = run("command", WORKER)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[:2], [
            "(1, {'mean': 4.0, 'median': 3.0, 'deviation': 3.082207001484488})",
            "(2, {'mean': 7.0, 'median': 7, 'deviation': 0.0})"])
        self.assertIn("(3, '", lines[2])

    @unittest.skipUnless(pathlib.Path(sys.argv[1], "command").exists(), "needs daemonic commands")
    def test_a_worker_that_cannot_work_ends_the_command(self):
        result = run("command", "/nonexistent/worker.py")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("command: worker: ", result.stderr)

    def test_a_client_without_a_server_says_why(self):
        with tempfile.TemporaryDirectory() as directory:
            result = run("client", f"{directory}/nobody")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("nobody", result.stderr)

    def test_the_echo_server_serves_beside_silent_clients(self):
        with server("echo_server", "127.0.0.1:0", *LEGACY) as (address, _):
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port))), \
                    dial(address) as first, dial(address) as second:
                for message in (b"", b"x", bytes(100000)):
                    first.send_bytes(message)
                    second.send_bytes(message + b"2")
                    self.assertTrue(second.poll(DEADLINE))
                    self.assertEqual(second.recv_bytes(), message + b"2")
                    self.assertTrue(first.poll(DEADLINE))
                    self.assertEqual(first.recv_bytes(), message)
                first.close()
                second.send_bytes(b"still here")
                self.assertEqual(second.recv_bytes(), b"still here")

    @unittest.skipUnless(pathlib.Path(sys.argv[1], "event_loop").exists(), "needs epoll")
    def test_the_event_loop_answers_in_capitals(self):
        with server("event_loop", "127.0.0.1:0", *LEGACY) as (address, _):
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port))), \
                    dial(address) as first, dial(address) as second:
                for message in (b"x", b"many words\0", bytes(range(97, 123)) * 3000):
                    for _ in range(3):
                        first.send_bytes(message)
                    second.send_bytes(message + b"two")
                    for conn, answer in ((second, message + b"two"), *((first, message),) * 3):
                        self.assertTrue(conn.poll(DEADLINE))
                        self.assertEqual(conn.recv_bytes(), answer.upper())
                first.close()
                second.send_bytes(b"still here")
                self.assertTrue(second.poll(DEADLINE))
                self.assertEqual(second.recv_bytes(), b"STILL HERE")


if __name__ == "__main__":
    PROGRAMS = pathlib.Path(sys.argv.pop(1))
    unittest.main()
