#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The exported symbols are the declared ones, and no other name leaks into a user's program.

usage: symbols.py NM SHARED_LIBRARY STATIC_LIBRARY INCLUDE_DIRECTORY
"""
import pathlib
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
# The first name before a parenthesis, a bracket or the semicolon is the one declared.
DECLARATION = re.compile(r"^MPROC_API\b[^;(\[]*?\b(\w+)\s*[;(\[]", re.M)
# Names that the instrumentation of a build adds to every object.
INSTRUMENTATION = re.compile(r"_*(asan|odr_asan|tsan|ubsan|sanitizer|sancov|start___|stop___)")


def declared(include):
    names = set()
    for header in sorted(pathlib.Path(include).rglob("*.h")):
        names |= set(DECLARATION.findall(COMMENT.sub("", header.read_text())))
    return names


def defined(nm, library, *options):
    """Global symbols that `library` defines; version nodes are of type A."""
    command = [nm, "--extern-only", "--defined-only", "--format=posix", *options, library]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return {f[0].split("@")[0] for f in fields if len(f) >= 2 and f[1] != "A"}


def complain(names, what):
    for name in sorted(names):
        print(f"{name}: {what}")
    return len(names)


def main(nm, shared, static, include):
    promised = declared(include)
    exported = defined(nm, shared, "--dynamic")
    inside = {n for n in defined(nm, static) if not INSTRUMENTATION.match(n)}
    wrong = complain(promised - exported, "declared with MPROC_API, not exported")
    wrong += complain(exported - promised, "exported, not declared with MPROC_API")
    wrong += complain({n for n in inside if not n.startswith(("mp_", "mproc_"))},
                      "a global name without mp_ or mproc_ in the static library")
    wrong += complain({n for n in inside if n.startswith("mproc_")} - promised,
                      "in the static library under the public prefix, not declared")
    print(f"{len(promised)} declared, {len(exported)} exported")
    return 1 if wrong or not promised else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
