/* SPDX-License-Identifier: MIT */
/*
 * What rows of records consist of, at speed. Whatever does not fit, is not well-formed or would
 * need memory from the system is left to decode.c, which does it or says what is wrong with it.
 */
#include <assert.h>

#include "value/hash.h"
#include "value/quick.h"

/*
 * Bytes of the longest opcode here, without its text, and the next opcode; and of a text's opcode
 * and the first eight bytes of it, which are read however short it is.
 */
#define ROOM 10

static struct mp_quick start_quick(const struct mp_decoder *d)
{
    struct mp_quick q = {.memory = d->tree->at, .memory_end = d->tree->end, .from = d->top};
    if (d->nodes < d->limits.max_nodes)
        q.nodes_left = d->limits.max_nodes - d->nodes;
    size_t room = d->memo_cap < d->limits.max_memo ? d->memo_cap : d->limits.max_memo;
    if (d->memo_len == d->memo_count && d->memo_len < room) {
        q.memo = d->memo + d->memo_len;
        q.memo_stop = d->memo + room;
    }
    return q;
}

static void end_quick(struct mp_decoder *d, const struct mp_quick *q)
{
    d->tree->at = q->memory;
    if (d->nodes < d->limits.max_nodes)
        d->nodes = d->limits.max_nodes - q->nodes_left;
    if (q->memo_stop)
        d->memo_len = d->memo_count = (size_t)(q->memo - d->memo);
}

/* At least eight bytes from `text` on can be read. */
static inline bool is_ascii(const unsigned char *text, size_t len)
{
    const uint64_t high_bits = 0x8080808080808080u;
    if (len <= 8) {
        uint64_t eight = mp_load_le(text, 8);
        return (eight << ((0 - 8 * len) & 63) & high_bits) == 0 || len == 0;
    }
    uint64_t all = mp_load64(text + len - 8);
    for (size_t i = 0; i + 8 < len; i += 8)
        all |= mp_load64(text + i);
    return (all & high_bits) == 0;
}

static_assert(sizeof(struct mp_tuple) % 8 == 0, "what mp_alloc() would round to");

/* Depth of a tuple of the topmost cells, which takes their place. */
static inline uint32_t depth_of_tuple(struct mp_quick *q, const mproc_value *items, size_t n)
{
    if (items > q->from && q->deepest == 0)
        return q->deepest = 1;
    if (items == q->from)
        return ++q->deepest;
    uint32_t depth = mp_deepest(items, n) + 1;
    mp_quick_note_depth(q, items, depth);
    return depth;
}

/* A tuple of the topmost cells, in memory at hand. */
static inline bool make_tuple(const struct mp_decoder *d, struct mp_quick *q,
                              const mproc_value *items, size_t n, mproc_value *made)
{
    size_t bytes = sizeof(struct mp_tuple) + n * sizeof *items;
    if ((size_t)(q->memory_end - q->memory) < bytes || q->nodes_left == 0)
        return false;
    uint32_t depth = depth_of_tuple(q, items, n);
    if (depth > d->limits.max_depth)
        return false;
    struct mp_tuple *tuple = (struct mp_tuple *)(void *)q->memory;
    mproc_value *to = (mproc_value *)(tuple + 1);
    q->memory += bytes;
    q->nodes_left--;
    tuple->node.tree = d->tree;
    tuple->node.flags = 0;
    tuple->node.depth = depth;
    tuple->node.len = n;
    tuple->node.cap = n;
    tuple->node.u.items = to;
    atomic_init(&tuple->hash, 0);
    mp_copy_cells(to, items, n);
    *made = mp_node_cell(MPROC_KIND_TUPLE, &tuple->node);
    return true;
}

#define LONGEST_NUMBER 9

/* A number, if there is one: its bytes, or 0. LONGEST_NUMBER of them can be read. */
static inline size_t read_number(const unsigned char *at, mproc_value *to)
{
    switch (*at) {
    case OP_BININT2:
        *to = mp_int(at[1] | at[2] << 8);
        return 3;
    case OP_BININT1:
        *to = mp_int(at[1]);
        return 2;
    case OP_BININT:
        *to = mp_int((int32_t)mp_load_le(at + 1, 4));
        return 5;
    case OP_BINFLOAT:
        *to = mp_float(mp_load_double(at + 1));
        return 9;
    default:
        return 0;
    }
}

