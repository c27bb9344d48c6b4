/* SPDX-License-Identifier: MIT */
#include "value/build.h"

#include <errno.h>

#include "value/container.h"
#include "value/copy.h"
#include "value/number.h"
#include "value/pickle.h"
#include "value/utf8.h"

int mp_finish_root(struct mp_tree *tree, const mproc_value *cell, mproc_value **out)
{
    tree->root = *cell;
    tree->root.meta |= MP_CELL_ROOT << 8;
    *out = &tree->root;
    return 0;
}

static int new_scalar(mproc_value **out, mproc_value cell)
{
    if (!out)
        return -EINVAL;
    struct mp_tree *tree = mp_tree_new(0);
    return tree ? mp_finish_root(tree, &cell, out) : -ENOMEM;
}

static int copy_text(struct mp_tree *tree, mproc_kind kind, const void *data, size_t len,
                     mproc_value *out)
{
    if (!data && len > 0)
        return -EINVAL;
    const unsigned char *text = mp_alloc_text(tree, data, len);
    if (!text)
        return mp_alloc_error(tree);
    *out = mp_text(kind, text, len);
    return 0;
}

int mp_new_str(struct mp_tree *tree, const char *utf8, size_t len, mproc_value *out)
{
    if (len == SIZE_MAX)
        len = utf8 ? strlen(utf8) : 0;
    if (utf8 && len > 0 && !mp_utf8_ok((const unsigned char *)utf8, len))
        return MPROC_EUTF8;
    return copy_text(tree, MPROC_KIND_STR, utf8, len, out);
}

static int make(struct mp_tree *tree, mproc_kind kind, mproc_value *out)
{
    switch (kind) {
    case MPROC_KIND_NONE:
        *out = mp_none();
        return 0;
    case MPROC_KIND_STR:
    case MPROC_KIND_BYTES:
        return copy_text(tree, kind, NULL, 0, out);
    case MPROC_KIND_LIST:
    case MPROC_KIND_TUPLE:
    case MPROC_KIND_DICT:
    case MPROC_KIND_SET:
    case MPROC_KIND_FROZENSET:
    case MPROC_KIND_BYTEARRAY:
        *out = mp_node_cell(kind, mp_node_new(tree, kind));
        return out->u.node ? 0 : mp_alloc_error(tree);
    default:
        return -EINVAL;
    }
}

/* Hand out the root, or free the tree again. */
static int finish(struct mp_tree *tree, int rc, const mproc_value *cell, mproc_value **out)
{
    if (rc == 0 && out)
        return mp_finish_root(tree, cell, out);
    mp_tree_free(tree);
    return rc < 0 ? rc : -EINVAL;
}

#define SMALL_ROOM ((size_t)256)

int mproc_value_new(mproc_value **out, mproc_kind kind)
{
    struct mp_tree *tree = mp_tree_new(kind == MPROC_KIND_NONE ? 0 : SMALL_ROOM);
    mproc_value cell = mp_none();
    return tree ? finish(tree, make(tree, kind, &cell), &cell, out) : -ENOMEM;
}

int mproc_value_new_bool(mproc_value **out, int truth)
{
    return new_scalar(out, mp_bool(truth != 0));
}

int mproc_value_new_int64(mproc_value **out, int64_t number)
{
    return new_scalar(out, mp_int(number));
}

int mproc_value_new_uint64(mproc_value **out, uint64_t number)
{
    struct mp_tree *tree = mp_tree_new(16);
    if (!tree)
        return -ENOMEM;
    int rc;
    mproc_value cell = mp_uint64_cell(tree, number, &rc);
    return finish(tree, rc, &cell, out);
}

int mproc_value_new_bigint(mproc_value **out, const void *data, size_t len)
{
    if (!data && len > 0)
        return -EINVAL;
    struct mp_tree *tree = mp_tree_new(len < MP_MAX_TEXT ? len + 8 : 0);
    mproc_value cell = mp_none();
    return tree ? finish(tree, mp_big_new(tree, data, len, &cell), &cell, out) : -ENOMEM;
}

