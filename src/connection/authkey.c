/* SPDX-License-Identifier: MIT */
#include "connection/authkey.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int mp_authkey_copy(struct mp_authkey *key, const void *bytes, size_t len)
{
    if (!bytes) {
        *key = (struct mp_authkey){0};
        return 0;
    }
    /* Allocations need libsodium's page size and canary; a second call costs a lock. */
    if (sodium_init() < 0)
        return -ENOMEM;
    unsigned char *copy = sodium_malloc(len);
    if (!copy)
        return -ENOMEM;
    if (len > 0)
        memcpy(copy, bytes, len);
    /* One more defence against our own overruns; a system without it keeps the key anyway. */
    sodium_mprotect_readonly(copy);
    *key = (struct mp_authkey){.bytes = copy, .len = len};
    return 0;
}

void mp_authkey_clear(struct mp_authkey *key)
{
    sodium_free(key->bytes);
    *key = (struct mp_authkey){0};
}
