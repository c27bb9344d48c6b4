/* SPDX-License-Identifier: MIT */
/* Address strings, taken apart: no name is resolved here and no socket touched. */
#ifndef MP_LISTENER_ADDRESS_H
#define MP_LISTENER_ADDRESS_H

#include <stdint.h>

#include "base/error.h"

enum mp_family { MP_TCP, MP_UNIX, MP_ABSTRACT, MP_VSOCK };

enum mp_address_use { MP_TO_LISTEN, MP_TO_CONNECT };

/* A DNS name has at most 253 characters; a v6 address with its scope stays below. */
#define MP_HOST_MAX 254

/* vsock's "any", for a cid or a port. */
#define MP_VSOCK_ANY UINT32_MAX

struct mp_address {
    enum mp_family family;
    char host[MP_HOST_MAX]; /* TCP; "" when the address has none */
    uint32_t port;          /* TCP, vsock */
    uint32_t cid;           /* vsock */
    const char *path;       /* AF_UNIX path or abstract name without '@': points into the text */
};

/* MPROC_EADDRESS with a text that says what is wrong, and *out untouched. */
int mp_address_parse(struct mp_address *out, const char *text, enum mp_address_use use,
                     mproc_error *err);

#endif
