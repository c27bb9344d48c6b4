/* SPDX-License-Identifier: MIT */
/* Two pipes, one for each direction. */
#include "raw.h"

static int ends[2][2];

static void peer_send(const unsigned char *message, size_t len)
{
    send_frame(message, len);
}

static void peer_recv(unsigned char *message, size_t len)
{
    recv_frame(message, len);
}

static void prepare_pipes(const struct bench_run *run)
{
    (void)run;
    bench_check(pipe(ends[0]) == 0 && pipe(ends[1]) == 0, "pipe");
}

static void open_side(const struct bench_run *run, int side)
{
    (void)run;
    in_fd = ends[side][0];
    out_fd = ends[!side][1];
    close(ends[side][1]);
    close(ends[!side][0]);
}

static int send_fd(void)
{
    return out_fd;
}

int main(int argc, char **argv)
{
    const struct bench_peer peer = {
        .loops = &bench_loops,
        .prepare = prepare_pipes,
        .open = open_side,
        .fd = send_fd,
    };
    return bench_main(argc, argv, &peer);
}
