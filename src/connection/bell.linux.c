/* SPDX-License-Identifier: MIT */
#include "connection/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <mproc/error.h>

#include "base/fd.h"
#include "connection/self.h"

static int make_small(int fds[2])
{
    int rc = mp_fd_set_nonblocking(fds[0], true);
    if (rc == 0)
        rc = mp_fd_set_nonblocking(fds[1], true);
    /* Rounded up to one page, see F_SETPIPE_SZ in fcntl(2). */
    if (rc == 0 && fcntl(fds[1], F_SETPIPE_SZ, 1) < 0)
        rc = -errno;
    return rc;
}

int mp_bell_open(int fds[2])
{
    int both[2];
    int rc = mp_fd_pipe(both);
    if (rc < 0)
        return rc;
    rc = make_small(both);
    if (rc < 0) {
        mp_fd_close(&both[0]);
        mp_fd_close(&both[1]);
        return rc;
    }
    fds[0] = both[0];
    fds[1] = both[1];
    return 0;
}

void mp_bell_raise(struct mp_bell_flag *flag)
{
    uint32_t before = atomic_exchange(&flag->state, MP_BELL_ASLEEP);
    if (before == MP_BELL_STREAMING)
        mp_self_barrier_all();
}

bool mp_bell_lower(struct mp_bell_flag *flag)
{
    int cpu = sched_getcpu();
    atomic_store_explicit(&flag->time, mp_clock_now(), memory_order_relaxed);
    atomic_store_explicit(&flag->cpu, (uint32_t)cpu, memory_order_relaxed);
    return atomic_exchange(&flag->state, MP_BELL_AWAKE) == MP_BELL_ASLEEP;
}

int mp_bell_ring(int fd)
{
    const struct iovec byte = {.iov_base = &(char){0}, .iov_len = 1};
    while (mp_fd_writev(fd, &byte, 1) < 0) {
        if (errno == EAGAIN)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int mp_bell_drain(int fd)
{
    /* As much as the pipe can hold: a page that is not empty keeps it full. */
    char bytes[4096];
    int result = 0;
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n == 0)
            return MPROC_EOF;
        if (n < 0 && errno == EAGAIN)
            return result;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            result = 1;
        if (n > 0 && (size_t)n < sizeof bytes)
            return result;
    }
}

int mp_bell_wait_drained(int fd, mp_deadline deadline)
{
    int rc = mp_bell_ring(fd);
    if (rc < 0)
        return rc;
    struct pollfd one = {.fd = fd, .events = POLLOUT};
    rc = mp_poll(&one, 1, deadline);
    if (rc <= 0)
        return rc < 0 ? rc : -ETIMEDOUT;
    return (one.revents & POLLERR) ? -EPIPE : 0;
}

bool mp_bell_has_reader(int fd)
{
    struct pollfd one = {.fd = fd, .events = 0};
    return mp_poll(&one, 1, MP_NOW) <= 0 || !(one.revents & POLLERR);
}
