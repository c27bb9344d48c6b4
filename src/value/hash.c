/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <sodium.h>

#include "value/container.h"
#include "value/number.h"

#define ODD_A 0x9e3779b97f4a7c15u /* 2^64 / golden ratio */
#define ODD_B 0xd6e8feb86659fd93u

/*
 * One secret for the whole process: trees are compared with each other. Drawn when first needed;
 * if two threads draw at once, both end up with the one that was stored.
 */
static uint64_t secret(void)
{
    static _Atomic uint64_t stored;
    uint64_t now = atomic_load_explicit(&stored, memory_order_relaxed);
    if (now)
        return now;
    uint64_t drawn;
    randombytes_buf(&drawn, sizeof drawn);
    drawn |= 1;
    if (atomic_compare_exchange_strong(&stored, &now, drawn))
        return drawn;
    return now;
}

/* The high and low half of a 128-bit product, folded: every bit in depends on every bit out. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low = (a & 0xffffffff) * (b & 0xffffffff);
    uint64_t cross1 = (a >> 32) * (b & 0xffffffff) + (low >> 32);
    uint64_t cross2 = (a & 0xffffffff) * (b >> 32) + (cross1 & 0xffffffff);
    uint64_t high = (a >> 32) * (b >> 32) + (cross1 >> 32) + (cross2 >> 32);
    return (cross2 << 32 | (low & 0xffffffff)) ^ high;
#endif
}

static inline uint64_t load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t load32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t hash_bytes(const unsigned char *p, size_t len, uint64_t key)
{
    uint64_t h = key ^ fold(len ^ ODD_A, key ^ ODD_B);
    size_t rest = len;
    for (; rest > 16; p += 16, rest -= 16)
        h = fold(load64(p) ^ h, load64(p + 8) ^ key ^ ODD_A);
    uint64_t a = 0;
    uint64_t b = 0;
    if (rest >= 8) {
        a = load64(p);
        b = load64(p + rest - 8);
    } else if (rest >= 4) {
        a = load32(p);
        b = load32(p + rest - 4);
    } else if (rest > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[rest / 2] << 8 | p[rest - 1];
    }
    return fold(a ^ h, b ^ key ^ ODD_B);
}

static uint64_t hash_word(uint64_t word, uint64_t key)
{
    return fold(word ^ key, key ^ ODD_A);
}

/* A nan equals nothing: alike hashes would let many of them make a table search them all. */
static uint64_t hash_nan(uint64_t key)
{
    static _Atomic uint64_t count;
    return hash_word(atomic_fetch_add_explicit(&count, 1, memory_order_relaxed), key + 12);
}

static uint64_t hash_complex(const double parts[2], uint64_t key)
{
    double plain[2] = {parts[0] + 0.0, parts[1]}; /* -0.0 equals 0.0 */
    if (isnan(parts[0]) || isnan(parts[1]))
        return hash_nan(key);
    return hash_bytes((const unsigned char *)plain, sizeof plain, key);
}

static uint64_t hash_number(const mproc_value *v, uint64_t key)
{
    mproc_value number = *v;
    unsigned char room[MP_DOUBLE_BYTES];
    if (mp_kind(v) == MPROC_KIND_COMPLEX) {
        if (v->u.complex[1] != 0)
            return hash_complex(v->u.complex, key);
        number = mp_float(v->u.complex[0]);
    }
    if (mp_kind(&number) == MPROC_KIND_FLOAT && isnan(number.u.f))
        return hash_nan(key);
    if (mp_kind(&number) == MPROC_KIND_FLOAT && !mp_double_as_int(number.u.f, room, &number)) {
        uint64_t bits;
        memcpy(&bits, &number.u.f, sizeof bits);
        return hash_word(bits, key + 2);
    }
    if (mp_is_big(&number))
        return hash_bytes(number.u.text, mp_len(&number), key);
    return hash_word((uint64_t)number.u.i, key);
}

static int hash_any(const mproc_value *v, unsigned depth, uint64_t *out);

static int hash_tuple(struct mp_tuple *tuple, unsigned depth, uint64_t *out)
{
    uint64_t h = hash_word(tuple->node.len, secret() + 4);
    for (size_t i = 0; i < tuple->node.len; i++) {
        uint64_t item;
        int rc = hash_any(&tuple->node.u.items[i], depth, &item);
        if (rc < 0)
            return rc;
        h = fold(h ^ item, ODD_B) + item;
    }
    *out = h;
    return 0;
}

/* Members in any order. */
static int hash_frozenset(struct mp_table *set, unsigned depth, uint64_t *out)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < set->node.len; i++) {
        uint64_t item;
        int rc = hash_any(&set->node.u.items[i], depth, &item);
        if (rc < 0)
            return rc;
        sum += fold(item, ODD_A) | 1;
    }
    *out = hash_word(sum, secret() + 6);
    return 0;
}

/*
 * Kept in the node once known, since what is below may be referred to from many keys. A node that
 * has a hash is not changed any more.
 */
static int hash_node(const mproc_value *v, unsigned depth, uint64_t *out)
{
    bool is_tuple = mp_kind(v) == MPROC_KIND_TUPLE;
    _Atomic uint64_t *kept = is_tuple ? &((struct mp_tuple *)v->u.node)->hash : &mp_table(v)->hash;
    *out = atomic_load_explicit(kept, memory_order_relaxed);
    if (*out)
        return 0;
    if (depth >= MP_MAX_KEY_DEPTH)
        return MPROC_ELIMIT;
    int rc = is_tuple ? hash_tuple((struct mp_tuple *)v->u.node, depth + 1, out)
                      : hash_frozenset(mp_table(v), depth + 1, out);
    if (rc < 0)
        return rc;
    *out += *out == 0;
    atomic_store_explicit(kept, *out, memory_order_relaxed);
    return 0;
}

static int hash_global(const mproc_value *v, uint64_t *out)
{
    const mproc_value *names = v->u.node->u.items;
    uint64_t module = hash_bytes(names[0].u.text, mp_len(&names[0]), secret() + 8);
    *out = hash_bytes(names[1].u.text, mp_len(&names[1]), module);
    return 0;
}

static int hash_any(const mproc_value *v, unsigned depth, uint64_t *out)
{
    switch (mp_kind(v)) {
    case MPROC_KIND_NONE:
        *out = ODD_A;
        return 0;
    case MPROC_KIND_BOOL:
    case MPROC_KIND_INT:
    case MPROC_KIND_FLOAT:
    case MPROC_KIND_COMPLEX:
        *out = hash_number(v, secret());
        return 0;
    case MPROC_KIND_STR:
    case MPROC_KIND_BYTES:
        *out = hash_bytes(v->u.text, mp_len(v), secret() + 16 * (uint64_t)mp_kind(v));
        return 0;
    case MPROC_KIND_TUPLE:
    case MPROC_KIND_FROZENSET:
        return hash_node(v, depth, out);
    case MPROC_KIND_GLOBAL:
        return hash_global(v, out);
    case MPROC_KIND_OBJECT: /* by identity, as Python's objects are by default */
    case MPROC_KIND_CONNECTION:
    case MPROC_KIND_POINTER:
        *out = hash_word((uint64_t)(uintptr_t)v->u.pointer, secret() + 10);
        return 0;
    default:
        return MPROC_EUNHASHABLE;
    }
}

int mp_hash(const mproc_value *v, uint64_t *out)
{
    int rc = hash_any(v, 0, out);
    if (rc == 0)
        *out += *out == 0;
    return rc;
}
