/* SPDX-License-Identifier: MIT */
/* Globals and calls: inert nodes, and plain data that the older protocols write as calls. */
#include "value/encoder.h"

#include <errno.h>

#include "value/names.h"
#include "value/utf8.h"

static int put_str(struct mp_encoder *e, const char *text, size_t len)
{
    return mp_encode_raw_text(e, MPROC_KIND_STR, (const unsigned char *)text, len);
}

static int put_ops(struct mp_encoder *e, enum mp_opcode first, enum mp_opcode second)
{
    int rc = mp_encode_op(e, first);
    return rc < 0 ? rc : mp_encode_op(e, second);
}

/* GLOBAL, the form before protocol 4: two lines. */
static int put_global_lines(struct mp_encoder *e, const char *module, const char *name,
                            size_t name_len)
{
    if (strchr(module, '\n') || memchr(name, '\n', name_len))
        return mp_fail(e->err, MPROC_EUNPICKLABLE, "pickle: global with a newline in its name");
    int rc = mp_encode_op(e, OP_GLOBAL);
    if (rc == 0)
        rc = mp_encode_bytes(e, module, strlen(module));
    if (rc == 0)
        rc = mp_encode_bytes(e, "\n", 1);
    if (rc == 0)
        rc = mp_encode_bytes(e, name, name_len);
    return rc < 0 ? rc : mp_encode_bytes(e, "\n", 1);
}

int mp_encode_known(struct mp_encoder *e, enum mp_known which)
{
    static const char *const names[MP_KNOWN_COUNT][2] = {
        {"builtins", "bytes"},     {"builtins", "bytearray"},   {"builtins", "set"},
        {"builtins", "frozenset"}, {"builtins", "complex"},     {"builtins", "getattr"},
        {"_codecs", "encode"},     {"copyreg", "__newobj_ex__"}};
    if (e->known[which])
        return mp_encode_reference(e, e->known[which] - 1);
    const char *module = names[which][0];
    const char *name = names[which][1];
    int rc;
    if (e->protocol >= 4) {
        rc = put_str(e, module, strlen(module));
        if (rc == 0)
            rc = put_str(e, name, strlen(name));
        if (rc == 0)
            rc = mp_encode_op(e, OP_STACK_GLOBAL);
    } else {
        if (e->protocol < 3)
            mp_names_to_python2(&module, &name);
        rc = put_global_lines(e, module, name, strlen(name));
    }
    size_t index;
    if (rc == 0)
        rc = mp_encode_put(e, &index);
    if (rc == 0)
        e->known[which] = index + 1;
    return rc;
}

/* Outer.Inner has no GLOBAL before protocol 4: getattr(Outer, 'Inner'). */
static int put_dotted(struct mp_encoder *e, const char *module, const char *name)
{
    int rc = 0;
    for (const char *dot = strchr(name, '.'); dot && rc == 0; dot = strchr(dot + 1, '.'))
        rc = mp_encode_known(e, MP_KNOWN_GETATTR);
    size_t len = strcspn(name, ".");
    if (rc == 0)
        rc = put_global_lines(e, module, name, len);
    for (name += len; *name && rc == 0; name += len) {
        name++;
        len = strcspn(name, ".");
        rc = put_str(e, name, len);
        if (rc == 0)
            rc = put_ops(e, OP_TUPLE2, OP_REDUCE);
    }
    return rc;
}

int mp_encode_global(struct mp_encoder *e, const mproc_value *v)
{
    const mproc_value *names = v->u.node->u.items;
    int rc;
    if (e->protocol >= 4) {
        rc = mp_encode_text(e, &names[0]);
        if (rc == 0)
            rc = mp_encode_text(e, &names[1]);
        if (rc == 0)
            rc = mp_encode_op(e, OP_STACK_GLOBAL);
    } else {
        const char *module = (const char *)names[0].u.text;
        const char *name = (const char *)names[1].u.text;
        if (e->protocol < 3)
            mp_names_to_python2(&module, &name);
        rc = put_dotted(e, module, name);
    }
    return rc < 0 ? rc : mp_encode_memoize(e, v);
}

