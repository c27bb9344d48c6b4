/* SPDX-License-Identifier: MIT */
/*
 * CPython's authentication handshake as a state machine: message payloads in, message payloads out.
 *
 * No descriptor, no clock, no framing: the caller frames what comes out, bounds what comes in to
 * MP_AUTH_MESSAGE bytes and limits the time. The protocol is described in CPython's
 * Lib/multiprocessing/connection.py. A listener delivers a challenge and then answers one; a client
 * answers, then delivers.
 */
#ifndef MP_CONNECTION_AUTH_H
#define MP_CONNECTION_AUTH_H

#include <stdbool.h>
#include <stddef.h>

/* Longest message either side may send, bytes. */
#define MP_AUTH_MESSAGE 256

/* "{sha256}" and 40 random bytes, what CPython since 3.12 sends. */
#define MP_AUTH_RANDOM 40
#define MP_AUTH_CHALLENGE (8 + MP_AUTH_RANDOM)

enum mp_auth_role { MP_AUTH_LISTENER, MP_AUTH_CLIENT };

enum mp_auth_phase {
    MP_AUTH_CHALLENGE_NEXT,
    MP_AUTH_WELCOME_NEXT,
    MP_AUTH_ANSWER_NEXT,
    MP_AUTH_OVER
};

struct mp_auth_config {
    const void *key; /* borrowed until the handshake is over */
    size_t key_len;
    bool legacy_md5;                         /* also speak MD5, with peers up to Python 3.11 */
    void (*random)(void *bytes, size_t len); /* NULL: libsodium's */
};

struct mp_auth {
    struct mp_auth_config config;
    enum mp_auth_role role;
    enum mp_auth_phase phase;
    const char *why;                            /* static text once failed */
    unsigned char challenge[MP_AUTH_CHALLENGE]; /* ours, behind "#CHALLENGE#" */
    size_t challenge_len;
};

/* What to send; nothing when len is 0. */
struct mp_auth_message {
    unsigned char bytes[MP_AUTH_MESSAGE];
    size_t len;
};

/* Begin a handshake; a listener speaks first. */
void mp_auth_begin(struct mp_auth *auth, enum mp_auth_role role,
                   const struct mp_auth_config *config, struct mp_auth_message *out);

/*
 * Take the payload of the peer's next message. Whatever the result, `out` is to be sent if it is
 * not empty: the peer of a failed handshake is told.
 *
 * 0: another message is expected; 1: both sides are authenticated; MPROC_ENOCHALLENGE: a client's
 * first message was no challenge; MPROC_EAUTH: anything else.
 */
int mp_auth_feed(struct mp_auth *auth, const void *payload, size_t len,
                 struct mp_auth_message *out);

#endif