/* The topmost cells as a tuple. Inlined for each `n`, which makes straight lines of its loops. */
static inline bool tuple_of_top(const struct mp_decoder *d, struct mp_quick *q, mproc_value **top,
                                const mproc_value *floor, size_t n, mproc_value *made)
{
    if ((size_t)(*top - floor) < n || !make_tuple(d, q, *top - n, n, made))
        return false;
    *top -= n - 1;
    (*top)[-1] = *made;
    return true;
}

static inline bool small_tuple(const struct mp_decoder *d, struct mp_quick *q, mproc_value **top,
                               const mproc_value *floor, unsigned op, mproc_value *made)
{
    if (op == OP_TUPLE2)
        return tuple_of_top(d, q, top, floor, 2, made);
    if (op == OP_TUPLE3)
        return tuple_of_top(d, q, top, floor, 3, made);
    return tuple_of_top(d, q, top, floor, 1, made);
}

/*
 * Numbers in a row, up to the end of the message, which is LONGEST_NUMBER bytes off at least, and
 * into cells up to `stop`. Behind the last one.
 */
static unsigned char *read_numbers(unsigned char *at, const unsigned char *end, mproc_value **to,
                                   const mproc_value *stop)
{
    const unsigned char *whole = end - LONGEST_NUMBER; /* up to here, no look at what is left */
    mproc_value *next = *to;
    size_t bytes = 0;
    while (next < stop && at <= whole && (bytes = read_number(at, next)) > 0) {
        at += bytes;
        next++;
    }
    while (next < stop && at > whole && at < end) {
        unsigned char rest[LONGEST_NUMBER] = {0};
        memcpy(rest, at, (size_t)(end - at));
        bytes = read_number(rest, next);
        if (bytes == 0 || bytes > (size_t)(end - at))
            break;
        at += bytes;
        next++;
    }
    *to = next;
    return at;
}

/* Where a list's next items go: its own room, and what is free behind it. */
static mproc_value *room_of_list(const struct mp_node *list, const struct mp_quick *q, size_t *room)
{
    mproc_value *memory = (mproc_value *)(void *)q->memory;
    size_t free_cells = (size_t)(q->memory_end - q->memory) / sizeof *memory;
    if (list->cap == 0) {
        *room = free_cells;
        return memory;
    }
    *room = list->cap - list->len + (list->u.items + list->cap == memory ? free_cells : 0);
    return list->u.items + list->len;
}

/*
 * What follows a MARK above a list: if it is numbers and nothing else up to APPENDS, they are read
 * to where the list will have them, and never lie on the stack; `cells` is what that has room for.
 * Behind the APPENDS, or NULL and nothing has changed.
 */
static unsigned char *append_numbers(const struct mp_decoder *d, struct mp_quick *q,
                                     struct mp_node *list, unsigned char *at, size_t cells)
{
    size_t room;
    mproc_value *to = room_of_list(list, q, &room);
    if (list->depth > d->limits.max_depth)
        return NULL;
    mproc_value *next = to;
    at = read_numbers(at, d->end, &next, to + (room < cells ? room : cells));
    if (next == to || at == d->end || *at != OP_APPENDS)
        return NULL;
    list->u.items = to - list->len;
    list->len += (size_t)(next - to);
    if (list->len > list->cap) {
        list->cap = list->len;
        q->memory = (unsigned char *)(list->u.items + list->cap);
    }
    return at + 1;
}

/*
 * Where to stop looking for the next opcode: early enough for the longest one. And for the stack,
 * since no opcode is shorter than a byte or pushes more than a cell; so that needs no look at each.
 */
static inline const unsigned char *stop_of(const struct mp_decoder *d)
{
    size_t bytes = (size_t)(d->end - d->at) - ROOM + 1;
    size_t cells = (size_t)(d->limit - d->top);
    return d->at + (bytes < cells ? bytes : cells);
}

/*
 * One function for all of these, long as it is: the position, the opcode and the stack stay in
 * registers. The opcode is read before the byte that it lies in becomes the NUL of a text.
 *
 * Several switches, so short that compilers make a few compares of each: they make an indirect jump
 * of one for all, which costs as much as most of these opcodes do. The items of rows come first.
 * What mostly comes next is tried at once in two places: a tuple that ends a record ends a tuple
 * with it, and where a record ends, the next one begins.
 */
