/* SPDX-License-Identifier: MIT */
/*
 * How values lie in memory.
 *
 * A value is a 16-byte cell. Small ones (None, bool, int64, float) are whole in it; str and bytes
 * point at their text, which for a received message is the message itself; everything that can be
 * shared, changed or recursive points at a node. Containers hold the cells of their items in one
 * array, so walking a list of numbers touches no other memory.
 *
 * Nodes know their tree, cells do not: a cell is copied freely, into arrays that move when they
 * grow. The old place stays readable as long as the tree, so a pointer to it stays good.
 */
#ifndef MP_VALUE_VALUE_H
#define MP_VALUE_VALUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mproc/value.h>

#include "base/error.h"

/* Flags of a cell. */
#define MP_CELL_ROOT 1u /* embedded in a struct mp_tree that nobody has taken over */
#define MP_CELL_BIG 2u  /* an int in bytes: shortest two's complement, more than 8 of them */
#define MP_CELL_NODE 4u /* points at a node; all cells of some kinds do */

struct mproc_value {
    uint64_t meta; /* bits 0-7 kind, 8-15 flags, 16-63 length of text or bytes */
    union {
        int64_t i; /* int, bool */
        double f;
        const double *complex; /* real, imaginary */
        const unsigned char *text;
        struct mp_node *node;
        void *pointer;
    } u;
};

#define MP_MAX_TEXT (((uint64_t)1 << 48) - 1)

/* Flags of a node. */
#define MP_NODE_SHARED 1u /* referred to more than once, as far as its maker could tell */

/* Common to everything a cell can share; kinds add to it below. */
struct mp_node {
    struct mp_tree *tree;
    uint32_t flags;
    uint32_t depth; /* of what is below when it was added; 1 for an empty container */
    size_t len;     /* items; entries of a dict; bytes of a bytearray */
    size_t cap;
    union {
        mproc_value *items;   /* pairs of cells in a dict; module and name in a global */
        unsigned char *bytes; /* bytearray */
    } u;
};

struct mp_tuple {
    struct mp_node node;
    _Atomic uint64_t hash; /* 0 until first asked for; after that it must not change */
};

/* dict, set, frozenset */
struct mp_table {
    struct mp_node node;
    _Atomic uint64_t hash; /* of a frozenset, likewise */
    uint64_t *index;       /* slots: high half of the hash, position + 1; NULL while small */
    size_t mask;           /* number of slots - 1 */
};

#define MP_PART_SETTER ((mproc_part)(MPROC_PART_DICT + 1)) /* Python 3.8's state setter */
#define MP_PARTS (MPROC_PART_DICT + 2)

struct mp_object {
    struct mp_node node;
    mproc_construct how;
    uint32_t parts; /* bit per mproc_part */
    mproc_value part[MP_PARTS];
};

struct mp_connection {
    struct mp_node node;
    void *connection;           /* NULL once taken */
    void (*drop)(void *);       /* NULL: borrowed */
    struct mp_connection *next; /* of the tree's */
};

struct mp_chunk;

/* One root and all below it. */
struct mp_tree {
    mproc_value root;
    unsigned char *at; /* free memory of the newest chunk */
    unsigned char *end;
    struct mp_chunk *chunks;
    size_t next_chunk;
    size_t budget; /* bytes that may still be allocated */
    bool over_budget;
    void *message;                     /* malloc'd; texts point into it */
    struct mp_tree *owner;             /* tree that took this one over */
    struct mp_tree *taken;             /* trees that this one took over */
    struct mp_tree *next;              /* in owner->taken */
    struct mp_connection *connections; /* to drop */
    const unsigned char **shared;      /* texts referred to more than once */
    size_t shared_len;
    size_t shared_cap;
};

static inline mproc_kind mp_kind(const mproc_value *v)
{
    return (mproc_kind)(v->meta & 0xff);
}

static inline size_t mp_len(const mproc_value *v)
{
    return (size_t)(v->meta >> 16);
}

/* The kind, and something else for an int in bytes. */
static inline uint64_t mp_form(const mproc_value *v)
{
    return v->meta & (0xff | MP_CELL_BIG << 8);
}

static inline bool mp_is_big(const mproc_value *v)
{
    return mp_form(v) == (MPROC_KIND_INT | MP_CELL_BIG << 8);
}

static inline uint64_t mp_meta(mproc_kind kind, size_t len)
{
    return (uint64_t)kind | (uint64_t)len << 16;
}

static inline bool mp_has_node(const mproc_value *v)
{
    return (v->meta & MP_CELL_NODE << 8) != 0;
}

static inline bool mp_is_shared(const mproc_value *v)
{
    return mp_has_node(v) && (v->u.node->flags & MP_NODE_SHARED);
}

static inline bool mp_is_table(mproc_kind kind)
{
    return kind == MPROC_KIND_DICT || kind == MPROC_KIND_SET || kind == MPROC_KIND_FROZENSET;
}

static inline bool mp_is_sequence(mproc_kind kind)
{
    return kind == MPROC_KIND_LIST || kind == MPROC_KIND_TUPLE;
}

static inline struct mp_table *mp_table(const mproc_value *v)
{
    return (struct mp_table *)v->u.node;
}

static inline struct mp_object *mp_object(const mproc_value *v)
{
    return (struct mp_object *)v->u.node;
}

static inline bool mp_has_part(const struct mp_object *object, mproc_part part)
{
    return (object->parts >> part) & 1;
}

static inline mproc_value mp_none(void)
{
    return (mproc_value){.meta = MPROC_KIND_NONE, .u.i = 0};
}

static inline mproc_value mp_bool(bool truth)
{
    return (mproc_value){.meta = MPROC_KIND_BOOL, .u.i = truth};
}

static inline mproc_value mp_int(int64_t number)
{
    return (mproc_value){.meta = MPROC_KIND_INT, .u.i = number};
}

static inline mproc_value mp_float(double number)
{
    return (mproc_value){.meta = MPROC_KIND_FLOAT, .u.f = number};
}

/* A str or bytes over memory that outlives the tree or belongs to it. */
static inline mproc_value mp_text(mproc_kind kind, const unsigned char *text, size_t len)
{
    return (mproc_value){.meta = mp_meta(kind, len), .u.text = text};
}

static inline mproc_value mp_node_cell(mproc_kind kind, struct mp_node *node)
{
    return (mproc_value){.meta = (uint64_t)kind | MP_CELL_NODE << 8, .u.node = node};
}

#endif
