/* SPDX-License-Identifier: MIT */
/*
 * Writing pickles as CPython's C pickler does (Modules/_pickle.c), in its batches and frames,
 * except that only what is referred to again enters the memo: what pickletools.optimize() leaves.
 *
 * Containers under way are on a stack of the heap, so nesting costs no C stack.
 */
#include "value/encoder.h"

#include <errno.h>
#include <stdlib.h>

#include "base/options.h"
#include "value/number.h"

#define FIRST_ROOM 1000  /* what malloc keeps at hand, and most messages fit in */
#define FRAME_LEAST 4    /* shorter ones have no header */
#define LONGEST_SMALL 16 /* no number or opcode below is longer */

static int open_frame(struct mp_encoder *e)
{
    int rc = mp_buffer_reserve(e->out, MP_FRAME_HEADER + LONGEST_SMALL);
    if (rc < 0)
        return rc;
    e->frame = e->out->len;
    e->out->len += MP_FRAME_HEADER;
    return 0;
}

static void close_frame(struct mp_encoder *e)
{
    if (e->frame == MP_NO_FRAME)
        return;
    unsigned char *header = e->out->data + e->frame;
    size_t len = e->out->len - e->frame - MP_FRAME_HEADER;
    if (len < FRAME_LEAST) {
        memmove(header, header + MP_FRAME_HEADER, len);
        e->out->len -= MP_FRAME_HEADER;
    } else {
        header[0] = OP_FRAME;
        mp_store_le(header + 1, len, 8);
    }
    e->frame = MP_NO_FRAME;
}

int mp_encode_next_frame(struct mp_encoder *e)
{
    close_frame(e);
    return open_frame(e);
}

static int with_number(struct mp_encoder *e, enum mp_opcode op, uint64_t number, size_t bytes)
{
    unsigned char text[9];
    text[0] = (unsigned char)op;
    mp_store_le(text + 1, number, bytes);
    return mp_encode_bytes(e, text, 1 + bytes);
}

int mp_encode_put(struct mp_encoder *e, size_t *index)
{
    size_t at = e->memo_len++;
    *index = at;
    if (e->protocol >= 4)
        return mp_encode_op(e, OP_MEMOIZE);
    return at < 256 ? with_number(e, OP_BINPUT, at, 1) : with_number(e, OP_LONG_BINPUT, at, 4);
}

int mp_encode_reference(struct mp_encoder *e, size_t index)
{
    return index < 256 ? with_number(e, OP_BINGET, index, 1)
                       : with_number(e, OP_LONG_BINGET, index, 4);
}

int mp_encode_memoize(struct mp_encoder *e, const mproc_value *v)
{
    if (!mp_encode_remembers(e, v))
        return 0;
    size_t *slot = mp_map_at(&e->memo, v->u.node);
    if (!slot)
        return -ENOMEM;
    size_t index;
    int rc = mp_encode_put(e, &index);
    *slot = index + 1;
    return rc;
}

