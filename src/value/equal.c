/* SPDX-License-Identifier: MIT */
/*
 * Python's ==. Pairs still to be compared wait on the heap. A pair of nodes that was met before is
 * taken as equal: it is being compared, or has been, and one difference anywhere ends everything.
 * So recursive values come to an end, and references cost no more than what they refer to.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "value/container.h"
#include "value/number.h"

struct pair {
    const struct mp_node *a;
    const struct mp_node *b;
};

struct pending {
    mproc_value a;
    mproc_value b;
};

struct comparison {
    struct mp_buffer pending;
    struct pair *met; /* open addressing */
    size_t slots;
    size_t n_met;
};

static struct pair *find_pair(struct pair *met, size_t slots, struct pair p)
{
    uint64_t mixed = (uint64_t)(uintptr_t)p.a * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 29 ^ (uint64_t)(uintptr_t)p.b) * 0xd6e8feb86659fd93u;
    size_t at = (size_t)(mixed ^ mixed >> 32) & (slots - 1);
    while (met[at].a && (met[at].a != p.a || met[at].b != p.b))
        at = (at + 1) & (slots - 1);
    return &met[at];
}

static int grow_met(struct comparison *c)
{
    size_t slots = c->slots ? 2 * c->slots : 64;
    struct pair *grown = calloc(slots, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    for (size_t i = 0; i < c->slots; i++)
        if (c->met[i].a)
            *find_pair(grown, slots, c->met[i]) = c->met[i];
    free(c->met);
    c->met = grown;
    c->slots = slots;
    return 0;
}

/* 1 if the pair was met before, 0 if it is new and now remembered. */
static int meet(struct comparison *c, struct pair p)
{
    if (2 * c->n_met >= c->slots) {
        int rc = grow_met(c);
        if (rc < 0)
            return rc;
    }
    struct pair *slot = find_pair(c->met, c->slots, p);
    if (slot->a)
        return 1;
    *slot = p;
    c->n_met++;
    return 0;
}

/* The functions below return 1 for "as far as is known equal", 0 or a negative code. */

static int later(struct comparison *c, const mproc_value *a, const mproc_value *b)
{
    struct pending p = {*a, *b};
    int rc = mp_buffer_append(&c->pending, &p, sizeof p);
    return rc < 0 ? rc : 1;
}

static int compare_bytes(const mproc_value *a, const mproc_value *b)
{
    size_t len_a;
    size_t len_b;
    const void *bytes_a = mproc_value_bytes(a, &len_a);
    const void *bytes_b = mproc_value_bytes(b, &len_b);
    return len_a == len_b && memcmp(bytes_a, bytes_b, len_a) == 0;
}

static int compare_items(struct comparison *c, const struct mp_node *a, const struct mp_node *b)
{
    if (a->len != b->len)
        return 0;
    for (size_t i = a->len; i-- > 0;) { /* the first ones come off the stack first */
        int rc = later(c, &a->u.items[i], &b->u.items[i]);
        if (rc != 1)
            return rc;
    }
    return 1;
}

static bool is_scalar_key(const mproc_value *v)
{
    return mp_kind(v) <= MPROC_KIND_BYTES;
}

/*
 * Where the other table has this key: in the same place more often than not. Keys with parts are
 * found by their hash and compared later, together with all else. One that is not found at all may
 * hold an object, which is a key by identity: what is in the same place decides.
 */
static ssize_t partner(const struct mp_table *other, mproc_kind kind, const mproc_value *key,
                       size_t place)
{
    const mproc_value *near = &other->node.u.items[place * mp_table_width(kind)];
    if (is_scalar_key(key)) {
        if (is_scalar_key(near) && mp_same_key(key, near) == 1)
            return (ssize_t)place;
        return mp_table_find(other, kind, key);
    }
    uint64_t ours = 0;
    uint64_t theirs = 0;
    int rc = mp_hash(key, &ours);
    if (rc == 0)
        rc = mp_hash(near, &theirs);
    if (rc < 0)
        return rc;
    ssize_t found = ours == theirs ? (ssize_t)place : mp_table_find_hash(other, kind, key);
    return found == -ENOENT ? (ssize_t)place : found;
}

static int compare_tables(struct comparison *c, const mproc_value *a, const mproc_value *b)
{
    mproc_kind kind = mp_kind(b);
    size_t width = mp_table_width(kind);
    if (a->u.node->len != b->u.node->len)
        return 0;
    for (size_t i = 0; i < a->u.node->len; i++) {
        const mproc_value *ours = &a->u.node->u.items[i * width];
        ssize_t found = partner(mp_table(b), kind, ours, i);
        if (found < 0)
            return found == -ENOENT ? 0 : (int)found;
        const mproc_value *theirs = &b->u.node->u.items[(size_t)found * width];
        int rc = is_scalar_key(ours) ? 1 : later(c, ours, theirs);
        if (rc == 1 && width == 2)
            rc = later(c, &ours[1], &theirs[1]);
        if (rc != 1)
            return rc;
    }
    return 1;
}

static int compare_objects(struct comparison *c, const struct mp_object *a,
                           const struct mp_object *b)
{
    if (a->how != b->how || a->parts != b->parts)
        return 0;
    for (size_t i = 0; i < MP_PARTS; i++) {
        int rc = later(c, &a->part[i], &b->part[i]);
        if (rc != 1)
            return rc;
    }
    return 1;
}

static int compare_names(const mproc_value *a, const mproc_value *b)
{
    return mp_same_key(&a->u.node->u.items[0], &b->u.node->u.items[0]) == 1 &&
           mp_same_key(&a->u.node->u.items[1], &b->u.node->u.items[1]) == 1;
}

static int compare_nodes(struct comparison *c, const mproc_value *a, const mproc_value *b)
{
    const struct mp_node *na = a->u.node;
    const struct mp_node *nb = b->u.node;
    if (na == nb)
        return 1;
    if ((na->flags | nb->flags) & MP_NODE_SHARED) {
        int met = meet(c, (struct pair){na, nb});
        if (met != 0)
            return met;
    }
    switch (mp_kind(a)) {
    case MPROC_KIND_LIST:
    case MPROC_KIND_TUPLE:
        return compare_items(c, na, nb);
    case MPROC_KIND_DICT:
    case MPROC_KIND_SET:
    case MPROC_KIND_FROZENSET:
        return compare_tables(c, a, b);
    case MPROC_KIND_OBJECT:
        return compare_objects(c, mp_object(a), mp_object(b));
    case MPROC_KIND_GLOBAL:
        return compare_names(a, b);
    case MPROC_KIND_CONNECTION:
        return ((const struct mp_connection *)na)->connection ==
               ((const struct mp_connection *)nb)->connection;
    default:
        return compare_bytes(a, b);
    }
}

static bool is_set(mproc_kind kind)
{
    return kind == MPROC_KIND_SET || kind == MPROC_KIND_FROZENSET;
}

static bool is_bytes(mproc_kind kind)
{
    return kind == MPROC_KIND_BYTES || kind == MPROC_KIND_BYTEARRAY;
}

static int compare(struct comparison *c, const mproc_value *a, const mproc_value *b)
{
    mproc_kind ka = mp_kind(a);
    mproc_kind kb = mp_kind(b);
    if (is_bytes(ka) && is_bytes(kb))
        return compare_bytes(a, b);
    if (ka == kb ? mp_has_node(a) : is_set(ka) && is_set(kb))
        return compare_nodes(c, a, b);
    return mp_same_key(a, b);
}

int mproc_value_equal(const mproc_value *a, const mproc_value *b)
{
    struct comparison c = {.slots = 0};
    mproc_value none = mp_none();
    int rc = compare(&c, a ? a : &none, b ? b : &none);
    while (rc == 1 && c.pending.len > 0) {
        c.pending.len -= sizeof(struct pending);
        struct pending p;
        memcpy(&p, c.pending.data + c.pending.len, sizeof p);
        rc = compare(&c, &p.a, &p.b);
    }
    mp_buffer_clear(&c.pending);
    free(c.met);
    return rc;
}
