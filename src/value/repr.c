/* SPDX-License-Identifier: MIT */
/* Python's repr. Containers under way are on a stack of the heap: nesting costs no C stack. */
#include "value/repr.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "value/container.h"
#include "value/map.h"
#include "value/number.h"
#include "value/text.h"

/* References can make a short value's repr grow without end. */
#define MAX_REPR ((size_t)1 << 31)

struct frame {
    mproc_value v;
    size_t at; /* next item, or step of an object */
};

struct writer {
    struct mp_buffer out;
    struct mp_buffer frames; /* of struct frame */
    struct mp_map open;      /* shared nodes: 1 while on the stack */
};

static int put_bytes(struct writer *w, const void *text, size_t len)
{
    if (w->out.len > MAX_REPR)
        return MPROC_ELIMIT;
    return mp_buffer_append(&w->out, text, len);
}

static int put(struct writer *w, const char *text)
{
    return put_bytes(w, text, strlen(text));
}

static struct frame *top(struct writer *w)
{
    return (struct frame *)(void *)(w->frames.data + w->frames.len) - 1;
}

static int put_hex(struct writer *w, const mproc_value *v)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = mp_len(v);
    bool negative = v->u.text[len - 1] & 0x80;
    int rc = mp_buffer_reserve(&w->out, 2 * len + 4);
    if (rc < 0)
        return rc;
    char *start = (char *)w->out.data + w->out.len;
    char *to = start + sprintf(start, negative ? "-0x" : "0x");
    char *first = to;
    size_t low = 0;
    while (v->u.text[low] == 0)
        low++;
    for (size_t i = len; i-- > 0;) {
        unsigned char byte = v->u.text[i];
        if (negative && i >= low)
            byte = (unsigned char)(i == low ? -byte : ~byte);
        for (int shift = 4; shift >= 0; shift -= 4)
            if (to > first || byte >> shift & 15)
                *to++ = digits[byte >> shift & 15];
    }
    w->out.len += (size_t)(to - start);
    return 0;
}

static int put_int(struct writer *w, const mproc_value *v)
{
    char text[MP_MAX_DIGITS + 2];
    if (!mp_is_big(v)) {
        int n = snprintf(text, sizeof text, "%lld", (long long)v->u.i);
        return put_bytes(w, text, (size_t)n);
    }
    ssize_t n = mp_big_to_decimal(v->u.text, mp_len(v), text);
    return n < 0 ? put_hex(w, v) : put_bytes(w, text, (size_t)n);
}

/* Parts of a complex are written without ".0". */
static int put_part(struct writer *w, double number, bool sign)
{
    char text[MP_DOUBLE_TEXT];
    size_t len = mp_double_repr(number, text);
    if (len > 2 && memcmp(text + len - 2, ".0", 2) == 0)
        len -= 2;
    int rc = sign && text[0] != '-' ? put(w, "+") : 0;
    return rc < 0 ? rc : put_bytes(w, text, len);
}

static int put_complex(struct writer *w, const double parts[2])
{
    bool real = parts[0] != 0 || signbit(parts[0]);
    int rc = 0;
    if (real && ((rc = put(w, "(")) < 0 || (rc = put_part(w, parts[0], false)) < 0))
        return rc;
    rc = put_part(w, parts[1], real);
    return rc < 0 ? rc : put(w, real ? "j)" : "j");
}

static int put_float(struct writer *w, double number)
{
    char text[MP_DOUBLE_TEXT];
    return put_bytes(w, text, mp_double_repr(number, text));
}

static int put_names(struct writer *w, const mproc_value *v)
{
    const mproc_value *names = v->u.node->u.items;
    int rc = put_bytes(w, names[0].u.text, mp_len(&names[0]));
    if (rc == 0)
        rc = put(w, ".");
    return rc < 0 ? rc : put_bytes(w, names[1].u.text, mp_len(&names[1]));
}

static int put_global(struct writer *w, const mproc_value *v)
{
    int rc = put(w, "<");
    if (rc == 0)
        rc = put_names(w, v);
    return rc < 0 ? rc : put(w, ">");
}

static int put_bytearray(struct writer *w, const mproc_value *v)
{
    int rc = put(w, "bytearray(");
    if (rc == 0)
        rc = mp_repr_bytes(&w->out, v->u.node->u.bytes, v->u.node->len, true);
    return rc < 0 ? rc : put(w, ")");
}

static int put_pointer(struct writer *w, const void *pointer)
{
    char text[40];
    snprintf(text, sizeof text, "<pointer %#llx>", (unsigned long long)(uintptr_t)pointer);
    return put(w, text);
}

static const char *opening(const mproc_value *v)
{
    bool empty = v->u.node->len == 0;
    switch (mp_kind(v)) {
    case MPROC_KIND_LIST:
        return "[";
    case MPROC_KIND_TUPLE:
        return "(";
    case MPROC_KIND_SET:
        return empty ? "set(" : "{";
    case MPROC_KIND_FROZENSET:
        return empty ? "frozenset(" : "frozenset({";
    case MPROC_KIND_DICT:
        return "{";
    default:
        return "<";
    }
}

