/* SPDX-License-Identifier: MIT */
/*
 * What containers hold, written straight into the output. One loop goes along the items and into
 * and out of containers among them, with all it needs in registers; room is looked after once for
 * as many items as it is enough for. What is large, rare, or in the memo it leaves to encode.c, an
 * item at a time, and then goes on.
 */
#include "value/encoder.h"

#include <errno.h>

#define BATCH ((size_t)1000)
#define LONGEST_INT 5 /* bytes, of those with an opcode for their size; others have no fewer */
#define LONGEST_TEXT ((size_t)255)
#define SPRINT 280 /* more than the longest item or the end of a batch takes */

/* How far the writing is. Never pass its address to what is not inlined: that costs the registers.
 */
struct row {
    unsigned char *to;
    const unsigned char *stop; /* from here on, see more_room() */
    const mproc_value *next;
    const mproc_value *end; /* of the batch */
    struct mp_encode_frame *top;
};

/* ---- scalars ---- */

/* Ints in a row. False for one that is longer than LONGEST_INT. */
static inline bool put_ints(struct row *r)
{
    const mproc_value *v = r->next;
    unsigned char *to = r->to;
    do {
        uint64_t number = (uint64_t)v->u.i;
        if (number <= UINT8_MAX) {
            to[0] = OP_BININT1;
            to[1] = (unsigned char)number;
            to += 2;
        } else if (number <= UINT16_MAX) {
            to[0] = OP_BININT2;
            to[1] = (unsigned char)number;
            to[2] = (unsigned char)(number >> 8);
            to += 3;
        } else if (v->u.i == (int32_t)v->u.i) {
            to[0] = OP_BININT;
            mp_store_le(to + 1, number, 4);
            to += LONGEST_INT;
        } else {
            break;
        }
        v++;
    } while (v < r->end && to < r->stop && mp_form(v) == MPROC_KIND_INT);
    bool any = v > r->next;
    r->next = v;
    r->to = to;
    return any;
}

/* An int of 64 bits that has no opcode for its size: shortest two's complement. */
static inline bool put_long(struct row *r)
{
    uint64_t number = (uint64_t)r->next->u.i;
    uint64_t bits = r->next->u.i < 0 ? ~number : number;
    size_t len = LONGEST_INT;
    while (len < 8 && bits >> (8 * len - 1))
        len++;
    r->to[0] = OP_LONG1;
    r->to[1] = (unsigned char)len;
    mp_store_le(r->to + 2, number, 8);
    r->to += 2 + len;
    r->next++;
    return true;
}

static inline void put_floats(struct row *r)
{
    const mproc_value *v = r->next;
    unsigned char *to = r->to;
    do {
        to[0] = OP_BINFLOAT;
        mp_store_double(to + 1, v->u.f);
        to += 9;
        v++;
    } while (v < r->end && to < r->stop && mp_kind(v) == MPROC_KIND_FLOAT);
    r->next = v;
    r->to = to;
}

static inline void put_op(struct row *r, enum mp_opcode op)
{
    *r->to++ = (unsigned char)op;
}

/* ---- texts ---- */

/* At most LONGEST_TEXT bytes. Two copies that overlap are quicker than a call. */
static inline void copy_text(unsigned char *to, const unsigned char *from, size_t len)
{
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        uint64_t head, tail;
        memcpy(&head, from, 8);
        memcpy(&tail, from + len - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + len - 8, &tail, 8);
    } else if (len >= 4) {
        uint32_t head, tail;
        memcpy(&head, from, 4);
        memcpy(&tail, from + len - 4, 4);
        memcpy(to, &head, 4);
        memcpy(to + len - 4, &tail, 4);
    } else if (len > 0) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

static inline unsigned char *put_text(unsigned char *to, const mproc_value *v)
{
    size_t len = mp_len(v);
    to[0] = mp_kind(v) == MPROC_KIND_STR ? OP_SHORT_BINUNICODE : OP_SHORT_BINBYTES;
    to[1] = (unsigned char)len;
    copy_text(to + 2, v->u.text, len);
    return to + 2 + len;
}

static inline unsigned char *put_reference(unsigned char *to, size_t index)
{
    if (index < 256) {
        to[0] = OP_BINGET;
        to[1] = (unsigned char)index;
        return to + 2;
    }
    to[0] = OP_LONG_BINGET;
    mp_store_le(to + 1, index, 4);
    return to + 5;
}

/* A text that the tree knows to be shared: written once. */
static inline unsigned char *put_shared_text(struct mp_encoder *e, unsigned char *to,
                                             const mproc_value *v, size_t *known)
{
    if (*known > 1)
        return put_reference(to, *known - 2);
    to = put_text(to, v);
    *to = OP_MEMOIZE;
    *known = e->memo_len++ + 2;
    return to + 1;
}

