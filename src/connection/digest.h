/* SPDX-License-Identifier: MIT */
/* The keyed digests of the handshake: HMAC-SHA256, and HMAC-MD5 for peers up to Python 3.11. */
#ifndef MP_CONNECTION_DIGEST_H
#define MP_CONNECTION_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

enum mp_digest { MP_SHA256, MP_MD5 };

#define MP_SHA256_SIZE 32
#define MP_MD5_SIZE 16
#define MP_MAC_MAX MP_SHA256_SIZE

/* Bytes in a MAC. */
size_t mp_mac_size(enum mp_digest digest);

/* Was this library built with a library for MD5? */
bool mp_md5_available(void);

/*
 * The MAC of a message, mp_mac_size() bytes of it; any key length, 0 included.
 * False if the digest is not available, with `mac` untouched.
 */
bool mp_mac(enum mp_digest digest, const void *key, size_t key_len, const void *message, size_t len,
            unsigned char mac[MP_MAC_MAX]);

#endif
