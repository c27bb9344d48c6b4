/* SPDX-License-Identifier: MIT */
#include "connection/digest.h"

#include <sodium.h>
#include <string.h>

#if defined MP_LEGACY_MD5
#include <md5.h>
#endif

size_t mp_mac_size(enum mp_digest digest)
{
    return digest == MP_SHA256 ? MP_SHA256_SIZE : MP_MD5_SIZE;
}

static void hmac_sha256(const void *key, size_t key_len, const void *message, size_t len,
                        unsigned char *mac)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_len);
    crypto_auth_hmacsha256_update(&state, message, len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
}

#if defined MP_LEGACY_MD5

#define MD5_BLOCK 64

/* What the two passes of RFC 2104 differ in: the key, padded to a block, xor'ed with `pad`. */
static void md5_begin(MD5_CTX *ctx, const unsigned char key[MD5_BLOCK], unsigned char pad)
{
    unsigned char block[MD5_BLOCK];
    for (size_t i = 0; i < MD5_BLOCK; i++)
        block[i] = key[i] ^ pad;
    MD5Init(ctx);
    MD5Update(ctx, block, sizeof block);
    sodium_memzero(block, sizeof block);
}

static void md5_pad_key(const void *key, size_t key_len, unsigned char padded[MD5_BLOCK])
{
    memset(padded, 0, MD5_BLOCK);
    if (key_len <= MD5_BLOCK) {
        if (key_len > 0)
            memcpy(padded, key, key_len);
        return;
    }
    MD5_CTX ctx;
    MD5Init(&ctx);
    MD5Update(&ctx, key, key_len);
    MD5Final(padded, &ctx);
    sodium_memzero(&ctx, sizeof ctx);
}

static bool hmac_md5(const void *key, size_t key_len, const void *message, size_t len,
                     unsigned char *mac)
{
    unsigned char padded[MD5_BLOCK];
    unsigned char inner[MP_MD5_SIZE];
    MD5_CTX ctx;
    md5_pad_key(key, key_len, padded);
    md5_begin(&ctx, padded, 0x36);
    MD5Update(&ctx, message, len);
    MD5Final(inner, &ctx);
    md5_begin(&ctx, padded, 0x5c);
    MD5Update(&ctx, inner, sizeof inner);
    MD5Final(mac, &ctx);
    sodium_memzero(&ctx, sizeof ctx);
    sodium_memzero(inner, sizeof inner);
    sodium_memzero(padded, sizeof padded);
    return true;
}

bool mp_md5_available(void)
{
    return true;
}

#else

static bool hmac_md5(const void *key, size_t key_len, const void *message, size_t len,
                     unsigned char *mac)
{
    (void)key;
    (void)key_len;
    (void)message;
    (void)len;
    (void)mac;
    return false;
}

bool mp_md5_available(void)
{
    return false;
}

#endif

bool mp_mac(enum mp_digest digest, const void *key, size_t key_len, const void *message, size_t len,
            unsigned char mac[MP_MAC_MAX])
{
    if (digest == MP_MD5)
        return hmac_md5(key, key_len, message, len, mac);
    hmac_sha256(key, key_len, message, len, mac);
    return true;
}
