/* SPDX-License-Identifier: MIT */
/* Deadlines: one absolute CLOCK_MONOTONIC time for a whole call. */
#ifndef MP_BASE_CLOCK_H
#define MP_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <mproc/common.h>

/* Nanoseconds on CLOCK_MONOTONIC. */
typedef int64_t mp_deadline;

#define MP_NEVER INT64_MAX /* never passes */
#define MP_NOW INT64_MIN   /* has passed: poll */

int64_t mp_clock_now(void);

/*
 * The deadline `seconds` from now. MPROC_FOREVER and what lies beyond the clock's range never pass;
 * zero and below have passed, without a look at the clock; NaN is -EINVAL.
 */
int mp_deadline_in(double seconds, mp_deadline *out);

bool mp_deadline_passed(mp_deadline deadline);

/* Nanoseconds left, never negative; INT64_MAX for MP_NEVER. */
int64_t mp_deadline_left(mp_deadline deadline);

/* For poll(2): milliseconds left, rounded up; -1 for MP_NEVER, 0 once passed. */
int mp_deadline_poll_ms(mp_deadline deadline);

/* For calls that take an absolute time. `deadline` must not be MP_NEVER. */
struct timespec mp_deadline_timespec(mp_deadline deadline);

static inline mp_deadline mp_deadline_min(mp_deadline a, mp_deadline b)
{
    return a < b ? a : b;
}

#endif
