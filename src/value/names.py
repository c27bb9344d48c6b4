#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes names_table.h: what Python 2 called the modules and names of Python 3.

Pickles of protocol 0 to 2 use the old names; CPython translates them by Lib/_compat_pickle.py,
which is where this takes them from. Usage: names.py > names_table.h
"""
import _compat_pickle as compat


def rows(mapping):
    return "".join(
        f'    {{"{om}", "{on}", "{nm}", "{nn}"}},\n' for (om, on), (nm, nn) in sorted(mapping.items())
    )


def modules(mapping):
    return "".join(f'    {{"{old}", "{new}"}},\n' for old, new in sorted(mapping.items()))


print("/* SPDX-License-Identifier: MIT */")
print("/* Written by names.py from CPython's _compat_pickle; sorted, not to be edited. */")
print("/* clang-format off */")
print("static const struct moved_name old_names[] = {")
print(rows(compat.NAME_MAPPING), end="};\n")
print("static const struct moved_name new_names[] = {")
print(rows(compat.REVERSE_NAME_MAPPING), end="};\n")
print("static const struct moved_module old_modules[] = {")
print(modules(compat.IMPORT_MAPPING), end="};\n")
print("static const struct moved_module new_modules[] = {")
print(modules(compat.REVERSE_IMPORT_MAPPING), end="};\n")
print("/* clang-format on */")
