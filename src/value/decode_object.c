/* SPDX-License-Identifier: MIT */
/*
 * Opcodes of globals and calls. Nothing is imported and nothing called: they become inert nodes,
 * except the few calls by which the older protocols write plain data.
 */
#include "value/decoder.h"
#include "value/names.h"
#include "value/utf8.h"

#define FIX_IMPORTS_BELOW 3 /* protocols that name things as Python 2 did */

static bool is_callable(const mproc_value *v)
{
    return mp_kind(v) == MPROC_KIND_GLOBAL || mp_kind(v) == MPROC_KIND_OBJECT;
}

static int make_global(struct mp_decoder *d, mproc_value *place, mproc_value module,
                       mproc_value name)
{
    if (d->protocol < FIX_IMPORTS_BELOW) {
        const char *names[2] = {(const char *)module.u.text, (const char *)name.u.text};
        mp_names_from_python2(&names[0], &names[1]);
        module = mp_text(MPROC_KIND_STR, (const unsigned char *)names[0], strlen(names[0]));
        name = mp_text(MPROC_KIND_STR, (const unsigned char *)names[1], strlen(names[1]));
    }
    struct mp_node *node = mp_alloc(d->tree, sizeof *node + 2 * sizeof(mproc_value));
    if (node) {
        *node = (struct mp_node){.tree = d->tree, .depth = 1};
        node->u.items = (mproc_value *)(node + 1);
        node->u.items[0] = module;
        node->u.items[1] = name;
    }
    return mp_decode_put_node(d, place, MPROC_KIND_GLOBAL, node);
}

static int read_name(struct mp_decoder *d, mproc_value *out)
{
    unsigned char *newline = memchr(d->at, '\n', (size_t)(d->end - d->at));
    if (!newline)
        return mp_decode_fail(d, MPROC_EPICKLE, "line without end");
    size_t len = (size_t)(newline - d->at);
    if (!mp_utf8_ok(d->at, len))
        return mp_decode_fail(d, MPROC_EUTF8, "name that is not UTF-8");
    if (len == 0 || memchr(d->at, '\0', len))
        return mp_decode_fail(d, MPROC_EPICKLE, "malformed name");
    *newline = '\0';
    *out = mp_text(MPROC_KIND_STR, d->at, len);
    d->at = newline + 1;
    return 0;
}

static int global_lines(struct mp_decoder *d)
{
    mproc_value module = mp_none();
    mproc_value name = mp_none();
    int rc = mp_decode_push(d, mp_none()); /* its place */
    if (rc == 0)
        rc = read_name(d, &module);
    if (rc == 0)
        rc = read_name(d, &name);
    return rc < 0 ? rc : make_global(d, d->top - 1, module, name);
}

static int stack_global(struct mp_decoder *d)
{
    int rc = mp_decode_need_stack(d, 2);
    if (rc < 0)
        return rc;
    mproc_value *place = d->top - 2;
    for (int i = 0; i < 2; i++) {
        if (mp_kind(&place[i]) != MPROC_KIND_STR)
            return mp_decode_fail(d, MPROC_EPICKLE, "global whose name is no str");
        if (memchr(place[i].u.text, '\0', mp_len(&place[i])))
            return mp_decode_fail(d, MPROC_EPICKLE, "malformed name");
    }
    return make_global(d, place, place[0], place[1]);
}

static int make_object(struct mp_decoder *d, mproc_value *place, mproc_construct how,
                       const mproc_value *callable, const mproc_value *args,
                       const mproc_value *kwargs)
{
    if (!is_callable(callable))
        return mp_decode_fail(d, MPROC_EPICKLE, "call of what is no global or object");
    if (mp_kind(args) != MPROC_KIND_TUPLE)
        return mp_decode_fail(d, MPROC_EPICKLE, "arguments that are no tuple");
    if (kwargs && mp_kind(kwargs) != MPROC_KIND_DICT)
        return mp_decode_fail(d, MPROC_EPICKLE, "keyword arguments that are no dict");
    struct mp_node *node = mp_node_new(d->tree, MPROC_KIND_OBJECT);
    if (!node)
        return mp_decode_nomem(d);
    struct mp_object *object = (struct mp_object *)node;
    object->how = how;
    mp_object_set_part(object, MPROC_PART_CALLABLE, callable);
    mp_object_set_part(object, MPROC_PART_ARGS, args);
    if (kwargs)
        mp_object_set_part(object, MPROC_PART_KWARGS, kwargs);
    return mp_decode_put_node(d, place, MPROC_KIND_OBJECT, node);
}

