/* SPDX-License-Identifier: MIT */
/*
 * The state of a run through opcodes that are as expected, which is kept out of the decoder and put
 * back at the end: decode_frequent.c, decode_container.c.
 */
#ifndef MP_VALUE_QUICK_H
#define MP_VALUE_QUICK_H

#include "value/decoder.h"

/*
 * What changes with nearly every opcode, out of the decoder: compilers keep it in registers, which
 * they cannot do with what a byte written into the message might change.
 */
struct mp_quick {
    mproc_value *memo;         /* where the next MEMOIZE puts its entry */
    mproc_value *memo_stop;    /* no further than this; NULL if the next is not at the end */
    unsigned char *memory;     /* of the tree, free */
    unsigned char *memory_end; /* of the newest chunk */
    size_t nodes_left;         /* that may still be made */
    const mproc_value *from;   /* of what lies on the stack from here on, */
    uint32_t deepest;          /* the greatest depth of a node; 0 if there is none */
};

/* MEMOIZE, if it is for the next entry and there is room. */
static inline bool mp_quick_memoize(struct mp_quick *q, mproc_value v)
{
    if (q->memo == q->memo_stop)
        return false;
    *q->memo++ = v;
    return true;
}

/* BINGET of a node, or of a text that is known to be shared. */
static inline bool mp_quick_get(const struct mp_decoder *d, struct mp_quick *q, size_t index,
                                mproc_value *top)
{
    size_t len = q->memo_stop ? (size_t)(q->memo - d->memo) : d->memo_len;
    if (!d->memo || index >= len || d->memo[index].meta == MP_UNSET_MEMO)
        return false;
    mproc_value v = d->memo[index];
    if (mp_has_node(&v))
        v.u.node->flags |= MP_NODE_SHARED;
    else if (!(v.meta & MP_SHARED_ONCE))
        return false;
    *top = v;
    if (!mp_has_node(&v))
        top->meta &= ~(uint64_t)MP_SHARED_ONCE;
    else if (v.u.node->depth > q->deepest)
        q->deepest = v.u.node->depth;
    return true;
}

/* The topmost cell has a node of this depth now. */
static inline void mp_quick_note_depth(struct mp_quick *q, const mproc_value *topmost,
                                       uint32_t depth)
{
    if (topmost < q->from) {
        q->from = topmost;
        q->deepest = depth;
    } else if (depth > q->deepest) {
        q->deepest = depth;
    }
}

/* Lowest cell that may be popped: none below the topmost of so many marks. */
static inline mproc_value *mp_quick_floor_below(const struct mp_decoder *d, size_t n_marks)
{
    return d->stack + (n_marks > 0 ? d->marks[n_marks - 1] : 0);
}

static inline mproc_value *mp_quick_floor(const struct mp_decoder *d)
{
    return mp_quick_floor_below(d, d->n_marks);
}

struct mp_run {
    struct mp_quick q;
    unsigned char *at;
    mproc_value *top;
    mproc_value *floor;
    const unsigned char *stop;
    unsigned op; /* at `at`, where there may be the NUL of a text */
};

/*
 * Lists and dicts, and what else is too rare for the loop, which hands over the opcode at run->at;
 * all but its room is unchecked. False: nothing was done.
 */
bool mp_decode_container(struct mp_decoder *d, struct mp_run *run);

#endif
