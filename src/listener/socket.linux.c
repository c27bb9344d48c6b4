/* SPDX-License-Identifier: MIT */
#include "listener/socket.h"

#include <errno.h>
#include <unistd.h>

int mp_socket_accept_raw(int listening, struct sockaddr *peer, socklen_t *len)
{
    return accept4(listening, peer, len, SOCK_CLOEXEC);
}

bool mp_socket_knows_peer(void)
{
    return true;
}

/* The credentials are those at the time of connect(2) and listen(2), see unix(7). */
int mp_socket_check_peer(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -errno;
    return peer.uid == geteuid() || peer.uid == 0 ? 0 : -EACCES;
}
