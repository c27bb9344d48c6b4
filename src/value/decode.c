/* SPDX-License-Identifier: MIT */
/*
 * Reading pickles: the loop, and the opcodes that most of a pickle consists of.
 *
 * Nothing recurses, so nesting costs no stack. All memory follows bytes that were read: a stack
 * cell, a memo entry or a node for one or more of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/options.h"
#include "value/decoder.h"
#include "value/utf8.h"

#define INITIAL_CELLS ((size_t)256)

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
        size_t cap = d->cap_marks ? 2 * d->cap_marks : 16;
        size_t *grown = realloc(d->marks, cap * sizeof *grown);
        if (!grown)
            return mp_decode_fail(d, -ENOMEM, "out of memory");
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

static int grow_memo(struct mp_decoder *d, size_t index)
{
    size_t cap = d->memo_cap ? d->memo_cap : 64;
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

#define SHARED_ONCE 0x100u /* in the memo: the tree's list has this text already */

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
        v.meta &= ~(uint64_t)SHARED_ONCE;
        int rc = entry->meta & SHARED_ONCE ? 0 : share_text(d, entry);
        if (rc < 0)
            return rc;
        entry->meta |= SHARED_ONCE;
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

static inline double load_double(const unsigned char *p)
{
    uint64_t bits = (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
                    (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
                    (uint64_t)p[6] << 8 | p[7];
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static int push_float(struct mp_decoder *d)
{
    int rc = mp_decode_need(d, 8);
    if (rc < 0)
        return rc;
    d->at += 8;
    return mp_decode_push(d, mp_float(load_double(d->at - 8)));
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

static inline bool is_ascii(const unsigned char *text, size_t len)
{
    uint64_t all = 0;
    uint64_t eight = 0;
    if (len < 4) /* first, middle and last are all there is */
        return len == 0 || (text[0] | text[len / 2] | text[len - 1]) < 0x80;
    if (len < 8) {
        uint32_t four[2];
        memcpy(&four[0], text, 4);
        memcpy(&four[1], text + len - 4, 4);
        return ((four[0] | four[1]) & 0x80808080u) == 0;
    }
    for (size_t i = 0; i + 8 <= len; i += 8) {
        memcpy(&eight, text + i, sizeof eight);
        all |= eight;
    }
    memcpy(&eight, text + len - 8, sizeof eight);
    return ((all | eight) & 0x8080808080808080u) == 0;
}

/* MEMOIZE, if it is for the next entry and there is room. */
static inline bool memoize_next(struct mp_decoder *d, const mproc_value *v)
{
    if (d->memo_len != d->memo_count || d->memo_len >= d->memo_cap ||
        d->memo_len >= d->limits.max_memo)
        return false;
    d->memo[d->memo_len++] = *v;
    d->memo_count++;
    return true;
}

#define FREQUENT_ROOM 10 /* bytes of the longest opcode below, without its text */

/*
 * What rows of numbers and short texts consist of, with the position and the stack in registers.
 * Stops before everything else, and before what does not fit or is not well-formed.
 */
static void decode_frequent(struct mp_decoder *d)
{
    const unsigned char *at = d->at;
    mproc_value *top = d->top;
    const mproc_value *floor = top;
    unsigned char *nul = d->nul;
    while (d->end - at >= FREQUENT_ROOM && top < d->limit) {
        unsigned char op = at[0];
        size_t used;
        switch (op) {
        case OP_BININT1:
            *top++ = mp_int(at[1]);
            used = 2;
            break;
        case OP_BININT2:
            *top++ = mp_int(at[1] | at[2] << 8);
            used = 3;
            break;
        case OP_BININT:
            *top++ = mp_int((int32_t)mp_load_le(at + 1, 4));
            used = 5;
            break;
        case OP_BINFLOAT:
            *top++ = mp_float(load_double(at + 1));
            used = 9;
            break;
        case OP_NEWTRUE:
        case OP_NEWFALSE:
            *top++ = mp_bool(op == OP_NEWTRUE);
            used = 1;
            break;
        case OP_NONE:
            *top++ = mp_none();
            used = 1;
            break;
        case OP_SHORT_BINUNICODE:
            used = 2u + at[1];
            if ((size_t)(d->end - at) < used || !is_ascii(at + 2, at[1]))
                goto done;
            *top++ = mp_text(MPROC_KIND_STR, at + 2, at[1]);
            break;
        case OP_MEMOIZE:
            if (top == floor || !memoize_next(d, top - 1))
                goto done;
            used = 1;
            break;
        default:
            goto done;
        }
        *nul = '\0';
        at += used;
        if (op == OP_SHORT_BINUNICODE)
            nul = d->start + (at - d->start);
    }
done:
    d->at += at - d->at;
    d->top = top;
    d->nul = nul;
}

static int decode_loop(struct mp_decoder *d)
{
    for (;;) {
        decode_frequent(d);
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

/* Cells for as many numbers as a short message can hold; longer ones get theirs as they go. */
static size_t first_room(size_t len)
{
    return len < 64 ? 256 : len < 16384 ? 3 * len : 49152;
}

static void finish(struct mp_decoder *d, void *message, mproc_value **out)
{
    uint64_t root = d->tree->root.meta & (MP_CELL_ROOT << 8);
    d->tree->root = d->stack[0];
    d->tree->root.meta |= root;
    d->tree->message = message;
    d->tree->budget = SIZE_MAX;
    *out = &d->tree->root;
}

int mp_unpickle_message(mproc_value **out, void *message, size_t at, size_t len,
                        const mproc_unpickle_options *options, const struct mp_pickle_hooks *hooks,
                        mproc_error *err)
{
    mproc_value initial[INITIAL_CELLS];
    unsigned char nothing;
    struct mp_decoder d = {.hooks = hooks, .err = err, .stack = initial, .nul = &nothing};
    int rc = read_limits(&d.limits, options, len, err);
    if (rc < 0)
        return rc;
    d.tree = mp_tree_new(first_room(len));
    if (!d.tree)
        return mp_fail(err, -ENOMEM, "pickle: out of memory");
    d.tree->budget = d.limits.max_memory;
    d.start = d.at = (unsigned char *)message + at;
    d.end = d.start + len;
    d.top = initial;
    d.limit = initial + INITIAL_CELLS;
    rc = decode_whole(&d);
    if (rc == 0)
        finish(&d, message, out);
    else
        mp_tree_free(d.tree);
    if (d.stack != initial)
        free(d.stack);
    free(d.marks);
    free(d.memo);
    return rc;
}

int mproc_value_unpickle(mproc_value **out, const void *data, size_t len,
                         const mproc_unpickle_options *options, mproc_error *err)
{
    mp_error_clear(err);
    void *message = malloc(len ? len : 1);
    if (!message)
        return mp_fail(err, -ENOMEM, "pickle: out of memory");
    if (len > 0)
        memcpy(message, data, len);
    int rc = mp_unpickle_message(out, message, 0, len, options, NULL, err);
    if (rc != 0)
        free(message);
    return rc; /* NOLINT(clang-analyzer-unix.Malloc): the value has taken the message over */
}
