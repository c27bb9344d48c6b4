/* SPDX-License-Identifier: MIT */
#include "process/limits.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"

/* The nice value has forty steps; more would overflow in some C libraries' nice(3). */
#define MOST_NICE 40

/* False: there is no such number here. */
static bool to_rlim(uint64_t value, rlim_t *out)
{
    if (value == UINT64_MAX) {
        *out = RLIM_INFINITY;
        return true;
    }
    *out = (rlim_t)value;
    return (uint64_t)*out == value && *out != RLIM_INFINITY;
}

static int check_rlimits(const mproc_rlimit *rlimits, size_t n, mproc_error *err)
{
    if (n > 0 && !rlimits)
        return mp_fail(err, -EINVAL, "resource limits: NULL");
    for (size_t i = 0; i < n; i++) {
        rlim_t value;
        if (!to_rlim(rlimits[i].soft, &value) || !to_rlim(rlimits[i].hard, &value))
            return mp_fail(err, -EINVAL, "resource limit %d: beyond this system's range",
                           rlimits[i].resource);
        if (rlimits[i].soft > rlimits[i].hard)
            return mp_fail(err, -EINVAL, "resource limit %d: soft above hard", rlimits[i].resource);
    }
    return 0;
}

static int check_cpus(const int *cpus, size_t n, mproc_error *err)
{
    if (!cpus && n == 0)
        return 0;
    if (!cpus || n == 0)
        return mp_fail(err, -EINVAL, "CPUs: an empty set");
    for (size_t i = 0; i < n; i++)
        if (cpus[i] < 0 || cpus[i] >= MP_CPUS)
            return mp_fail(err, -EINVAL, "CPUs: there is no number %d", cpus[i]);
    int rc = mp_limits_can_bind();
    return rc == 0 ? 0 : mp_fail_errno(err, -rc, "CPUs");
}

int mp_limits_check(const mproc_process_options *options, mproc_error *err)
{
    int rc = check_rlimits(options->rlimits, options->n_rlimits, err);
    return rc < 0 ? rc : check_cpus(options->cpus, options->n_cpus, err);
}

struct mp_limits mp_limits_of(const mproc_process_options *options)
{
    return (struct mp_limits){
        .nice = options->nice,
        .rlimits = options->rlimits,
        .n_rlimits = options->n_rlimits,
        .cpus = options->cpus,
        .n_cpus = options->n_cpus,
    };
}

bool mp_limits_any(const struct mp_limits *limits)
{
    return limits->nice != 0 || limits->n_rlimits > 0 || limits->n_cpus > 0;
}

static int add_nice(int step)
{
    if (step > MOST_NICE)
        step = MOST_NICE;
    if (step < -MOST_NICE)
        step = -MOST_NICE;
    errno = 0; /* -1 is a nice value too */
    return nice(step) == -1 && errno != 0 ? -errno : 0;
}

#if defined __GLIBC__
typedef __rlimit_resource_t resource_kind;
#else
typedef int resource_kind;
#endif

static int set_rlimit(const mproc_rlimit *wanted)
{
    struct rlimit limit;
    if (!to_rlim(wanted->soft, &limit.rlim_cur) || !to_rlim(wanted->hard, &limit.rlim_max))
        return -EINVAL;
    return setrlimit((resource_kind)wanted->resource, &limit) < 0 ? -errno : 0;
}

int mp_limits_apply(const struct mp_limits *limits, const char **what)
{
    *what = "nice";
    int rc = limits->nice != 0 ? add_nice(limits->nice) : 0;
    if (rc < 0)
        return rc;
    *what = "binding to CPUs";
    rc = limits->n_cpus > 0 ? mp_limits_bind(limits->cpus, limits->n_cpus) : 0;
    *what = rc < 0 ? *what : "resource limits";
    for (size_t i = 0; rc == 0 && i < limits->n_rlimits; i++)
        rc = set_rlimit(&limits->rlimits[i]);
    return rc;
}
