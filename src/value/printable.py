#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes printable_table.h: the code points that repr() escapes, from str.isprintable().

Usage: printable.py > printable_table.h
"""
import unicodedata

ranges = []
for point in range(0x7F, 0x110000):
    if not chr(point).isprintable():
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])

print("/* SPDX-License-Identifier: MIT */")
print(f"/* Written by printable.py, Unicode {unicodedata.unidata_version}; not to be edited. */")
print("/* clang-format off */")
print("static const uint32_t unprintable[][2] = {")
for i in range(0, len(ranges), 4):
    print("    " + " ".join(f"{{0x{a:x}, 0x{b:x}}}," for a, b in ranges[i : i + 4]))
print("};")
print("/* clang-format on */")
