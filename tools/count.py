#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the checks of one `meson test` run: prints `PASSED FAILED SKIPPED`.

A libcheck suite counts as many as its summary line says; any other test counts as one.

usage: count.py LOG_DIRECTORY EXIT_STATUS
"""
import json
import pathlib
import re
import sys

LIBCHECK = re.compile(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)")


def count_test(test):
    """(passed, failed, skipped) of one entry of testlog.json."""
    if test["result"] == "SKIP":
        return 0, 0, 1
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    passed = failed = 0
    for checks, failures, errors in LIBCHECK.findall(test.get("stdout") or ""):
        wrong = int(failures) + int(errors)
        passed += int(checks) - wrong
        failed += wrong
    if not good and not failed:
        failed = 1
    if good and not passed:
        passed = 1
    return passed, failed, 0


def main(directory, status):
    total = (0, 0, 0)
    for log in pathlib.Path(directory).glob("testlog*.json"):
        for line in log.read_text().splitlines():
            total = tuple(map(sum, zip(total, count_test(json.loads(line)))))
    passed, failed, skipped = total
    # A run that failed without a failed test did not get as far as its tests.
    if int(status) != 0 and failed == 0:
        failed = 1
    print(passed, failed, skipped)


if __name__ == "__main__":
    main(*sys.argv[1:])
