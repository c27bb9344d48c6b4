/* SPDX-License-Identifier: MIT */
#include "listener/socket.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"

/* Some systems hand the listening socket's O_NONBLOCK on to what it accepts. */
int mp_socket_accept_raw(int listening, struct sockaddr *peer, socklen_t *len)
{
    int fd = accept(listening, peer, len);
    if (fd < 0)
        return fd;
    int rc = mp_fd_set_nonblocking(fd, false);
    if (rc == 0)
        return fd;
    close(fd);
    errno = -rc;
    return -1;
}

bool mp_socket_knows_peer(void)
{
    return false;
}

int mp_socket_check_peer(int fd)
{
    (void)fd;
    return -ENOTSUP;
}
