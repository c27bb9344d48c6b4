/* SPDX-License-Identifier: MIT */
/*
 * What the wait module knows of an object that can become ready.
 *
 * An object embeds a struct mp_pollable. A waiter asks ready_now(), then collects the handles of
 * those that are not, arms them, sleeps in poll(2), and asks again those whose handles woke it.
 */
#ifndef MP_BASE_POLLABLE_H
#define MP_BASE_POLLABLE_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct mp_pollable;

struct mp_pollable_ops {
    /*
     * 1: a call on the object would not block (data, end of file, or an error to report); 0: not
     * yet; negative: the object cannot be waited for. `woken` false is a look at memory only,
     * without a system call; true says that a handle is ready or wake_at has passed, and to make
     * all progress that can be made without blocking.
     */
    int (*ready_now)(struct mp_pollable *, bool woken);

    /*
     * Fill at most `room` entries (fd and events) and return how many there are; a larger number
     * than `room` asks for more room. May change with each ready_now(). The first is the object's
     * own; what other threads do with it may close the others at any time.
     */
    size_t (*handles)(struct mp_pollable *, struct pollfd *out, size_t room);

    /* When to make progress although no handle became ready. Asked after handles(). NULL: never. */
    mp_deadline (*wake_at)(struct mp_pollable *);

    /* Promise a wake-up on a handle until disarm(): 0, or 1 for "ready already". NULL: always
     * promised. */
    int (*arm)(struct mp_pollable *);
    void (*disarm)(struct mp_pollable *);
};

/*
 * Who keeps an eye on an object between two waits, as a waitset does. Its memory outlives its
 * watch.
 */
struct mp_watcher {
    /* What lies in the object's memory may have changed without a word on its handle, or somebody
     * is about to sleep on the object by himself. Any thread. */
    void (*touch)(struct mp_watcher *, const struct mp_pollable *);

    /* The object is about to be closed. */
    void (*gone)(struct mp_watcher *, const struct mp_pollable *);

    /* It will look at the object before it sleeps, and need not be touched. */
    atomic_bool awake;
};

struct mp_pollable {
    const struct mp_pollable_ops *ops;
    struct mp_watcher *_Atomic watcher; /* or NULL */
};

/* For the object: before and after a call that may take, or read ahead, what the watcher waits
 * for. Costs two loads while the object is watched, one while it is not. */
static inline void mp_pollable_touch(struct mp_pollable *item)
{
    struct mp_watcher *watcher = atomic_load_explicit(&item->watcher, memory_order_acquire);
    if (watcher && !atomic_load(&watcher->awake))
        watcher->touch(watcher, item);
}

/* For the object: before it is closed. */
static inline void mp_pollable_leave(struct mp_pollable *item)
{
    struct mp_watcher *watcher = atomic_load_explicit(&item->watcher, memory_order_acquire);
    if (watcher)
        watcher->gone(watcher, item);
}

/*
 * Wait until at least one of `n` is ready and set ready[i] to 1 for all that are, 0 for the others.
 * Returns how many are ready, 0 at the deadline, or a negative code.
 */
int mp_pollable_wait(struct mp_pollable *const *items, unsigned char *ready, size_t n,
                     mp_deadline deadline);

/* The same for one: 1 ready, 0 at the deadline, negative code. */
int mp_pollable_wait_one(struct mp_pollable *item, mp_deadline deadline);

#endif
