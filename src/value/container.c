/* SPDX-License-Identifier: MIT */
#include "value/container.h"

#include <errno.h>

#include "value/hash.h"
#include "value/number.h"

#define MAX_ENTRIES (UINT32_MAX - 1)
#define HASH_HALF 0xffffffff00000000u

static size_t node_size(mproc_kind kind)
{
    switch (kind) {
    case MPROC_KIND_TUPLE:
        return sizeof(struct mp_tuple);
    case MPROC_KIND_DICT:
    case MPROC_KIND_SET:
    case MPROC_KIND_FROZENSET:
        return sizeof(struct mp_table);
    case MPROC_KIND_OBJECT:
        return sizeof(struct mp_object);
    case MPROC_KIND_CONNECTION:
        return sizeof(struct mp_connection);
    default:
        return sizeof(struct mp_node);
    }
}

static void start_node(struct mp_node *node, struct mp_tree *tree)
{
    node->tree = tree;
    node->flags = 0;
    node->depth = 1;
    node->len = 0;
    node->cap = 0;
    node->u.items = NULL;
}

struct mp_node *mp_node_new(struct mp_tree *tree, mproc_kind kind)
{
    size_t size = node_size(kind);
    struct mp_node *node = mp_alloc(tree, size);
    if (!node)
        return NULL;
    memset(node, 0, size);
    start_node(node, tree);
    if (kind == MPROC_KIND_CONNECTION)
        mp_tree_add_connection(tree, (struct mp_connection *)node);
    if (kind == MPROC_KIND_BYTEARRAY)
        node->u.bytes = (unsigned char *)(uintptr_t) ""; /* never written: cap is 0 */
    return node;
}

struct mp_node *mp_sequence_new(struct mp_tree *tree, mproc_kind kind, const mproc_value *items,
                                size_t n)
{
    size_t head = kind == MPROC_KIND_TUPLE ? sizeof(struct mp_tuple) : sizeof(struct mp_node);
    struct mp_node *node = mp_alloc(tree, head + n * sizeof *items);
    if (!node)
        return NULL;
    start_node(node, tree);
    if (kind == MPROC_KIND_TUPLE)
        atomic_init(&((struct mp_tuple *)node)->hash, 0);
    node->len = node->cap = n;
    node->u.items = (mproc_value *)((unsigned char *)node + head);
    mp_copy_cells(node->u.items, items, n);
    node->depth += mp_deepest(items, n);
    return node;
}

/* Room for `more` cells of `width` bytes behind len; doubling, so that appending stays linear. */
static int reserve(struct mp_node *node, size_t more, size_t width)
{
    if (more <= node->cap - node->len)
        return 0;
    if (more > MP_MAX_TEXT / width - node->len)
        return -ENOMEM;
    size_t cap = node->len + more;
    if (node->cap > 0 && cap < 2 * node->cap)
        cap = 2 * node->cap;
    void *grown = mp_realloc(node->tree, node->u.bytes, node->cap * width, cap * width);
    if (!grown)
        return mp_alloc_error(node->tree);
    node->u.bytes = grown;
    node->cap = cap;
    return 0;
}

int mp_sequence_extend(struct mp_node *node, const mproc_value *items, size_t n)
{
    if (n == 0)
        return 0;
    if (n > node->cap - node->len) {
        int rc = reserve(node, n, sizeof *items);
        if (rc < 0)
            return rc;
    }
    memcpy(node->u.items + node->len, items, n * sizeof *items);
    for (size_t i = 0; i < n; i++)
        mp_deepen(node, &items[i]);
    node->len += n;
    return 0;
}

int mp_bytearray_extend(struct mp_node *node, const void *data, size_t len)
{
    if (len >= MP_MAX_TEXT - 1)
        return -ENOMEM;
    int rc = reserve(node, len + 1, 1);
    if (rc < 0)
        return rc;
    if (len > 0)
        memcpy(node->u.bytes + node->len, data, len);
    node->len += len;
    node->u.bytes[node->len] = '\0';
    return 0;
}

