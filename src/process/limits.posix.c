/* SPDX-License-Identifier: MIT */
#include "process/limits.h"

#include <errno.h>

int mp_limits_can_bind(void)
{
    return -ENOTSUP;
}

int mp_limits_bind(const int *cpus, size_t n)
{
    (void)cpus;
    (void)n;
    return -ENOTSUP;
}
