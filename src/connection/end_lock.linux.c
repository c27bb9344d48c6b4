/* SPDX-License-Identifier: MIT */
#include "connection/end_lock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A thread that came by the mutex this often in a row is favoured again. */
#define STREAK 1000

/* While waiting for a favoured thread to leave: how often to see whether it is alive. */
#define LIFE_TICK_NS 20000000

/* While waiting for the mutex it doubles up to this. */
#define LONGEST_TICK_NS 320000000

static int futex_wait(_Atomic uint32_t *word, uint32_t value, mp_deadline until)
{
    struct timespec at = mp_deadline_timespec(until);
    return (int)syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, &at, NULL,
                        FUTEX_BITSET_MATCH_ANY);
}

/* Not of the kind that checks for errors: it would take another namespace's thread for ours. */
static int init_mutex(pthread_mutex_t *mutex, pthread_mutexattr_t *attr)
{
    int rc = pthread_mutexattr_setpshared(attr, PTHREAD_PROCESS_SHARED);
    if (rc == 0)
        rc = pthread_mutexattr_setrobust(attr, PTHREAD_MUTEX_ROBUST);
    return rc == 0 ? pthread_mutex_init(mutex, attr) : rc;
}

int mp_end_lock_init(struct mp_end_lock *lock)
{
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);
    if (rc != 0)
        return -rc;
    rc = init_mutex(&lock->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return -rc;
}

void mp_end_lock_step_out(struct mp_end_lock *lock)
{
    atomic_store_explicit(&lock->inside, 0, memory_order_release);
    syscall(SYS_futex, &lock->inside, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* With the mutex held: wait until no favoured thread is inside. enum mp_entry or -ETIMEDOUT. */
static int wait_until_empty(struct mp_end_lock *lock, mp_deadline deadline)
{
    while (atomic_load_explicit(&lock->inside, memory_order_acquire) != 0) {
        if (mp_deadline_passed(deadline))
            return -ETIMEDOUT;
        futex_wait(&lock->inside, 1, mp_deadline_min(deadline, mp_clock_now() + LIFE_TICK_NS));
        if (mp_self_is_thread_gone(atomic_load(&lock->name), atomic_load(&lock->tid)) &&
            atomic_exchange(&lock->inside, 0) != 0)
            return MP_ENTERED_AFTER_DEATH;
    }
    return MP_ENTERED;
}

/* Let the calling thread come in without the mutex from the next time on. */
static void favour(struct mp_end_lock *lock, uint64_t self)
{
    if (!mp_self_has_barrier() || lock->mixed)
        return;
    atomic_store_explicit(&lock->name, mp_self_name(), memory_order_relaxed);
    atomic_store_explicit(&lock->tid, gettid(), memory_order_relaxed);
    atomic_store_explicit(&lock->favoured, self, memory_order_release);
}

static void count_streak(struct mp_end_lock *lock, uint64_t self)
{
    if (lock->last != self) {
        lock->last = self;
        lock->streak = 0;
    } else if (++lock->streak >= STREAK) {
        lock->streak = 0;
        favour(lock, self);
    }
}

/* With the mutex held: see to it that no favoured thread is inside, nor will be. */
static int exclude_favoured(struct mp_end_lock *lock, mp_deadline deadline)
{
    uint64_t self = mp_self_thread();
    uint64_t favoured = atomic_load_explicit(&lock->favoured, memory_order_relaxed);
    uint64_t name = atomic_load_explicit(&lock->name, memory_order_relaxed);
    lock->mixed |= name != 0 && !mp_self_can_judge(name);
    if (favoured == self && atomic_load_explicit(&lock->inside, memory_order_relaxed) != 0)
        return -EDEADLK;
    if (favoured > MP_LOCK_SHARED && favoured != self) {
        atomic_store(&lock->favoured, MP_LOCK_SHARED);
        mp_self_barrier_all();
    }
    return wait_until_empty(lock, deadline);
}

/*
 * A waiter that is killed when it has just been woken takes the wake-up along: the kernel hands it
 * on only if the mutex is free by then, and whoever got it meanwhile does not know of the others.
 * So nobody sleeps for good.
 */
static int wait_for_mutex(pthread_mutex_t *mutex, mp_deadline deadline)
{
    int rc;
    int64_t tick = LIFE_TICK_NS;
    do {
        struct timespec at = mp_deadline_timespec(mp_deadline_min(deadline, mp_clock_now() + tick));
        rc = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &at);
        tick = tick < LONGEST_TICK_NS ? 2 * tick : tick;
    } while (rc == ETIMEDOUT && !mp_deadline_passed(deadline));
    return rc;
}

static int lock_mutex(struct mp_end_lock *lock, mp_deadline deadline)
{
    pthread_mutex_t *mutex = &lock->mutex;
    int rc = pthread_mutex_trylock(mutex);
    if (rc == EBUSY && atomic_load(&lock->holder) == mp_self_thread())
        return -EDEADLK;
    if (rc == EBUSY && deadline != MP_NOW)
        rc = wait_for_mutex(mutex, deadline);
    if (rc == EOWNERDEAD) {
        pthread_mutex_consistent(mutex);
        return MP_ENTERED_AFTER_DEATH;
    }
    return rc == EBUSY ? -ETIMEDOUT : -rc;
}

int mp_end_lock_enter_slowly(struct mp_end_lock *lock, mp_deadline deadline)
{
    int entry = lock_mutex(lock, deadline);
    if (entry < 0)
        return entry;
    int rc = exclude_favoured(lock, deadline);
    if (rc < 0) {
        /* A death that was just learnt of stays to be put right by the next one. */
        lock->death_unhandled |= entry == MP_ENTERED_AFTER_DEATH;
        pthread_mutex_unlock(&lock->mutex);
        return rc;
    }
    if (lock->death_unhandled)
        entry = MP_ENTERED_AFTER_DEATH;
    lock->death_unhandled = false;
    lock->by_mutex = true;
    atomic_store_explicit(&lock->holder, mp_self_thread(), memory_order_relaxed);
    return entry > rc ? entry : rc;
}

/* Only here may a thread become the favoured one: while it is inside by the mutex, nothing would
 * tell it so if it came a second time. */
void mp_end_lock_leave_slowly(struct mp_end_lock *lock)
{
    uint64_t self = mp_self_thread();
    uint64_t favoured = atomic_load_explicit(&lock->favoured, memory_order_relaxed);
    if (favoured == MP_LOCK_NOBODY)
        favour(lock, self);
    else if (favoured == MP_LOCK_SHARED)
        count_streak(lock, self);
    lock->by_mutex = false;
    atomic_store_explicit(&lock->holder, MP_LOCK_NOBODY, memory_order_relaxed);
    pthread_mutex_unlock(&lock->mutex);
}

void mp_end_lock_forsake(struct mp_end_lock *lock)
{
    uint64_t self = mp_self_thread();
    atomic_compare_exchange_strong(&lock->favoured, &self, MP_LOCK_NOBODY);
}
