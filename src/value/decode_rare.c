/* SPDX-License-Identifier: MIT */
/* Opcodes of containers, large numbers and the stack. */
#include "value/decoder.h"
#include "value/number.h"

#define HIGHEST_PROTOCOL 5

static int count_node(struct mp_decoder *d)
{
    return ++d->nodes > d->limits.max_nodes ? mp_decode_fail(d, MPROC_ELIMIT, "more than max_nodes")
                                            : 0;
}

/*
 * The first chunk, now rather than when the room beside the tree runs out: numbers are read to
 * where a list has them if there is room for as many as may follow. That leaves room unused, which
 * is not for a reader who has little memory for all.
 */
static int have_chunk(struct mp_decoder *d)
{
    size_t room = (size_t)(d->tree->end - d->tree->at);
    if (d->tree->chunks || (size_t)(d->end - d->at) / 2 <= room / sizeof(mproc_value) ||
        d->tree->next_chunk > d->tree->budget / 2)
        return 0;
    return mp_alloc_slowly(d->tree, 0) ? 0 : mp_decode_nomem(d);
}

int mp_decode_new_node(struct mp_decoder *d, mproc_kind kind)
{
    int rc = count_node(d);
    if (rc == 0 && kind == MPROC_KIND_LIST)
        rc = have_chunk(d);
    if (rc < 0)
        return rc;
    struct mp_node *node = mp_node_new(d->tree, kind);
    if (!node)
        return mp_decode_nomem(d);
    return mp_decode_push(d, mp_node_cell(kind, node));
}

int mp_decode_put_node(struct mp_decoder *d, mproc_value *place, mproc_kind kind,
                       struct mp_node *node)
{
    int rc = count_node(d);
    if (rc < 0)
        return rc;
    if (!node)
        return mp_decode_nomem(d);
    if (node->depth > d->limits.max_depth)
        return mp_decode_fail(d, MPROC_ELIMIT, "nested deeper than max_depth");
    d->top = place;
    return mp_decode_push(d, mp_node_cell(kind, node));
}

static int check_depth(struct mp_decoder *d, const mproc_value *v)
{
    return v->u.node->depth > d->limits.max_depth
               ? mp_decode_fail(d, MPROC_ELIMIT, "nested deeper than max_depth")
               : 0;
}

static int table_error(struct mp_decoder *d, int code)
{
    switch (code) {
    case MPROC_EUNHASHABLE:
        return mp_decode_fail(d, code, "key or member of a set that cannot be one");
    case MPROC_ELIMIT:
        return mp_decode_fail(d, code, "key nested too deep, or more than max_memory");
    default:
        return mp_decode_fail(d, code, "out of memory");
    }
}

int mp_decode_append(struct mp_decoder *d, mproc_value *to, const mproc_value *items, size_t n)
{
    mproc_value *list = to;
    if (mp_kind(to) == MPROC_KIND_OBJECT) {
        if (n == 0)
            return 0; /* no items, no list of them */
        list = mp_object_items(mp_object(to), MPROC_PART_LIST);
        if (!list)
            return mp_decode_nomem(d);
    } else if (mp_kind(to) != MPROC_KIND_LIST) {
        return mp_decode_fail(d, MPROC_EPICKLE, "append to what is no list");
    }
    if (mp_sequence_extend(list->u.node, items, n) < 0)
        return mp_decode_nomem(d);
    if (list != to)
        mp_deepen(to->u.node, list);
    return check_depth(d, to);
}

int mp_decode_set_items(struct mp_decoder *d, mproc_value *to, const mproc_value *pairs, size_t n)
{
    mproc_value *dict = to;
    if (n % 2 != 0)
        return mp_decode_fail(d, MPROC_EPICKLE, "key without value");
    if (mp_kind(to) == MPROC_KIND_OBJECT) {
        if (n == 0)
            return 0;
        dict = mp_object_items(mp_object(to), MPROC_PART_DICT);
        if (!dict)
            return mp_decode_nomem(d);
    } else if (mp_kind(to) != MPROC_KIND_DICT) {
        return mp_decode_fail(d, MPROC_EPICKLE, "set item of what is no dict");
    }
    int rc = mp_table_extend(mp_table(dict), MPROC_KIND_DICT, pairs, n / 2);
    if (rc < 0)
        return table_error(d, rc == MPROC_EUNHASHABLE ? rc
                              : d->tree->over_budget  ? MPROC_ELIMIT
                                                      : rc);
    if (dict != to)
        mp_deepen(to->u.node, dict);
    return check_depth(d, to);
}

