/* SPDX-License-Identifier: MIT */
/* Connected pairs of sockets, the same for the raw programs and for mproc. */
#ifndef BENCH_SOCKET_H
#define BENCH_SOCKET_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common.h"

static inline void unix_pair(int fds[2])
{
    bench_check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
}

static inline void tcp_pair(int fds[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bench_check(bind(listener, (struct sockaddr *)&at, len) == 0, "bind");
    bench_check(listen(listener, 1) == 0, "listen");
    bench_check(getsockname(listener, (struct sockaddr *)&at, &len) == 0, "getsockname");
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    bench_check(connect(fds[0], (struct sockaddr *)&at, len) == 0, "connect");
    fds[1] = accept(listener, NULL, NULL);
    bench_check(fds[1] >= 0, "accept");
    close(listener);
    int on = 1;
    for (int i = 0; i < 2; i++)
        bench_check(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0,
                    "setsockopt");
}

#endif
