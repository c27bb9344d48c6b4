/* SPDX-License-Identifier: MIT */
/*
 * What rows of records consist of, at speed. Whatever does not fit, is not well-formed or would
 * need memory from the system is left to decode.c, which does it or says what is wrong with it.
 */
#include <assert.h>

#include "value/decoder.h"

#define ROOM 10 /* bytes of the longest opcode here, without its text, and the next opcode */

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

/*
 * Cells are passed on by value, and copied in halves: the halves were written one by one, and a
 * processor that is asked for both at once has to wait until they have left its store buffer.
 * Halves of unlike types are what keeps compilers from joining them.
 */
static inline void copy_cell(mproc_value *to, const mproc_value *from)
{
    to->meta = from->meta;
    if (sizeof to->u.pointer == sizeof to->u)
        to->u.pointer = from->u.pointer;
    else
        to->u = from->u;
}

/* MEMOIZE, if it is for the next entry and there is room. */
static inline bool memoize_next(struct mp_decoder *d, mproc_value v)
{
    if (d->memo_len != d->memo_count || d->memo_len >= d->memo_cap ||
        d->memo_len >= d->limits.max_memo)
        return false;
    d->memo[d->memo_len++] = v;
    d->memo_count++;
    return true;
}

/* BINGET of a node, or of a text that is known to be shared. */
static inline bool get_known(struct mp_decoder *d, size_t index, mproc_value *top)
{
    if (index >= d->memo_len || d->memo[index].meta == MP_UNSET_MEMO)
        return false;
    mproc_value v = d->memo[index];
    if (mp_has_node(&v))
        v.u.node->flags |= MP_NODE_SHARED;
    else if (!(v.meta & MP_SHARED_ONCE))
        return false;
    *top = v;
    if (!mp_has_node(&v))
        top->meta &= ~(uint64_t)MP_SHARED_ONCE;
    return true;
}

static_assert(sizeof(struct mp_tuple) % 8 == 0, "what mp_alloc() would round to");

/* A tuple in memory at hand. */
static inline bool make_tuple(struct mp_decoder *d, const mproc_value *items, size_t n,
                              mproc_value *made)
{
    struct mp_tree *tree = d->tree;
    size_t bytes = sizeof(struct mp_tuple) + n * sizeof *items;
    if ((size_t)(tree->end - tree->at) < bytes || d->nodes >= d->limits.max_nodes)
        return false;
    struct mp_tuple *tuple = (struct mp_tuple *)(void *)tree->at;
    mproc_value *to = (mproc_value *)(tuple + 1);
    uint32_t depth = 0;
    for (size_t i = 0; i < n; i++) {
        copy_cell(&to[i], &items[i]);
        if (mp_has_node(&items[i]) && items[i].u.node->depth > depth)
            depth = items[i].u.node->depth;
    }
    if (depth >= d->limits.max_depth)
        return false;
    tree->at += bytes;
    tuple->node =
        (struct mp_node){.tree = tree, .depth = depth + 1, .len = n, .cap = n, .u.items = to};
    atomic_init(&tuple->hash, 0);
    d->nodes++;
    *made = mp_node_cell(MPROC_KIND_TUPLE, &tuple->node);
    return true;
}

/* Lowest cell that may be popped: none below the topmost mark. */
static inline mproc_value *floor_of(const struct mp_decoder *d)
{
    return d->stack + (d->n_marks > 0 ? d->marks[d->n_marks - 1] : 0);
}

/*
 * One function for all of these, long as it is: the position, the opcode and the stack stay in
 * registers. The opcode is read before the byte that it lies in becomes the NUL of a text.
 */
/* NOLINTNEXTLINE(readability-function-size): see above */
void mp_decode_frequent(struct mp_decoder *d)
{
    unsigned char *at = d->at;
    unsigned char *const end = d->end;
    mproc_value *top = d->top;
    mproc_value *const limit = d->limit;
    mproc_value *floor = floor_of(d);
    if (end - at < ROOM)
        return;
    unsigned char op = *at;
    *d->nul = '\0';
    while (end - at >= ROOM && top < limit) {
        size_t n;
        mproc_value made;
        switch (op) {
        case OP_BININT1:
            *top++ = mp_int(at[1]);
            at += 2;
            break;
        case OP_BININT2:
            *top++ = mp_int(at[1] | at[2] << 8);
            at += 3;
            break;
        case OP_BININT:
            *top++ = mp_int((int32_t)mp_load_le(at + 1, 4));
            at += 5;
            break;
        case OP_BINFLOAT:
            *top++ = mp_float(mp_load_double(at + 1));
            at += 9;
            break;
        case OP_NEWTRUE:
        case OP_NEWFALSE:
            *top++ = mp_bool(op == OP_NEWTRUE);
            at++;
            break;
        case OP_NONE:
            *top++ = mp_none();
            at++;
            break;
        case OP_SHORT_BINUNICODE:
            n = at[1];
            if ((size_t)(end - at) < n + 4 || !is_ascii(at + 2, n))
                goto done;
            made = mp_text(MPROC_KIND_STR, at + 2, n);
            *top++ = made;
            at += 2 + n;
            op = *at;
            *at = '\0';
            d->nul = at;
            if (op == OP_MEMOIZE && memoize_next(d, made))
                op = *++at;
            continue;
        case OP_MEMOIZE:
            if (top == floor || !memoize_next(d, top[-1]))
                goto done;
            at++;
            break;
        case OP_BINGET:
            if (!get_known(d, at[1], top))
                goto done;
            top++;
            at += 2;
            break;
        case OP_MARK:
            if (d->n_marks == d->cap_marks)
                goto done;
            d->marks[d->n_marks++] = (size_t)(top - d->stack);
            floor = top;
            at++;
            break;
        case OP_TUPLE:
            if (d->n_marks == 0 || !make_tuple(d, floor, (size_t)(top - floor), &made))
                goto done;
            *floor = made;
            top = floor + 1;
            d->n_marks--;
            floor = floor_of(d);
            op = *++at;
            if (op == OP_MEMOIZE && memoize_next(d, made))
                op = *++at;
            continue;
        case OP_TUPLE1:
        case OP_TUPLE2:
        case OP_TUPLE3:
            n = op - OP_TUPLE1 + 1u;
            if ((size_t)(top - floor) < n || !make_tuple(d, top - n, n, &made))
                goto done;
            top -= n - 1;
            top[-1] = made;
            op = *++at;
            if (op == OP_MEMOIZE && memoize_next(d, made))
                op = *++at;
            continue;
        default:
            goto done;
        }
        op = *at;
    }
done:
    if (at != end)
        *at = op;
    d->at = at;
    d->top = top;
}
