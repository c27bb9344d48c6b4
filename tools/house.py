#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The house's own rules, which no other tool checks.

usage: house.py                    check; prints what is wrong
       house.py --list PATTERN...  the project's files that match, one per line
"""
import fnmatch
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_LINES = 800
RECORDED = ("tests/vectors/", "tests/fuzz/corpus/")
TEXT = (".c", ".h", ".py", ".sh", ".md", ".build", ".txt", ".map", ".in")

# An include goes down: to the file's own room or to one with a smaller number.
FLOORS = {"base": 1, "value": 2, "connection": 3, "listener": 4, "process": 4, "wait": 5}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
# A path of some machine. System directories and /tmp are everybody's.
MACHINE_PATH = re.compile(r"(?<![\w.}/$-])/(home|root|work|Users)/\w")


def from_git():
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    if not (ROOT / ".git").exists():
        return None
    try:
        result = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.splitlines()


def from_disk():
    for directory, names, files in os.walk(ROOT):
        names[:] = [n for n in names if not n.startswith("build") and n not in
                    (".git", "__pycache__")]
        for name in files:
            yield str((pathlib.Path(directory) / name).relative_to(ROOT))


def project_files():
    """Paths relative to the root, also in a copy that is no git checkout."""
    listed = from_git()
    if listed is None:
        listed = from_disk()
    return sorted({p for p in listed if (ROOT / p).is_file() and not (ROOT / p).is_symlink()})


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_text(path, text):
    lines = text.splitlines()
    if len(lines) >= MAX_LINES:
        yield 1, f"{len(lines)} lines; files stay under {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield number, "an unfinished piece is marked here"
        if MACHINE_PATH.search(line):
            yield number, "a path of one machine"
        if line != line.rstrip() or "\t" in line:
            yield number, "a tab, or blanks at the end"
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end"


def check_licence(path, text):
    if not text.startswith("/* SPDX-License-Identifier: MIT */\n"):
        yield 1, "the first line is not the SPDX comment"


def is_down(room, target):
    if target == room:
        return True
    return FLOORS.get(target, 99) < FLOORS.get(room, 0)


def check_floors(path, text):
    parts = path.split("/")
    public = parts[0] == "include"
    room = parts[1] if parts[0] == "src" else None
    if room and room not in FLOORS:
        yield 1, f"src/{room} has no floor; give it one in tools/house.py"
    for match in INCLUDE.finditer(text):
        kind, name = match.groups()
        line = line_of(text, match.start())
        if public and kind == '"':
            yield line, f'"{name}": a public header includes <mproc/...> and the system only'
        if room and kind == '"' and not is_down(room, name.split("/")[0]):
            yield line, f'"{name}": src/{room} may not see it (includes go down the floors)'


def check_documented(path, text):
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if line.startswith("MPROC_API") and not has_doc_comment(lines[:index]):
            yield index + 1, "no doc comment right above"


def has_doc_comment(above):
    if not above or not above[-1].rstrip().endswith("*/"):
        return False
    for line in reversed(above):
        if "/*" in line:
            return line.lstrip().startswith("/**")
    return False


def check_header_list(paths):
    """Public headers are installed, and mproc.h includes them all."""
    installed = text_of("include/meson.build")
    umbrella = text_of("include/mproc/mproc.h")
    for path in fnmatch.filter(paths, "include/mproc/*.h"):
        name = path[len("include/"):]
        if f"'{name}'" not in installed:
            yield path, 1, "not in include/meson.build"
        if f"<{name}>" not in umbrella and name != "mproc/mproc.h":
            yield path, 1, "not in mproc.h"


def checks_for(path):
    """The checks of one file that apply to it, by where it lives and what it is."""
    if path.startswith(RECORDED):
        return
    if path.endswith(TEXT) or path in ("dev", ".ci/run"):
        yield check_text
    if path.endswith((".c", ".h")):
        yield check_licence
        if path.startswith(("src/", "include/")):
            yield check_floors
    if fnmatch.fnmatch(path, "include/*.h"):
        yield check_documented


def problems(paths):
    for path in paths:
        for check in checks_for(path):
            for line, what in check(path, text_of(path)):
                yield path, line, what
    yield from check_header_list(paths)


def main(arguments):
    paths = project_files()
    if arguments[:1] == ["--list"]:
        for path in paths:
            if any(fnmatch.fnmatch(path, pattern) for pattern in arguments[1:]):
                print(path)
        return 0
    found = list(problems(paths))
    for path, line, what in found:
        print(f"{path}:{line}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
