/* SPDX-License-Identifier: MIT */
/*
 * A lock that is waited for no longer than a deadline on CLOCK_MONOTONIC.
 *
 * pthread_mutex_timedlock() counts on the wall clock, and pthread_mutex_clocklock() is not POSIX.
 * Free and uncontended it costs one atomic exchange each way.
 */
#ifndef MP_BASE_GATE_H
#define MP_BASE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"

struct mp_gate {
    atomic_int state; /* 0 open, 1 taken, 2 taken and perhaps waited for */
    pthread_mutex_t lock;
    pthread_cond_t opened;
};

int mp_gate_init(struct mp_gate *gate);
void mp_gate_destroy(struct mp_gate *gate);

/* 0 when taken, -ETIMEDOUT once the deadline has passed. */
int mp_gate_enter_slowly(struct mp_gate *gate, mp_deadline deadline);
void mp_gate_wake_one(struct mp_gate *gate);

static inline bool mp_gate_try(struct mp_gate *gate)
{
    int open = 0;
    return atomic_compare_exchange_strong_explicit(&gate->state, &open, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline int mp_gate_enter(struct mp_gate *gate, mp_deadline deadline)
{
    return mp_gate_try(gate) ? 0 : mp_gate_enter_slowly(gate, deadline);
}

static inline void mp_gate_leave(struct mp_gate *gate)
{
    if (atomic_exchange_explicit(&gate->state, 0, memory_order_release) == 2)
        mp_gate_wake_one(gate);
}

#endif
