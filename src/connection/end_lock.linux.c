/* SPDX-License-Identifier: MIT */
#include "connection/end_lock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
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

void mp_end_lock_step_out(struct mp_end_lock *lock, uint32_t flag)
{
    atomic_store_explicit(&lock->inside[flag], 0, memory_order_release);
    syscall(SYS_futex, &lock->inside[flag], FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool is_gone(const struct mp_favourite *favourite)
{
    return mp_self_is_thread_gone(favourite->name, favourite->tid);
}

/* With the mutex held: wait until no favoured thread is inside. enum mp_entry or -ETIMEDOUT. */
static int wait_until_empty(struct mp_end_lock *lock, mp_deadline deadline)
{
    _Atomic uint32_t *inside = &lock->inside[lock->flag];
    while (atomic_load_explicit(inside, memory_order_acquire) != 0) {
        if (mp_deadline_passed(deadline))
            return -ETIMEDOUT;
        futex_wait(inside, 1, mp_deadline_min(deadline, mp_clock_now() + LIFE_TICK_NS));
        if (is_gone(&lock->favourites[lock->flag]) && atomic_exchange(inside, 0) != 0)
            return MP_ENTERED_AFTER_DEATH;
    }
    return MP_ENTERED;
}

/* The thread's own flag, or one that is free or whose owner can write there no more. */
static uint32_t find_flag(const struct mp_end_lock *lock, uint64_t self)
{
    for (uint32_t i = 0; i < MP_FAVOURITES; i++)
        if (lock->favourites[i].token == self)
            return i;
    for (uint32_t i = 0; i < MP_FAVOURITES; i++)
        if (lock->favourites[i].token == 0 || is_gone(&lock->favourites[i]))
            return i;
    return MP_FAVOURITES;
}

/*
 * With the mutex held and nobody inside: let the calling thread come in without the mutex from the
 * next time on. One that was killed while it was late may have left its flag set.
 */
static void favour(struct mp_end_lock *lock, uint64_t self)
{
    uint32_t flag = mp_self_has_barrier() && !lock->mixed ? find_flag(lock, self) : MP_FAVOURITES;
    if (flag == MP_FAVOURITES)
        return;
    lock->flag = flag;
    lock->favourites[flag] =
        (struct mp_favourite){.token = self, .name = mp_self_name(), .tid = gettid()};
    atomic_store_explicit(&lock->inside[flag], 0, memory_order_relaxed);
    atomic_store_explicit(&lock->favoured, self | flag, memory_order_release);
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
    uint64_t name = lock->favourites[lock->flag].name;
    bool mine = (favoured ^ self) < MP_FAVOURITES;
    lock->mixed |= name != 0 && !mp_self_can_judge(name);
    if (mine && atomic_load_explicit(&lock->inside[lock->flag], memory_order_relaxed) != 0)
        return -EDEADLK;
    if (favoured > MP_LOCK_SHARED && !mine) {
        atomic_store(&lock->favoured, MP_LOCK_SHARED);
        mp_self_barrier_all();
    }
    return wait_until_empty(lock, deadline);
}

/* The thread sanitizer does not know pthread_mutex_clocklock(), nor what any other call that waits
 * for a time learns of a holder's death: there, the mutex is asked for again and again. */
static int lock_until(pthread_mutex_t *mutex, mp_deadline until)
{
#if defined __SANITIZE_THREAD__
    int rc;
    while ((rc = pthread_mutex_trylock(mutex)) == EBUSY && !mp_deadline_passed(until))
        sched_yield();
    return rc == EBUSY ? ETIMEDOUT : rc;
#else
    struct timespec at = mp_deadline_timespec(until);
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &at);
#endif
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
        rc = lock_until(mutex, mp_deadline_min(deadline, mp_clock_now() + tick));
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
    uint64_t favoured = atomic_load_explicit(&lock->favoured, memory_order_relaxed);
    if ((favoured ^ mp_self_thread()) < MP_FAVOURITES)
        atomic_compare_exchange_strong(&lock->favoured, &favoured, MP_LOCK_NOBODY);
}
