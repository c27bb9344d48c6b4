/* SPDX-License-Identifier: MIT */
/* Deep copies. Nodes whose cells are still to be copied wait on the heap, not on the C stack. */
#include "value/copy.h"

#include <errno.h>

#include "base/buffer.h"
#include "value/container.h"
#include "value/map.h"

struct task {
    mproc_kind kind;
    const struct mp_node *from;
    struct mp_node *to;
    size_t at;
};

struct copier {
    struct mp_tree *tree;
    struct mp_buffer tasks;
    struct mp_map made; /* shared nodes and texts: address of the copy */
    bool texts;         /* some are shared */
};

static const mproc_value *cells_of(mproc_kind kind, const struct mp_node *node, size_t *n)
{
    if (kind == MPROC_KIND_OBJECT) {
        *n = MP_PARTS;
        return ((const struct mp_object *)node)->part;
    }
    *n = kind == MPROC_KIND_GLOBAL ? 2 : node->len * mp_table_width(kind);
    return node->u.items;
}

static int copy_text(struct copier *c, const mproc_value *from, mproc_value *out)
{
    size_t *made = NULL;
    if (c->texts) {
        made = mp_map_at(&c->made, from->u.text);
        if (!made)
            return -ENOMEM;
    }
    *out = *from;
    if (made && *made) {
        out->u.text = (const unsigned char *)(uintptr_t)*made;
        return mp_tree_share_text(c->tree, out->u.text);
    }
    out->u.text = mp_alloc_text(c->tree, from->u.text, mp_len(from));
    if (!out->u.text)
        return mp_alloc_error(c->tree);
    if (made)
        *made = (size_t)(uintptr_t)out->u.text;
    return 0;
}

static int copy_complex(struct copier *c, const mproc_value *from, mproc_value *out)
{
    double *parts = mp_alloc(c->tree, 2 * sizeof *parts);
    if (!parts)
        return mp_alloc_error(c->tree);
    memcpy(parts, from->u.complex, 2 * sizeof *parts);
    *out = (mproc_value){.meta = MPROC_KIND_COMPLEX, .u.complex = parts};
    return 0;
}

static void copy_extras(const mproc_value *from, struct mp_node *to)
{
    if (mp_kind(from) == MPROC_KIND_OBJECT) {
        ((struct mp_object *)to)->how = mp_object(from)->how;
        ((struct mp_object *)to)->parts = mp_object(from)->parts;
    } else if (mp_kind(from) == MPROC_KIND_CONNECTION) {
        ((struct mp_connection *)to)->connection =
            ((const struct mp_connection *)from->u.node)->connection;
    }
}

/* A node with room for its cells, all None so far. */
static struct mp_node *start_copy(struct copier *c, const mproc_value *from)
{
    mproc_kind kind = mp_kind(from);
    const struct mp_node *node = from->u.node;
    struct mp_node *to = mp_node_new(c->tree, kind);
    size_t n;
    cells_of(kind, node, &n);
    if (!to)
        return NULL;
    copy_extras(from, to);
    to->flags = node->flags;
    to->depth = node->depth;
    if (kind == MPROC_KIND_OBJECT || kind == MPROC_KIND_CONNECTION || n == 0)
        return to;
    to->u.items = mp_alloc(c->tree, n * sizeof *to->u.items);
    if (!to->u.items)
        return NULL;
    memset(to->u.items, 0, n * sizeof *to->u.items);
    to->len = to->cap = node->len;
    return to;
}

static int copy_node(struct copier *c, const mproc_value *from, mproc_value *out)
{
    size_t *made = NULL;
    if (mp_is_shared(from)) {
        made = mp_map_at(&c->made, from->u.node);
        if (!made)
            return -ENOMEM;
    }
    if (made && *made) {
        *out = mp_node_cell(mp_kind(from), (struct mp_node *)(uintptr_t)*made);
        return 0;
    }
    struct mp_node *to;
    if (mp_kind(from) == MPROC_KIND_BYTEARRAY) {
        to = mp_node_new(c->tree, MPROC_KIND_BYTEARRAY);
        if (!to || mp_bytearray_extend(to, from->u.node->u.bytes, from->u.node->len) < 0)
            return mp_alloc_error(c->tree);
        to->flags = from->u.node->flags;
    } else {
        to = start_copy(c, from);
    }
    if (!to)
        return mp_alloc_error(c->tree);
    if (made)
        *made = (size_t)(uintptr_t)to;
    *out = mp_node_cell(mp_kind(from), to);
    struct task task = {mp_kind(from), from->u.node, to, 0};
    if (task.kind == MPROC_KIND_BYTEARRAY || task.kind == MPROC_KIND_CONNECTION)
        return 0;
    return mp_buffer_append(&c->tasks, &task, sizeof task);
}

static int copy_cell(struct copier *c, const mproc_value *from, mproc_value *out)
{
    mproc_kind kind = mp_kind(from);
    if (mp_has_node(from))
        return copy_node(c, from, out);
    if (kind == MPROC_KIND_STR || kind == MPROC_KIND_BYTES || mp_is_big(from))
        return copy_text(c, from, out);
    if (kind == MPROC_KIND_COMPLEX)
        return copy_complex(c, from, out);
    *out = *from;
    return 0;
}

/* One cell of the newest task. A table is indexed when its keys are whole. */
static int step(struct copier *c)
{
    struct task *task = (struct task *)(void *)(c->tasks.data + c->tasks.len) - 1;
    size_t n;
    const mproc_value *from = cells_of(task->kind, task->from, &n);
    if (task->at == n) {
        struct task done = *task;
        c->tasks.len -= sizeof done;
        return mp_is_table(done.kind) ? mp_table_reindex((struct mp_table *)done.to, done.kind) : 0;
    }
    size_t at = task->at++;
    mproc_value *to =
        task->kind == MPROC_KIND_OBJECT ? ((struct mp_object *)task->to)->part : task->to->u.items;
    mproc_value cell = from[at];
    cell.meta &= ~((uint64_t)MP_CELL_ROOT << 8);
    return copy_cell(c, &cell, &to[at]);
}

int mp_copy_into(struct mp_tree *tree, const mproc_value *from, mproc_value *out)
{
    struct copier c = {.tree = tree};
    c.texts = mp_has_node(from) && mp_tree_top(from->u.node->tree)->shared_len > 0;
    mproc_value cell = *from;
    mproc_value copy = mp_none();
    cell.meta &= ~((uint64_t)MP_CELL_ROOT << 8);
    int rc = copy_cell(&c, &cell, &copy);
    while (rc == 0 && c.tasks.len > 0)
        rc = step(&c);
    mp_buffer_clear(&c.tasks);
    mp_map_clear(&c.made);
    if (rc == 0)
        *out = copy;
    return rc;
}