/* NULL for what is long, and before protocol 4, where texts have other heads. */
static inline unsigned char *put_short_text(struct mp_encoder *e, unsigned char *to,
                                            const mproc_value *v)
{
    if (mp_len(v) > LONGEST_TEXT || e->protocol < 4)
        return NULL;
    size_t *known = mp_map_find(&e->texts, v->u.text);
    return known ? put_shared_text(e, to, v, known) : put_text(to, v);
}

/* Whether something was written: up to there. */
static inline bool wrote_item(struct row *r, unsigned char *to)
{
    if (!to)
        return false;
    r->to = to;
    r->next++;
    return true;
}

/* ---- containers ---- */

static inline void push(struct row *r, const mproc_value *v, size_t cells)
{
    const mproc_value *items = v->u.node->u.items;
    r->top->next = r->next;
    r->top++;
    mp_copy_cell(&r->top->v, v);
    r->top->end = items + cells;
    r->next = items;
    r->end = items + cells;
}

static inline void pop(struct row *r)
{
    r->top--;
    r->next = r->top->next;
    r->end = r->top->end;
}

static inline bool is_one(const struct mp_encoder *e, mproc_kind kind, size_t len)
{
    return len == 1 && (kind != MPROC_KIND_SET || e->protocol < 4);
}

/* A container that is in the memo. NULL if it is not. */
static inline unsigned char *put_known(const struct mp_encoder *e, unsigned char *to,
                                       const mproc_value *v)
{
    const size_t *known = mp_encode_remembers(e, v) ? mp_map_find(&e->memo, v->u.node) : NULL;
    return known && *known ? put_reference(to, *known - 1) : NULL;
}

/* What need not enter the memo. Others, and what needs more stack, encode.c begins. */
static inline bool is_for_here(const struct mp_encoder *e, const struct row *r,
                               const mproc_value *v)
{
    return !(v->u.node->flags & MP_NODE_SHARED) && !e->memo_all && r->top < e->last;
}

/* A list or dict, or a set where it is no call. */
static inline bool open_filled(const struct mp_encoder *e, struct row *r, const mproc_value *v,
                               mproc_kind kind)
{
    if (!is_for_here(e, r, v))
        return wrote_item(r, put_known(e, r->to, v));
    size_t len = v->u.node->len;
    put_op(r, kind == MPROC_KIND_LIST   ? OP_EMPTY_LIST
              : kind == MPROC_KIND_DICT ? OP_EMPTY_DICT
                                        : OP_EMPTY_SET);
    r->next++;
    if (len == 0)
        return true;
    push(r, v, (len < BATCH ? len : BATCH) * mp_table_width(kind));
    if (!is_one(e, kind, len))
        put_op(r, OP_MARK);
    return true;
}

static inline bool open_tuple(const struct mp_encoder *e, struct row *r, const mproc_value *v)
{
    if (!is_for_here(e, r, v))
        return wrote_item(r, put_known(e, r->to, v));
    size_t len = v->u.node->len;
    r->next++;
    if (len == 0) {
        put_op(r, OP_EMPTY_TUPLE);
        return true;
    }
    if (len > 3)
        put_op(r, OP_MARK);
    push(r, v, len);
    return true;
}

static inline bool open_frozenset(const struct mp_encoder *e, struct row *r, const mproc_value *v)
{
    if (!is_for_here(e, r, v))
        return wrote_item(r, put_known(e, r->to, v));
    size_t len = v->u.node->len;
    if (len == 0)
        return false;
    r->next++;
    put_op(r, OP_MARK);
    push(r, v, len);
    return true;
}

static inline enum mp_opcode batch_op(const struct mp_encoder *e, mproc_kind kind, bool one)
{
    if (kind == MPROC_KIND_DICT)
        return one ? OP_SETITEM : OP_SETITEMS;
    if (kind == MPROC_KIND_LIST || e->protocol < 4)
        return one ? OP_APPEND : OP_APPENDS;
    return OP_ADDITEMS;
}

/*
 * Lists, dicts and sets: batches between MARK and an opcode; a single item has no MARK. Ends the
 * batch, if one was begun, and begins the next, if there is one.
 */
static inline bool next_batch(const struct mp_encoder *e, struct row *r, mproc_kind kind)
{
    const struct mp_node *node = r->top->v.u.node;
    size_t most = BATCH * mp_table_width(kind);
    const mproc_value *last = node->u.items + node->len * mp_table_width(kind);
    bool one = is_one(e, kind, node->len);
    if (r->next > node->u.items)
        put_op(r, batch_op(e, kind, one));
    if (r->next == last)
        return false;
    if (!one)
        put_op(r, OP_MARK);
    r->end = (size_t)(last - r->next) > most ? r->next + most : last;
    r->top->end = r->end;
    return true;
}

