/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <errno.h>
#include <limits.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t mp_clock_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int mp_deadline_in(double seconds, mp_deadline *out)
{
    if (isnan(seconds))
        return -EINVAL;
    if (seconds <= 0) {
        *out = MP_NOW;
        return 0;
    }
    /* 9e9 s are 285 years: with the uptime added, still inside int64 nanoseconds. */
    if (seconds >= 9e9) {
        *out = MP_NEVER;
        return 0;
    }
    int64_t now = mp_clock_now();
    int64_t ns = (int64_t)(seconds * 1e9);
    *out = now > INT64_MAX - 1 - ns ? MP_NEVER : now + ns;
    return 0;
}

bool mp_deadline_passed(mp_deadline deadline)
{
    return mp_deadline_left(deadline) == 0;
}

int64_t mp_deadline_left(mp_deadline deadline)
{
    if (deadline == MP_NEVER)
        return INT64_MAX;
    if (deadline == MP_NOW)
        return 0;
    int64_t now = mp_clock_now();
    return deadline > now ? deadline - now : 0;
}

int mp_deadline_poll_ms(mp_deadline deadline)
{
    if (deadline == MP_NEVER)
        return -1;
    int64_t left = mp_deadline_left(deadline);
    int64_t ms = left / NS_PER_MS + (left % NS_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

struct timespec mp_deadline_timespec(mp_deadline deadline)
{
    int64_t at = deadline > 0 ? deadline : 0;
    return (struct timespec){.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
}
