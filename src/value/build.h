/* SPDX-License-Identifier: MIT */
/* Making roots and adding values to trees. */
#ifndef MP_VALUE_BUILD_H
#define MP_VALUE_BUILD_H

#include "value/tree.h"

/*
 * What a value becomes inside a tree: a reference, a copy, or, for the root of another tree, the
 * root's cell, with that tree in *taken. mp_tree_take() is to follow once all else has succeeded.
 */
int mp_adopt(struct mp_tree *tree, const mproc_value *v, mproc_value *cell, struct mp_tree **taken);

/* mp_tree_take() unless `taken` is NULL or became part of the tree in the meantime. */
void mp_adopted(struct mp_tree *tree, struct mp_tree *taken);

/* Set the root of a new tree and hand it out. */
int mp_finish_root(struct mp_tree *tree, const mproc_value *cell, mproc_value **out);

/* A str in the tree, checked. 0, MPROC_EUTF8 or mp_alloc_error(). */
int mp_new_str(struct mp_tree *tree, const char *utf8, size_t len, mproc_value *out);

/* Add cells of the container's tree; as mproc_value_append() and mproc_value_set(). */
int mp_append_cell(mproc_value *container, const mproc_value *cell);
int mp_set_cell(mproc_value *dict, const mproc_value *key, const mproc_value *value);

#endif