/* NOLINTNEXTLINE(readability-function-size): see above */
void mp_decode_frequent(struct mp_decoder *d)
{
    if (d->end - d->at < ROOM)
        return;
    unsigned char *at = d->at;
    const unsigned char *const stop = stop_of(d);
    mproc_value *top = d->top;
    mproc_value *floor = mp_quick_floor(d);
    struct mp_quick q = start_quick(d);
    unsigned op = *at;
    *d->nul = '\0';
    while (at < stop) {
        mproc_value made;
        size_t n;
        if (op >= OP_PROTO) {
            switch (op) {
            case OP_SHORT_BINUNICODE:
                n = at[1];
                if ((size_t)(stop - at) < n || !is_ascii(at + 2, n))
                    goto others;
                made = mp_text(MPROC_KIND_STR, at + 2, n);
                *top++ = made;
                at += 2 + n;
                op = *at;
                *at = '\0';
                if (op == OP_MEMOIZE && mp_quick_memoize(&q, made))
                    op = *++at;
                continue;
            case OP_TUPLE1:
            case OP_TUPLE2:
            case OP_TUPLE3:
                if (!small_tuple(d, &q, &top, floor, op, &made))
                    goto done;
                op = *++at;
                if (op == OP_MEMOIZE && mp_quick_memoize(&q, made))
                    op = *++at;
                if (op == OP_TUPLE && at < stop)
                    goto tuple;
                continue;
            case OP_NEWTRUE:
            case OP_NEWFALSE:
                *top++ = mp_bool(op == OP_NEWTRUE);
                op = *++at;
                continue;
            case OP_MEMOIZE:
                if (top == floor || !mp_quick_memoize(&q, top[-1]))
                    goto done;
                op = *++at;
                continue;
            default:
                goto done;
            }
        }
        switch (op) {
        case OP_BININT1:
            *top++ = mp_int(at[1]);
            at += 2;
            op = *at;
            continue;
        case OP_BININT2:
            *top++ = mp_int(at[1] | at[2] << 8);
            at += 3;
            op = *at;
            continue;
        case OP_BINFLOAT:
            *top++ = mp_float(mp_load_double(at + 1));
            at += 9;
            op = *at;
            continue;
        case OP_NONE:
            *top++ = mp_none();
            op = *++at;
            continue;
        default:
            break;
        }
        switch (op) {
        case OP_BININT:
            *top++ = mp_int((int32_t)mp_load_le(at + 1, 4));
            at += 5;
            break;
        case OP_MARK:
        mark:
            if (d->n_marks == d->cap_marks)
                goto done;
            if (top > floor && mp_kind(&top[-1]) == MPROC_KIND_LIST) {
                unsigned char *behind =
                    append_numbers(d, &q, top[-1].u.node, at + 1, (size_t)(d->limit - top));
                if (behind) {
                    at = behind;
                    if (at == d->end)
                        goto done;
                    break;
                }
            }
            d->marks[d->n_marks++] = (size_t)(top - d->stack);
            floor = top;
            q.from = top;
            q.deepest = 0;
            at++;
            break;
        case OP_TUPLE:
        tuple:
            if (d->n_marks == 0 || !make_tuple(d, &q, floor, (size_t)(top - floor), &made))
                goto done;
            *floor = made;
            top = floor + 1;
            d->n_marks--;
            floor = mp_quick_floor(d);
            op = *++at;
            if (op == OP_MEMOIZE && mp_quick_memoize(&q, made))
                op = *++at;
            if (op == OP_MARK && at < stop)
                goto mark;
            continue;
        case OP_BINGET:
            if (!mp_quick_get(d, &q, at[1], top))
                goto done;
            top++;
            at += 2;
            break;
        default:
        others : {
            struct mp_run run = {
                .q = q, .at = at, .top = top, .floor = floor, .stop = stop, .op = op};
            if (!mp_decode_container(d, &run))
                goto done;
            q = run.q;
            at = run.at;
            top = run.top;
            floor = run.floor;
            op = run.op;
            continue;
        }
        }
        op = *at;
    }
done:
    if (at != d->end && *at != op) { /* a text ends here, and its NUL is there already */
        *at = (unsigned char)op;
        d->nul = at;
    }
    d->at = at;
    d->top = top;
    end_quick(d, &q);
}
