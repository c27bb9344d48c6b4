/* SPDX-License-Identifier: MIT */
/* What a child may use: nice value, resource limits, CPUs. */
#ifndef MP_PROCESS_LIMITS_H
#define MP_PROCESS_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include <mproc/start.h>

#define MP_CPUS 65536 /* one more than the highest CPU number that can be asked for */

struct mp_limits {
    int nice;
    const mproc_rlimit *rlimits;
    size_t n_rlimits;
    const int *cpus;
    size_t n_cpus;
};

/* Are the options' limits possible in themselves? 0, -EINVAL, or -ENOTSUP. */
int mp_limits_check(const mproc_process_options *options, mproc_error *err);

/* Those of the options, which they point into. */
struct mp_limits mp_limits_of(const mproc_process_options *options);

bool mp_limits_any(const struct mp_limits *limits);

/*
 * In the child, safe between vfork(2) and exec. 0 or -errno; *what then says which limit in static
 * text. Resource limits come last, so that nothing of ours runs under them.
 */
int mp_limits_apply(const struct mp_limits *limits, const char **what);

/* limits.linux.c, limits.posix.c */

/* 0, or -ENOTSUP where a process cannot be bound to CPUs. */
int mp_limits_can_bind(void);

/*
 * Bind this process to these CPUs, numbers in 0..MP_CPUS-1. -EINVAL if one of them is not there.
 * Takes two sets of MP_CPUS bits on the stack.
 */
int mp_limits_bind(const int *cpus, size_t n);

#endif