int mp_decode_add_items(struct mp_decoder *d, mproc_value *to, const mproc_value *items, size_t n)
{
    mproc_kind kind = mp_kind(to);
    if (kind != MPROC_KIND_SET && kind != MPROC_KIND_FROZENSET)
        return mp_decode_fail(d, MPROC_EPICKLE, "add to what is no set");
    int rc = mp_table_extend(mp_table(to), kind, items, n);
    return rc < 0 ? table_error(d, rc) : check_depth(d, to);
}

/* Opcodes that put what is above the mark into the container below it. */
static int fill_marked(struct mp_decoder *d, unsigned char op)
{
    mproc_value *items;
    size_t n;
    int rc = mp_decode_pop_mark(d, &items, &n);
    if (rc < 0)
        return rc;
    d->top = items;
    rc = mp_decode_need_stack(d, 1);
    if (rc < 0)
        return rc;
    if (op == OP_APPENDS)
        return mp_decode_append(d, d->top - 1, items, n);
    if (op == OP_SETITEMS)
        return mp_decode_set_items(d, d->top - 1, items, n);
    return mp_decode_add_items(d, d->top - 1, items, n);
}

static int append_one(struct mp_decoder *d)
{
    int rc = mp_decode_need_stack(d, 2);
    if (rc < 0)
        return rc;
    d->top--;
    return mp_decode_append(d, d->top - 1, d->top, 1);
}

static int set_one(struct mp_decoder *d)
{
    int rc = mp_decode_need_stack(d, 3);
    if (rc < 0)
        return rc;
    d->top -= 2;
    return mp_decode_set_items(d, d->top - 1, d->top, 2);
}

/* LIST, DICT and FROZENSET: a new container of all above the mark, in the mark's place. */
static int make_marked(struct mp_decoder *d, unsigned char op)
{
    mproc_kind kind = op == OP_LIST   ? MPROC_KIND_LIST
                      : op == OP_DICT ? MPROC_KIND_DICT
                                      : MPROC_KIND_FROZENSET;
    mproc_value *items;
    size_t n;
    int rc = mp_decode_pop_mark(d, &items, &n);
    if (rc < 0)
        return rc;
    mproc_value made = mp_node_cell(kind, mp_node_new(d->tree, kind));
    if (!made.u.node)
        return mp_decode_nomem(d);
    if (kind == MPROC_KIND_LIST)
        rc = mp_decode_append(d, &made, items, n);
    else if (kind == MPROC_KIND_DICT)
        rc = mp_decode_set_items(d, &made, items, n);
    else
        rc = mp_decode_add_items(d, &made, items, n);
    return rc < 0 ? rc : mp_decode_put_node(d, items, kind, made.u.node);
}

static int push_long(struct mp_decoder *d, size_t head)
{
    int rc = mp_decode_need(d, head);
    if (rc < 0)
        return rc;
    uint64_t len = mp_load_le(d->at, head);
    if (len > INT32_MAX || !mp_decode_has(d, head + (size_t)len))
        return mp_decode_fail(d, MPROC_EPICKLE, "int longer than the pickle");
    d->at += head;
    mproc_value v = mp_big_cell(d->at, (size_t)len);
    d->at += len;
    return mp_decode_push(d, v);
}

static int push_bytearray(struct mp_decoder *d)
{
    int rc = mp_decode_need(d, 8);
    if (rc < 0)
        return rc;
    uint64_t len = mp_load_le(d->at, 8);
    d->at += 8;
    if (len > (size_t)(d->end - d->at))
        return mp_decode_fail(d, MPROC_EPICKLE, "bytearray longer than the pickle");
    rc = mp_decode_new_node(d, MPROC_KIND_BYTEARRAY);
    if (rc < 0)
        return rc;
    struct mp_node *node = d->top[-1].u.node;
    node->u.bytes = d->at; /* in the message, with a NUL as for any text */
    node->len = node->cap = (size_t)len;
    d->at += len;
    d->nul = d->at;
    return 0;
}

