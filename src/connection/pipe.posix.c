/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "connection/stream.h"
#include "connection/twin.h"

int mproc_conn_from_handle(mproc_conn **conn, mproc_handle handle, unsigned flags)
{
    if (!conn)
        return -EINVAL;
    int fd_flags = fcntl(handle, F_GETFD);
    if (fd_flags < 0)
        return -errno;
    int rc = mp_stream_new(conn, handle, flags);
    if (rc == 0)
        fcntl(handle, F_SETFD, fd_flags | FD_CLOEXEC);
    return rc;
}

/* Connections over both descriptors, which are closed on failure. */
static int adopt_pair(int fds[2], mproc_conn **first, unsigned first_flags, mproc_conn **second,
                      unsigned second_flags)
{
    mproc_conn *a = NULL;
    mproc_conn *b = NULL;
    int rc = mp_stream_new(&a, fds[0], first_flags);
    if (rc == 0)
        rc = mp_stream_new(&b, fds[1], second_flags);
    if (rc == 0) {
        mp_twin_join(a, b);
        *first = a;
        *second = b;
        return 0;
    }
    if (a)
        mproc_conn_close(a);
    else
        mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
    return rc;
}

/*
 * Socket pairs also for one direction: unlike a pipe they can be told per call not to block,
 * without O_NONBLOCK on a description that a Python child may share, and not to raise SIGPIPE.
 */
static int stream_pipe(mproc_conn **first, mproc_conn **second, bool simplex)
{
    int fds[2];
    int rc = mp_fd_socketpair(fds);
    if (rc < 0)
        return rc;
    if (!simplex)
        return adopt_pair(fds, first, 0, second, 0);
    if (shutdown(fds[0], SHUT_WR) < 0) {
        rc = -errno;
        mp_fd_close(&fds[0]);
        mp_fd_close(&fds[1]);
        return rc;
    }
    return adopt_pair(fds, first, MPROC_CONN_READONLY, second, MPROC_CONN_WRITEONLY);
}

int mproc_pipe(mproc_conn **first, mproc_conn **second, unsigned flags)
{
    const unsigned ways = MPROC_DUPLEX | MPROC_SIMPLEX;
    if (!first || !second || (flags & ways) == ways || (flags & ~(ways | MPROC_PIPE_STREAM)) != 0)
        return -EINVAL;
    return stream_pipe(first, second, flags & MPROC_SIMPLEX);
}