/* INST and OBJ: a class and arguments above the mark. */
static int make_instance(struct mp_decoder *d, mproc_value *place, const mproc_value *class_,
                         const mproc_value *items, size_t n)
{
    mproc_value callable = *class_;
    struct mp_node *tuple = mp_sequence_new(d->tree, MPROC_KIND_TUPLE, items, n);
    if (!tuple)
        return mp_decode_nomem(d);
    mproc_value args = mp_node_cell(MPROC_KIND_TUPLE, tuple);
    return make_object(d, place, MPROC_CALL, &callable, &args, NULL);
}

static int instance_lines(struct mp_decoder *d)
{
    mproc_value *items;
    size_t n;
    int rc = global_lines(d);
    if (rc < 0)
        return rc;
    mproc_value class_ = *--d->top;
    rc = mp_decode_pop_mark(d, &items, &n);
    return rc < 0 ? rc : make_instance(d, items, &class_, items, n);
}

static int instance_marked(struct mp_decoder *d)
{
    mproc_value *items;
    size_t n;
    int rc = mp_decode_pop_mark(d, &items, &n);
    if (rc < 0)
        return rc;
    if (n == 0)
        return mp_decode_fail(d, MPROC_EPICKLE, "object without class");
    return make_instance(d, items, &items[0], items + 1, n - 1);
}

static bool is_text(const mproc_value *v, const char *text)
{
    return mp_kind(v) == MPROC_KIND_STR && mp_len(v) == strlen(text) &&
           memcmp(v->u.text, text, mp_len(v)) == 0;
}

static bool is_latin1(const mproc_value *v)
{
    return is_text(v, "latin1") || is_text(v, "latin-1");
}

/* One byte for each code point, all of which are below 256. -1 if one is not. */
static ssize_t to_latin1(const mproc_value *text, unsigned char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < mp_len(text); n++) {
        size_t used;
        uint32_t point = mp_utf8_decode(text->u.text + at, &used);
        if (point > 0xff)
            return -1;
        out[n] = (unsigned char)point;
        at += used;
    }
    out[n] = '\0';
    return (ssize_t)n;
}

/* What bytes and bytearray are made of: nothing, bytes, or text and its encoding. */
static int read_bytes(struct mp_decoder *d, const mproc_value *args, size_t n, mproc_value *out)
{
    *out = mp_text(MPROC_KIND_BYTES, (const unsigned char *)"", 0);
    if (n == 0)
        return 0;
    if (n == 1 && mp_kind(&args[0]) == MPROC_KIND_BYTES) {
        *out = args[0];
        return 0;
    }
    if (n != 2 || mp_kind(&args[0]) != MPROC_KIND_STR || !is_latin1(&args[1]))
        return 1;
    unsigned char *bytes = mp_alloc(d->tree, mp_len(&args[0]) + 1);
    if (!bytes)
        return mp_decode_nomem(d);
    ssize_t len = to_latin1(&args[0], bytes);
    *out = mp_text(MPROC_KIND_BYTES, bytes, len < 0 ? 0 : (size_t)len);
    return len < 0;
}

/* These return 1 for a call that is not the plain one. */
typedef int plain_call(struct mp_decoder *d, mproc_value *place, const mproc_value *args, size_t n);

static int call_bytes(struct mp_decoder *d, mproc_value *place, const mproc_value *args, size_t n)
{
    mproc_value bytes = mp_none();
    int rc = read_bytes(d, args, n, &bytes);
    if (rc != 0)
        return rc;
    d->top = place;
    return mp_decode_push(d, bytes);
}

