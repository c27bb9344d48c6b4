/* SPDX-License-Identifier: MIT */
#include "connection/spin.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define NS_PER_US 1000

/* Below this a look is not worth the two clock readings. */
#define BUDGET_MIN_NS 2000

/* A yield that took longer went to a busy program, which had nothing to do with us. */
#define LATE_YIELD_NS 50000

/*
 * So many waits it is not tried again, twice as many each time that it is late once more. A host
 * that takes a virtual processor away makes a yield look late now and then.
 */
#define GRUDGE_LEAST 8
#define GRUDGE_MOST 1024

/* Longer looks than this help nobody. */
#define LIMIT_MAX_US 1e6

static double limit_from_environment(void)
{
    /* As everywhere: who changes the environment while threads run is on their own. */
    const char *text = getenv("MPROC_SPIN_US"); /* NOLINT(concurrency-mt-unsafe) */
    char *end;
    double us = text ? strtod(text, &end) : NAN;
    return text && end != text && us >= 0 ? us : MP_SPIN_LIMIT_US;
}

int64_t mp_spin_limit_ns(double limit_us)
{
    if (limit_us < 0)
        return -1;
    return (int64_t)((limit_us < LIMIT_MAX_US ? limit_us : LIMIT_MAX_US) * NS_PER_US);
}

void mp_spin_init(struct mp_spin *spin, int64_t limit_ns)
{
    const int64_t most = (int64_t)LIMIT_MAX_US * NS_PER_US;
    if (limit_ns < 0)
        limit_ns = mp_spin_limit_ns(limit_from_environment());
    if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
        limit_ns = 0;
    *spin = (struct mp_spin){.limit = limit_ns < most ? limit_ns : most};
}

void mp_spin_learn(struct mp_spin *spin, int64_t waited, bool same_cpu)
{
    spin->same_cpu = same_cpu;
    if (same_cpu)
        spin->budget = 0;
    else if (waited <= spin->limit)
        spin->budget = spin->limit;
    else
        spin->budget = spin->budget / 2 < BUDGET_MIN_NS ? 0 : spin->budget / 2;
}

void mp_spin_learn_from(struct mp_spin *spin, const struct mp_bell_flag *flag)
{
    int64_t rung = atomic_load_explicit(&flag->time, memory_order_relaxed);
    uint32_t cpu = atomic_load_explicit(&flag->cpu, memory_order_relaxed);
    if (rung >= spin->began)
        mp_spin_learn(spin, rung - spin->began, cpu == (uint32_t)sched_getcpu());
}

void mp_spin_yielded(struct mp_spin *spin, int64_t took)
{
    if (took <= LATE_YIELD_NS)
        spin->resent = 0;
    else if (spin->resent == 0)
        spin->resent = GRUDGE_LEAST;
    else if (spin->resent < GRUDGE_MOST)
        spin->resent *= 2;
    spin->grudge = spin->resent;
}

bool mp_spin_may_yield(struct mp_spin *spin)
{
    if (!spin->same_cpu)
        return false;
    if (spin->grudge == 0)
        return true;
    spin->grudge--;
    return false;
}
