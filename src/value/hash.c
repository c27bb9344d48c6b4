/* SPDX-License-Identifier: MIT */
#include "value/hash.h"

#include <math.h>
#include <sodium.h>

#include "value/container.h"
#include "value/number.h"

/*
 * One secret for the whole process: trees are compared with each other. Drawn when first needed;
 * if two threads draw at once, both end up with the one that was stored.
 */
uint64_t mp_hash_secret(void)
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

static uint64_t hash_word(uint64_t word, uint64_t key)
{
    return mp_hash_end(word ^ key, key ^ MP_ODD_A, key);
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
    return mp_hash_bytes((const unsigned char *)plain, sizeof plain, key);
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
        return mp_hash_bytes(number.u.text, mp_len(&number), key);
    return hash_word((uint64_t)number.u.i, key);
}

static int hash_any(const mproc_value *v, unsigned depth, uint64_t *out);

static int hash_tuple(struct mp_tuple *tuple, unsigned depth, uint64_t *out)
{
    uint64_t h = hash_word(tuple->node.len, mp_hash_secret() + 4);
    for (size_t i = 0; i < tuple->node.len; i++) {
        uint64_t item;
        int rc = hash_any(&tuple->node.u.items[i], depth, &item);
        if (rc < 0)
            return rc;
        h = mp_hash_fold(h ^ item, MP_ODD_B) + item;
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
        sum += mp_hash_fold(item, MP_ODD_A) | 1;
    }
    *out = hash_word(sum, mp_hash_secret() + 6);
    return 0;
}

/*
 * Kept in the node once known, since what is below may be referred to from many keys. A node that
 * has a hash is not changed any more.
 *
 * What the node knows of its depth is asked for first, so that it is a key or not whatever was
 * hashed before: in a copy, that is something else. It does not count references to itself.
 */
static int hash_node(const mproc_value *v, unsigned depth, uint64_t *out)
{
    if (v->u.node->depth > MP_MAX_KEY_DEPTH || depth >= MP_MAX_KEY_DEPTH)
        return MPROC_ELIMIT;
    bool is_tuple = mp_kind(v) == MPROC_KIND_TUPLE;
    _Atomic uint64_t *kept = is_tuple ? &((struct mp_tuple *)v->u.node)->hash : &mp_table(v)->hash;
    *out = atomic_load_explicit(kept, memory_order_relaxed);
    if (*out)
        return 0;
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
    uint64_t module = mp_hash_bytes(names[0].u.text, mp_len(&names[0]), mp_hash_secret() + 8);
    *out = mp_hash_bytes(names[1].u.text, mp_len(&names[1]), module);
    return 0;
}

static int hash_any(const mproc_value *v, unsigned depth, uint64_t *out)
{
    switch (mp_kind(v)) {
    case MPROC_KIND_NONE:
        *out = MP_ODD_A;
        return 0;
    case MPROC_KIND_BOOL:
    case MPROC_KIND_INT:
    case MPROC_KIND_FLOAT:
    case MPROC_KIND_COMPLEX:
        *out = hash_number(v, mp_hash_secret());
        return 0;
    case MPROC_KIND_STR:
    case MPROC_KIND_BYTES:
        *out = mp_hash_text(v, mp_hash_secret());
        return 0;
    case MPROC_KIND_TUPLE:
    case MPROC_KIND_FROZENSET:
        return hash_node(v, depth, out);
    case MPROC_KIND_GLOBAL:
        return hash_global(v, out);
    case MPROC_KIND_OBJECT: /* by identity, as Python's objects are by default */
    case MPROC_KIND_CONNECTION:
    case MPROC_KIND_POINTER:
        *out = hash_word((uint64_t)(uintptr_t)v->u.pointer, mp_hash_secret() + 10);
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