int mproc_value_new_float(mproc_value **out, double number)
{
    return new_scalar(out, mp_float(number));
}

int mproc_value_new_complex(mproc_value **out, double real, double imag)
{
    struct mp_tree *tree = mp_tree_new(2 * sizeof(double));
    if (!tree)
        return -ENOMEM;
    double *parts = mp_alloc(tree, 2 * sizeof *parts);
    mproc_value cell = {.meta = MPROC_KIND_COMPLEX, .u.complex = parts};
    if (!parts)
        return finish(tree, -ENOMEM, &cell, out);
    parts[0] = real;
    parts[1] = imag;
    return finish(tree, 0, &cell, out);
}

int mproc_value_new_str(mproc_value **out, const char *utf8, size_t len)
{
    struct mp_tree *tree = mp_tree_new(0);
    mproc_value cell = mp_none();
    return tree ? finish(tree, mp_new_str(tree, utf8, len, &cell), &cell, out) : -ENOMEM;
}

int mproc_value_new_bytes(mproc_value **out, const void *data, size_t len)
{
    struct mp_tree *tree = mp_tree_new(0);
    mproc_value cell = mp_none();
    if (!tree)
        return -ENOMEM;
    return finish(tree, copy_text(tree, MPROC_KIND_BYTES, data, len, &cell), &cell, out);
}

int mproc_value_new_bytearray(mproc_value **out, const void *data, size_t len)
{
    if (!data && len > 0)
        return -EINVAL;
    struct mp_tree *tree = mp_tree_new(sizeof(struct mp_node));
    mproc_value cell = mp_none();
    if (!tree)
        return -ENOMEM;
    int rc = make(tree, MPROC_KIND_BYTEARRAY, &cell);
    if (rc == 0)
        rc = mp_bytearray_extend(cell.u.node, data, len);
    return finish(tree, rc, &cell, out);
}

static int fill_global(struct mp_tree *tree, const char *module, const char *name, mproc_value *out)
{
    struct mp_node *node = mp_node_new(tree, MPROC_KIND_GLOBAL);
    mproc_value *names = mp_alloc(tree, 2 * sizeof *names);
    if (!node || !names)
        return mp_alloc_error(tree);
    node->u.items = names;
    *out = mp_node_cell(MPROC_KIND_GLOBAL, node);
    int rc = mp_new_str(tree, module, SIZE_MAX, &names[0]);
    return rc < 0 ? rc : mp_new_str(tree, name, SIZE_MAX, &names[1]);
}

int mproc_value_new_global(mproc_value **out, const char *module, const char *name)
{
    if (!module || !name)
        return -EINVAL;
    struct mp_tree *tree = mp_tree_new(SMALL_ROOM);
    mproc_value cell = mp_none();
    return tree ? finish(tree, fill_global(tree, module, name, &cell), &cell, out) : -ENOMEM;
}

int mp_adopt(struct mp_tree *tree, const mproc_value *v, mproc_value *cell, struct mp_tree **taken)
{
    *taken = NULL;
    if (!v)
        return -EINVAL;
    struct mp_tree *root = mp_tree_of_root(v);
    *cell = *v;
    cell->meta &= ~((uint64_t)MP_CELL_ROOT << 8);
    if (root && mp_tree_top(tree) != root) {
        *taken = root;
        return 0;
    }
    /* Texts do not know their tree, and may come from one that ends earlier: copied, too. */
    if (!mp_has_node(v) || mp_tree_top(v->u.node->tree) != mp_tree_top(tree))
        return mp_copy_into(tree, v, cell);
    v->u.node->flags |= MP_NODE_SHARED;
    return 0;
}

void mp_adopted(struct mp_tree *tree, struct mp_tree *taken)
{
    if (taken && !taken->owner && mp_tree_top(tree) != taken)
        mp_tree_take(tree, taken);
}

