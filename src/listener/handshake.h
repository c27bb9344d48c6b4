/* SPDX-License-Identifier: MIT */
/*
 * The authentication handshake over a stream socket, a step at a time and without blocking.
 *
 * Exactly the handshake's bytes are read: what the peer sends behind them belongs to the connection
 * that adopts the descriptor.
 */
#ifndef MP_LISTENER_HANDSHAKE_H
#define MP_LISTENER_HANDSHAKE_H

#include "connection/auth.h"
#include "connection/frame.h"

struct mp_handshake {
    struct mp_auth auth;
    int fd;            /* borrowed; either blocking mode */
    int verdict;       /* what to return once `out` has left; 0 while going on */
    const char *why;   /* static text, once failed */
    unsigned messages; /* whole ones received */
    size_t in_len;
    size_t out_len;
    size_t out_at;
    unsigned char in[MP_FRAME_LONG + MP_AUTH_MESSAGE];
    unsigned char out[MP_FRAME_SHORT + MP_AUTH_MESSAGE];
};

void mp_handshake_begin(struct mp_handshake *h, int fd, enum mp_auth_role role,
                        const struct mp_auth_config *config);

/*
 * Go as far as possible without blocking. 1: authenticated; 0: waiting for mp_handshake_events();
 * negative: failed. MPROC_EOF: the peer closed between messages; MPROC_EPROTO: inside one, or an
 * impossible header; MPROC_EAUTH, MPROC_ENOCHALLENGE: see auth.h; -errno of the socket.
 */
int mp_handshake_step(struct mp_handshake *h);

/* POLLIN or POLLOUT. */
short mp_handshake_events(const struct mp_handshake *h);

/* Has nothing at all come from the peer? */
bool mp_handshake_is_silent(const struct mp_handshake *h);

#endif
