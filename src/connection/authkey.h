/* SPDX-License-Identifier: MIT */
/* A copy of an authkey in guarded memory: locked, left out of core dumps, read-only, wiped. */
#ifndef MP_CONNECTION_AUTHKEY_H
#define MP_CONNECTION_AUTHKEY_H

#include <stddef.h>

/* All zero is "no key", which is not the same as the empty key. */
struct mp_authkey {
    unsigned char *bytes; /* sodium_malloc'd; not NULL even for the empty key */
    size_t len;
};

/* A copy of `len` bytes; `bytes` NULL gives "no key". 0 or -ENOMEM with *key untouched. */
int mp_authkey_copy(struct mp_authkey *key, const void *bytes, size_t len);

/* Wipe and free; *key is "no key" afterwards. */
void mp_authkey_clear(struct mp_authkey *key);

#endif
