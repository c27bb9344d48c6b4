/* SPDX-License-Identifier: MIT */
#include "support/pairs.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void make_duplex_pipe(mproc_conn **first, mproc_conn **second)
{
    ck_assert_int_eq(mproc_pipe(first, second, MPROC_DUPLEX), 0);
}

static void make_simplex_pipe(mproc_conn **first, mproc_conn **second)
{
    ck_assert_int_eq(mproc_pipe(first, second, MPROC_SIMPLEX), 0);
}

#if defined __linux__ && !defined MP_PORTABLE

static void make_ring(mproc_conn **first, mproc_conn **second)
{
    ck_assert_int_eq(mproc_pipe(first, second, MPROC_DUPLEX | MPROC_PIPE_RING), 0);
}

static void make_simplex_ring(mproc_conn **first, mproc_conn **second)
{
    ck_assert_int_eq(mproc_pipe(first, second, MPROC_SIMPLEX | MPROC_PIPE_RING), 0);
}

/* So small that nearly everything wraps, waits for room or passes in pieces. */
static void make_tiny_ring(mproc_conn **first, mproc_conn **second)
{
    mproc_pipe_options options = MPROC_PIPE_OPTIONS_INIT;
    options.ring_bytes = 4096;
    ck_assert_int_eq(mproc_pipe_with(first, second, MPROC_DUPLEX | MPROC_PIPE_RING, &options), 0);
}

/* Without any looking, so that every wait sleeps. */
static void make_drowsy_simplex_ring(mproc_conn **first, mproc_conn **second)
{
    mproc_pipe_options options = MPROC_PIPE_OPTIONS_INIT;
    options.ring_bytes = 262144;
    options.spin_us = 0;
    ck_assert_int_eq(mproc_pipe_with(first, second, MPROC_SIMPLEX | MPROC_PIPE_RING, &options), 0);
}

#endif

static void make_stream_pipe(mproc_conn **first, mproc_conn **second)
{
    ck_assert_int_eq(mproc_pipe(first, second, MPROC_DUPLEX | MPROC_PIPE_STREAM), 0);
}

static void adopt(const int fds[2], unsigned flags, mproc_conn **first, mproc_conn **second)
{
    ck_assert_int_eq(mproc_conn_from_handle(first, fds[0], flags), 0);
    ck_assert_int_eq(mproc_conn_from_handle(second, fds[1], flags), 0);
}

static void make_adopted_pipe(mproc_conn **first, mproc_conn **second)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    adopt(fds, 0, first, second);
}

static void make_nonblocking_pipe(mproc_conn **first, mproc_conn **second)
{
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
    adopt(fds, 0, first, second);
}

void mp_raw_pair(int fds[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static void make_shared(mproc_conn **first, mproc_conn **second)
{
    int fds[2];
    mp_raw_pair(fds);
    adopt(fds, MPROC_CONN_SHARED, first, second);
}

static void make_nonblocking_unix(mproc_conn **first, mproc_conn **second)
{
    int fds[2];
    mp_raw_pair(fds);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    adopt(fds, 0, first, second);
}

static void make_tcp(mproc_conn **first, mproc_conn **second)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &len), 0);
    int fds[2];
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fds[0], (struct sockaddr *)&name, len), 0);
    fds[1] = accept(listener, NULL, NULL);
    ck_assert_int_ge(fds[1], 0);
    close(listener);
    adopt(fds, 0, first, second);
}

const struct mp_pair_kind mp_pair_kinds[] = {
    {"duplex pipe", true, false, false, make_duplex_pipe},
    {"simplex pipe", false, false, false, make_simplex_pipe},
#if defined __linux__ && !defined MP_PORTABLE
    {"ring", true, false, false, make_ring},
    {"simplex ring", false, false, false, make_simplex_ring},
    {"tiny ring", true, false, false, make_tiny_ring},
    {"drowsy simplex ring", false, false, false, make_drowsy_simplex_ring},
#endif
    {"stream pipe", true, true, false, make_stream_pipe},
    {"adopted pipe", false, true, false, make_adopted_pipe},
    {"non-blocking pipe", false, true, false, make_nonblocking_pipe},
    {"shared socket", true, true, true, make_shared},
    {"non-blocking AF_UNIX", true, true, false, make_nonblocking_unix},
    {"TCP", true, true, false, make_tcp},
};

const int mp_pair_kinds_count = sizeof mp_pair_kinds / sizeof mp_pair_kinds[0];
