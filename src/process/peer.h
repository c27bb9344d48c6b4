/* SPDX-License-Identifier: MIT */
/* Who holds the other end of a socket. */
#ifndef MP_PROCESS_PEER_H
#define MP_PROCESS_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* Is it a connected AF_UNIX stream socket? */
bool mp_peer_is_local_stream(int fd);

/* Did that process, of this user, make the pair? True where the system cannot tell. */
bool mp_peer_is(int fd, pid_t pid);

bool mp_peer_has_hung_up(int fd);

#endif
