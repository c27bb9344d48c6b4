/* SPDX-License-Identifier: MIT */
/* A poll(2) set: entry 0 is the listening socket, the others are the handshakes. */
#include "listener/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define FIRST_ROOM 8

#define RECHECK_NS 20000000

struct mp_watch {
    int listening;
    struct pollfd *fds;
    void **who;
    size_t n;
    size_t room;
    size_t next; /* where the next look begins, so that all get their turn */
    mp_deadline alarm;
    int64_t looked; /* when somebody looked last */
};

static int grow(struct mp_watch *watch)
{
    size_t room = watch->room ? watch->room * 2 : FIRST_ROOM;
    struct pollfd *fds = realloc(watch->fds, room * sizeof *fds);
    if (!fds)
        return -ENOMEM;
    watch->fds = fds;
    void **who = realloc(watch->who, room * sizeof *who);
    if (!who)
        return -ENOMEM;
    watch->who = who;
    watch->room = room;
    return 0;
}

int mp_watch_new(struct mp_watch **out, int listening)
{
    struct mp_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return -ENOMEM;
    watch->listening = listening;
    watch->alarm = MP_NEVER;
    int rc = mp_watch_add(watch, listening, POLLIN, NULL);
    if (rc < 0)
        mp_watch_free(watch);
    else
        *out = watch;
    return rc;
}

void mp_watch_free(struct mp_watch *watch)
{
    if (!watch)
        return;
    free(watch->fds);
    free(watch->who);
    free(watch);
}

int mp_watch_add(struct mp_watch *watch, int fd, short events, void *who)
{
    int rc = watch->n == watch->room ? grow(watch) : 0;
    if (rc < 0)
        return rc;
    watch->fds[watch->n] = (struct pollfd){.fd = fd, .events = events};
    watch->who[watch->n++] = who;
    return 0;
}

static size_t find(const struct mp_watch *watch, int fd)
{
    size_t i = 0;
    while (i < watch->n && watch->fds[i].fd != fd)
        i++;
    return i;
}

int mp_watch_change(struct mp_watch *watch, int fd, short events, void *who)
{
    size_t i = find(watch, fd);
    if (i == watch->n)
        return -ENOENT;
    watch->fds[i].events = events;
    watch->who[i] = who;
    return 0;
}

void mp_watch_remove(struct mp_watch *watch, int fd)
{
    size_t i = find(watch, fd);
    if (i == watch->n)
        return;
    watch->n--;
    watch->fds[i] = watch->fds[watch->n];
    watch->who[i] = watch->who[watch->n];
}

void mp_watch_set_alarm(struct mp_watch *watch, mp_deadline at)
{
    watch->alarm = at;
}

static void collect(struct mp_watch *watch, struct mp_watch_found *found)
{
    found->listening = watch->fds[0].revents != 0;
    size_t handshakes = watch->n - 1;
    for (size_t k = 0; k < handshakes && found->n < MP_WATCH_FOUND; k++) {
        size_t i = 1 + (watch->next + k) % handshakes;
        if (watch->fds[i].revents)
            found->who[found->n++] = watch->who[i];
    }
    watch->next += found->n;
}

int mp_watch_look(struct mp_watch *watch, struct mp_watch_found *found)
{
    found->n = 0;
    found->listening = false;
    watch->looked = mp_clock_now();
    int n = mp_poll(watch->fds, watch->n, MP_NOW);
    if (n > 0)
        collect(watch, found);
    return n < 0 ? n : 0;
}

int mp_watch_sleep(struct mp_watch *watch, mp_deadline deadline)
{
    int n = mp_poll(watch->fds, watch->n, mp_deadline_min(deadline, watch->alarm));
    return n < 0 ? n : 0;
}

size_t mp_watch_handles(const struct mp_watch *watch, struct pollfd *out, size_t room)
{
    memcpy(out, watch->fds, (room < watch->n ? room : watch->n) * sizeof *out);
    return watch->n;
}

/* Whoever asks may have begun to sleep when there was less to sleep on. */
mp_deadline mp_watch_wake_at(const struct mp_watch *watch)
{
    return watch->n > 1 ? mp_deadline_min(watch->alarm, watch->looked + RECHECK_NS) : watch->alarm;
}

mp_deadline mp_watch_recheck_at(void)
{
    return mp_clock_now() + RECHECK_NS;
}

int mp_watch_handle(const struct mp_watch *watch)
{
    return watch->listening;
}
