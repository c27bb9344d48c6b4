/* SPDX-License-Identifier: MIT */
/* Short cuts of the process suites, and helper programs with their output captured. */
#ifndef MP_TESTS_PROCESS_RUN_H
#define MP_TESTS_PROCESS_RUN_H

#include <stdbool.h>

#include <mproc/process.h>

#include "support/suite.h"

/* Start, or fail the test. */
mproc_process *run_start_with(const mproc_process_options *options, mproc_target target,
                              const mproc_value *args);

/* Start with default options, or fail the test. The format is mproc_pack()'s, NULL for no args. */
mproc_process *run_start(mproc_target target, const char *format, ...);

/* Start a daemon without arguments, or fail the test. */
mproc_process *run_daemon(mproc_target target);

/* The same in a helper program, where check has no test to fail: it exits with 99. */
mproc_process *run_start_in_helper(mproc_target target, bool daemon);

/* Join, close, and return the exit code. */
int run_finish(mproc_process *process);

/* Targets: sleep until killed, return 0, return the number given. */
int run_forever(const mproc_value *args);
int run_nothing(const mproc_value *args);
int run_number(const mproc_value *args);

/* Is the start method that of this run? Many things hold for copies of the parent only. */
bool run_is(const char *method);

/* Open descriptors of this process, without those of a fork server, which is stopped. */
int run_count_fds(void);

/* Wait until it has ended, without reaping it, and, under a fork server, until that has. */
void run_await_end(const mproc_process *process);

/* `count`, or fewer under tools that make everything slow. */
int run_times(int count);

/* "<this executable> helper NAME [FIRST [SECOND]]", as a command; valid until the next call. */
const char *const *run_own_command(const char *name, const char *first, const char *second);

/* Read up to the end of what a descriptor or connection's descriptor has, as text. */
const char *run_read_all(int fd, char *text, size_t room);

/* A helper program under way, in a process group of its own. */
struct run_helper {
    pid_t pid;
    int out; /* read end of its stdout, and its descendants' */
};

/* `args` are the helper's name and arguments, NULL at the end; stdin is `in`, or -1 to inherit. */
struct run_helper run_helper_start(const char *const args[], int in);

/*
 * Read what it and its descendants write until all of them have ended, 30 s at most. False if some
 * had not ended by then; they are killed.
 */
bool run_helper_read(struct run_helper *helper, char *text, size_t room);

/* Wait for it and for its orphans, and return its wait status. */
int run_helper_reap(const struct run_helper *helper);

/* Read to the end, which must come, reap, and return the wait status. */
int run_helper_finish(struct run_helper *helper, char *text, size_t room);

#endif