static int grow_stack(struct mp_encoder *e)
{
    size_t used = (size_t)(e->top - e->stack) + 1;
    struct mp_encode_frame *heap = e->stack == e->first ? NULL : e->stack;
    struct mp_encode_frame *grown = realloc(heap, 2 * used * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    if (!heap)
        memcpy(grown, e->first, used * sizeof *grown);
    e->stack = grown;
    e->top = grown + used - 1;
    e->last = grown + 2 * used - 1;
    return 0;
}

int mp_encode_push_frame(struct mp_encoder *e, const mproc_value *v)
{
    int rc = e->top == e->last ? grow_stack(e) : 0;
    if (rc < 0)
        return rc;
    e->top++;
    *e->top = (struct mp_encode_frame){.v = *v};
    mproc_kind kind = mp_kind(v);
    const mproc_value *items = kind == MPROC_KIND_OBJECT ? mp_object(v)->part : v->u.node->u.items;
    bool begun = kind != MPROC_KIND_OBJECT && !mp_encode_in_batches(e, kind);
    e->top->next = items;
    e->top->end = begun ? items + v->u.node->len : items;
    return 0;
}

int mp_encode_leave(struct mp_encoder *e)
{
    e->top--;
    return 0;
}

static int put_long(struct mp_encoder *e, const unsigned char *data, size_t len)
{
    int rc = len < 256 ? with_number(e, OP_LONG1, len, 1) : with_number(e, OP_LONG4, len, 4);
    return rc < 0 ? rc : mp_encode_bytes(e, data, len);
}

int mp_encode_int(struct mp_encoder *e, const mproc_value *v)
{
    unsigned char small[8];
    size_t len;
    if (!mp_is_big(v)) {
        int64_t number = v->u.i;
        if (number >= 0 && number < 256)
            return with_number(e, OP_BININT1, (uint64_t)number, 1);
        if (number >= 0 && number < 65536)
            return with_number(e, OP_BININT2, (uint64_t)number, 2);
        if (number == (int32_t)number)
            return with_number(e, OP_BININT, (uint64_t)number, 4);
    }
    const unsigned char *data = mp_int_bytes(v, small, &len);
    if (len > INT32_MAX)
        return mp_fail(e->err, MPROC_EUNPICKLABLE, "pickle: int of %zu bytes", len);
    return put_long(e, data, len);
}

int mp_encode_float(struct mp_encoder *e, double number)
{
    unsigned char text[9] = {OP_BINFLOAT};
    mp_store_double(text + 1, number);
    return mp_encode_bytes(e, text, sizeof text);
}

/* Large texts lie between frames, so that a reader need not copy them. */
static int put_text(struct mp_encoder *e, enum mp_opcode op, size_t head, const unsigned char *text,
                    size_t len)
{
    bool outside = e->frame != MP_NO_FRAME && len >= MP_FRAME_TARGET;
    if (outside)
        close_frame(e);
    int rc = mp_buffer_reserve(e->out, LONGEST_SMALL + len + MP_FRAME_HEADER + LONGEST_SMALL);
    if (rc < 0)
        return rc;
    unsigned char *to = e->out->data + e->out->len;
    *to = (unsigned char)op;
    mp_store_le(to + 1, len, head);
    if (len > 0)
        memcpy(to + 1 + head, text, len);
    e->out->len += 1 + head + len;
    return outside ? open_frame(e) : 0;
}

int mp_encode_raw_text(struct mp_encoder *e, mproc_kind kind, const unsigned char *text, size_t len)
{
    bool str = kind == MPROC_KIND_STR;
    if (len > UINT32_MAX) {
        if (e->protocol < 4)
            return mp_fail(e->err, MPROC_EUNPICKLABLE, "pickle: %s of 4 GiB needs protocol 4",
                           mproc_kind_name(kind));
        return put_text(e, str ? OP_BINUNICODE8 : OP_BINBYTES8, 8, text, len);
    }
    bool is_short = len < 256 && (!str || e->protocol >= 4);
    if (str)
        return put_text(e, is_short ? OP_SHORT_BINUNICODE : OP_BINUNICODE, is_short ? 1 : 4, text,
                        len);
    return put_text(e, is_short ? OP_SHORT_BINBYTES : OP_BINBYTES, is_short ? 1 : 4, text, len);
}

static int put_text_value(struct mp_encoder *e, const mproc_value *v)
{
    if (mp_kind(v) == MPROC_KIND_BYTES && e->protocol < 3)
        return mp_encode_bytes_call(e, v->u.text, mp_len(v));
    return mp_encode_raw_text(e, mp_kind(v), v->u.text, mp_len(v));
}

/* A str or bytes. Those that the tree knows to be shared are written once. */
int mp_encode_text(struct mp_encoder *e, const mproc_value *v)
{
    size_t *known = mp_map_find(&e->texts, v->u.text);
    if (!known)
        return put_text_value(e, v);
    if (*known > 1)
        return mp_encode_reference(e, *known - 2);
    int rc = put_text_value(e, v);
    size_t index;
    if (rc == 0)
        rc = mp_encode_put(e, &index);
    if (rc == 0)
        *known = index + 2;
    return rc;
}

/*
 * Containers that enter the memo only when they are complete may meet themselves on the way, and
 * are then written again inside. That ends when everything that can lead back is in the memo. If
 * nothing was added since the last time, all enters the memo from now on; if nothing was even then,
 * it would never end. What was written before, outside of the memo, goes with the outer one when
 * that finds itself in the memo.
 */
static int enter_unmemoized(struct mp_encoder *e, const mproc_value *v)
{
    if (!mp_is_shared(v))
        return 0;
    size_t *then = mp_map_at(&e->open, v->u.node);
    if (!then)
        return -ENOMEM;
    if (*then == e->memo_len + 1 && e->memo_all)
        return mp_fail(e->err, MPROC_EUNPICKLABLE,
                       "pickle: %s that contains itself cannot be written at protocol %d",
                       mproc_kind_name(mp_kind(v)), e->protocol);
    e->memo_all |= *then == e->memo_len + 1;
    *then = e->memo_len + 1;
    return 0;
}

/* All items are written. The tuple may be in the memo already if it was written inside itself. */
static int end_tuple(struct mp_encoder *e, const mproc_value *v)
{
    size_t n = v->u.node->len;
    const size_t *known = mp_encode_remembers(e, v) ? mp_map_find(&e->memo, v->u.node) : NULL;
    if (known && *known) {
        int rc = n > 3 ? mp_encode_op(e, OP_POP_MARK) : 0;
        for (size_t i = 0; i < n && n <= 3 && rc == 0; i++)
            rc = mp_encode_op(e, OP_POP);
        return rc < 0 ? rc : mp_encode_reference(e, *known - 1);
    }
    int rc = mp_encode_op(e, mp_tuple_op(n));
    return rc < 0 ? rc : mp_encode_memoize(e, v);
}

static int end_frozenset(struct mp_encoder *e, const mproc_value *v)
{
    const size_t *known = mp_encode_remembers(e, v) ? mp_map_find(&e->memo, v->u.node) : NULL;
    if (known && *known) {
        int rc = mp_encode_op(e, OP_POP_MARK);
        return rc < 0 ? rc : mp_encode_reference(e, *known - 1);
    }
    int rc = mp_encode_op(e, OP_FROZENSET);
    return rc < 0 ? rc : mp_encode_memoize(e, v);
}

static int end_set_call(struct mp_encoder *e, const mproc_value *v)
{
    int rc = mp_encode_op(e, OP_TUPLE1);
    if (rc == 0)
        rc = mp_encode_op(e, OP_REDUCE);
    const size_t *known = mp_encode_remembers(e, v) ? mp_map_find(&e->memo, v->u.node) : NULL;
    if (rc == 0 && known && *known) {
        rc = mp_encode_op(e, OP_POP);
        return rc < 0 ? rc : mp_encode_reference(e, *known - 1);
    }
    return rc < 0 ? rc : mp_encode_memoize(e, v);
}

/* What comes behind the items of what is made when all of them are there. */
static int end_whole(struct mp_encoder *e, const mproc_value *v)
{
    switch (mp_kind(v)) {
    case MPROC_KIND_TUPLE:
        return end_tuple(e, v);
    case MPROC_KIND_FROZENSET:
        return e->protocol < 4 ? end_set_call(e, v) : end_frozenset(e, v);
    case MPROC_KIND_SET:
        return e->protocol < 4 ? end_set_call(e, v) : 0;
    default:
        return 0;
    }
}

int mp_encode_end(struct mp_encoder *e)
{
    mproc_value v = e->top->v;
    if (mp_kind(&v) == MPROC_KIND_NONE || mp_kind(&v) == MPROC_KIND_OBJECT)
        return 0;
    mp_encode_leave(e);
    return end_whole(e, &v);
}

static int start_tuple(struct mp_encoder *e, const mproc_value *v)
{
    size_t n = v->u.node->len;
    if (n == 0)
        return mp_encode_op(e, OP_EMPTY_TUPLE);
    int rc = enter_unmemoized(e, v);
    if (rc == 0 && n > 3)
        rc = mp_encode_op(e, OP_MARK);
    return rc < 0 ? rc : mp_encode_push_frame(e, v);
}

static int start_set(struct mp_encoder *e, const mproc_value *v)
{
    bool frozen = mp_kind(v) == MPROC_KIND_FROZENSET;
    int rc = 0;
    if (frozen || e->protocol < 4)
        rc = enter_unmemoized(e, v);
    if (rc < 0)
        return rc;
    if (e->protocol < 4) {
        rc = mp_encode_known(e, frozen ? MP_KNOWN_FROZENSET : MP_KNOWN_SET);
        if (rc == 0)
            rc = mp_encode_op(e, OP_EMPTY_LIST);
    } else if (frozen) {
        rc = mp_encode_op(e, OP_MARK);
    } else {
        rc = mp_encode_op(e, OP_EMPTY_SET);
        if (rc == 0)
            rc = mp_encode_memoize(e, v);
    }
    if (rc < 0)
        return rc;
    return v->u.node->len > 0 ? mp_encode_push_frame(e, v) : end_whole(e, v);
}

static int start_object(struct mp_encoder *e, const mproc_value *v)
{
    int rc = enter_unmemoized(e, v);
    return rc < 0 ? rc : mp_encode_push_frame(e, v);
}

static int start_filled(struct mp_encoder *e, const mproc_value *v, enum mp_opcode empty)
{
    int rc = mp_encode_op(e, empty);
    if (rc == 0)
        rc = mp_encode_memoize(e, v);
    return rc < 0 || v->u.node->len == 0 ? rc : mp_encode_push_frame(e, v);
}

static int start_node(struct mp_encoder *e, const mproc_value *v)
{
    const size_t *known = mp_encode_remembers(e, v) ? mp_map_find(&e->memo, v->u.node) : NULL;
    if (known && *known)
        return mp_encode_reference(e, *known - 1);
    switch (mp_kind(v)) {
    case MPROC_KIND_LIST:
        return start_filled(e, v, OP_EMPTY_LIST);
    case MPROC_KIND_DICT:
        return start_filled(e, v, OP_EMPTY_DICT);
    case MPROC_KIND_TUPLE:
        return start_tuple(e, v);
    case MPROC_KIND_SET:
    case MPROC_KIND_FROZENSET:
        return start_set(e, v);
    case MPROC_KIND_BYTEARRAY:
        return mp_encode_bytearray(e, v);
    case MPROC_KIND_GLOBAL:
        return mp_encode_global(e, v);
    case MPROC_KIND_OBJECT:
        return start_object(e, v);
    default:
        return mp_encode_connection(e, v);
    }
}

int mp_encode_value(struct mp_encoder *e, const mproc_value *v)
{
    if (mp_encode_frame_is_full(e)) {
        int rc = mp_encode_next_frame(e);
        if (rc < 0)
            return rc;
    }
    switch (mp_kind(v)) {
    case MPROC_KIND_NONE:
        return mp_encode_op(e, OP_NONE);
    case MPROC_KIND_BOOL:
        return mp_encode_op(e, v->u.i ? OP_NEWTRUE : OP_NEWFALSE);
    case MPROC_KIND_INT:
        return mp_encode_int(e, v);
    case MPROC_KIND_FLOAT:
        return mp_encode_float(e, v->u.f);
    case MPROC_KIND_COMPLEX:
        return mp_encode_complex(e, v);
    case MPROC_KIND_STR:
    case MPROC_KIND_BYTES:
        return mp_encode_text(e, v);
    case MPROC_KIND_POINTER:
        return mp_fail(e->err, MPROC_EUNPICKLABLE, "pickle: a pointer cannot leave its process");
    default:
        return start_node(e, v);
    }
}

static int step(struct mp_encoder *e)
{
    return mp_kind(&e->top->v) == MPROC_KIND_OBJECT ? mp_encode_step_object(e) : mp_encode_items(e);
}

/* The topmost tree has the shared texts of all that it took over. */
static int collect_texts(struct mp_encoder *e, struct mp_tree *tree)
{
    tree = mp_tree_top(tree);
    for (size_t i = 0; i < tree->shared_len; i++) {
        size_t *slot = mp_map_at(&e->texts, tree->shared[i]);
        if (!slot)
            return -ENOMEM;
        *slot = 1;
    }
    return 0;
}

static bool is_done(const struct mp_encoder *e)
{
    return e->top == e->stack && e->top->next == e->top->end;
}

static int write_pickle(struct mp_encoder *e)
{
    const mproc_value *root = e->stack->next;
    unsigned char proto[2] = {OP_PROTO, (unsigned char)e->protocol};
    int rc = mp_buffer_reserve(e->out, FIRST_ROOM);
    if (rc == 0)
        rc = mp_encode_bytes(e, proto, sizeof proto);
    if (rc == 0 && mp_has_node(root))
        rc = collect_texts(e, root->u.node->tree);
    if (rc == 0 && e->protocol >= 4)
        rc = open_frame(e);
    while (rc == 0 && !is_done(e))
        rc = step(e);
    if (rc == 0)
        rc = mp_encode_op(e, OP_STOP);
    if (rc == 0)
        close_frame(e);
    return rc;
}

static int read_protocol(const mproc_pickle_options *given, int *protocol, mproc_error *err)
{
    mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
    int rc = mp_options_read(&options, sizeof options, given, err);
    if (rc < 0)
        return rc;
    if (options.protocol < 2 || options.protocol > 5)
        return mp_fail(err, -EINVAL, "pickle: no protocol %llu",
                       (unsigned long long)options.protocol);
    *protocol = (int)options.protocol;
    return 0;
}

int mp_pickle(const mproc_value *v, struct mp_buffer *out, const mproc_pickle_options *options,
              const struct mp_pickle_hooks *hooks, mproc_error *err)
{
    mproc_value root = *v;
    root.meta &= ~((uint64_t)MP_CELL_ROOT << 8); /* now it is an item like others */
    struct mp_encode_frame first[MP_FIRST_FRAMES];
    first[0] = (struct mp_encode_frame){.v = mp_none(), .next = &root, .end = &root + 1};
    struct mp_encoder e = {
        .out = out, .start = out->len, .frame = MP_NO_FRAME, .hooks = hooks, .err = err};
    e.first = e.stack = e.top = first;
    e.last = first + MP_FIRST_FRAMES - 1;
    int rc = read_protocol(options, &e.protocol, err);
    if (rc < 0)
        return rc;
    rc = write_pickle(&e);
    if (rc < 0) {
        out->len = e.start;
        mp_fail(err, rc, "pickle: %s", mproc_strerror(rc));
    }
    if (e.stack != first)
        free(e.stack);
    mp_map_clear(&e.memo);
    mp_map_clear(&e.open);
    mp_map_clear(&e.texts);
    return rc;
}

int mproc_value_pickle(const mproc_value *v, void **out, size_t *len,
                       const mproc_pickle_options *options, mproc_error *err)
{
    mp_error_clear(err);
    if (!out || !len)
        return mp_fail(err, -EINVAL, "pickle: NULL");
    struct mp_buffer buf = {0};
    mproc_value none = mp_none();
    int rc = mp_pickle(v ? v : &none, &buf, options, NULL, err);
    if (rc == 0) {
        *len = buf.len;
        *out = mp_buffer_take(&buf);
    }
    mp_buffer_clear(&buf);
    return rc;
}
