#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random Python objects through mproc and back: value_random.py FILTER [SEED|random [COUNT]]

Each object is pickled at every protocol, read by mproc, whose repr must be Python's, pickled again at
every protocol, and read by Python, which must find it equal. What mproc writes must be, byte for byte, what
pickletools.optimize() leaves of Python's own pickle. The literal parser gets Python's repr.
"""
import itertools
import math
import pickle
import pickletools
import random
import struct
import subprocess
import sys

PROTOCOLS = range(0, 6)


class Filter:
    def __init__(self, path):
        self.child = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, protocol, text):
        body = bytes([protocol]) + text
        self.child.stdin.write(struct.pack("=I", len(body)) + body)
        self.child.stdin.flush()
        return self.read().decode(), self.read(), self.read()

    def read(self):
        (n,) = struct.unpack("=I", self.child.stdout.read(4))
        return self.child.stdout.read(n)


def text(rng):
    alphabets = ["abc XYZ_09", "'\"\\\n\t\r\0\x01\x7f", "äéß\x80\xa0\xad", "世界\u200b\ufeff\ue000",
                 "😀𝄞\U000e0001\U0010ffff", "\ud800\udfff\udc80"]
    alphabet = "".join(rng.sample(alphabets, rng.randint(1, 3)))
    n = rng.choice([0, 1, 3, 10, 40, 255, 256, 300])
    return "".join(rng.choice(alphabet) for _ in range(n))


def integer(rng):
    bits = rng.choice([1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 62, 63, 64, 65, 100, 2039, 2040, 2041, 5000])
    return rng.choice([1, -1]) * (rng.choice([rng.getrandbits(bits), 1 << bits, (1 << bits) - 1]))


def real(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice([0.0, -0.0, math.inf, -math.inf, 1e16, 1e15, 1e22, 5e-324, 0.1, 1e-4, 1e-5, 123456789.0])
    if kind == 1:
        return struct.unpack("d", rng.randbytes(8))[0]
    return rng.choice([rng.random(), rng.gauss(0, 1e10), float(rng.randint(-10**6, 10**6)), rng.random() * 1e-300])


def scalar(rng):
    return rng.choice([
        lambda: None, lambda: rng.random() < 0.5, lambda: integer(rng), lambda: real(rng), lambda: text(rng),
        lambda: rng.randbytes(rng.choice([0, 1, 5, 255, 256])), lambda: complex(real(rng), real(rng)),
    ])()


def key(rng, depth):
    kind = rng.randrange(8)
    if kind == 0 and depth > 0:
        return tuple(key(rng, depth - 1) for _ in range(rng.randint(0, 4)))
    if kind == 1 and depth > 0:
        return frozenset([key(rng, depth - 1) for _ in range(rng.randint(0, 1))])
    return scalar(rng)


def value(rng, depth, seen):
    if seen and rng.random() < 0.1:
        return rng.choice(seen)
    if depth == 0:
        return scalar(rng)
    n = rng.choice([0, 1, 2, 3, 4, 7, 9, 20])
    kind = rng.randrange(7)
    if kind == 0:
        made = [value(rng, depth - 1, seen) for _ in range(n)]
    elif kind == 1:
        made = tuple(value(rng, depth - 1, seen) for _ in range(n))
    elif kind == 2:
        made = {key(rng, 2): value(rng, depth - 1, seen) for _ in range(n)}
    elif kind == 3:
        made = {key(rng, 2)}
    elif kind == 4:
        made = frozenset([key(rng, 2)])
    elif kind == 5:
        made = bytearray(rng.randbytes(n * 10))
    else:
        return scalar(rng)
    seen.append(made)
    return made


def has_surrogate_pair(text):
    return any("\ud800" <= a <= "\udbff" and "\udc00" <= b <= "\udfff" for a, b in zip(text, text[1:]))


def same(a, b):
    return repr(a) == repr(b)


def differ(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {at}: ...{a[max(0, at - 40):at + 40]!r}... is not ...{b[max(0, at - 40):at + 40]!r}..."


def check(mproc, obj, name):
    expected = repr(obj)
    for protocol in PROTOCOLS:
        data = pickle.dumps(obj, protocol)
        again = max(protocol, 2)
        error, shown, back = mproc.ask(again, data)
        assert not error, f"{name}: protocol {protocol}: {error}"
        assert shown.decode() == expected, f"{name}: {protocol}: {differ(shown.decode(), expected)}"
        assert same(pickle.loads(back), obj), f"{name}: {protocol}: {differ(repr(pickle.loads(back)), expected)}"
    if not has_surrogate_pair(expected):
        error, shown, back = mproc.ask(0, expected.encode())
        assert not error, f"{name}: literal: {error}"
        assert shown.decode() == expected, f"{name}: literal: {differ(shown.decode(), expected)}"
        assert same(pickle.loads(back), obj), name


def plain(rng, depth):
    """Nothing that CPython shares behind the scenes, nor writes as a call."""
    if depth == 0:
        return rng.choice([None, True, integer(rng), real(rng), text(rng) + "ab", rng.randbytes(70000)])
    n = rng.choice([0, 1, 2, 3, 4, 999, 1001]) if depth == 1 else rng.choice([0, 1, 2, 5])
    kind = rng.randrange(4)
    if kind == 0:
        return [plain(rng, depth - 1) for _ in range(n)]
    if kind == 1:
        return tuple(plain(rng, depth - 1) for _ in range(n))
    if kind == 2:
        return [record(rng, depth) for _ in range(n)]
    return {i * 300: plain(rng, depth - 1) for i in range(n)}


def record(rng, depth):
    """Small containers that share their keys, and may share what they hold."""
    inner = [integer(rng), text(rng) + "ab"][:rng.randrange(3)]
    made = {"id": integer(rng), "name": text(rng) + "ab", "value": real(rng), "ok": rng.random() < 0.5,
            "tags": inner if rng.random() < 0.5 else [inner, (inner,)], "none": None, "deep": [[[{"id": {}}]]] if depth > 1 else ()}
    return dict(itertools.islice(made.items(), rng.randrange(len(made) + 1)))


def check_bytes(mproc, obj, name):
    for protocol in (3, 4, 5):
        wanted = pickletools.optimize(pickle.dumps(obj, protocol))
        error, _, back = mproc.ask(protocol, wanted)
        assert not error, f"{name}: {error}"
        assert pickle.loads(back) == obj or "nan" in repr(obj), name
        # optimize() closes frames by a rule of its own: compare what is in them.
        for ours, theirs in itertools.zip_longest(unframed(back), unframed(wanted)):
            assert repr(ours) == repr(theirs), f"{name}: protocol {protocol}: {ours!r:.100} is not {theirs!r:.100}"


def unframed(data):
    return [(op.name, arg) for op, arg, _ in pickletools.genops(data) if op.name not in ("FRAME", "PROTO")]


def main():
    wanted = sys.argv[2] if len(sys.argv) > 2 else "random"
    seed = random.randrange(2**32) if wanted == "random" else int(wanted)
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    print(f"seed {seed}, {count} objects", flush=True)
    rng = random.Random(seed)
    mproc = Filter(sys.argv[1])
    for i in range(count):
        check(mproc, value(rng, rng.randint(0, 4), []), f"object {i}")
    for i in range(count // 20):
        check_bytes(mproc, plain(rng, 2), f"plain object {i}")


if __name__ == "__main__":
    main()