/* _codecs.encode(text, 'latin1') is how protocol 2 writes bytes. */
int mp_encode_bytes_call(struct mp_encoder *e, const unsigned char *data, size_t len)
{
    if (len == 0) {
        int rc = mp_encode_known(e, MP_KNOWN_BYTES);
        return rc < 0 ? rc : put_ops(e, OP_EMPTY_TUPLE, OP_REDUCE);
    }
    struct mp_buffer text = {0};
    int rc = mp_buffer_reserve(&text, 2 * len);
    for (size_t i = 0; i < len && rc == 0; i++)
        text.len += mp_utf8_encode(data[i], text.data + text.len);
    if (rc == 0)
        rc = mp_encode_known(e, MP_KNOWN_ENCODE);
    if (rc == 0)
        rc = put_str(e, (const char *)text.data, text.len);
    mp_buffer_clear(&text);
    if (rc == 0)
        rc = put_str(e, "latin1", 6);
    return rc < 0 ? rc : put_ops(e, OP_TUPLE2, OP_REDUCE);
}

static int put_bytearray_call(struct mp_encoder *e, const unsigned char *data, size_t len)
{
    int rc = mp_encode_known(e, MP_KNOWN_BYTEARRAY);
    if (rc < 0)
        return rc;
    if (len == 0)
        return put_ops(e, OP_EMPTY_TUPLE, OP_REDUCE);
    rc = e->protocol < 3 ? mp_encode_bytes_call(e, data, len)
                         : mp_encode_raw_text(e, MPROC_KIND_BYTES, data, len);
    return rc < 0 ? rc : put_ops(e, OP_TUPLE1, OP_REDUCE);
}

int mp_encode_bytearray(struct mp_encoder *e, const mproc_value *v)
{
    const struct mp_node *node = v->u.node;
    int rc;
    if (e->protocol < 5) {
        rc = put_bytearray_call(e, node->u.bytes, node->len);
    } else {
        unsigned char head[9] = {OP_BYTEARRAY8};
        mp_store_le(head + 1, node->len, 8);
        rc = mp_encode_bytes(e, head, sizeof head);
        if (rc == 0)
            rc = mp_encode_bytes(e, node->u.bytes, node->len);
    }
    return rc < 0 ? rc : mp_encode_memoize(e, v);
}

int mp_encode_complex(struct mp_encoder *e, const mproc_value *v)
{
    int rc = mp_encode_known(e, MP_KNOWN_COMPLEX);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = mp_encode_float(e, v->u.complex[i]);
    return rc < 0 ? rc : put_ops(e, OP_TUPLE2, OP_REDUCE);
}

int mp_encode_connection(struct mp_encoder *e, const mproc_value *v)
{
    const struct mp_connection *c = (const struct mp_connection *)v->u.node;
    if (!e->hooks || !e->hooks->leave || !c->connection)
        return mp_fail(e->err, MPROC_EUNPICKLABLE,
                       c->connection ? "pickle: a connection cannot travel here"
                                     : "pickle: the connection was taken");
    uint64_t id;
    int rc = e->hooks->leave(e->hooks->user, c->connection, &id);
    if (rc < 0)
        return mp_fail(e->err, rc, "pickle: a connection cannot travel here: %s",
                       rc == -E2BIG ? "too many for one message" : mproc_strerror(rc));
    mproc_value number = mp_int((int64_t)id);
    rc = mp_encode_int(e, &number);
    if (rc == 0)
        rc = mp_encode_op(e, OP_BINPERSID);
    return rc < 0 ? rc : mp_encode_memoize(e, v);
}

enum step {
    STEP_HOW,
    STEP_CALLABLE,
    STEP_ARGS,
    STEP_KWARGS,
    STEP_CALL,
    STEP_LIST,
    STEP_DICT,
    STEP_STATE,
    STEP_STATE_OF,
    STEP_BUILD
};