static inline bool end_filled(const struct mp_encoder *e, struct row *r, mproc_kind kind)
{
    if (!next_batch(e, r, kind))
        pop(r);
    return true;
}

/* What is made when all items are there. */
static inline bool end_whole(const struct mp_encoder *e, struct row *r, enum mp_opcode op)
{
    if (mp_encode_remembers(e, &r->top->v))
        return false;
    put_op(r, op);
    pop(r);
    return true;
}

/* False where encode.c goes on: with what enters the memo now, what is a call, and objects. */
static inline bool end_batch(const struct mp_encoder *e, struct row *r)
{
    mproc_kind kind = mp_kind(&r->top->v);
    switch (kind) {
    case MPROC_KIND_LIST:
        return end_filled(e, r, MPROC_KIND_LIST);
    case MPROC_KIND_DICT:
        return end_filled(e, r, MPROC_KIND_DICT);
    case MPROC_KIND_TUPLE:
        return end_whole(e, r, mp_tuple_op(r->top->v.u.node->len));
    case MPROC_KIND_SET:
        return e->protocol >= 4 ? end_filled(e, r, kind) : next_batch(e, r, kind);
    case MPROC_KIND_FROZENSET:
        return e->protocol >= 4 ? end_whole(e, r, OP_FROZENSET) : next_batch(e, r, kind);
    default:
        return false;
    }
}

/* ---- the loop ---- */

/* One item, or several, or what comes before those of a container. False if it is not for here. */
static inline bool put_item(struct mp_encoder *e, struct row *r)
{
    const mproc_value *v = r->next;
    if (mp_kind(v) == MPROC_KIND_STR)
        return wrote_item(r, put_short_text(e, r->to, v));
    switch (mp_form(v)) {
    case MPROC_KIND_INT:
        return put_ints(r) || put_long(r);
    case MPROC_KIND_FLOAT:
        put_floats(r);
        return true;
    case MPROC_KIND_BYTES:
        return wrote_item(r, put_short_text(e, r->to, v));
    case MPROC_KIND_NONE:
        r->next++;
        put_op(r, OP_NONE);
        return true;
    case MPROC_KIND_BOOL:
        r->next++;
        put_op(r, v->u.i ? OP_NEWTRUE : OP_NEWFALSE);
        return true;
    case MPROC_KIND_LIST:
        return open_filled(e, r, v, MPROC_KIND_LIST);
    case MPROC_KIND_DICT:
        return open_filled(e, r, v, MPROC_KIND_DICT);
    case MPROC_KIND_SET:
        return e->protocol >= 4 && open_filled(e, r, v, MPROC_KIND_SET);
    case MPROC_KIND_FROZENSET:
        return e->protocol >= 4 && open_frozenset(e, r, v);
    case MPROC_KIND_TUPLE:
        return open_tuple(e, r, v);
    default:
        return false;
    }
}

/* Room for SPRINT, and for more if more is likely to come; a new frame if it is time for one. */
static int more_room(struct mp_encoder *e, const unsigned char *to, size_t items)
{
    e->out->len = (size_t)(to - e->out->data);
    int rc = items > 0 && mp_encode_frame_is_full(e) ? mp_encode_next_frame(e) : 0;
    size_t likely = items < BATCH ? items : BATCH;
    return rc < 0 ? rc : mp_buffer_reserve(e->out, SPRINT + LONGEST_INT * likely);
}

/* The frame is full, or less than SPRINT is left. */
static const unsigned char *where_to_stop(const struct mp_encoder *e)
{
    size_t stop = e->out->cap - SPRINT + 1;
    if (e->frame != MP_NO_FRAME && stop > e->frame + MP_FRAME_HEADER + MP_FRAME_TARGET)
        stop = e->frame + MP_FRAME_HEADER + MP_FRAME_TARGET;
    return e->out->data + stop;
}

static inline void leave(struct mp_encoder *e, const struct row *r)
{
    e->out->len = (size_t)(r->to - e->out->data);
    r->top->next = r->next;
    e->top = r->top;
}

int mp_encode_items(struct mp_encoder *e)
{
    unsigned char *at = e->out->data + e->out->len;
    struct row r = {at, at, e->top->next, e->top->end, e->top};
    for (;;) {
        if (r.to >= r.stop) {
            int rc = more_room(e, r.to, (size_t)(r.end - r.next));
            if (rc < 0)
                return rc;
            r.to = e->out->data + e->out->len;
            r.stop = where_to_stop(e);
        }
        if (r.next < r.end) {
            if (put_item(e, &r))
                continue;
            const mproc_value *v = r.next++;
            leave(e, &r);
            return mp_encode_value(e, v);
        }
        if (!end_batch(e, &r)) {
            leave(e, &r);
            return mp_encode_end(e);
        }
    }
}