static int skip_frame(struct mp_decoder *d)
{
    int rc = mp_decode_need(d, 8);
    if (rc < 0)
        return rc;
    uint64_t len = mp_load_le(d->at, 8);
    d->at += 8;
    if (len > (size_t)(d->end - d->at))
        return mp_decode_fail(d, MPROC_EPICKLE, "frame longer than the pickle");
    return 0;
}

static int set_protocol(struct mp_decoder *d)
{
    int rc = mp_decode_need(d, 1);
    if (rc < 0)
        return rc;
    if (*d->at > HIGHEST_PROTOCOL)
        return mp_decode_fail(d, MPROC_EPICKLE, "unknown protocol");
    d->protocol = *d->at++;
    return 0;
}

/* POP takes off a mark that lies on top, as CPython's does. */
static int pop(struct mp_decoder *d)
{
    if (mp_decode_height(d) == 0 && d->n_marks > 0) {
        d->n_marks--;
        return 0;
    }
    int rc = mp_decode_need_stack(d, 1);
    if (rc < 0)
        return rc;
    d->top--;
    mp_decode_dropped(d);
    return 0;
}

static int pop_mark(struct mp_decoder *d)
{
    mproc_value *items;
    size_t n;
    int rc = mp_decode_pop_mark(d, &items, &n);
    if (rc == 0)
        d->top = items;
    return rc;
}

static int duplicate(struct mp_decoder *d)
{
    int rc = mp_decode_need_stack(d, 1);
    if (rc < 0)
        return rc;
    mproc_value v = d->top[-1];
    if (mp_has_node(&v))
        v.u.node->flags |= MP_NODE_SHARED;
    return mp_decode_push(d, v);
}

static const char *refusal(unsigned char op)
{
    switch (op) {
    case OP_PERSID:
        return "persistent id";
    case OP_EXT1:
    case OP_EXT2:
    case OP_EXT4:
        return "extension code";
    case OP_NEXT_BUFFER:
    case OP_READONLY_BUFFER:
        return "out-of-band buffer";
    default:
        return "unknown opcode";
    }
}

int mp_decode_rare(struct mp_decoder *d, unsigned char op)
{
    switch (op) {
    case OP_EMPTY_LIST:
        return mp_decode_new_node(d, MPROC_KIND_LIST);
    case OP_EMPTY_DICT:
        return mp_decode_new_node(d, MPROC_KIND_DICT);
    case OP_EMPTY_SET:
        return mp_decode_new_node(d, MPROC_KIND_SET);
    case OP_APPENDS:
    case OP_SETITEMS:
    case OP_ADDITEMS:
        return fill_marked(d, op);
    case OP_APPEND:
        return append_one(d);
    case OP_SETITEM:
        return set_one(d);
    case OP_LIST:
    case OP_DICT:
    case OP_FROZENSET:
        return make_marked(d, op);
    case OP_LONG1:
        return push_long(d, 1);
    case OP_LONG4:
        return push_long(d, 4);
    case OP_BYTEARRAY8:
        return push_bytearray(d);
    case OP_FRAME:
        return skip_frame(d);
    case OP_PROTO:
        return set_protocol(d);
    case OP_POP:
        return pop(d);
    case OP_POP_MARK:
        return pop_mark(d);
    case OP_DUP:
        return duplicate(d);
    case OP_INT:
    case OP_LONG:
    case OP_FLOAT:
    case OP_STRING:
    case OP_BINSTRING:
    case OP_SHORT_BINSTRING:
    case OP_UNICODE:
    case OP_GET:
    case OP_PUT:
        return mp_decode_text(d, op);
    case OP_GLOBAL:
    case OP_STACK_GLOBAL:
    case OP_REDUCE:
    case OP_NEWOBJ:
    case OP_NEWOBJ_EX:
    case OP_INST:
    case OP_OBJ:
    case OP_BUILD:
    case OP_BINPERSID:
        return mp_decode_object(d, op);
    default:
        return mp_decode_fail(d, MPROC_EPICKLE, refusal(op));
    }
}
