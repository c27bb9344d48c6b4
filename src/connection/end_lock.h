/* SPDX-License-Identifier: MIT */
/*
 * The lock of one direction of one end: threads and processes that hold the same end take turns,
 * and a holder's death frees it.
 *
 * It favours one thread. While nobody else ever comes, that thread enters and leaves with plain
 * stores. Another thread, of this process or another, takes the robust mutex, revokes the favour
 * and, by a barrier in every running thread, makes sure that the favoured one either sees that or
 * is seen inside. From then on everybody takes the mutex, until one thread alone has come many
 * times in a row.
 *
 * A thread that was favoured once may still be about to look whether it is, or to wake others, when
 * somebody else has long been favoured. So each has a flag of its own for being inside, which it
 * keeps while it lives: what a late one writes there is no news about another. When all flags are
 * taken, nobody new is favoured.
 *
 * The lock lies in memory that only holders of the end share, never the peer: it holds pointers of
 * the C library, and is believed.
 *
 * Of the death of a favoured thread the others learn by its pid, which means nothing in another pid
 * namespace. So nobody is favoured any more once processes of two have come; those that do not
 * share the namespace of one killed inside before that wait until their deadline. The mutex is
 * freed by the kernel, wherever its holder was.
 */
#ifndef MP_CONNECTION_END_LOCK_H
#define MP_CONNECTION_END_LOCK_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "connection/self.h"

#define MP_FAVOURITES 4

struct mp_favourite {
    uint64_t token; /* of the thread; 0: the flag is free */
    uint64_t name;  /* of its process, to learn of its death */
    int32_t tid;
};

struct mp_end_lock {
    _Atomic uint64_t favoured; /* a thread's token and the number of its flag, or see below */
    _Atomic uint32_t inside[MP_FAVOURITES]; /* the favoured thread is; a futex for who revokes */
    uint32_t flag;                          /* of the thread last favoured */
    bool by_mutex;                          /* who is inside came by the mutex */
    bool death_unhandled;                   /* found, but the finder could not enter */
    bool mixed;                             /* processes of several pid namespaces came */
    uint32_t streak;                        /* how often `last` came by the mutex in a row */
    uint64_t last;
    _Atomic uint64_t holder; /* thread that holds the mutex; a tid there may be that of two */
    struct mp_favourite favourites[MP_FAVOURITES];
    pthread_mutex_t mutex;
};

static_assert(MP_FAVOURITES <= MP_TOKEN_STEP, "a token leaves room for the number of a flag");

#define MP_LOCK_NOBODY UINT64_C(0) /* the next to come is favoured */
#define MP_LOCK_SHARED UINT64_C(1) /* nobody is: everybody takes the mutex */

/* How an end was entered. */
enum mp_entry {
    MP_ENTERED = 0,
    MP_ENTERED_AFTER_DEATH = 1, /* a holder died inside: what it left has to be put right */
};

/* Set up a lock in zeroed shared memory. 0 or -errno. */
int mp_end_lock_init(struct mp_end_lock *lock);

/* enum mp_entry; -ETIMEDOUT; -EDEADLK if the calling thread is inside. */
int mp_end_lock_enter_slowly(struct mp_end_lock *lock, mp_deadline deadline);

/* Leave after having come by the mutex. */
void mp_end_lock_leave_slowly(struct mp_end_lock *lock);

/* The calling thread, which is outside, will not come again: favour it no more. */
void mp_end_lock_forsake(struct mp_end_lock *lock);

/* Take back a favoured thread's flag and wake who waits for that. */
void mp_end_lock_step_out(struct mp_end_lock *lock, uint32_t flag);

/* Enter if the calling thread is favoured and outside. */
static inline bool mp_end_lock_enter_favoured(struct mp_end_lock *lock)
{
    uint64_t favoured = atomic_load_explicit(&lock->favoured, memory_order_relaxed);
    uint64_t flag = favoured ^ mp_self_thread();
    if (flag >= MP_FAVOURITES ||
        atomic_load_explicit(&lock->inside[flag], memory_order_relaxed) != 0)
        return false;
    atomic_store_explicit(&lock->inside[flag], 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    /* Looked at again: who revoked before the store was made is seen now, after its barrier. */
    if (atomic_load_explicit(&lock->favoured, memory_order_acquire) == favoured)
        return true;
    mp_end_lock_step_out(lock, (uint32_t)flag);
    return false;
}

/* Leave after mp_end_lock_enter_favoured(). */
static inline void mp_end_lock_leave_favoured(struct mp_end_lock *lock)
{
    uint32_t flag = lock->flag; /* nobody else is favoured before this one is outside */
    atomic_store_explicit(&lock->inside[flag], 0, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&lock->favoured, memory_order_relaxed) == MP_LOCK_SHARED)
        mp_end_lock_step_out(lock, flag);
}

static inline int mp_end_lock_enter(struct mp_end_lock *lock, mp_deadline deadline)
{
    return mp_end_lock_enter_favoured(lock) ? MP_ENTERED : mp_end_lock_enter_slowly(lock, deadline);
}

static inline void mp_end_lock_leave(struct mp_end_lock *lock)
{
    if (lock->by_mutex)
        mp_end_lock_leave_slowly(lock);
    else
        mp_end_lock_leave_favoured(lock);
}

#endif