static bool is_frozen(const mproc_value *v)
{
    if (mp_kind(v) == MPROC_KIND_TUPLE)
        return atomic_load_explicit(&((struct mp_tuple *)v->u.node)->hash, memory_order_relaxed) !=
               0;
    return mp_kind(v) == MPROC_KIND_FROZENSET &&
           atomic_load_explicit(&mp_table(v)->hash, memory_order_relaxed) != 0;
}

int mp_append_cell(mproc_value *container, const mproc_value *cell)
{
    mproc_kind kind = mp_kind(container);
    if (is_frozen(container))
        return -EPERM;
    if (mp_is_sequence(kind))
        return mp_sequence_extend(container->u.node, cell, 1);
    if (kind == MPROC_KIND_SET || kind == MPROC_KIND_FROZENSET)
        return mp_table_set(mp_table(container), kind, cell, NULL);
    if (kind != MPROC_KIND_OBJECT)
        return MPROC_EKIND;
    const mproc_value *list = mp_object_items(mp_object(container), MPROC_PART_LIST);
    if (!list)
        return mp_alloc_error(container->u.node->tree);
    int rc = mp_sequence_extend(list->u.node, cell, 1);
    mp_deepen(container->u.node, list);
    return rc;
}

int mp_set_cell(mproc_value *dict, const mproc_value *key, const mproc_value *value)
{
    if (mp_kind(dict) == MPROC_KIND_DICT)
        return mp_table_set(mp_table(dict), MPROC_KIND_DICT, key, value);
    if (mp_kind(dict) != MPROC_KIND_OBJECT)
        return MPROC_EKIND;
    uint64_t hash;
    int rc = mp_hash(key, &hash); /* a key that cannot be one makes no dict */
    if (rc < 0)
        return rc;
    const mproc_value *items = mp_object_items(mp_object(dict), MPROC_PART_DICT);
    if (!items)
        return mp_alloc_error(dict->u.node->tree);
    rc = mp_table_set(mp_table(items), MPROC_KIND_DICT, key, value);
    mp_deepen(dict->u.node, items);
    return rc;
}

static bool is_container(const mproc_value *v)
{
    return v && (mp_is_sequence(mp_kind(v)) || mp_is_table(mp_kind(v)) ||
                 mp_kind(v) == MPROC_KIND_OBJECT);
}

int mproc_value_append(mproc_value *container, mproc_value *item)
{
    if (!is_container(container) || mp_kind(container) == MPROC_KIND_DICT)
        return MPROC_EKIND;
    mproc_value cell = mp_none();
    struct mp_tree *taken;
    struct mp_tree *tree = container->u.node->tree;
    int rc = mp_adopt(tree, item, &cell, &taken);
    if (rc == 0)
        rc = mp_append_cell(container, &cell);
    if (rc == 0)
        mp_adopted(tree, taken);
    return rc;
}

int mproc_value_append_new(mproc_value *container, mproc_kind kind, mproc_value **child)
{
    mproc_kind into = mproc_value_kind(container);
    if (!mp_is_sequence(into) && into != MPROC_KIND_OBJECT)
        return MPROC_EKIND;
    if (!child)
        return -EINVAL;
    mproc_value cell = mp_none();
    int rc = make(container->u.node->tree, kind, &cell);
    if (rc == 0)
        rc = mp_append_cell(container, &cell);
    if (rc == 0)
        *child = mproc_value_item_mut(container, mproc_value_length(container) - 1);
    return rc;
}

int mproc_value_set(mproc_value *dict, mproc_value *key, mproc_value *value)
{
    mproc_kind kind = mproc_value_kind(dict);
    if (kind != MPROC_KIND_DICT && kind != MPROC_KIND_OBJECT)
        return MPROC_EKIND;
    mproc_value cells[2];
    struct mp_tree *taken[2] = {NULL, NULL};
    struct mp_tree *tree = dict->u.node->tree;
    int rc = mp_adopt(tree, key, &cells[0], &taken[0]);
    if (rc == 0)
        rc = mp_adopt(tree, value, &cells[1], &taken[1]);
    if (rc == 0 && key == value && mp_has_node(&cells[0])) /* both adopted as the only reference */
        cells[0].u.node->flags |= MP_NODE_SHARED;
    if (rc == 0)
        rc = mp_set_cell(dict, &cells[0], &cells[1]);
    for (int i = 0; i < 2 && rc == 0; i++)
        mp_adopted(tree, taken[i]);
    return rc;
}

