#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tables of what Python says about values: tables.py DIRECTORY writes tests/vectors/value/*.tsv.

Run by hand when a table is to grow (CPython 3.11); the tests read what is committed. Fields that may hold any
byte are in hexadecimal.
"""
import ast
import hashlib
import itertools
import math
import pathlib
import pickle
import pickletools
import random
import struct
import sys

rng = random.Random(20)


def utf8(text):
    return text.encode("utf-8", "surrogatepass")


def bits(number):
    return struct.pack(">d", number).hex()


def floats():
    numbers = [0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.3, 0.1 + 0.2, 1 / 3, 2 / 3, 1.5, 100.0, 123456789.0, 1e15, 1e16,
               9999999999999998.0, 1e17, 12345678901234567.0, 1e21, 1e22, 1e23, 1e-3, 1e-4, 1e-5, 0.00012345, 5e-324,
               1e-323, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308, math.inf, -math.inf,
               math.nan, math.pi, math.e, 9007199254740991.0, 9007199254740992.0, 9007199254740994.0, 4.35, 2.675,
               1e100, 1e200, 1e300, 123e-7, 8.41, 9.5367431640625e-07, 5.684341886080802e-14, 6.02214076e23]
    for e in range(-1074, 1024, 19):
        power = math.ldexp(1.0, e)
        numbers += [power, -power, math.nextafter(power, 0.0), math.nextafter(power, math.inf)]
    for e in range(-30, 30):
        numbers += [float("1e%d" % e), float("9.999999999999999e%d" % e), float("1.25e%d" % e)]
    numbers += [struct.unpack("d", rng.randbytes(8))[0] for _ in range(200)]
    numbers += [struct.unpack("d", struct.pack("Q", rng.getrandbits(rng.randint(1, 52))))[0] for _ in range(60)]
    seen = set()
    for number in numbers:
        if number == number and bits(number) not in seen or math.isnan(number) and "nan" not in seen:
            seen.add(bits(number) if number == number else "nan")
            yield bits(number), repr(number)


def complexes():
    parts = [0.0, -0.0, 1.0, -1.5, 1e16, 1e-5, math.inf, -math.inf, math.nan]
    for real, imag in itertools.product(parts, repeat=2):
        yield bits(real), bits(imag), repr(complex(real, imag))


def ints():
    numbers = {0, 1, -1, 10, -10}
    for size in list(range(1, 34)) + [63, 64, 127, 128, 255, 256, 300]:
        for power in (8 * size - 1, 8 * size):
            numbers |= {sign * (1 << power) + off for sign in (1, -1) for off in (-1, 0, 1)}
    for power in (53, 54, 62, 1023, 1024):
        numbers |= {sign * ((1 << power) + off) for sign in (1, -1) for off in (-1, 0, 1, 2, 3)}
    numbers |= {10 ** n + off for n in (9, 18, 19, 20, 27, 100, 308, 309) for off in (-1, 0, 1)}
    numbers |= {(1 << 1024) - (1 << 970), (1 << 1024) - (1 << 970) - 1, (1 << 1024) - (1 << 971)}
    for number in sorted(numbers, key=lambda n: (abs(n), n)):
        size = 1
        while not -(1 << (8 * size - 1)) <= number < 1 << (8 * size - 1):
            size += 1
        try:
            as_float = bits(float(number))
        except OverflowError:
            as_float = "-"
        yield number, number.to_bytes(size, "little", signed=True).hex(), as_float


def strings():
    texts = ["", "a", "it's", 'say "x"', "it's \"x\"", "\\", "\n\r\t\0\x01\x1f\x7f", "\x80\x9f\xa0\xa1\xad\xff",
             "\ud800", "\udfff", "\udc80abc", "\ud83d\ude00", "\U0001f600", "\u200b\u2028\u2029\u202e", "\ufeff",
             "\ufffe\uffff", "\U0010ffff", "\U000e0001", "中文", "é", "e\u0301", "'" * 3, '"' * 3, "\\'\"", "\u0378",
             "a\0b", "\0", "x" * 300]
    edges = [0x20, 0x7e, 0x7f, 0xa0, 0xad, 0x377, 0x378, 0x590, 0x600, 0x605, 0x606, 0xfff, 0x1680, 0x180e, 0x2000,
             0x200a, 0x202f, 0x205f, 0x2060, 0x3000, 0x3001, 0xa000, 0xd7ff, 0xe000, 0xf8ff, 0xf900, 0xfeff, 0xfff9,
             0xfffc, 0xfffd, 0x10000, 0x1fffe, 0x20000, 0x2fa1d, 0x2fa1e, 0xe0100, 0xf0000, 0x100000, 0x10fffd]
    last = None
    for point in range(0x110000):
        if 0xd800 <= point < 0xe000:
            continue
        now = chr(point).isprintable()
        if now != last and (point < 0x3000 and rng.random() < 0.25 or rng.random() < 0.12):
            edges += [point, max(point - 1, 0)]
        last = now
    texts += [chr(point) for point in sorted(set(edges)) if not 0xd800 <= point < 0xe000]
    for text in texts:
        yield utf8(text).hex() or "-", repr(text)


def byte_strings():
    texts = [b"", b"a", b"it's", b'"', b"'\"", b"\\", bytes(range(256)), b"\0", b"\xff\xfe", b"a\nb"]
    for data in texts + [bytes([i]) for i in range(0, 256, 5)]:
        yield data.hex() or "-", repr(data)


def encodings():
    cases = [b"", b"abc", b"\x7f", b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2\x7f", b"\xc2\x80", b"\xc2\xc0",
             b"\xdf\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe0\xa0\x80", b"\xe0\xa0", b"\xe0", b"\xed\x9f\xbf",
             b"\xed\xa0\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xee\x80\x80",
             b"\xef\xbf\xbf", b"\xef\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf0\x90\x80",
             b"\xf0\x90", b"\xf0", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80",
             b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff", b"a\x80", b"ab\xc3\x28c", b"\0\0", b"\xe2\x82\xac", b"\xe2\x28\xa1",
             b"\xe2\x82\x28", b"\xf0\x28\x8c\xbc", b"\xf0\x90\x28\xbc", b"\xf0\x28\x8c\x28"]
    for n in (7, 8, 9, 15, 16, 17, 31, 32, 33, 64):
        for tail in (b"", b"\x80", b"\xc3\xa9", b"\xc3", b"\xed\xa0\x80", b"\xff" * 3):
            cases.append(b"x" * n + tail)
            cases.append(b"x" * n + tail + b"y" * 20)
    for _ in range(150):
        good = "".join(chr(rng.choice([0x41, 0xe9, 0x20ac, 0x1f600])) for _ in range(rng.randint(1, 12))).encode()
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] = rng.randrange(256)
        cases += [good, bytes(bad)]
    for data in cases:
        try:
            data.decode("utf-8", "surrogatepass")
            yield data.hex() or "-", "ok"
        except UnicodeDecodeError as error:
            yield data.hex(), error.start


GOOD = r"""
1|-1|+1|- 1|0|00|000_0|0x1f|0XFf|0x_f_f|0b101|0B_1|0o17|0O7_7|1_000_000|123456789012345678901234567890|-0|-0.0
1.|.5|1.5|1e5|1E5|1e+5|1e-5|1_0.0_1e1_0|1e400|-1e400|0e0|09.5|00.5|0_0.5|1.e5|09e1|5e-324|1e-400|0.1e1
1j|1J|1.5j|1e3j|.5j|010j|0j|1+2j|1-2j|-1+2j|-1-2j|1.5+2.5j|1 + 2j|1 -2j|+1+2j
''|""|'a'|"a"|'a"b'|"a'b"|'\''|"\""|'a' 'b'|'a'"b"'''c'''|('a'
 'b')|'''a
b'''|'''a'b''c'''|'''\''''''|''''a'''|r'\n'|R"\x"|r'\''|u'x'|U'x'|u'\u00e9'|'\a\b\f\n\r\t\v\\\'\"'
'\0'|'\00'|'\000'|'\0000'|'\101'|'\1012'|'\377'|'\x41'|'\xff'|'\u0041'|'\ud800'|'\U0001F600'|'\U0010ffff'
b''|b'a'|B'a'|b"a"|br'\x41'|rb'\x41'|bR'a'|RB'a'|b'\x00\xff'|b'\101'|b'\u0041'|b'\U00000041'|b'\N'|b'a' b'b'|b'''a
b'''|'é'|'中文😀'|'a\
b'|b'a\
b'|r'a\
b'|()|(1,)|(1,2)|(1,2,)|((),)|((1))|(1)|[ ]|[1]|[1,]|[1,2,3]|[[],[[]]]|{}|{1}|{1,}|{1,2}|{1:2}|{1:2,}|{1:2,3:4}
{1:{2:{3:{}}}}|{(1,2):[3]}|{'a':1,'b':(2,)}|{1,1.0,True}|{True,1}|{1.0:'x',1:'y'}|{'a':1,'a':2}|{0,-0.0,False}
[None,True,False]|None|True|False|1,|1,2|1,2,|'a','b'|set()|[set()]|[1,#c
2]|[#
]|( 1 , )|[1
,2]|{1
:
2}|1#x|  1|[0x10,0o10,0b10,10]|{(1,):{(2,):{}}}|[-1,+1,-1.5]|{-1:-2}|[1+2j,3-4j]|(1+2j,)|-  1|{'\n':'\t'}
"""


def good_literals():
    cases = GOOD.strip("\n").split("|") + ["[\t1]", "\t1", "[\f1 \t]"]  # a line break separates cases, too, unless it belongs to one
    for case in itertools.chain.from_iterable([case] if reads(case) else case.split("\n") for case in cases):
        assert reads(case), case
        yield utf8(case).hex() or "-", repr(ast.literal_eval(case))
    for _ in range(60):
        text = repr(nested(4))
        yield utf8(text).hex(), text


def reads(text):
    try:
        ast.literal_eval(text)
        return True
    except (SyntaxError, ValueError):
        return False


def nested(depth):
    kind = rng.randrange(10 if depth else 6)
    if kind < 6:
        return rng.choice([None, True, 7, -2.5, "t\u00e9xt", b"\x00b", 3j, 1 << 70, "", (), 1e100, "q'"])
    items = [nested(depth - 1) for _ in range(rng.randint(1, 4))]
    if kind == 6:
        return items
    if kind == 7:
        return tuple(items)
    return {str(i): item for i, item in enumerate(items)}


EQUALS = ["None", "0", "1", "2", "-1", "True", "False", "0.0", "-0.0", "1.0", "1.5", "1j", "0j", "(1+0j)", "(1.5+0j)", "(-0.0+1j)",
          "9007199254740992", "9007199254740993", "9007199254740992.0", "18446744073709551616", "18446744073709551616.0",
          "-18446744073709551616", "1e22", "10000000000000000000000", "1e23", "100000000000000000000000", "99999999999999991611392",
          "inf", "-inf", "''", "'a'", "b''", "b'a'", "bytearray(b'')", "bytearray(b'a')", "[]", "()", "{}", "set()", "frozenset()",
          "[1]", "[1.0]", "[True]", "(1,)", "(1.0,)", "[[1]]", "[(1,)]", "[1, 2]", "[2, 1]", "{1}", "{1.0}", "frozenset({1})",
          "{1, 2}", "{2, 1}", "frozenset({2, 1.0})", "{1: 2}", "{1.0: 2.0}", "{2: 1}", "{1: 2, 3: 4}", "{3: 4, 1: 2}", "{1: 2, 3: 5}",
          "{(1, 2)}", "{(1.0, 2.0)}", "{frozenset({1})}", "{frozenset({True})}", "{(frozenset({1, 2}), 'x'): [1]}",
          "{(frozenset({2, 1}), 'x'): [1.0]}", "{'a': [1, {2}]}", "{'a': [1, {3}]}", "[None]", "[0]", "nan", "[nan]", "{nan}"]


def equals():
    names = {"nan": math.nan, "inf": math.inf, "frozenset": frozenset, "bytearray": bytearray, "set": set, "__builtins__": {}}

    def value(text):  # each evaluation makes its own nan, as two parsed literals do
        return eval(text, dict(names, nan=float("nan")))
    for a in EQUALS:
        yield a, "".join("1" if value(a) == value(b) else "0" for b in EQUALS)


DECODE = [
    b"N.", b"I00\n.", b"I01\n.", b"I1\n.", b"I-1\n.", b"I0\n.", b"I000\n.", b"I12345678901234567890\n.", b"L0L\n.", b"L-5L\n.", b"L5\n.",
    b"L99999999999999999999L\n.", b"K\0.", b"K\xff.", b"M\0\0.", b"M\xff\xff.", b"J\0\0\0\0.", b"J\xff\xff\xff\xff.", b"J\0\0\0\x80.",
    b"J\xff\xff\xff\x7f.", b"\x8a\0.", b"\x8a\1\x80.", b"\x8a\x01\x7f.", b"\x8a\x02\xff\0.", b"\x8a\x08" + b"\xff" * 7 + b"\x7f.",
    b"\x8a\x08" + b"\0" * 7 + b"\x80.", b"\x8a\x09" + b"\0" * 8 + b"\x80.", b"\x8a\x0a" + b"\xff" * 10 + b".", b"\x8b\0\0\0\0.",
    b"\x8b\x09\0\0\0" + b"\xff" * 8 + b"\0.", b"F1.5\n.", b"F-0.0\n.", b"Finf\n.", b"F-inf\n.", b"Fnan\n.", b"F5\n.",
    b"F.5\n.", b"F1e5\n.", b"G?\xf0\0\0\0\0\0\0.", b"G\x80\0\0\0\0\0\0\0.", b"G\x7f\xf0\0\0\0\0\0\0.", b"G\0\0\0\0\0\0\0\x01.",
    b"S'a'\n.", b"S\"a\"\n.", b"S''\n.", b"S'\\n\\t\\\\\\'\\\"\\x41'\n.", b"S'a\"b'\n.", b"T\x03\0\0\0abc.", b"T\0\0\0\0.", b"U\x03abc.",
    b"U\0.", b"Vabc\n.", b"V\n.", b"V\\u00e9\\U0001f600\n.", b"V\xe9\n.", b"Va\\u005cb\\u000a\n.", b"V\\q\n.", b"X\x03\0\0\0abc.",
    b"X\0\0\0\0.", b"X\x03\0\0\0\xed\xa0\x80.", b"\x8c\x02\xc3\xa9.", b"\x8c\0.", b"\x8d\x01\0\0\0\0\0\0\0x.", b"\x8d\0\0\0\0\0\0\0\0.",
    b"C\x02\0\xff.", b"C\0.", b"B\x01\0\0\0x.", b"B\0\0\0\0.", b"\x8e\x01\0\0\0\0\0\0\0x.", b"\x8e\0\0\0\0\0\0\0\0.",
    b"\x96\x02\0\0\0\0\0\0\0ab.", b"\x96\0\0\0\0\0\0\0\0.", b"\x88.", b"\x89.", b").", b"N\x85.", b"NK\1\x86.", b"NK\1K\2\x87.", b"(t.",
    b"(NNNNt.", b"((t(tt.", b"].", b"(l.", b"(K\1K\2l.", b"]Na.", b"](e.", b"](K\1K\2e.", b"](K\1eK\2a.", b"}.", b"(d.", b"(K\1K\2d.",
    b"}K\1K\2s.", b"}(u.", b"}(K\1K\2K\3K\4u.", b"}(K\1K\2K\1K\3u.", b"}(K\1K\2\x88K\3u.", b"\x8f.", b"\x8f(\x90.", b"\x8f(K\1K\1\x90.",
    b"(\x91.", b"(K\1K\2K\1\x91.", b"NK\1" + b"0.", b"N(K\1K\2" + b"1.", b"K\1" + b"2\x86.", b"]2a0K\1.", b"NK\1" + b"0" + b"0K\2.", b"N(0.",
    b"Np0\n0g0\n.", b"K\7p5\n0g5\n.", b"K\7q\x050h\x05.", b"K\7r\x05\0\0\0" + b"0j\x05\0\0\0.", b"K\7\x940h\0.", b"](K\1\x94K\2\x94h\0h\1e.",
    b"]\x94h\0a.", b"]\x94h\0\x85a.", b"}\x94K\1h\0s.", b"]q\0(K\1q\0h\0e.", b"K\1q\2\x94" + b"0h\1.", b"\x80\0N.", b"\x80\1N.",
    b"\x80\2N.", b"\x80\3N.", b"\x80\4N.", b"\x80\5N.", b"\x80\4\x80\2N.", b"N\x80\4.", b"\x80\4\x95\2\0\0\0\0\0\0\0N.",
    b"\x80\4\x95\4\0\0\0\0\0\0\0K\1K\2\x86.", b"cbuiltins\nset\n](K\1K\2e\x85R.", b"cbuiltins\nset\n)R.", b"c__builtin__\nset\n](K\1e\x85R.",
    b"cbuiltins\nfrozenset\n](K\1e\x85R.", b"c__builtin__\nfrozenset\n)R.", b"cbuiltins\nbytearray\n)R.",
    b"\x80\3cbuiltins\nbytearray\nC\2ab\x85R.", b"cbuiltins\nbytearray\nX\2\0\0\0\xc3\xbfX\7\0\0\0latin-1\x86R.", b"cbuiltins\nbytes\n)R.",
    b"c__builtin__\nbytes\n)R.", b"c_codecs\nencode\nX\2\0\0\0\xc3\xbfX\6\0\0\0latin1\x86R.", b"cbuiltins\ncomplex\nG?\xf0\0\0\0\0\0\0"
    b"G@\0\0\0\0\0\0\0\x86R.", b"c__builtin__\ncomplex\nK\1K\2\x86R.", b"\x80\4\x8c\x08builtins\x8c\x03set\x93]K\1a\x85R.",
    b"c__builtin__\nbytearray\n(X\1\0\0\0aX\7\0\0\0latin-1tR."]


def decodes():
    for data in DECODE:
        if data.startswith(b"c__builtin__\nbytes"):
            value = b""
        else:
            value = pickle.loads(data)
        yield data.hex(), utf8(repr(value)).decode()


def digest(value, protocol):
    data = pickletools.optimize(pickle.dumps(value, protocol))
    return len(data), hashlib.sha256(data).hexdigest()


def encodes():
    makers = {"list": lambda n: list(range(n)), "set": lambda n: {0} if n == 1 else set(range(n)),
              "dict": lambda n: {i: -i for i in range(n)}, "tuple": lambda n: tuple(range(n)),
              "frozenset": lambda n: frozenset(range(n)), "text": lambda n: "x" * n, "bytes": lambda n: b"x" * n,
              "bytearray": lambda n: bytearray(b"x" * n), "texts": lambda n: ["%05d" % i for i in range(n)],
              "text_in_list": lambda n: [1, "y" * n, 2], "shared": shared}
    for name, make in makers.items():
        sizes = {"text": [0, 1, 255, 256, 65522, 65536, 65537], "bytes": [0, 1, 255, 256, 65522, 65536, 70000],
                 "bytearray": [0, 1, 255, 256, 65000], "text_in_list": [1, 255, 256, 65530, 65536, 65537],
                 "texts": [1, 999, 1000, 1001, 7000, 20000], "shared": [1, 255, 256, 257, 300, 65535, 65537]}
        # After a full batch of a set or dict Python writes an empty one, which mproc leaves out.
        for n in sizes.get(name, [0, 1, 2, 3, 4, 999, 1000, 1001, 1999, 2000, 2001, 30000]):
            if name in ("set", "dict") and n and n % 1000 == 0:
                continue
            first = {"set": 4, "frozenset": 4, "bytes": 3, "bytearray": 5}.get(name, 2)
            for protocol in range(first, 6):  # before, they are calls of a global, which mproc memoizes
                yield (name, n, protocol) + digest(make(n), protocol)


def shared(n):
    lists = [[] for _ in range(n)]
    return lists + lists


def fresh(text):
    """A str of its own, which nothing shares."""
    return bytes(text, "utf-8").decode()


def records(n):
    return [{"id": i * 200, "name": fresh("name %d" % i), "value": i / 4, "ok": i % 2 == 0, "none": None}
            for i in range(n)]


def nest(make, depth):
    made = make(None)
    for _ in range(depth):
        made = make(made)
    return made


def sharing():
    """Shared and recursive items inside of small containers."""
    inner, word, pair, whole = [1], fresh("word"), {"k": 1.5}, (1, 2, 3, 4)
    yield [[inner], [inner]]
    yield [{"a": inner, "b": (inner, word)}, {"b": word, "a": [inner, [inner]]}]
    yield {"x": [pair, pair], "y": {"z": pair}}
    yield [(whole, 1), [whole], {2: whole}]
    yield [[word, None], (word,), {word: word}, {fresh("other"): [word]}]
    yield [[fresh("%03d" % i)] * 2 for i in range(300)]
    yield [[[i] for i in range(3)] * 2, [(fresh("s"), i) for i in range(3)] * 2]
    circle = [[1], {"k": ()}]
    circle[0].append(circle)
    circle[1]["self"] = circle
    circle.append((circle, [circle[0]]))
    yield circle
    knot = {"list": []}
    knot["list"].append({"up": knot, "me": [knot["list"]]})
    yield [knot, {"again": knot}]


def shapes():
    yield from [records(1), records(2), records(40), {"key%d" % i: r for i, r in enumerate(records(3))}, [[]], [{}], [()],
                [[], {}, (), [[]], [()], {0: {}}, {1: []}, ((),)], [fresh("ä€😀"), [fresh("größe")], {fresh("naïve"): [fresh("\x00")]}],
                [[1], [1, 2], [[]], [[1], [2]]], [{1: 2}, {1: 2, 3: 4}, {1: {2: {}}}], [[-1, 2**31 - 1, -2**31, 2**31, -2**63, 2**200]],
                [[0.0, -0.0, math.inf, 5e-324], (1.5,), {2.5: 3.5}], [True, [False, None], (None,), {True: False}],
                [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((((1,), 2), 3), 4)], [[i * 0.5] * 3 for i in range(50)]]
    yield [[sign * 2**bits + d for sign in (1, -1) for d in (-1, 0, 1)] for bits in (7, 8, 15, 16, 31, 32, 39, 47, 55, 62, 63)]
    for n in (0, 1, 3, 4, 7, 8, 15, 16, 17, 255, 256):
        yield [fresh("x" * n)] if n > 1 else [n]
        yield [[fresh("ab" * n + "y")], {fresh("k" * n + "z"): fresh("é" * n + "z")}]
    for n in (999, 1000, 1001, 2000, 2001):
        yield [[None] * n, (tuple([True] * n), [False] * (n - 1))]
    for n in (999, 1001):
        yield [{i: None for i in range(n)}]  # not 1000: see encodes()
    for depth in (5, 6, 7, 8, 9, 15, 16, 17, 100):
        yield from [nest(lambda v: [v], depth), nest(lambda v: (v,), depth), nest(lambda v: {1: v, 2: 3}, depth),
                    nest(lambda v: [1, (v, {2: v and [v]})], min(depth, 9))]
    yield from sharing()


def sets():
    """What older protocols write as calls, which mproc memoizes."""
    yield from [[set(), set()], [{1}, {1, 2}, {1.5}], [frozenset(), frozenset([1]), frozenset([1, 2, 3])],
                {"k": [{fresh("only")}], "l": ({None}, frozenset([(1, 2)]))}, [set(range(999)), {0}], [{1}, set(range(1001)), frozenset(range(1001))]]
    shared = {3}
    yield [[shared], {"again": shared}, (shared,)]
    whole = frozenset([7])
    yield [[whole], {"again": whole}, (whole,)]


def byte_texts():
    shared = b"shared bytes"
    yield from [[b"", [b"a1"], {b"k1": b"v1"}], [b"%d bytes" % i for i in range(40)], [[b"z" * n] for n in (254, 255, 256)],
                [[shared], (shared, {shared: 1})]]


def rewrites():
    for values, first in ((shapes(), 2), (sets(), 4), (byte_texts(), 3)):
        for value, protocol in itertools.product(list(values), range(first, 6)):
            data = pickletools.optimize(pickle.dumps(value, protocol))
            if len(data) < 1500 or protocol in (2, 4):  # the others differ from these in bytes only
                yield protocol, data.hex()


def write(path, note, rows):
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write("# %s\n" % note)
        for row in rows:
            out.write("\t".join(str(field) for field in row) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    sys.set_int_max_str_digits(0)
    write(folder / "floats.tsv", "bits of a double, repr", floats())
    write(folder / "complexes.tsv", "bits of real and imaginary part, repr", complexes())
    write(folder / "ints.tsv", "decimal, shortest little-endian bytes, bits of the float or - beyond its range", ints())
    write(folder / "strings.tsv", "UTF-8 with surrogatepass, repr", strings())
    write(folder / "bytes.tsv", "bytes, repr", byte_strings())
    write(folder / "encodings.tsv", "bytes, ok or the offset of the first that is not UTF-8", encodings())
    write(folder / "literals.tsv", "literal, repr of what ast.literal_eval() makes of it", good_literals())
    write(folder / "equals.tsv", "literal, whether it equals each of the column", equals())
    write(folder / "decodes.tsv", "pickle, repr of what it holds", decodes())
    write(folder / "encodes.tsv", "what, how many, protocol, length and SHA-256 of the pickle", encodes())
    write(folder / "rewrites.tsv", "protocol, pickle that is written again as it is", rewrites())


if __name__ == "__main__":
    main()
