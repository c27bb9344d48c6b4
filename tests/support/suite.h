/* SPDX-License-Identifier: MIT */
/*
 * What every test executable shares: a main, and a fixture that fails the test that leaked.
 *
 * A test file has static START_TEST functions and one `Suite *mp_suite(void)`; suite.c has main().
 * check runs each test in a process of its own, so state does not pass from test to test.
 */
#ifndef MP_TESTS_SUITE_H
#define MP_TESTS_SUITE_H

#include <check.h>

#if defined __SANITIZE_ADDRESS__
#define MP_UNDER_ASAN 1
#elif defined __SANITIZE_THREAD__
#define MP_UNDER_TSAN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define MP_UNDER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define MP_UNDER_TSAN 1
#endif
#endif

/* Defined by the test file. */
Suite *mp_suite(void);

/*
 * A test case whose every test is checked for leaked descriptors and children, and limited to
 * `seconds` (longer under valgrind and sanitizers, see MPROC_TEST_SLOWER).
 */
TCase *mp_case(Suite *suite, const char *name, double seconds);

/*
 * A helper process is this executable run again as `<exe> helper NAME ARGS…`: main() then calls
 * mp_helper(NAME, argc, argv) with the ARGS instead of running the suite, and exits with its
 * result. A test file that has helpers defines it; suite.c has a weak default that returns 127.
 */
int mp_helper(const char *name, int argc, char **argv);

/* 1, or `slow` under valgrind: so many steps of a long loop are to be taken as one. */
unsigned mp_stride(unsigned slow);

/* Number of open descriptors of this process. */
int mp_count_fds(void);

/* A path inside a fresh 0700 directory of this test, removed with its contents when the test ends.
 */
const char *mp_test_path(const char *name);

#endif
