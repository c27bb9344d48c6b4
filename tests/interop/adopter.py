# SPDX-License-Identifier: MIT
"""A Python child that adopts an inherited descriptor, whose other end sends everything back."""

import sys
import threading
from multiprocessing.connection import Connection

conn = Connection(int(sys.argv[1]))
for size in (0, 1, 16384, 16385, 1 << 20, 64 << 20):
    data = b"\x5a" * size
    sender = threading.Thread(target=conn.send_bytes, args=(data,))
    sender.start()
    assert conn.recv_bytes() == data, size
    sender.join()
conn.close()
