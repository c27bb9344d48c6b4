/* SPDX-License-Identifier: MIT */
#ifndef MP_LISTENER_LISTENER_H
#define MP_LISTENER_LISTENER_H

#include <mproc/listener.h>

#include "base/pollable.h"
#include "listener/address.h"

/* Ready when mproc_listener_accept() would return at once. */
struct mp_pollable *mp_listener_pollable(mproc_listener *listener);

/* What listener and client options have in common: known flags, and a key where one is needed. */
struct mp_auth_choice {
    const void *authkey;
    size_t authkey_len;
    unsigned flags;
};

/* 0, or -EINVAL, -ENOTSUP, MPROC_ENOKEY. `address` NULL: no check of the address. */
int mp_auth_choice_check(const struct mp_auth_choice *choice, const struct mp_address *address,
                         mproc_error *err);

/* Must the AF_UNIX peer be asked for its credentials, for want of a key? */
bool mp_auth_choice_needs_peer(const struct mp_auth_choice *choice,
                               const struct mp_address *address);

#endif
