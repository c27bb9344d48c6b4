/* SPDX-License-Identifier: MIT */
/* File descriptors: close-on-exec always, EINTR never, 0 to 2 left to stdio. */
#ifndef MP_BASE_FD_H
#define MP_BASE_FD_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/clock.h"

/*
 * Make a descriptor that this library just got its own: close-on-exec, and above stderr, since a
 * program started with stdin closed would otherwise find mproc's descriptor under that number.
 * Returns the descriptor, or -errno with `fd` closed. A negative fd is returned as it is.
 */
int mp_fd_own(int fd);

/* Close and set to -1; errno is kept, a negative *fd ignored. */
void mp_fd_close(int *fd);

/* A socketpair(AF_UNIX, SOCK_STREAM) or pipe(2), both ends owned. 0 or -errno. */
int mp_fd_socketpair(int fds[2]);
int mp_fd_pipe(int fds[2]);

/* Does this errno say that a call which may not block would have to? */
static inline bool mp_would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

int mp_fd_set_nonblocking(int fd, bool on);

/* writev(2) that reports a broken pipe by EPIPE alone, without the signal. -1 with errno, as it. */
ssize_t mp_fd_writev(int fd, const struct iovec *parts, size_t n);

/*
 * poll(2) until the deadline. Number of entries ready, 0 at the deadline, or -errno, never -EINTR.
 */
int mp_poll(struct pollfd *fds, size_t n, mp_deadline deadline);

/* Wait for `events` (or hang-up or error) on one descriptor: 0, -ETIMEDOUT, or -errno. */
int mp_fd_wait(int fd, short events, mp_deadline deadline);

#endif