static bool uses_new_ex_call(const struct mp_encoder *e, const struct mp_object *object)
{
    return object->how == MPROC_NEW_EX && e->protocol < 4;
}

/* The opcode that makes the object, and its entry in the memo. */
static int make(struct mp_encoder *e, const mproc_value *v)
{
    const struct mp_object *object = mp_object(v);
    int rc;
    if (uses_new_ex_call(e, object))
        rc = put_ops(e, OP_TUPLE3, OP_REDUCE);
    else
        rc = mp_encode_op(e, object->how == MPROC_CALL  ? OP_REDUCE
                             : object->how == MPROC_NEW ? OP_NEWOBJ
                                                        : OP_NEWOBJ_EX);
    const size_t *known = mp_encode_remembers(e, v) ? mp_map_find(&e->memo, v->u.node) : NULL;
    if (rc == 0 && known && *known) { /* an argument led back here and made it already */
        rc = mp_encode_op(e, OP_POP);
        mp_encode_leave(e); /* it has its items and state */
        return rc < 0 ? rc : mp_encode_reference(e, *known - 1);
    }
    return rc < 0 ? rc : mp_encode_memoize(e, v);
}

static int put_part(struct mp_encoder *e, const struct mp_object *object, mproc_part part)
{
    return mp_has_part(object, part) ? mp_encode_value(e, &object->part[part]) : 0;
}

/* Items without the container that holds them here. */
static int put_items(struct mp_encoder *e, const struct mp_object *object, mproc_part part)
{
    if (!mp_has_part(object, part) || object->part[part].u.node->len == 0)
        return 0;
    return mp_encode_push_frame(e, &object->part[part]);
}

static bool has_setter(const struct mp_object *object)
{
    return mp_has_part(object, MP_PART_SETTER);
}

/* setter(object, state) for its effect, where there is a setter. */
static int put_setter(struct mp_encoder *e, const mproc_value *v)
{
    return put_part(e, mp_object(v), MP_PART_SETTER);
}

static int put_state(struct mp_encoder *e, const mproc_value *v)
{
    int rc = has_setter(mp_object(v)) ? mp_encode_value(e, v) : 0;
    return rc < 0 ? rc : put_part(e, mp_object(v), MPROC_PART_STATE);
}

static int put_build(struct mp_encoder *e, const struct mp_object *object)
{
    if (!mp_has_part(object, MPROC_PART_STATE))
        return 0;
    if (!has_setter(object))
        return mp_encode_op(e, OP_BUILD);
    int rc = put_ops(e, OP_TUPLE2, OP_REDUCE);
    return rc < 0 ? rc : mp_encode_op(e, OP_POP);
}

int mp_encode_step_object(struct mp_encoder *e)
{
    struct mp_encode_frame *f = e->top;
    mproc_value v = f->v;
    const struct mp_object *object = mp_object(&v);
    switch ((enum step)f->step++) {
    case STEP_HOW:
        return uses_new_ex_call(e, object) ? mp_encode_known(e, MP_KNOWN_NEWOBJ_EX) : 0;
    case STEP_CALLABLE:
        return put_part(e, object, MPROC_PART_CALLABLE);
    case STEP_ARGS:
        return put_part(e, object, MPROC_PART_ARGS);
    case STEP_KWARGS:
        return put_part(e, object, MPROC_PART_KWARGS);
    case STEP_CALL:
        return make(e, &v);
    case STEP_LIST:
        return put_items(e, object, MPROC_PART_LIST);
    case STEP_DICT:
        return put_items(e, object, MPROC_PART_DICT);
    case STEP_STATE:
        return put_setter(e, &v);
    case STEP_STATE_OF:
        return put_state(e, &v);
    case STEP_BUILD:
        return put_build(e, object);
    default:
        return mp_encode_leave(e);
    }
}
