/* SPDX-License-Identifier: MIT */
/*
 * The pickler's state, shared by encode.c (values, the memo), encode_items.c (what containers hold)
 * and encode_object.c (globals, calls, and what the older protocols have no opcode for).
 */
#ifndef MP_VALUE_ENCODER_H
#define MP_VALUE_ENCODER_H

#include "value/container.h"
#include "value/map.h"
#include "value/pickle.h"

/* Globals that stand for plain data. */
enum mp_known {
    MP_KNOWN_BYTES,
    MP_KNOWN_BYTEARRAY,
    MP_KNOWN_SET,
    MP_KNOWN_FROZENSET,
    MP_KNOWN_COMPLEX,
    MP_KNOWN_GETATTR,
    MP_KNOWN_ENCODE,
    MP_KNOWN_NEWOBJ_EX,
    MP_KNOWN_COUNT
};

#define MP_FRAME_HEADER 9
#define MP_FRAME_TARGET 65536
#define MP_NO_FRAME SIZE_MAX
#define MP_FIRST_FRAMES 8

/* A container under way, which is not empty, or an object. */
struct mp_encode_frame {
    mproc_value v;
    const mproc_value *next; /* cell to write */
    const mproc_value *end;  /* of the batch */
    size_t step;             /* of an object, which has no cells */
};

struct mp_encoder {
    struct mp_buffer *out;
    size_t start; /* of the pickle in out */
    size_t frame; /* where the open frame's header is; MP_NO_FRAME before protocol 4 */
    struct mp_encode_frame *stack; /* the lowest is of no container but of the root alone */
    struct mp_encode_frame *top;
    struct mp_encode_frame *last;  /* that there is memory for */
    struct mp_encode_frame *first; /* MP_FIRST_FRAMES for as long as they are enough */
    struct mp_map memo;            /* shared nodes: memo index + 1 */
    struct mp_map open;  /* shared nodes under way, not in the memo: memo entries then, + 1 */
    struct mp_map texts; /* shared texts: 1, or memo index + 2 */
    size_t memo_len;
    bool memo_all;                /* also what is not shared, see enter_unmemoized() */
    size_t known[MP_KNOWN_COUNT]; /* memo index + 1 */
    int protocol;
    const struct mp_pickle_hooks *hooks;
    mproc_error *err;
};

/* All of these: 0 or a negative code. */
int mp_encode_value(struct mp_encoder *e, const mproc_value *v);
int mp_encode_text(struct mp_encoder *e, const mproc_value *v);
int mp_encode_raw_text(struct mp_encoder *e, mproc_kind kind, const unsigned char *text,
                       size_t len);
int mp_encode_push_frame(struct mp_encoder *e, const mproc_value *v);
int mp_encode_leave(struct mp_encoder *e);
int mp_encode_memoize(struct mp_encoder *e, const mproc_value *v);
int mp_encode_put(struct mp_encoder *e, size_t *index);
int mp_encode_reference(struct mp_encoder *e, size_t index);
int mp_encode_global(struct mp_encoder *e, const mproc_value *v);
int mp_encode_known(struct mp_encoder *e, enum mp_known which);
int mp_encode_bytes_call(struct mp_encoder *e, const unsigned char *data, size_t len);
int mp_encode_bytearray(struct mp_encoder *e, const mproc_value *v);
int mp_encode_complex(struct mp_encoder *e, const mproc_value *v);
int mp_encode_float(struct mp_encoder *e, double number);
int mp_encode_connection(struct mp_encoder *e, const mproc_value *v);
int mp_encode_int(struct mp_encoder *e, const mproc_value *v);
int mp_encode_step_object(struct mp_encoder *e);
int mp_encode_next_frame(struct mp_encoder *e);

/* Write items of the container on top of the stack, and of those below it, as far as it goes. */
int mp_encode_items(struct mp_encoder *e);

/* All items of a tuple, a frozenset or a set that is a call are written: what comes then. */
int mp_encode_end(struct mp_encoder *e);

static inline bool mp_encode_remembers(const struct mp_encoder *e, const mproc_value *v)
{
    return mp_is_shared(v) || (e->memo_all && mp_has_node(v));
}

/* Asked before each value. */
static inline bool mp_encode_frame_is_full(const struct mp_encoder *e)
{
    return e->frame != MP_NO_FRAME && e->out->len - e->frame >= MP_FRAME_TARGET + MP_FRAME_HEADER;
}

/* Other containers are made of what they hold when all of it is there. */
static inline bool mp_encode_in_batches(const struct mp_encoder *e, mproc_kind kind)
{
    return kind == MPROC_KIND_LIST || kind == MPROC_KIND_DICT || kind == MPROC_KIND_SET ||
           (kind == MPROC_KIND_FROZENSET && e->protocol < 4);
}

/* What makes a tuple of so many items, at least one. */
static inline enum mp_opcode mp_tuple_op(size_t n)
{
    return n > 3 ? OP_TUPLE : (enum mp_opcode)(OP_TUPLE1 + (n - 1));
}

static inline int mp_encode_bytes(struct mp_encoder *e, const void *data, size_t len)
{
    return mp_buffer_append(e->out, data, len);
}

static inline int mp_encode_op(struct mp_encoder *e, enum mp_opcode op)
{
    unsigned char byte = (unsigned char)op;
    return mp_buffer_append(e->out, &byte, 1);
}

static inline void mp_store_le(unsigned char *to, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(number >> (8 * i));
}

/* Most significant byte first. By way of an array, from which compilers see that it is a swap. */
static inline void mp_store_double(unsigned char *to, double number)
{
    unsigned char bytes[8];
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    bytes[0] = (unsigned char)(bits >> 56);
    bytes[1] = (unsigned char)(bits >> 48);
    bytes[2] = (unsigned char)(bits >> 40);
    bytes[3] = (unsigned char)(bits >> 32);
    bytes[4] = (unsigned char)(bits >> 24);
    bytes[5] = (unsigned char)(bits >> 16);
    bytes[6] = (unsigned char)(bits >> 8);
    bytes[7] = (unsigned char)bits;
    memcpy(to, bytes, sizeof bytes);
}

#endif