int mp_same_key(const mproc_value *a, const mproc_value *b)
{
    mproc_kind kind = mp_kind(a);
    if (kind != mp_kind(b))
        return mp_is_number(kind) && mp_is_number(mp_kind(b)) && mp_numbers_equal(a, b);
    switch (kind) {
    case MPROC_KIND_NONE:
        return 1;
    case MPROC_KIND_STR:
    case MPROC_KIND_BYTES:
        return mp_len(a) == mp_len(b) && memcmp(a->u.text, b->u.text, mp_len(a)) == 0;
    case MPROC_KIND_BOOL:
    case MPROC_KIND_INT:
    case MPROC_KIND_FLOAT:
    case MPROC_KIND_COMPLEX:
        return mp_numbers_equal(a, b);
    case MPROC_KIND_OBJECT:
    case MPROC_KIND_CONNECTION:
    case MPROC_KIND_POINTER:
        return a->u.pointer == b->u.pointer;
    default:
        return a->u.node == b->u.node ? 1 : mproc_value_equal(a, b);
    }
}

static bool is_hashed_by_node(const mproc_value *key)
{
    return mp_kind(key) == MPROC_KIND_TUPLE || mp_kind(key) == MPROC_KIND_FROZENSET;
}

/* Without an index: the members one by one. The key is hashed only to know that it can be. */
static ssize_t find_small(const struct mp_table *table, size_t width, const mproc_value *key,
                          uint64_t *hash)
{
    if (is_hashed_by_node(key) || mp_has_node(key)) {
        int rc = mp_hash(key, hash);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < table->node.len; i++) {
        int same = mp_same_key(&table->node.u.items[i * width], key);
        if (same != 0)
            return same < 0 ? same : (ssize_t)i;
    }
    return -ENOENT;
}

/* The slot of an equal key, or the free one where it would go. */
static ssize_t find_indexed(const struct mp_table *table, size_t width, const mproc_value *key,
                            uint64_t hash, uint64_t **slot)
{
    for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        uint64_t entry = table->index[at];
        *slot = &table->index[at];
        if (entry == 0)
            return -ENOENT;
        if ((entry ^ hash) & HASH_HALF)
            continue;
        size_t position = (size_t)(entry & ~HASH_HALF) - 1;
        int same = mp_same_key(&table->node.u.items[position * width], key);
        if (same != 0)
            return same < 0 ? same : (ssize_t)position;
    }
}

static ssize_t find(const struct mp_table *table, size_t width, const mproc_value *key,
                    uint64_t *hash, uint64_t **slot)
{
    *slot = NULL;
    if (!table->index)
        return find_small(table, width, key, hash);
    int rc = mp_hash(key, hash);
    if (rc < 0)
        return rc;
    return find_indexed(table, width, key, *hash, slot);
}

ssize_t mp_table_find(const struct mp_table *table, mproc_kind kind, const mproc_value *key)
{
    uint64_t hash;
    uint64_t *slot;
    return find(table, mp_table_width(kind), key, &hash, &slot);
}

static int has_hash(const mproc_value *key, uint64_t hash)
{
    uint64_t other = 0;
    int rc = mp_hash(key, &other);
    return rc < 0 ? rc : other == hash;
}

/* With a key of 64 bits that nobody outside can know, equal hashes are as good as equal keys. */
ssize_t mp_table_find_hash(const struct mp_table *table, mproc_kind kind, const mproc_value *key)
{
    size_t width = mp_table_width(kind);
    uint64_t hash = 0;
    int rc = mp_hash(key, &hash);
    if (rc < 0)
        return rc;
    size_t start = table->index ? hash & table->mask : 0;
    for (size_t i = 0;; i++) {
        size_t position = i;
        if (table->index) {
            uint64_t entry = table->index[(start + i) & table->mask];
            if (entry == 0)
                return -ENOENT;
            position = (size_t)(entry & ~HASH_HALF) - 1;
        } else if (i == table->node.len) {
            return -ENOENT;
        }
        rc = has_hash(&table->node.u.items[position * width], hash);
        if (rc != 0)
            return rc < 0 ? rc : (ssize_t)position;
    }
}

static void put_index(struct mp_table *table, uint64_t hash, size_t position)
{
    size_t at = hash & table->mask;
    while (table->index[at] != 0)
        at = (at + 1) & table->mask;
    table->index[at] = (hash & HASH_HALF) | (position + 1);
}

/* The low half of the hash chooses the slot but is not kept, so growing hashes the keys again. */
static int build_index(struct mp_table *table, size_t width, size_t entries)
{
    size_t slots = 4 * MP_SMALL_TABLE;
    while (slots / 2 < entries)
        slots *= 2;
    uint64_t *index = mp_alloc(table->node.tree, slots * sizeof *index);
    if (!index)
        return mp_alloc_error(table->node.tree);
    memset(index, 0, slots * sizeof *index);
    table->index = index;
    table->mask = slots - 1;
    for (size_t i = 0; i < table->node.len; i++) {
        uint64_t hash = 0;
        int rc = mp_hash(&table->node.u.items[i * width], &hash);
        if (rc < 0)
            return rc;
        put_index(table, hash, i);
    }
    return 0;
}

