/* SPDX-License-Identifier: MIT */
/* Stream sockets as listener and client want them. */
#ifndef MP_LISTENER_SOCKET_H
#define MP_LISTENER_SOCKET_H

#include "listener/endpoint.h"

/* A new stream socket in blocking mode, owned; or -errno. */
int mp_socket_new(int family);

/* TCP: send without delay, notice a dead peer. Nothing for other families. Never fails: a
 * connection without them works. */
void mp_socket_tune(int fd, int family);

/* TCP, where the system can: acknowledge what has come now, without waiting for something to send
 * along. tcp(7), TCP_QUICKACK. */
void mp_socket_acknowledge(int fd);

/*
 * The next waiting client of a non-blocking listening socket, in blocking mode, owned, and its
 * address; or -errno.
 */
int mp_socket_accept(int listening, struct mp_endpoint *peer);

/* The platform's part of it: without mp_fd_own(). */
int mp_socket_accept_raw(int listening, struct sockaddr *peer, socklen_t *len);

/* 0 if the peer of an AF_UNIX socket is this user or root, -EACCES if not, -ENOTSUP where that
 * cannot be known. */
int mp_socket_check_peer(int fd);

/* Can mp_socket_check_peer() know? */
bool mp_socket_knows_peer(void);

#endif