static int call_encode(struct mp_decoder *d, mproc_value *place, const mproc_value *args, size_t n)
{
    return n == 2 ? call_bytes(d, place, args, n) : 1;
}

static int call_bytearray(struct mp_decoder *d, mproc_value *place, const mproc_value *args,
                          size_t n)
{
    mproc_value bytes = mp_none();
    int rc = read_bytes(d, args, n, &bytes);
    if (rc != 0)
        return rc;
    struct mp_node *node = mp_node_new(d->tree, MPROC_KIND_BYTEARRAY);
    if (!node || mp_bytearray_extend(node, bytes.u.text, mp_len(&bytes)) < 0)
        return mp_decode_nomem(d);
    return mp_decode_put_node(d, place, MPROC_KIND_BYTEARRAY, node);
}

static int call_any_set(struct mp_decoder *d, mproc_value *place, const mproc_value *args, size_t n,
                        mproc_kind kind)
{
    if (n > 1 || (n == 1 && !mp_is_sequence(mp_kind(&args[0]))))
        return 1;
    mproc_value set = mp_node_cell(kind, mp_node_new(d->tree, kind));
    if (!set.u.node)
        return mp_decode_nomem(d);
    if (n == 1) {
        const struct mp_node *from = args[0].u.node;
        int rc = mp_decode_add_items(d, &set, from->u.items, from->len);
        if (rc < 0)
            return rc;
    }
    return mp_decode_put_node(d, place, kind, set.u.node);
}

static int call_set(struct mp_decoder *d, mproc_value *place, const mproc_value *args, size_t n)
{
    return call_any_set(d, place, args, n, MPROC_KIND_SET);
}

static int call_frozenset(struct mp_decoder *d, mproc_value *place, const mproc_value *args,
                          size_t n)
{
    return call_any_set(d, place, args, n, MPROC_KIND_FROZENSET);
}

static int call_complex(struct mp_decoder *d, mproc_value *place, const mproc_value *args, size_t n)
{
    double parts[2] = {0, 0};
    if (n != 2 || mproc_value_float(&args[0], &parts[0]) < 0 ||
        mproc_value_float(&args[1], &parts[1]) < 0)
        return 1;
    double *kept = mp_alloc(d->tree, sizeof parts);
    if (!kept)
        return mp_decode_nomem(d);
    memcpy(kept, parts, sizeof parts);
    d->top = place;
    return mp_decode_push(d, (mproc_value){.meta = MPROC_KIND_COMPLEX, .u.complex = kept});
}

static plain_call *find_plain(const mproc_value *callable)
{
    static const struct {
        const char *module;
        const char *name;
        plain_call *call;
    } calls[] = {{"builtins", "bytes", call_bytes},
                 {"builtins", "bytearray", call_bytearray},
                 {"builtins", "set", call_set},
                 {"builtins", "frozenset", call_frozenset},
                 {"builtins", "complex", call_complex},
                 {"_codecs", "encode", call_encode},
                 {"__builtin__", "bytearray", call_bytearray},
                 {"__builtin__", "set", call_set},
                 {"__builtin__", "frozenset", call_frozenset},
                 {"__builtin__", "complex", call_complex}};
    if (mp_kind(callable) != MPROC_KIND_GLOBAL)
        return NULL;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (is_text(&callable->u.node->u.items[0], calls[i].module) &&
            is_text(&callable->u.node->u.items[1], calls[i].name))
            return calls[i].call;
    return NULL;
}

static int reduce(struct mp_decoder *d)
{
    int rc = mp_decode_need_stack(d, 2);
    if (rc < 0)
        return rc;
    mproc_value *place = d->top - 2;
    plain_call *call = find_plain(place);
    if (call && mp_kind(&place[1]) == MPROC_KIND_TUPLE) {
        const struct mp_node *args = place[1].u.node;
        rc = call(d, place, args->u.items, args->len);
        if (rc <= 0)
            return rc;
    }
    mproc_value callable = place[0];
    mproc_value args = place[1];
    return make_object(d, place, MPROC_CALL, &callable, &args, NULL);
}

