/* SPDX-License-Identifier: MIT */
#include "base/pollable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define HANDLES_ON_STACK 64

/* The poll(2) set of one round: handles of the items that are not ready, item after item. */
struct poll_set {
    struct pollfd *fds;
    size_t *owners; /* owners[k]: index of the item that gave fds[k] */
    size_t n;
    size_t room;
    struct pollfd first_fds[HANDLES_ON_STACK];
    size_t first_owners[HANDLES_ON_STACK];
};

static void poll_set_init(struct poll_set *set)
{
    set->fds = set->first_fds;
    set->owners = set->first_owners;
    set->n = 0;
    set->room = HANDLES_ON_STACK;
}

static void poll_set_free(struct poll_set *set)
{
    if (set->fds == set->first_fds)
        return;
    free(set->fds);
    free(set->owners);
}

static int poll_set_grow(struct poll_set *set, size_t room)
{
    struct pollfd *fds = calloc(room, sizeof *fds);
    size_t *owners = calloc(room, sizeof *owners);
    if (!fds || !owners) {
        free(fds);
        free(owners);
        return -ENOMEM;
    }
    memcpy(fds, set->fds, set->n * sizeof *fds);
    memcpy(owners, set->owners, set->n * sizeof *owners);
    poll_set_free(set);
    set->fds = fds;
    set->owners = owners;
    set->room = room;
    return 0;
}

/* Append the handles of `item`, the one at index `owner`. 0 or -ENOMEM. */
static int poll_set_add(struct poll_set *set, struct mp_pollable *item, size_t owner)
{
    size_t wanted;
    while ((wanted = item->ops->handles(item, set->fds + set->n, set->room - set->n)) >
           set->room - set->n) {
        int rc = poll_set_grow(set, 2 * (set->n + wanted));
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < wanted; i++)
        set->owners[set->n++] = owner;
    return 0;
}

/* What ready[i] says while the wait is on; only the first is left when it is over. */
enum { READY = 1, ARMED = 2 };

struct waiting {
    struct mp_pollable *const *items;
    unsigned char *ready;
    size_t n;
    size_t armed; /* items before this one are armed, unless they were ready */
    int count;    /* how many are ready */
};

static int mark(struct waiting *w, size_t i, int rc)
{
    if (rc < 0)
        return rc;
    if (rc > 0) {
        w->ready[i] |= READY;
        w->count++;
    }
    return 0;
}

static int look_at_all(struct waiting *w)
{
    for (size_t i = 0; i < w->n; i++) {
        w->ready[i] = 0;
        mp_pollable_touch(w->items[i]);
        int rc = mark(w, i, w->items[i]->ops->ready_now(w->items[i], false));
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int arm_all(struct waiting *w)
{
    for (; w->armed < w->n; w->armed++) {
        struct mp_pollable *item = w->items[w->armed];
        if ((w->ready[w->armed] & READY) || !item->ops->arm)
            continue;
        w->ready[w->armed] |= ARMED;
        int rc = mark(w, w->armed, item->ops->arm(item));
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void disarm_all(struct waiting *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if ((w->ready[i] & ARMED) && w->items[i]->ops->disarm)
            w->items[i]->ops->disarm(w->items[i]);
        w->ready[i] &= READY;
    }
}

/* What was read ahead is news to others. */
static void touch_all(struct waiting *w)
{
    for (size_t i = 0; i < w->n; i++)
        mp_pollable_touch(w->items[i]);
}

/* Collect handles and the earliest time at which an item wants to be asked again. */
static int collect(struct waiting *w, struct poll_set *set, mp_deadline *wake_at)
{
    set->n = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (w->ready[i] & READY)
            continue;
        int rc = poll_set_add(set, w->items[i], i);
        if (rc < 0)
            return rc;
        if (w->items[i]->ops->wake_at)
            *wake_at = mp_deadline_min(*wake_at, w->items[i]->ops->wake_at(w->items[i]));
    }
    return 0;
}

/* Was one of the handles from *at on, while they belong to `owner`, reported? Moves *at behind
 * them. */
static int any_woken(const struct poll_set *set, size_t *at, size_t owner, bool *woken)
{
    for (size_t first = *at; *at < set->n && set->owners[*at] == owner; ++*at) {
        if (*at == first && (set->fds[*at].revents & POLLNVAL))
            return -EBADF;
        if (set->fds[*at].revents)
            *woken = true;
    }
    return 0;
}

static int ask_all(struct waiting *w, const struct poll_set *set)
{
    size_t at = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct mp_pollable *item = w->items[i];
        if (w->ready[i] & READY)
            continue;
        bool woken = item->ops->wake_at && mp_deadline_passed(item->ops->wake_at(item));
        int rc = any_woken(set, &at, i, &woken);
        if (rc == 0)
            rc = mark(w, i, item->ops->ready_now(item, woken));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Sleep and ask again until something is ready. One pass with a poll(2) that does not block comes
 * first if something is ready already, so that all that are ready are reported. */
static int sleep_until_ready(struct waiting *w, mp_deadline deadline)
{
    struct poll_set set;
    poll_set_init(&set);
    int rc = arm_all(w);
    while (rc == 0) {
        mp_deadline wake_at = w->count > 0 ? MP_NOW : deadline;
        rc = collect(w, &set, &wake_at);
        if (rc == 0)
            rc = mp_poll(set.fds, set.n, wake_at);
        if (rc >= 0)
            rc = ask_all(w, &set);
        if (rc < 0 || w->count > 0 || mp_deadline_passed(deadline))
            break;
    }
    disarm_all(w);
    poll_set_free(&set);
    return rc;
}

int mp_pollable_wait(struct mp_pollable *const *items, unsigned char *ready, size_t n,
                     mp_deadline deadline)
{
    struct waiting w = {.items = items, .ready = ready, .n = n};
    int rc = look_at_all(&w);
    if (rc == 0 && (size_t)w.count < n)
        rc = sleep_until_ready(&w, deadline);
    else if (rc == 0 && n == 0)
        rc = mp_poll(NULL, 0, deadline);
    touch_all(&w);
    return rc < 0 ? rc : w.count;
}

int mp_pollable_wait_one(struct mp_pollable *item, mp_deadline deadline)
{
    unsigned char ready;
    return mp_pollable_wait(&item, &ready, 1, deadline);
}
