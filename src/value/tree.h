/* SPDX-License-Identifier: MIT */
/* The memory of values: a bump arena per tree, and trees that take over trees. */
#ifndef MP_VALUE_TREE_H
#define MP_VALUE_TREE_H

#include "value/value.h"

/* Blocks of 32 MiB and more are never kept by the GNU C library when they are free. */
#define MP_LARGEST_CHUNK ((size_t)31 << 20)

/*
 * An empty tree with root None and room for about `room` bytes. NULL if out of memory.
 */
struct mp_tree *mp_tree_new(size_t room);

/* NULL is fine. */
void mp_tree_free(struct mp_tree *tree);

/* The tree whose root this is, NULL for a value that is no root. */
struct mp_tree *mp_tree_of_root(const mproc_value *v);

/* The tree that a tree was taken over by in the end, itself if by none. */
struct mp_tree *mp_tree_top(struct mp_tree *tree);

/* Let `owner` free `tree`. */
void mp_tree_take(struct mp_tree *owner, struct mp_tree *tree);

/* Give back what `tree` took over since `kept` was the last, all if NULL: they are roots again. */
void mp_tree_give_back(struct mp_tree *tree, const struct mp_tree *kept);

/* Memory aligned for any cell or node, from a new chunk. NULL if out of memory or budget. */
void *mp_alloc_slowly(struct mp_tree *tree, size_t bytes);

static inline void *mp_alloc(struct mp_tree *tree, size_t bytes)
{
    if (bytes > SIZE_MAX - 7)
        return NULL;
    bytes = (bytes + 7) & ~(size_t)7;
    if ((size_t)(tree->end - tree->at) < bytes)
        return mp_alloc_slowly(tree, bytes);
    void *memory = tree->at;
    tree->at += bytes;
    return memory;
}

/*
 * Grow an array of the tree, in place when it is the last thing allocated. The former place is not
 * written to. NULL if out of memory or budget.
 */
void *mp_realloc(struct mp_tree *tree, void *old, size_t old_bytes, size_t bytes);

/* Why an allocation failed: -ENOMEM or MPROC_ELIMIT. */
int mp_alloc_error(const struct mp_tree *tree);

/* A copy of `len` bytes with a NUL behind them. */
unsigned char *mp_alloc_text(struct mp_tree *tree, const void *data, size_t len);

/* Remember that a text of this tree is referred to again. 0 or -ENOMEM. */
int mp_tree_share_text(struct mp_tree *tree, const unsigned char *text);

/* Remember a connection node of this tree, to drop what it owns with the tree. */
void mp_tree_add_connection(struct mp_tree *tree, struct mp_connection *connection);

#endif
