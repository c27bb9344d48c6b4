/* SPDX-License-Identifier: MIT */
/*
 * What a listener sleeps on: its socket, the handshakes under way, and a time.
 *
 * On Linux one descriptor stands for all of it, so that a foreign event loop can watch it too.
 */
#ifndef MP_LISTENER_WATCH_H
#define MP_LISTENER_WATCH_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct mp_watch;

/* Ready ones of one look; those beyond the room show in the next. */
#define MP_WATCH_FOUND 64

struct mp_watch_found {
    void *who[MP_WATCH_FOUND];
    size_t n;
    bool listening; /* a client waits at the socket */
};

/* Watch a listening socket, which is borrowed. 0 or -errno. */
int mp_watch_new(struct mp_watch **out, int listening);

/* Takes NULL. Of what is watched nothing is closed. */
void mp_watch_free(struct mp_watch *watch);

/* Watch a socket for POLLIN or POLLOUT. What is added must be removed before it is closed: a forked
 * process may hold a copy, and that alone would keep it watched. */
int mp_watch_add(struct mp_watch *watch, int fd, short events, void *who);
int mp_watch_change(struct mp_watch *watch, int fd, short events, void *who);
void mp_watch_remove(struct mp_watch *watch, int fd);

/* Wake up at this time; MP_NEVER: not at any. Replaces what was set before. */
void mp_watch_set_alarm(struct mp_watch *watch, mp_deadline at);

/* What is ready now, without blocking. 0 or -errno. */
int mp_watch_look(struct mp_watch *watch, struct mp_watch_found *found);

/* Sleep until something is ready, the alarm, or the deadline: 0 or -errno. */
int mp_watch_sleep(struct mp_watch *watch, mp_deadline deadline);

/* For struct mp_pollable_ops. */
size_t mp_watch_handles(const struct mp_watch *watch, struct pollfd *out, size_t room);
mp_deadline mp_watch_wake_at(const struct mp_watch *watch);

/* When to look again while another thread is at the watch, and may change what there is to sleep
 * on. MP_NEVER: the handle tells of all. */
mp_deadline mp_watch_recheck_at(void);

/* For a foreign event loop. Any thread. */
int mp_watch_handle(const struct mp_watch *watch);

#endif
