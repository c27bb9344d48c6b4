/* SPDX-License-Identifier: MIT */
/* mproc through its public face: a pipe with PIPE_FLAGS, or a TCP socket where TCP is defined. */
#include <mproc/connection.h>
#include <mproc/error.h>

#include "../loops.h"
#include "socket.h"

static mproc_conn *ends[2];
static mproc_conn *conn;

static void check(long rc)
{
    if (rc < 0)
        bench_die(mproc_strerror((int)rc));
}

static void peer_send(const unsigned char *message, size_t len)
{
    check(mproc_conn_send_bytes(conn, message, len));
}

static void peer_recv(unsigned char *message, size_t len)
{
    check(mproc_conn_recv_bytes_into(conn, message, len));
}

static void prepare_conns(const struct bench_run *run)
{
    (void)run;
#if defined TCP
    int fds[2];
    tcp_pair(fds);
    check(mproc_conn_from_handle(&ends[0], fds[0], 0));
    check(mproc_conn_from_handle(&ends[1], fds[1], 0));
#else
    check(mproc_pipe(&ends[0], &ends[1], PIPE_FLAGS));
#endif
}

static void open_side(const struct bench_run *run, int side)
{
    (void)run;
    conn = ends[side];
    mproc_conn_close(ends[!side]);
}

static void close_side(int side)
{
    (void)side;
    mproc_conn_close(conn);
}

static int stream_fd(void)
{
    return mproc_conn_handle(conn);
}

int main(int argc, char **argv)
{
    const struct bench_peer peer = {
        .loops = &bench_loops,
        .prepare = prepare_conns,
        .open = open_side,
        .close = close_side,
        .fd = IS_STREAM ? stream_fd : NULL,
    };
    return bench_main(argc, argv, &peer);
}
