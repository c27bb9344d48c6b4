/* SPDX-License-Identifier: MIT */
/*
 * A pair of stream sockets, unix_pair or tcp_pair as SOCKET_PAIR says. With NAIVE_READER the reader
 * does what comes to mind first: one read for the header, then one for the body.
 */
#include "socket.h"
#include "raw.h"

static int ends[2];

static void peer_send(const unsigned char *message, size_t len)
{
    send_frame(message, len);
}

static void peer_recv(unsigned char *message, size_t len)
{
#if defined NAIVE_READER
    (void)len;
    uint32_t header;
    read_all((unsigned char *)&header, sizeof header);
    read_all(message, ntohl(header));
#else
    recv_frame(message, len);
#endif
}

static void prepare_sockets(const struct bench_run *run)
{
    (void)run;
    SOCKET_PAIR(ends);
}

static void open_side(const struct bench_run *run, int side)
{
    (void)run;
    in_fd = ends[side];
    out_fd = ends[side];
    close(ends[!side]);
}

static int send_fd(void)
{
    return out_fd;
}

int main(int argc, char **argv)
{
    const struct bench_peer peer = {
        .loops = &bench_loops,
        .prepare = prepare_sockets,
        .open = open_side,
        .fd = send_fd,
    };
    return bench_main(argc, argv, &peer);
}
