/* SPDX-License-Identifier: MIT */
/* What a child may use: nice value, resource limits, CPUs. */
#ifndef MP_PROCESS_LIMITS_H
#define MP_PROCESS_LIMITS_H

#include <stddef.h>

#include <mproc/start.h>

struct mp_limits {
    int nice;
    const mproc_rlimit *rlimits;
    size_t n_rlimits;
    const int *cpus;
    size_t n_cpus;
};

/* Are the options' limits possible in themselves? 0 or -EINVAL. */
int mp_limits_check(const mproc_process_options *options, mproc_error *err);

/*
 * In the child, safe between vfork(2) and exec. 0 or -errno; *what then says which limit in static
 * text.
 */
int mp_limits_apply(const struct mp_limits *limits, const char **what);

#endif
