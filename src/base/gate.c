/* SPDX-License-Identifier: MIT */
#include "base/gate.h"

#include <errno.h>

int mp_gate_init(struct mp_gate *gate)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    if (rc != 0)
        return -rc;
#if !defined __APPLE__ /* has no pthread_condattr_setclock(); its condition waits are relative */
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    if (rc == 0)
        rc = pthread_cond_init(&gate->opened, &attr);
    pthread_condattr_destroy(&attr);
    if (rc != 0)
        return -rc;
    rc = pthread_mutex_init(&gate->lock, NULL);
    if (rc != 0) {
        pthread_cond_destroy(&gate->opened);
        return -rc;
    }
    atomic_init(&gate->state, 0);
    return 0;
}

void mp_gate_destroy(struct mp_gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->opened);
}

/* Whoever finds the gate open through here takes it as "perhaps waited for": at worst one wake-up
 * too many. */
static bool take_contended(struct mp_gate *gate)
{
    return atomic_exchange_explicit(&gate->state, 2, memory_order_acquire) == 0;
}

int mp_gate_enter_slowly(struct mp_gate *gate, mp_deadline deadline)
{
    if (mp_deadline_passed(deadline))
        return -ETIMEDOUT;
    int rc = 0;
    pthread_mutex_lock(&gate->lock);
    while (!take_contended(gate)) {
        /* Only after a last look: the wake-up meant for us may have come with the timeout. */
        if (rc == ETIMEDOUT) {
            pthread_mutex_unlock(&gate->lock);
            return -ETIMEDOUT;
        }
        if (deadline == MP_NEVER) {
            pthread_cond_wait(&gate->opened, &gate->lock);
            continue;
        }
        struct timespec at = mp_deadline_timespec(deadline);
        rc = pthread_cond_timedwait(&gate->opened, &gate->lock, &at);
    }
    pthread_mutex_unlock(&gate->lock);
    return 0;
}

/* The lock is held by a waiter from its look at the state until it sleeps, so the signal finds it.
 */
void mp_gate_wake_one(struct mp_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    pthread_cond_signal(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}