int mproc_value_append_bytes(mproc_value *bytearray, const void *data, size_t len)
{
    if (mproc_value_kind(bytearray) != MPROC_KIND_BYTEARRAY)
        return MPROC_EKIND;
    return data || len == 0 ? mp_bytearray_extend(bytearray->u.node, data, len) : -EINVAL;
}

static int adopt_part(struct mp_object *object, mproc_part part, mproc_value *v,
                      struct mp_tree **taken)
{
    mproc_value cell = mp_none();
    int rc = mp_adopt(object->node.tree, v, &cell, taken);
    if (rc == 0)
        mp_object_set_part(object, part, &cell);
    return rc;
}

static int fill_object(struct mp_tree *tree, mproc_construct how, mproc_value *const given[3],
                       mproc_value *out)
{
    struct mp_tree *taken[3] = {NULL, NULL, NULL};
    struct mp_object *object = (struct mp_object *)mp_node_new(tree, MPROC_KIND_OBJECT);
    if (!object)
        return mp_alloc_error(tree);
    object->how = how;
    mproc_value no_args = mp_node_cell(MPROC_KIND_TUPLE, mp_node_new(tree, MPROC_KIND_TUPLE));
    if (!no_args.u.node)
        return mp_alloc_error(tree);
    mp_object_set_part(object, MPROC_PART_ARGS, &no_args);
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        if (given[i])
            rc = adopt_part(object, (mproc_part)i, given[i], &taken[i]);
    for (int i = 0; i < 3 && rc == 0; i++)
        mp_adopted(tree, taken[i]);
    *out = mp_node_cell(MPROC_KIND_OBJECT, &object->node);
    return rc;
}

int mproc_value_new_object(mproc_value **out, mproc_construct how, mproc_value *callable,
                           mproc_value *args, mproc_value *kwargs)
{
    mproc_kind kind = mproc_value_kind(callable);
    if ((kind != MPROC_KIND_GLOBAL && kind != MPROC_KIND_OBJECT) ||
        (args && mp_kind(args) != MPROC_KIND_TUPLE) || (how == MPROC_NEW_EX) != (kwargs != NULL) ||
        (kwargs && mp_kind(kwargs) != MPROC_KIND_DICT))
        return MPROC_EKIND;
    if (!out || (unsigned)how > MPROC_NEW_EX)
        return -EINVAL;
    struct mp_tree *tree = mp_tree_new(2 * SMALL_ROOM);
    mproc_value cell = mp_none();
    mproc_value *const given[3] = {callable, args, kwargs};
    return tree ? finish(tree, fill_object(tree, how, given, &cell), &cell, out) : -ENOMEM;
}

int mproc_value_set_state(mproc_value *object, mproc_value *state)
{
    if (mproc_value_kind(object) != MPROC_KIND_OBJECT)
        return MPROC_EKIND;
    struct mp_tree *taken;
    int rc = adopt_part(mp_object(object), MPROC_PART_STATE, state, &taken);
    if (rc == 0)
        mp_adopted(object->u.node->tree, taken);
    return rc;
}

int mproc_value_copy(mproc_value **out, const mproc_value *v)
{
    struct mp_tree *tree = mp_tree_new(SMALL_ROOM);
    mproc_value none = mp_none();
    mproc_value cell = mp_none();
    return tree ? finish(tree, mp_copy_into(tree, v ? v : &none, &cell), &cell, out) : -ENOMEM;
}

void mproc_value_free(mproc_value *root)
{
    if (root)
        mp_tree_free(mp_tree_of_root(root));
}
