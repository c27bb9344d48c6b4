/* SPDX-License-Identifier: MIT */
/* An epoll instance over the socket, the handshakes and a timerfd: readable when any of them is. */
#include "listener/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "base/fd.h"

struct mp_watch {
    int epoll;
    int timer;
    mp_deadline alarm; /* what the timer is set to */
};

static int control(const struct mp_watch *watch, int op, int fd, short events, void *who)
{
    /* Level-triggered: what is left unread shows again. */
    struct epoll_event event = {.data.ptr = who};
    event.events = (events & POLLOUT) ? EPOLLOUT : EPOLLIN;
    return epoll_ctl(watch->epoll, op, fd, &event) < 0 ? -errno : 0;
}

static int fill(struct mp_watch *watch, int listening)
{
    watch->epoll = mp_fd_own(epoll_create1(EPOLL_CLOEXEC));
    if (watch->epoll < 0)
        return -errno;
    watch->timer = mp_fd_own(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (watch->timer < 0)
        return -errno;
    int rc = control(watch, EPOLL_CTL_ADD, listening, POLLIN, watch);
    return rc < 0 ? rc : control(watch, EPOLL_CTL_ADD, watch->timer, POLLIN, &watch->timer);
}

int mp_watch_new(struct mp_watch **out, int listening)
{
    struct mp_watch *watch = malloc(sizeof *watch);
    if (!watch)
        return -ENOMEM;
    *watch = (struct mp_watch){.epoll = -1, .timer = -1, .alarm = MP_NEVER};
    int rc = fill(watch, listening);
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
    mp_fd_close(&watch->timer);
    mp_fd_close(&watch->epoll);
    free(watch);
}

int mp_watch_add(struct mp_watch *watch, int fd, short events, void *who)
{
    return control(watch, EPOLL_CTL_ADD, fd, events, who);
}

int mp_watch_change(struct mp_watch *watch, int fd, short events, void *who)
{
    return control(watch, EPOLL_CTL_MOD, fd, events, who);
}

void mp_watch_remove(struct mp_watch *watch, int fd)
{
    control(watch, EPOLL_CTL_DEL, fd, POLLIN, NULL);
}

/*
 * Waking up too early costs one useless look, setting the timer for every handshake a system call
 * each; so a later time replaces an earlier one only once that has passed.
 */
void mp_watch_set_alarm(struct mp_watch *watch, mp_deadline at)
{
    if (at >= watch->alarm && !mp_deadline_passed(watch->alarm))
        return;
    struct itimerspec spec = {.it_value = {0, 0}}; /* disarmed */
    if (at != MP_NEVER)
        spec.it_value = mp_deadline_timespec(at);
    if (at == MP_NOW)
        spec.it_value.tv_nsec = 1; /* long past */
    /* Fails for bad arguments only. */
    timerfd_settime(watch->timer, TFD_TIMER_ABSTIME, &spec, NULL);
    watch->alarm = at;
}

int mp_watch_look(struct mp_watch *watch, struct mp_watch_found *found)
{
    struct epoll_event events[MP_WATCH_FOUND];
    found->n = 0;
    found->listening = false;
    int n = epoll_wait(watch->epoll, events, MP_WATCH_FOUND, 0);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == watch)
            found->listening = true;
        else if (events[i].data.ptr != &watch->timer)
            found->who[found->n++] = events[i].data.ptr;
    }
    return 0;
}

int mp_watch_sleep(struct mp_watch *watch, mp_deadline deadline)
{
    int rc = mp_fd_wait(watch->epoll, POLLIN, deadline);
    return rc == -ETIMEDOUT ? 0 : rc;
}

size_t mp_watch_handles(const struct mp_watch *watch, struct pollfd *out, size_t room)
{
    if (room > 0)
        out[0] = (struct pollfd){.fd = watch->epoll, .events = POLLIN};
    return 1;
}

mp_deadline mp_watch_wake_at(const struct mp_watch *watch)
{
    (void)watch;
    return MP_NEVER;
}

mp_deadline mp_watch_recheck_at(void)
{
    return MP_NEVER;
}

int mp_watch_handle(const struct mp_watch *watch)
{
    return watch->epoll;
}
