/* SPDX-License-Identifier: MIT */
#include "value/tree.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CHUNK 512
#define LARGEST_CHUNK MP_LARGEST_CHUNK /* of those that grow by themselves */
#define LARGER_CHUNK ((size_t)32 << 10)

struct mp_chunk {
    struct mp_chunk *next;
    size_t bytes; /* keeps what follows aligned */
};

struct mp_tree *mp_tree_new(size_t room)
{
    if (room > SIZE_MAX - sizeof(struct mp_tree))
        return NULL;
    struct mp_tree *tree = malloc(sizeof *tree + room);
    if (!tree)
        return NULL;
    *tree = (struct mp_tree){.root = mp_none(),
                             .next_chunk = room > FIRST_CHUNK ? room : FIRST_CHUNK,
                             .budget = SIZE_MAX};
    tree->root.meta |= MP_CELL_ROOT << 8;
    tree->at = (unsigned char *)(tree + 1);
    tree->end = tree->at + (room & ~(size_t)7);
    return tree;
}

void mp_tree_add_connection(struct mp_tree *tree, struct mp_connection *connection)
{
    connection->next = tree->connections;
    tree->connections = connection;
}

static void drop_connections(struct mp_tree *tree)
{
    for (struct mp_connection *c = tree->connections; c; c = c->next)
        if (c->connection && c->drop)
            c->drop(c->connection);
}

static void free_one(struct mp_tree *tree)
{
    drop_connections(tree);
    while (tree->chunks) {
        struct mp_chunk *next = tree->chunks->next;
        free(tree->chunks);
        tree->chunks = next;
    }
    free(tree->message);
    free(tree->shared);
    free(tree);
}

/* Not recursive: a tree that took over a tree that took over a tree… may be any number deep. */
void mp_tree_free(struct mp_tree *tree)
{
    while (tree) {
        struct mp_tree *rest = tree->next;
        struct mp_tree *last = tree->taken;
        while (last && last->next)
            last = last->next;
        if (last)
            last->next = rest;
        struct mp_tree *next = tree->taken ? tree->taken : rest;
        free_one(tree);
        tree = next;
    }
}

struct mp_tree *mp_tree_of_root(const mproc_value *v)
{
    if (!(v->meta & MP_CELL_ROOT << 8))
        return NULL;
    return (struct mp_tree *)(uintptr_t)v; /* its first member */
}

struct mp_tree *mp_tree_top(struct mp_tree *tree)
{
    while (tree->owner)
        tree = tree->owner;
    return tree;
}

/* A text that gets lost here is written twice in a pickle, no more. */
static void take_shared_texts(struct mp_tree *owner, struct mp_tree *tree)
{
    for (size_t i = 0; i < tree->shared_len; i++)
        if (mp_tree_share_text(owner, tree->shared[i]) < 0)
            return;
}

void mp_tree_take(struct mp_tree *owner, struct mp_tree *tree)
{
    owner = mp_tree_top(owner);
    take_shared_texts(owner, tree);
    tree->owner = owner;
    tree->next = owner->taken;
    owner->taken = tree;
    tree->root.meta &= ~((uint64_t)MP_CELL_ROOT << 8);
}

void mp_tree_give_back(struct mp_tree *tree, const struct mp_tree *kept)
{
    while (tree->taken != kept) {
        struct mp_tree *given = tree->taken;
        tree->taken = given->next;
        given->next = NULL;
        given->owner = NULL;
        given->root.meta |= MP_CELL_ROOT << 8;
    }
}

/*
 * Twice the last one; or four times, which is more than all before together, and so more than the
 * GNU C library returns to the system when all are free: see first_chunk() in decode.c.
 */
static size_t chunk_for(struct mp_tree *tree, size_t bytes)
{
    size_t room = tree->next_chunk;
    size_t next = room < LARGER_CHUNK ? 2 * room : 4 * room;
    if (room < LARGEST_CHUNK)
        tree->next_chunk = next < LARGEST_CHUNK ? next : LARGEST_CHUNK;
    return room > bytes ? room : bytes;
}

void *mp_alloc_slowly(struct mp_tree *tree, size_t bytes)
{
    if (bytes > tree->budget) {
        tree->over_budget = true;
        return NULL;
    }
    size_t room = chunk_for(tree, bytes);
    if (room > tree->budget)
        room = tree->budget & ~(size_t)7;
    if (room > SIZE_MAX - sizeof(struct mp_chunk))
        return NULL;
    struct mp_chunk *chunk = malloc(sizeof *chunk + room);
    if (!chunk)
        return NULL;
    chunk->next = tree->chunks;
    chunk->bytes = room;
    tree->chunks = chunk;
    tree->budget -= room;
    unsigned char *memory = (unsigned char *)(chunk + 1);
    /* A large block of its own leaves the rest of the former chunk in use. */
    if (room - bytes > (size_t)(tree->end - tree->at)) {
        tree->at = memory + bytes;
        tree->end = memory + room;
    }
    return memory;
}

void *mp_realloc(struct mp_tree *tree, void *old, size_t old_bytes, size_t bytes)
{
    size_t used = (old_bytes + 7) & ~(size_t)7;
    if (bytes > SIZE_MAX - 7)
        return NULL;
    size_t wanted = (bytes + 7) & ~(size_t)7;
    if (old && (unsigned char *)old + used == tree->at &&
        wanted - used <= (size_t)(tree->end - tree->at)) {
        tree->at += wanted - used;
        return old;
    }
    void *grown = mp_alloc(tree, bytes);
    if (grown && old && old_bytes > 0)
        memcpy(grown, old, old_bytes);
    return grown;
}

int mp_alloc_error(const struct mp_tree *tree)
{
    return tree->over_budget ? MPROC_ELIMIT : -ENOMEM;
}

unsigned char *mp_alloc_text(struct mp_tree *tree, const void *data, size_t len)
{
    if (len >= MP_MAX_TEXT)
        return NULL;
    unsigned char *text = mp_alloc(tree, len + 1);
    if (!text)
        return NULL;
    if (len > 0)
        memcpy(text, data, len);
    text[len] = '\0';
    return text;
}

int mp_tree_share_text(struct mp_tree *tree, const unsigned char *text)
{
    if (tree->shared_len > 0 && tree->shared[tree->shared_len - 1] == text)
        return 0;
    if (tree->shared_len == tree->shared_cap) {
        size_t cap = tree->shared_cap ? tree->shared_cap * 2 : 16;
        const unsigned char **grown = realloc(tree->shared, cap * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        tree->shared = grown;
        tree->shared_cap = cap;
    }
    tree->shared[tree->shared_len++] = text;
    return 0;
}
