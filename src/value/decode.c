/* SPDX-License-Identifier: MIT */
/*
 * Reading pickles: the loop, and the opcodes that most of a pickle consists of, each with all its
 * checks and errors. decode_frequent.c runs ahead through those that are as expected.
 *
 * Nothing recurses, so nesting costs no stack. All memory follows bytes that were read: a stack
 * cell, a memo entry or a node for one or more of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/options.h"
#include "value/decoder.h"
#include "value/utf8.h"

/* On the C stack. Enough for a batch of 1000 entries of a dict, as pickles come. */
#define INITIAL_CELLS ((size_t)2040)
#define INITIAL_MARKS 16
#define LARGEST_FIRST_MEMO 1024

int mp_decode_fail(struct mp_decoder *d, int code, const char *what)
{
    return mp_fail(d->err, code, "pickle: %s at offset %zu", what, (size_t)(d->opcode - d->start));
}

int mp_decode_nomem(struct mp_decoder *d)
{
    int code = mp_alloc_error(d->tree);
    return mp_decode_fail(d, code, code == -ENOMEM ? "out of memory" : "more than max_memory");
}

static bool within_memory(const struct mp_decoder *d, size_t bytes)
{
    return bytes <= d->limits.max_memory;
}

int mp_decode_grow_stack(struct mp_decoder *d)
{
    size_t used = (size_t)(d->top - d->stack);
    size_t cap = 2 * (size_t)(d->limit - d->stack);
    bool initial = cap == 2 * INITIAL_CELLS;
    if (!within_memory(d, cap * sizeof *d->stack))
        return mp_decode_fail(d, MPROC_ELIMIT, "more than max_memory");
    mproc_value *grown = realloc(initial ? NULL : d->stack, cap * sizeof *grown);
    if (!grown)
        return mp_decode_fail(d, -ENOMEM, "out of memory");
    if (initial)
        memcpy(grown, d->stack, used * sizeof *grown);
    d->stack = grown;
    d->top = grown + used;
    d->limit = grown + cap;
    return 0;
}

static int push_mark(struct mp_decoder *d)
{
    if (d->n_marks == d->cap_marks) {
        size_t cap = 2 * d->cap_marks;
        bool initial = d->cap_marks == INITIAL_MARKS;
        size_t *grown = realloc(initial ? NULL : d->marks, cap * sizeof *grown);
        if (!grown)
            return mp_decode_fail(d, -ENOMEM, "out of memory");
        if (initial)
            memcpy(grown, d->marks, d->n_marks * sizeof *grown);
        d->marks = grown;
        d->cap_marks = cap;
    }
    d->marks[d->n_marks++] = (size_t)(d->top - d->stack);
    return 0;
}

int mp_decode_pop_mark(struct mp_decoder *d, mproc_value **items, size_t *n)
{
    if (d->n_marks == 0)
        return mp_decode_fail(d, MPROC_EPICKLE, "no mark");
    *items = d->stack + d->marks[--d->n_marks];
    *n = (size_t)(d->top - *items);
    return 0;
}

/* The first one for a guess at what the message holds, an entry for each 8 bytes. */
static size_t first_memo(const struct mp_decoder *d)
{
    size_t guess = (size_t)(d->end - d->start) / 8;
    if (guess < 64 || !within_memory(d, guess * sizeof *d->memo))
        return 64;
    return guess < LARGEST_FIRST_MEMO ? guess : LARGEST_FIRST_MEMO;
}

static int grow_memo(struct mp_decoder *d, size_t index)
{
    size_t cap = d->memo_cap ? 2 * d->memo_cap : first_memo(d);
    while (cap <= index)
        cap *= 2;
    if (!within_memory(d, cap * sizeof *d->memo))
        return mp_decode_fail(d, MPROC_ELIMIT, "more than max_memory");
    mproc_value *grown = realloc(d->memo, cap * sizeof *grown);
    if (!grown)
        return mp_decode_fail(d, -ENOMEM, "out of memory");
    d->memo = grown;
    d->memo_cap = cap;
    return 0;
}

/*
 * CPython numbers memo entries from 0 on, so none is as high as the pickle has bytes; one that is
 * higher asks for memory that nothing pays for.
 */
