/* SPDX-License-Identifier: MIT */
#include "process/peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

bool mp_peer_is_local_stream(int fd)
{
    int type;
    socklen_t len = sizeof type;
    struct sockaddr_storage name = {0};
    socklen_t room = sizeof name;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getpeername(fd, (struct sockaddr *)&name, &room) == 0 && name.ss_family == AF_UNIX;
}

#if defined SO_PEERCRED && !defined MP_PORTABLE

bool mp_peer_is(int fd, pid_t pid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != geteuid())
        return false;
    return peer.pid == pid || peer.pid == 0; /* 0: outside of our pid namespace */
}

#else

bool mp_peer_is(int fd, pid_t pid)
{
    (void)fd;
    (void)pid;
    return true;
}

#endif

bool mp_peer_has_hung_up(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return mp_poll(&one, 1, MP_NOW) > 0 && (one.revents & POLLHUP) != 0;
}
