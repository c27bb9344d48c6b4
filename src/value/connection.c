/* SPDX-License-Identifier: MIT */
/* Connections inside values: opaque pointers here; what they are is the connection layer's
 * business. */
#include "value/connection.h"

#include <errno.h>

#include "value/build.h"
#include "value/container.h"

int mp_value_new_connection(mproc_value **out, void *connection, void (*drop)(void *))
{
    struct mp_tree *tree = mp_tree_new(sizeof(struct mp_connection));
    if (!tree)
        return -ENOMEM;
    struct mp_connection *c = (struct mp_connection *)mp_node_new(tree, MPROC_KIND_CONNECTION);
    if (!c) {
        mp_tree_free(tree);
        return -ENOMEM;
    }
    c->connection = connection;
    c->drop = drop;
    mproc_value cell = mp_node_cell(MPROC_KIND_CONNECTION, &c->node);
    return mp_finish_root(tree, &cell, out);
}

void *mp_value_connection(const mproc_value *v)
{
    if (mproc_value_kind(v) != MPROC_KIND_CONNECTION)
        return NULL;
    return ((const struct mp_connection *)v->u.node)->connection;
}

static bool any_in_tree(const struct mp_tree *tree, mp_connection_fn fn, void *user)
{
    for (struct mp_connection *c = tree->connections; c; c = c->next)
        if (c->connection && fn(user, c))
            return true;
    return false;
}

/* Trees that were taken over hang below the one that took them; at most a few levels in practice,
 * but any number is walked without recursion: down first, then along, then up. */
bool mp_value_any_connection(const mproc_value *root, mp_connection_fn fn, void *user)
{
    const struct mp_tree *top = mp_tree_of_root(root);
    const struct mp_tree *tree = top;
    while (tree) {
        if (any_in_tree(tree, fn, user))
            return true;
        if (tree->taken) {
            tree = tree->taken;
            continue;
        }
        while (tree != top && !tree->next)
            tree = tree->owner;
        tree = tree == top ? NULL : tree->next;
    }
    return false;
}

/* cppcheck-suppress constParameter ; the type is mp_connection_fn */
static bool disown(void *user, struct mp_connection *c)
{
    if (c->connection != user || !c->drop)
        return false;
    c->drop = NULL;
    return true;
}

bool mp_value_disown_connection(mproc_value *root, void *connection)
{
    return mp_value_any_connection(root, disown, connection);
}