static const char *closing(const mproc_value *v)
{
    size_t n = v->u.node->len;
    switch (mp_kind(v)) {
    case MPROC_KIND_LIST:
        return "]";
    case MPROC_KIND_TUPLE:
        return n == 1 ? ",)" : ")";
    case MPROC_KIND_SET:
        return n == 0 ? ")" : "}";
    case MPROC_KIND_FROZENSET:
        return n == 0 ? ")" : "})";
    case MPROC_KIND_DICT:
        return "}";
    default:
        return ">";
    }
}

/* What Python writes for a container inside itself. */
static const char *recursion(const mproc_value *v)
{
    switch (mp_kind(v)) {
    case MPROC_KIND_LIST:
        return "[...]";
    case MPROC_KIND_TUPLE:
        return "(...)";
    case MPROC_KIND_SET:
        return "set(...)";
    case MPROC_KIND_FROZENSET:
        return "frozenset(...)";
    case MPROC_KIND_DICT:
        return "{...}";
    default:
        return "<...>";
    }
}

static int enter(struct writer *w, const mproc_value *v)
{
    if (v->u.node->flags & MP_NODE_SHARED) {
        size_t *open = mp_map_at(&w->open, v->u.node);
        if (!open)
            return -ENOMEM;
        if (*open)
            return put(w, recursion(v));
        *open = 1;
    }
    struct frame f = {*v, 0};
    int rc = mp_buffer_append(&w->frames, &f, sizeof f);
    return rc < 0 ? rc : put(w, opening(v));
}

static int leave(struct writer *w)
{
    mproc_value v = top(w)->v;
    size_t *open = mp_map_find(&w->open, v.u.node);
    if (open)
        *open = 0;
    w->frames.len -= sizeof(struct frame);
    return put(w, closing(&v));
}

static int put_value(struct writer *w, const mproc_value *v)
{
    switch (mp_kind(v)) {
    case MPROC_KIND_NONE:
        return put(w, "None");
    case MPROC_KIND_BOOL:
        return put(w, v->u.i ? "True" : "False");
    case MPROC_KIND_INT:
        return put_int(w, v);
    case MPROC_KIND_FLOAT:
        return put_float(w, v->u.f);
    case MPROC_KIND_COMPLEX:
        return put_complex(w, v->u.complex);
    case MPROC_KIND_STR:
        return mp_repr_str(&w->out, v->u.text, mp_len(v));
    case MPROC_KIND_BYTES:
        return mp_repr_bytes(&w->out, v->u.text, mp_len(v), false);
    case MPROC_KIND_BYTEARRAY:
        return put_bytearray(w, v);
    case MPROC_KIND_GLOBAL:
        return put_global(w, v);
    case MPROC_KIND_CONNECTION:
        return put(w, "<connection>");
    case MPROC_KIND_POINTER:
        return put_pointer(w, v->u.pointer);
    default:
        return enter(w, v);
    }
}

static int put_part_of(struct writer *w, const struct mp_object *object, mproc_part part)
{
    static const char *const names[] = {"", "", " kwargs=", " state=", " list=", " dict="};
    if (!mp_has_part(object, part))
        return 0;
    if (part == MPROC_PART_CALLABLE && mp_kind(&object->part[part]) == MPROC_KIND_GLOBAL)
        return put_names(w, &object->part[part]);
    int rc = put(w, names[part]);
    if (rc == 0 && part == MPROC_PART_ARGS && object->how != MPROC_CALL)
        rc = put(w, ".__new__");
    return rc < 0 ? rc : put_value(w, &object->part[part]);
}

static int step_object(struct writer *w)
{
    struct frame *f = top(w);
    if (f->at > MPROC_PART_DICT)
        return leave(w);
    mproc_part part = (mproc_part)f->at++;
    return put_part_of(w, mp_object(&f->v), part);
}

/* The next cell of a container; a dict has keys at even places, values at odd ones. */
static int step(struct writer *w)
{
    struct frame *f = top(w);
    mproc_kind kind = mp_kind(&f->v);
    if (kind == MPROC_KIND_OBJECT)
        return step_object(w);
    if (f->at == f->v.u.node->len * mp_table_width(kind))
        return leave(w);
    const mproc_value *item = &f->v.u.node->u.items[f->at];
    const char *between = f->at == 0 ? "" : kind == MPROC_KIND_DICT && f->at % 2 != 0 ? ": " : ", ";
    f->at++;
    int rc = put(w, between);
    return rc < 0 ? rc : put_value(w, item);
}

int mproc_value_repr(const mproc_value *v, char **out, size_t *len)
{
    if (!out)
        return -EINVAL;
    struct writer w = {0};
    mproc_value none = mp_none();
    int rc = put_value(&w, v ? v : &none);
    while (rc == 0 && w.frames.len > 0)
        rc = step(&w);
    if (rc == 0)
        rc = mp_buffer_append(&w.out, "", 1);
    if (rc == 0) {
        if (len)
            *len = w.out.len - 1;
        *out = (char *)mp_buffer_take(&w.out);
    }
    mp_buffer_clear(&w.out);
    mp_buffer_clear(&w.frames);
    mp_map_clear(&w.open);
    return rc;
}
