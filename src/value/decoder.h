/* SPDX-License-Identifier: MIT */
/*
 * The unpickler's state, shared by the files that know its opcodes: decode.c (the loop, numbers,
 * texts, tuples, the memo), decode_frequent.c (the same in a row), decode_rare.c (containers, large
 * numbers), decode_text.c (protocols 0 and 1), decode_object.c (globals and calls).
 */
#ifndef MP_VALUE_DECODER_H
#define MP_VALUE_DECODER_H

#include "value/container.h"
#include "value/pickle.h"

#define MP_UNSET_MEMO UINT64_MAX /* meta of a memo entry that nothing was put into */
#define MP_SHARED_ONCE 0x100u    /* in its meta: the tree's list has this text already */

struct mp_decoder {
    struct mp_tree *tree;
    unsigned char *start;
    unsigned char *at;
    unsigned char *end;
    unsigned char *opcode; /* being decoded; where errors are */
    unsigned char *nul;    /* byte behind the last text, to be zeroed once it has been read */
    mproc_value *stack;    /* from `initial` or malloc'd */
    mproc_value *top;      /* behind the topmost */
    mproc_value *limit;
    size_t *marks; /* stack heights */
    size_t n_marks;
    size_t cap_marks;
    mproc_value *memo;
    size_t memo_len; /* entries up to the highest one set */
    size_t memo_cap;
    size_t memo_count; /* what MEMOIZE numbers by */
    size_t nodes;
    int protocol;
    mproc_unpickle_options limits;
    const struct mp_pickle_hooks *hooks;
    mproc_error *err;
};

/* All of these: 0 or a negative code, with the detail recorded. */
int mp_decode_fail(struct mp_decoder *d, int code, const char *what);
int mp_decode_nomem(struct mp_decoder *d);
int mp_decode_grow_stack(struct mp_decoder *d);
int mp_decode_rare(struct mp_decoder *d, unsigned char op);
int mp_decode_text(struct mp_decoder *d, unsigned char op);
int mp_decode_object(struct mp_decoder *d, unsigned char op);
int mp_decode_memoize(struct mp_decoder *d, size_t index);
int mp_decode_get(struct mp_decoder *d, size_t index);
int mp_decode_new_node(struct mp_decoder *d, mproc_kind kind);
int mp_decode_append(struct mp_decoder *d, mproc_value *to, const mproc_value *items, size_t n);
int mp_decode_set_items(struct mp_decoder *d, mproc_value *to, const mproc_value *pairs, size_t n);

int mp_decode_add_items(struct mp_decoder *d, mproc_value *to, const mproc_value *items, size_t n);

/* Opcodes in a row that hold nothing unexpected; stops before the first that does. */
void mp_decode_frequent(struct mp_decoder *d);

/* POP has taken off what lies at d->top: a call made for its effect has its effect now. */
void mp_decode_dropped(struct mp_decoder *d);

/* Cells above the topmost mark, which is taken off. */
int mp_decode_pop_mark(struct mp_decoder *d, mproc_value **items, size_t *n);

/* Replace what a sequence of opcodes left above `items` by one node of the decoder's tree. */
int mp_decode_put_node(struct mp_decoder *d, mproc_value *place, mproc_kind kind,
                       struct mp_node *node);

/* Cells that may be popped: none below the topmost mark. */
static inline size_t mp_decode_height(const struct mp_decoder *d)
{
    size_t floor = d->n_marks > 0 ? d->marks[d->n_marks - 1] : 0;
    return (size_t)(d->top - d->stack) - floor;
}

static inline int mp_decode_push(struct mp_decoder *d, mproc_value v)
{
    if (d->top == d->limit) {
        int rc = mp_decode_grow_stack(d);
        if (rc < 0)
            return rc;
    }
    *d->top++ = v;
    return 0;
}

static inline bool mp_decode_has(const struct mp_decoder *d, size_t bytes)
{
    return (size_t)(d->end - d->at) >= bytes;
}

static inline int mp_decode_need(struct mp_decoder *d, size_t bytes)
{
    return mp_decode_has(d, bytes) ? 0 : mp_decode_fail(d, MPROC_EPICKLE, "cut short");
}

static inline int mp_decode_need_stack(struct mp_decoder *d, size_t cells)
{
    return mp_decode_height(d) >= cells
               ? 0
               : mp_decode_fail(d, MPROC_EPICKLE, "takes more from the stack than there is");
}

static inline uint64_t mp_load_le(const unsigned char *p, size_t bytes)
{
    uint64_t v = 0;
    switch (bytes) { /* straight lines, which compilers turn into one load */
    case 1:
        return p[0];
    case 2:
        return (uint64_t)p[0] | (uint64_t)p[1] << 8;
    case 4:
        return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
    case 8:
        return mp_load_le(p, 4) | mp_load_le(p + 4, 4) << 32;
    default:
        for (size_t i = bytes; i-- > 0;)
            v = v << 8 | p[i];
        return v;
    }
}

static inline double mp_load_double(const unsigned char *p)
{
    uint64_t bits = (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
                    (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
                    (uint64_t)p[6] << 8 | p[7];
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

#endif