static int new_object(struct mp_decoder *d, bool with_kwargs)
{
    size_t n = with_kwargs ? 3 : 2;
    int rc = mp_decode_need_stack(d, n);
    if (rc < 0)
        return rc;
    mproc_value *place = d->top - n;
    mproc_value taken[3] = {place[0], place[1], with_kwargs ? place[2] : mp_none()};
    return make_object(d, place, with_kwargs ? MPROC_NEW_EX : MPROC_NEW, &taken[0], &taken[1],
                       with_kwargs ? &taken[2] : NULL);
}

static int build(struct mp_decoder *d)
{
    int rc = mp_decode_need_stack(d, 2);
    if (rc < 0)
        return rc;
    mproc_value *object = d->top - 2;
    if (mp_kind(object) != MPROC_KIND_OBJECT || mp_has_part(mp_object(object), MPROC_PART_STATE))
        return mp_decode_fail(d, MPROC_EPICKLE, "state for what takes none");
    mp_object_set_part(mp_object(object), MPROC_PART_STATE, d->top - 1);
    d->top--;
    return object->u.node->depth > d->limits.max_depth
               ? mp_decode_fail(d, MPROC_ELIMIT, "nested deeper than max_depth")
               : 0;
}

/* A state setter (PEP 307's sixth item, Python 3.8): setter(object, state), its result dropped. */
void mp_decode_dropped(struct mp_decoder *d)
{
    const mproc_value *dropped = d->top;
    if (mp_kind(dropped) != MPROC_KIND_OBJECT || mp_decode_height(d) == 0)
        return;
    const struct mp_object *call = mp_object(dropped);
    const struct mp_node *args = call->part[MPROC_PART_ARGS].u.node;
    mproc_value *object = d->top - 1;
    if (call->how != MPROC_CALL || args->len != 2 || mp_kind(object) != MPROC_KIND_OBJECT ||
        mp_kind(&args->u.items[0]) != MPROC_KIND_OBJECT ||
        args->u.items[0].u.node != object->u.node ||
        mp_has_part(mp_object(object), MPROC_PART_STATE))
        return;
    mp_object_set_part(mp_object(object), MPROC_PART_STATE, &args->u.items[1]);
    mp_object_set_part(mp_object(object), MP_PART_SETTER, &call->part[MPROC_PART_CALLABLE]);
}

static int persistent(struct mp_decoder *d)
{
    int rc = mp_decode_need_stack(d, 1);
    if (rc < 0)
        return rc;
    uint64_t id;
    if (!d->hooks || !d->hooks->arrive || mproc_value_uint64(d->top - 1, &id) < 0)
        return mp_decode_fail(d, MPROC_EPICKLE, "persistent id");
    struct mp_node *node = mp_node_new(d->tree, MPROC_KIND_CONNECTION);
    if (!node)
        return mp_decode_nomem(d);
    struct mp_connection *c = (struct mp_connection *)node;
    rc = d->hooks->arrive(d->hooks->user, id, &c->connection, &c->drop);
    if (rc < 0)
        return mp_decode_fail(
            d, rc, rc == MPROC_EPICKLE ? "connection that did not come along" : mproc_strerror(rc));
    return mp_decode_put_node(d, d->top - 1, MPROC_KIND_CONNECTION, node);
}

int mp_decode_object(struct mp_decoder *d, unsigned char op)
{
    switch (op) {
    case OP_GLOBAL:
        return global_lines(d);
    case OP_STACK_GLOBAL:
        return stack_global(d);
    case OP_REDUCE:
        return reduce(d);
    case OP_NEWOBJ:
        return new_object(d, false);
    case OP_NEWOBJ_EX:
        return new_object(d, true);
    case OP_INST:
        return instance_lines(d);
    case OP_OBJ:
        return instance_marked(d);
    case OP_BUILD:
        return build(d);
    default:
        return persistent(d);
    }
}
