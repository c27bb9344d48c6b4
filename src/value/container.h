/* SPDX-License-Identifier: MIT */
/*
 * Nodes: making, filling and searching them. Cells given to these functions belong to the node's
 * tree, or hold no memory.
 */
#ifndef MP_VALUE_CONTAINER_H
#define MP_VALUE_CONTAINER_H

#include "value/tree.h"

/* Largest nesting of a key. */
#define MP_MAX_KEY_DEPTH 200

/* Up to so many entries of a table have no index and are searched one by one. */
#define MP_SMALL_TABLE ((size_t)8)

/* An empty node of a container kind, a bytearray or an object. NULL if out of memory. */
struct mp_node *mp_node_new(struct mp_tree *tree, mproc_kind kind);

/* A tuple over a copy of `n` cells, or a list with room for exactly them. */
struct mp_node *mp_sequence_new(struct mp_tree *tree, mproc_kind kind, const mproc_value *items,
                                size_t n);

/* Append cells to a list or tuple. 0 or mp_alloc_error(). */
int mp_sequence_extend(struct mp_node *node, const mproc_value *items, size_t n);

/* Append bytes to a bytearray, keeping the NUL behind them. */
int mp_bytearray_extend(struct mp_node *node, const void *data, size_t len);

/* Room for `more` entries or members. 0, or mp_alloc_error(). */
int mp_table_reserve(struct mp_table *table, mproc_kind kind, size_t more);

/*
 * Set an entry of a dict; `value` is NULL for sets, whose present member stays. 0,
 * mp_alloc_error(), MPROC_EUNHASHABLE, or MPROC_ELIMIT for a key nested too deep.
 */
int mp_table_set(struct mp_table *table, mproc_kind kind, const mproc_value *key,
                 const mproc_value *value);

/*
 * Set `n` entries in their order, each a cell of a set or two cells of a dict. 0 or a code of
 * mp_table_set(); the entries before the one that failed are set.
 */
int mp_table_extend(struct mp_table *table, mproc_kind kind, const mproc_value *cells, size_t n);

/* Position of a key: 0 and up, -ENOENT, or a code of mp_table_set(). */
ssize_t mp_table_find(const struct mp_table *table, mproc_kind kind, const mproc_value *key);

/* Position of a key with the hash of this one, -ENOENT, or a code of mp_hash(). */
ssize_t mp_table_find_hash(const struct mp_table *table, mproc_kind kind, const mproc_value *key);

/* Index a table whose entries were written directly. 0 or a code of mp_table_set(). */
int mp_table_reindex(struct mp_table *table, mproc_kind kind);

static inline size_t mp_table_width(mproc_kind kind)
{
    return kind == MPROC_KIND_DICT ? 2 : 1;
}

/* The list or dict of an object, made when it is first needed. NULL if out of memory. */
mproc_value *mp_object_items(struct mp_object *object, mproc_part part);

void mp_object_set_part(struct mp_object *object, mproc_part part, const mproc_value *v);

/* Account for what has been put into a node. */
static inline void mp_deepen(struct mp_node *node, const mproc_value *child)
{
    if (mp_has_node(child) && child->u.node->depth >= node->depth && child->u.node != node)
        node->depth = child->u.node->depth + 1;
}

/*
 * Cells are passed on by value, and copied in halves: the halves were written one by one, and a
 * processor that is asked for both at once has to wait until they have left its store buffer.
 * Halves of unlike types are what keeps compilers from joining them.
 */
static inline void mp_copy_cell(mproc_value *to, const mproc_value *from)
{
    to->meta = from->meta;
    if (sizeof to->u.pointer == sizeof to->u)
        to->u.pointer = from->u.pointer;
    else
        to->u = from->u;
}

/* The greatest depth of any node among `n` cells, 0 if there is none. */
static inline uint32_t mp_deepest(const mproc_value *cells, size_t n)
{
    uint32_t depth = 0;
    for (const mproc_value *end = cells + n; cells < end; cells++)
        if (mp_has_node(cells) && cells->u.node->depth > depth)
            depth = cells->u.node->depth;
    return depth;
}

static inline void mp_copy_cells(mproc_value *to, const mproc_value *from, size_t n)
{
    for (const mproc_value *end = from + n; from < end; from++, to++)
        mp_copy_cell(to, from);
}

/*
 * Python's hash, in that equal keys have equal hashes; keyed, so that nobody outside can make
 * them collide. Never 0. 0, MPROC_EUNHASHABLE or MPROC_ELIMIT.
 */
int mp_hash(const mproc_value *v, uint64_t *out);

/* Whether two hashable cells are the same key: 1, 0 or a negative code. */
int mp_same_key(const mproc_value *a, const mproc_value *b);

#endif