int mp_decode_memoize(struct mp_decoder *d, size_t index)
{
    if (mp_decode_height(d) == 0)
        return mp_decode_fail(d, MPROC_EPICKLE, "nothing to memoize");
    if (index == d->memo_len && index < d->memo_cap &&
        index < d->limits.max_memo) { /* the next one, as a rule */
        d->memo[d->memo_len++] = d->top[-1];
        d->memo_count++;
        return 0;
    }
    if (index >= (size_t)(d->end - d->start) || index >= d->limits.max_memo)
        return mp_decode_fail(d, MPROC_ELIMIT, "memo index too high");
    if (index >= d->memo_cap) {
        int rc = grow_memo(d, index);
        if (rc < 0)
            return rc;
    }
    while (d->memo_len <= index)
        d->memo[d->memo_len++].meta = MP_UNSET_MEMO;
    d->memo_count += d->memo[index].meta == MP_UNSET_MEMO;
    d->memo[index] = d->top[-1];
    return 0;
}

/* Texts have no node to mark as shared: the tree keeps a list of those that are. */
static int share_text(struct mp_decoder *d, const mproc_value *v)
{
    return mp_tree_share_text(d->tree, v->u.text) < 0 ? mp_decode_fail(d, -ENOMEM, "out of memory")
                                                      : 0;
}

int mp_decode_get(struct mp_decoder *d, size_t index)
{
    if (index >= d->memo_len || d->memo[index].meta == MP_UNSET_MEMO)
        return mp_decode_fail(d, MPROC_EPICKLE, "memo entry that was never put");
    mproc_value *entry = &d->memo[index];
    mproc_kind kind = mp_kind(entry);
    mproc_value v = *entry;
    if (mp_has_node(entry)) {
        entry->u.node->flags |= MP_NODE_SHARED;
    } else if (kind == MPROC_KIND_STR || kind == MPROC_KIND_BYTES) {
        v.meta &= ~(uint64_t)MP_SHARED_ONCE;
        int rc = entry->meta & MP_SHARED_ONCE ? 0 : share_text(d, entry);
        if (rc < 0)
            return rc;
        entry->meta |= MP_SHARED_ONCE;
    }
    return mp_decode_push(d, v);
}

static int push_text(struct mp_decoder *d, mproc_kind kind, size_t head, uint64_t len)
{
    unsigned char *text = d->at + head;
    if (len > (size_t)(d->end - text))
        return mp_decode_fail(d, MPROC_EPICKLE, "text longer than the pickle");
    if (kind == MPROC_KIND_STR && !mp_utf8_ok(text, (size_t)len))
        return mp_decode_fail(d, MPROC_EUTF8, "text that is not UTF-8");
    d->at = text + len;
    /* At least one opcode follows: its byte becomes the NUL once it has been read. */
    d->nul = d->at;
    return mp_decode_push(d, mp_text(kind, text, (size_t)len));
}

static int push_sized_text(struct mp_decoder *d, mproc_kind kind, size_t head)
{
    int rc = mp_decode_need(d, head);
    return rc < 0 ? rc : push_text(d, kind, head, mp_load_le(d->at, head));
}

static int push_float(struct mp_decoder *d)
{
    int rc = mp_decode_need(d, 8);
    if (rc < 0)
        return rc;
    d->at += 8;
    return mp_decode_push(d, mp_float(mp_load_double(d->at - 8)));
}

static int push_int(struct mp_decoder *d, size_t bytes)
{
    int rc = mp_decode_need(d, bytes);
    if (rc < 0)
        return rc;
    int64_t number = (int64_t)mp_load_le(d->at, bytes);
    if (bytes == 4)
        number = (int32_t)number;
    d->at += bytes;
    return mp_decode_push(d, mp_int(number));
}

static int make_tuple(struct mp_decoder *d, mproc_value *items, size_t n)
{
    if (++d->nodes > d->limits.max_nodes)
        return mp_decode_fail(d, MPROC_ELIMIT, "more than max_nodes");
    struct mp_node *node = mp_sequence_new(d->tree, MPROC_KIND_TUPLE, items, n);
    if (!node)
        return mp_decode_nomem(d);
    if (node->depth > d->limits.max_depth)
        return mp_decode_fail(d, MPROC_ELIMIT, "nested deeper than max_depth");
    d->top = items;
    return mp_decode_push(d, mp_node_cell(MPROC_KIND_TUPLE, node));
}

