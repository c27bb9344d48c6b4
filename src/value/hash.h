/* SPDX-License-Identifier: MIT */
/* The hash of texts, in line for tables with many of them; mp_hash() of container.h is for any. */
#ifndef MP_VALUE_HASH_H
#define MP_VALUE_HASH_H

#include "value/value.h"

#define MP_ODD_A 0x9e3779b97f4a7c15u /* 2^64 / golden ratio */
#define MP_ODD_B 0xd6e8feb86659fd93u

/* What all hashes of this process are keyed with. */
uint64_t mp_hash_secret(void);

/* Both halves of a 128-bit product. */
static inline uint64_t mp_multiply(uint64_t a, uint64_t b, uint64_t *high)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
#else
    uint64_t low = (a & 0xffffffff) * (b & 0xffffffff);
    uint64_t cross1 = (a >> 32) * (b & 0xffffffff) + (low >> 32);
    uint64_t cross2 = (a & 0xffffffff) * (b >> 32) + (cross1 & 0xffffffff);
    *high = (a >> 32) * (b >> 32) + (cross1 >> 32) + (cross2 >> 32);
    return cross2 << 32 | (low & 0xffffffff);
#endif
}

static inline uint64_t mp_hash_fold(uint64_t a, uint64_t b)
{
    uint64_t high;
    uint64_t low = mp_multiply(a, b, &high);
    return low ^ high;
}

/*
 * The last step. Keys that are multiples of something, each multiplied by the same number, come to
 * lie in a few rows side by side if that number is close to a simple fraction of 2^64, as one in
 * some thousand is; multiplied once more, they do not.
 */
static inline uint64_t mp_hash_end(uint64_t a, uint64_t b, uint64_t key)
{
    uint64_t high;
    uint64_t low = mp_multiply(a, b, &high);
    return mp_hash_fold(low ^ key, high ^ MP_ODD_A);
}

static inline uint64_t mp_load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t mp_load32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t mp_hash_bytes(const unsigned char *p, size_t len, uint64_t key)
{
    uint64_t h = key ^ mp_hash_fold(len ^ MP_ODD_A, key ^ MP_ODD_B);
    size_t rest = len;
    for (; rest > 16; p += 16, rest -= 16)
        h = mp_hash_fold(mp_load64(p) ^ h, mp_load64(p + 8) ^ key ^ MP_ODD_A);
    uint64_t a = 0;
    uint64_t b = 0;
    if (rest >= 8) {
        a = mp_load64(p);
        b = mp_load64(p + rest - 8);
    } else if (rest >= 4) {
        a = mp_load32(p);
        b = mp_load32(p + rest - 4);
    } else if (rest > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[rest / 2] << 8 | p[rest - 1];
    }
    return mp_hash_end(a ^ h, b ^ key ^ MP_ODD_B, key);
}

/* Of a str or bytes. */
static inline uint64_t mp_hash_text(const mproc_value *v, uint64_t secret)
{
    return mp_hash_bytes(v->u.text, mp_len(v), secret + 16 * (uint64_t)mp_kind(v));
}

#endif
