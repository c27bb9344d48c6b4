/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/options.h"
#include "connection/ring_pipe.h"
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
 * Takes the descriptors, also on failure.
 */
static int stream_pipe(mproc_conn **first, mproc_conn **second, bool simplex, int fds[2])
{
    if (!simplex)
        return adopt_pair(fds, first, 0, second, 0);
    if (shutdown(fds[0], SHUT_WR) < 0) {
        int rc = -errno;
        mp_fd_close(&fds[0]);
        mp_fd_close(&fds[1]);
        return rc;
    }
    return adopt_pair(fds, first, MPROC_CONN_READONLY, second, MPROC_CONN_WRITEONLY);
}

/* Is half of the descriptor table in use? New descriptors get the lowest number that is free, see
 * open(2). */
static bool are_descriptors_scarce(int newest)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)newest >= limit.rlim_cur / 2;
}

/*
 * A ring, and where there is none to be had a stream. What would be the stream is at hand in any
 * case: over it the ring's connections will travel.
 */
static int make_pipe(mproc_conn **first, mproc_conn **second, unsigned flags,
                     const mproc_pipe_options *options)
{
    bool simplex = flags & MPROC_SIMPLEX;
    int fds[2];
    int rc = mp_fd_socketpair(fds);
    if (rc < 0)
        return rc;
    bool try_ring = flags & MPROC_PIPE_RING ||
                    (!(flags & MPROC_PIPE_STREAM) && !are_descriptors_scarce(fds[1]));
    if (try_ring) {
        rc = mp_ring_pipe(first, second, simplex, options, fds);
        if (rc == 0) {
            mp_twin_join(*first, *second);
            return 0;
        }
    }
    if (flags & MPROC_PIPE_RING) {
        mp_fd_close(&fds[0]);
        mp_fd_close(&fds[1]);
        return rc;
    }
    return stream_pipe(first, second, simplex, fds);
}

int mproc_pipe_with(mproc_conn **first, mproc_conn **second, unsigned flags,
                    const mproc_pipe_options *options)
{
    const unsigned ways = MPROC_DUPLEX | MPROC_SIMPLEX;
    const unsigned kinds = MPROC_PIPE_STREAM | MPROC_PIPE_RING;
    if (!first || !second || (flags & ways) == ways || (flags & kinds) == kinds ||
        (flags & ~(ways | kinds)) != 0)
        return -EINVAL;
    mproc_pipe_options chosen = MPROC_PIPE_OPTIONS_INIT;
    int rc = mp_options_read(&chosen, sizeof chosen, options, NULL);
    if (rc == 0 && isnan(chosen.spin_us))
        rc = -EINVAL;
    return rc < 0 ? rc : make_pipe(first, second, flags, &chosen);
}

int mproc_pipe(mproc_conn **first, mproc_conn **second, unsigned flags)
{
    return mproc_pipe_with(first, second, flags, NULL);
}