int mp_table_reserve(struct mp_table *table, mproc_kind kind, size_t more)
{
    size_t width = mp_table_width(kind);
    if (more > MAX_ENTRIES - table->node.len)
        return MPROC_ELIMIT;
    int rc = reserve(&table->node, more, width * sizeof(mproc_value));
    size_t entries = table->node.len + more;
    if (rc < 0 || entries <= MP_SMALL_TABLE || (table->index && entries <= (table->mask + 1) / 2))
        return rc;
    return build_index(table, width, entries);
}

int mp_table_reindex(struct mp_table *table, mproc_kind kind)
{
    if (table->node.len <= MP_SMALL_TABLE)
        return 0;
    return build_index(table, mp_table_width(kind), table->node.len);
}

static void write_entry(struct mp_table *table, size_t width, const mproc_value *key,
                        const mproc_value *value)
{
    mproc_value *to = table->node.u.items + table->node.len * width;
    to[0] = *key;
    mp_deepen(&table->node, key);
    if (width == 2) {
        to[1] = *value;
        mp_deepen(&table->node, value);
    }
    table->node.len++;
}

int mp_table_set(struct mp_table *table, mproc_kind kind, const mproc_value *key,
                 const mproc_value *value)
{
    size_t width = mp_table_width(kind);
    bool full = table->node.len == table->node.cap ||
                (table->index ? table->node.len >= (table->mask + 1) / 2
                              : table->node.len >= MP_SMALL_TABLE);
    int rc = full ? mp_table_reserve(table, kind, 1) : 0;
    if (rc < 0)
        return rc;
    uint64_t hash = 0;
    uint64_t *slot;
    ssize_t found = find(table, width, key, &hash, &slot);
    if (found >= 0) {
        if (width == 2) {
            table->node.u.items[2 * found + 1] = *value;
            mp_deepen(&table->node, value);
        }
        return 0;
    }
    if (found != -ENOENT)
        return (int)found;
    if (slot)
        *slot = (hash & HASH_HALF) | (table->node.len + 1);
    write_entry(table, width, key, value);
    return 0;
}

/* An entry whose key is a str unlike any before: what almost all are. False for others. */
static inline bool add_new_text(struct mp_table *table, size_t width, const mproc_value *cells,
                                uint64_t secret)
{
    if (mp_kind(&cells[0]) != MPROC_KIND_STR)
        return false;
    uint64_t hash = mp_hash_text(&cells[0], secret);
    hash += hash == 0; /* as mp_hash() does */
    size_t at = hash & table->mask;
    for (; table->index[at] != 0; at = (at + 1) & table->mask)
        if (((table->index[at] ^ hash) & HASH_HALF) == 0)
            return false;
    table->index[at] = (hash & HASH_HALF) | (table->node.len + 1);
    write_entry(table, width, &cells[0], &cells[1]);
    return true;
}

int mp_table_extend(struct mp_table *table, mproc_kind kind, const mproc_value *cells, size_t n)
{
    size_t width = mp_table_width(kind);
    int rc = mp_table_reserve(table, kind, n);
    uint64_t secret = mp_hash_secret();
    for (size_t i = 0; i < n && rc == 0; i++, cells += width)
        if (!table->index || !add_new_text(table, width, cells, secret))
            rc = mp_table_set(table, kind, &cells[0], width == 2 ? &cells[1] : NULL);
    return rc;
}

void mp_object_set_part(struct mp_object *object, mproc_part part, const mproc_value *v)
{
    object->part[part] = *v;
    object->parts |= 1u << part;
    mp_deepen(&object->node, v);
}

mproc_value *mp_object_items(struct mp_object *object, mproc_part part)
{
    if (!mp_has_part(object, part)) {
        mproc_kind kind = part == MPROC_PART_DICT ? MPROC_KIND_DICT : MPROC_KIND_LIST;
        struct mp_node *node = mp_node_new(object->node.tree, kind);
        if (!node)
            return NULL;
        mproc_value v = mp_node_cell(kind, node);
        mp_object_set_part(object, part, &v);
    }
    return &object->part[part];
}
