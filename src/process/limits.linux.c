/* SPDX-License-Identifier: MIT */
#include "process/limits.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>

#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

/* The kernel's own form of a set of CPUs; cpu_set_t ends at CPU_SETSIZE. */
struct set {
    unsigned long words[MP_CPUS / WORD_BITS];
};

int mp_limits_can_bind(void)
{
    return 0;
}

/* The C library's type has no more room than CPU_SETSIZE, but the call takes any length. */
static cpu_set_t *bits(struct set *set)
{
    return (cpu_set_t *)(void *)set;
}

int mp_limits_bind(const int *cpus, size_t n)
{
    struct set wanted;
    struct set got;
    memset(&wanted, 0, sizeof wanted);
    memset(&got, 0, sizeof got);
    for (size_t i = 0; i < n; i++)
        wanted.words[(size_t)cpus[i] / WORD_BITS] |= 1UL << ((size_t)cpus[i] % WORD_BITS);
    if (sched_setaffinity(0, sizeof wanted, bits(&wanted)) < 0 ||
        sched_getaffinity(0, sizeof got, bits(&got)) < 0)
        return -errno;
    /* CPUs that are not there, or not in our cpuset, are left out in silence. */
    return memcmp(&wanted, &got, sizeof got) == 0 ? 0 : -EINVAL;
}