static int small_tuple(struct mp_decoder *d, size_t n)
{
    int rc = mp_decode_need_stack(d, n);
    return rc < 0 ? rc : make_tuple(d, d->top - n, n);
}

static int marked_tuple(struct mp_decoder *d)
{
    mproc_value *items = d->top;
    size_t n = 0;
    int rc = mp_decode_pop_mark(d, &items, &n);
    return rc < 0 ? rc : make_tuple(d, items, n);
}

static int get_short(struct mp_decoder *d, size_t bytes)
{
    int rc = mp_decode_need(d, bytes);
    if (rc < 0)
        return rc;
    size_t index = (size_t)mp_load_le(d->at, bytes);
    d->at += bytes;
    return mp_decode_get(d, index);
}

static int put_short(struct mp_decoder *d, size_t bytes)
{
    int rc = mp_decode_need(d, bytes);
    if (rc < 0)
        return rc;
    size_t index = (size_t)mp_load_le(d->at, bytes);
    d->at += bytes;
    return mp_decode_memoize(d, index);
}

static int decode_one(struct mp_decoder *d, unsigned char op)
{
    switch (op) {
    case OP_MEMOIZE:
        return mp_decode_memoize(d, d->memo_count);
    case OP_SHORT_BINUNICODE:
        return push_sized_text(d, MPROC_KIND_STR, 1);
    case OP_BINUNICODE:
        return push_sized_text(d, MPROC_KIND_STR, 4);
    case OP_SHORT_BINBYTES:
        return push_sized_text(d, MPROC_KIND_BYTES, 1);
    case OP_BINBYTES:
        return push_sized_text(d, MPROC_KIND_BYTES, 4);
    case OP_BINUNICODE8:
        return push_sized_text(d, MPROC_KIND_STR, 8);
    case OP_BINBYTES8:
        return push_sized_text(d, MPROC_KIND_BYTES, 8);
    case OP_BININT1:
        return push_int(d, 1);
    case OP_BININT2:
        return push_int(d, 2);
    case OP_BININT:
        return push_int(d, 4);
    case OP_BINFLOAT:
        return push_float(d);
    case OP_NONE:
        return mp_decode_push(d, mp_none());
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return mp_decode_push(d, mp_bool(op == OP_NEWTRUE));
    case OP_EMPTY_TUPLE:
        return make_tuple(d, d->top, 0);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return small_tuple(d, op - OP_TUPLE1 + 1u);
    case OP_TUPLE:
        return marked_tuple(d);
    case OP_MARK:
        return push_mark(d);
    case OP_BINGET:
        return get_short(d, 1);
    case OP_LONG_BINGET:
        return get_short(d, 4);
    case OP_BINPUT:
        return put_short(d, 1);
    case OP_LONG_BINPUT:
        return put_short(d, 4);
    default:
        return mp_decode_rare(d, op);
    }
}

static int decode_loop(struct mp_decoder *d)
{
    for (;;) {
        mp_decode_frequent(d);
        d->opcode = d->at;
        if (d->at == d->end)
            return mp_decode_fail(d, MPROC_EPICKLE, "cut short");
        unsigned char op = *d->at++;
        *d->nul = '\0';
        if (op == OP_STOP)
            return 0;
        int rc = decode_one(d, op);
        if (rc < 0)
            return rc;
    }
}

static int decode_whole(struct mp_decoder *d)
{
    int rc = decode_loop(d);
    if (rc < 0)
        return rc;
    if (d->at != d->end)
        return mp_decode_fail(d, MPROC_EPICKLE, "bytes behind the end");
    if (d->n_marks > 0 || d->top - d->stack != 1)
        return mp_decode_fail(d, MPROC_EPICKLE, "not one value at the end");
    return 0;
}

static int read_limits(mproc_unpickle_options *limits, const mproc_unpickle_options *given,
                       size_t len, mproc_error *err)
{
    *limits = (mproc_unpickle_options)MPROC_UNPICKLE_OPTIONS_INIT;
    int rc = mp_options_read(limits, sizeof *limits, given, err);
    if (rc < 0)
        return rc;
    if (limits->max_memory == SIZE_MAX && len < SIZE_MAX / 512)
        limits->max_memory = 256 * len + 65536;
    return 0;
}

