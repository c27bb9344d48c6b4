/* SPDX-License-Identifier: MIT */
#include "listener/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/fd.h"

static void set_option(int fd, int level, int option)
{
    int on = 1;
    setsockopt(fd, level, option, &on, sizeof on);
}

static void keep_from_sigpipe(int fd)
{
#if defined SO_NOSIGPIPE
    set_option(fd, SOL_SOCKET, SO_NOSIGPIPE);
#else
    (void)fd; /* each send says MSG_NOSIGNAL */
#endif
}

int mp_socket_new(int family)
{
#if defined SOCK_CLOEXEC
    int raw = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
#else
    int raw = socket(family, SOCK_STREAM, 0);
#endif
    int fd = mp_fd_own(raw < 0 ? -errno : raw);
    if (fd >= 0)
        keep_from_sigpipe(fd);
    return fd;
}

void mp_socket_tune(int fd, int family)
{
    if (family != AF_INET && family != AF_INET6)
        return;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
}

void mp_socket_acknowledge(int fd)
{
#if defined TCP_QUICKACK
    set_option(fd, IPPROTO_TCP, TCP_QUICKACK);
#else
    (void)fd;
#endif
}

int mp_socket_accept(int listening, struct mp_endpoint *peer)
{
    memset(peer, 0, sizeof *peer);
    peer->len = sizeof peer->addr;
    int raw = mp_socket_accept_raw(listening, (struct sockaddr *)&peer->addr, &peer->len);
    int fd = mp_fd_own(raw < 0 ? -errno : raw);
    if (fd < 0)
        return fd;
    keep_from_sigpipe(fd);
    mp_socket_tune(fd, peer->addr.ss_family);
    return fd;
}