#define ROOT_ROOM 256 /* for a scalar or a few of them, beside the tree itself */

#define SMALL_CHUNK ((size_t)64 << 10)
#define MAPPED_CHUNK ((size_t)160 << 10)

/*
 * What a message that is more than one text becomes, if it is short; a larger one gets more later.
 *
 * Memory that malloc() returns to the system is filled anew by the next message, page by page, at
 * several times the cost of decoding into it. The GNU C library does so with any 128 KiB that get
 * free at the end of its heap, until it has seen a block free()d that was larger: from then on, it
 * keeps twice the size of that. So there is nothing between chunks that stay below the limit
 * together with the message and the memo, and such a block.
 */
static size_t first_chunk(size_t len)
{
    if (len >= MP_LARGEST_CHUNK / 8)
        return MP_LARGEST_CHUNK;
    size_t likely = ROOT_ROOM + 8 * len;
    return likely <= SMALL_CHUNK || likely >= MAPPED_CHUNK ? likely : MAPPED_CHUNK;
}

static void finish(struct mp_tree *tree, const mproc_value *root)
{
    uint64_t flag = tree->root.meta & (MP_CELL_ROOT << 8);
    tree->root = *root;
    tree->root.meta |= flag;
    tree->budget = SIZE_MAX;
}

/* Decode into a new tree, which holds the root on success. The pickle may lie in its memory. */
static int decode_into(struct mp_tree *tree, unsigned char *pickle, size_t len,
                       const mproc_unpickle_options *limits, const struct mp_pickle_hooks *hooks,
                       mproc_error *err)
{
    mproc_value cells[INITIAL_CELLS];
    size_t marks[INITIAL_MARKS];
    unsigned char nothing;
    struct mp_decoder d = {.tree = tree,
                           .start = pickle,
                           .at = pickle,
                           .end = pickle + len,
                           .nul = &nothing,
                           .stack = cells,
                           .top = cells,
                           .limit = cells + INITIAL_CELLS,
                           .marks = marks,
                           .cap_marks = INITIAL_MARKS,
                           .limits = *limits,
                           .hooks = hooks,
                           .err = err};
    tree->budget = limits->max_memory;
    tree->next_chunk = first_chunk(len);
    int rc = decode_whole(&d);
    if (rc == 0)
        finish(tree, d.stack);
    if (d.stack != cells)
        free(d.stack);
    if (d.marks != marks)
        free(d.marks);
    free(d.memo);
    return rc;
}

int mp_unpickle_message(mproc_value **out, void *message, size_t at, size_t len,
                        const mproc_unpickle_options *options, const struct mp_pickle_hooks *hooks,
                        mproc_error *err)
{
    mproc_unpickle_options limits;
    int rc = read_limits(&limits, options, len, err);
    if (rc < 0)
        return rc;
    struct mp_tree *tree = mp_tree_new(ROOT_ROOM);
    if (!tree)
        return mp_fail(err, -ENOMEM, "pickle: out of memory");
    rc = decode_into(tree, (unsigned char *)message + at, len, &limits, hooks, err);
    if (rc < 0) {
        mp_tree_free(tree);
        return rc;
    }
    tree->message = message;
    *out = &tree->root;
    return 0;
}

/* The copy that the texts lie in is the first thing in the tree: one block for both. */
int mproc_value_unpickle(mproc_value **out, const void *data, size_t len,
                         const mproc_unpickle_options *options, mproc_error *err)
{
    mp_error_clear(err);
    if (!out || (!data && len > 0))
        return mp_fail(err, -EINVAL, "pickle: NULL");
    mproc_unpickle_options limits;
    int rc = read_limits(&limits, options, len, err);
    if (rc < 0)
        return rc;
    struct mp_tree *tree = len < SIZE_MAX / 2 ? mp_tree_new(len + ROOT_ROOM) : NULL;
    unsigned char *pickle = tree ? mp_alloc(tree, len) : NULL;
    if (!pickle) {
        mp_tree_free(tree);
        return mp_fail(err, -ENOMEM, "pickle: out of memory");
    }
    if (len > 0)
        memcpy(pickle, data, len);
    rc = decode_into(tree, pickle, len, &limits, NULL, err);
    if (rc < 0)
        mp_tree_free(tree);
    else
        *out = &tree->root;
    return rc;
}
