/* SPDX-License-Identifier: MIT */
#include "value/pack.h"

#include <errno.h>

#include "value/build.h"
#include "value/container.h"
#include "value/number.h"

#define MAX_NESTING 64

struct packer {
    struct mp_tree *tree;
    const char *format;
    const char *at;
    va_list args;
    mproc_error *err;
    unsigned depth;
    struct mp_tree *kept; /* the last tree taken over by an item that was added for good */
};

static int fail(struct packer *p, int code, const char *what)
{
    return mp_fail(p->err, code, "pack: %s at letter %zu of \"%.100s\"", what,
                   (size_t)(p->at - p->format) + 1, p->format);
}

static void skip_blanks(struct packer *p)
{
    while (*p->at && strchr(" ,:\t\n", *p->at))
        p->at++;
}

/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): a va_list in a struct is not followed */

static int pack_text(struct packer *p, char letter, mproc_value *out)
{
    const char *text = va_arg(p->args, const char *);
    size_t len = SIZE_MAX;
    if (p->at[1] == '#') {
        len = va_arg(p->args, size_t);
        p->at++;
    } else if (letter == 'y') {
        return fail(p, MPROC_EFORMAT, "y without #");
    }
    if (!text && letter == 'z') {
        *out = mp_none();
        return 0;
    }
    if (!text && len != 0)
        return fail(p, -EINVAL, "NULL");
    if (letter != 'y') {
        int rc = mp_new_str(p->tree, text, len, out);
        return rc < 0 ? fail(p, rc, rc == MPROC_EUTF8 ? "text is not UTF-8" : "no memory") : 0;
    }
    const unsigned char *bytes = mp_alloc_text(p->tree, text, len);
    *out = mp_text(MPROC_KIND_BYTES, bytes, len);
    return bytes ? 0 : fail(p, -ENOMEM, "no memory");
}

static int pack_reference(struct packer *p, mproc_value *out)
{
    struct mp_tree *taken;
    mproc_value *v = va_arg(p->args, mproc_value *);
    int rc = mp_adopt(p->tree, v, out, &taken);
    if (rc < 0)
        return fail(p, rc, v ? "no memory" : "NULL");
    mp_adopted(p->tree, taken);
    return 0;
}

static int pack_connection(struct packer *p, mproc_value *out)
{
    void *connection = va_arg(p->args, void *);
    if (!connection)
        return fail(p, -EINVAL, "NULL");
    struct mp_node *node = mp_node_new(p->tree, MPROC_KIND_CONNECTION);
    if (!node)
        return fail(p, -ENOMEM, "no memory");
    ((struct mp_connection *)node)->connection = connection;
    *out = mp_node_cell(MPROC_KIND_CONNECTION, node);
    return 0;
}

static int pack_unsigned(struct packer *p, uint64_t number, mproc_value *out)
{
    int rc;
    *out = mp_uint64_cell(p->tree, number, &rc);
    return rc < 0 ? fail(p, rc, "no memory") : 0;
}

static int pack_items(struct packer *p, char close, mproc_value *container);

static int pack_nested(struct packer *p, mproc_kind kind, char close, mproc_value *out)
{
    struct mp_node *node = mp_node_new(p->tree, kind);
    if (!node)
        return fail(p, -ENOMEM, "no memory");
    if (++p->depth > MAX_NESTING)
        return fail(p, MPROC_EFORMAT, "nesting too deep");
    p->at++;
    *out = mp_node_cell(kind, node);
    int rc = pack_items(p, close, out);
    p->depth--;
    return rc;
}

static int pack_letter(struct packer *p, mproc_value *out)
{
    char letter = *p->at;
    switch (letter) {
    case 'i': /* NOLINT(bugprone-branch-clone): the types differ */
        *out = mp_int(va_arg(p->args, int));
        return 0;
    case 'I':
        *out = mp_int(va_arg(p->args, unsigned));
        return 0;
    case 'l':
        *out = mp_int(va_arg(p->args, long));
        return 0;
    case 'L':
        *out = mp_int(va_arg(p->args, long long));
        return 0;
    case 'n':
        *out = mp_int(va_arg(p->args, ssize_t));
        return 0;
    case 'k':
        return pack_unsigned(p, va_arg(p->args, unsigned long), out);
    case 'K':
        return pack_unsigned(p, va_arg(p->args, unsigned long long), out);
    case 'd':
        *out = mp_float(va_arg(p->args, double));
        return 0;
    case '?':
        *out = mp_bool(va_arg(p->args, int) != 0);
        return 0;
    case 's':
    case 'z':
    case 'y':
        return pack_text(p, letter, out);
    case 'O':
        return pack_reference(p, out);
    case 'C':
        return pack_connection(p, out);
    case 'P':
        *out = (mproc_value){.meta = MPROC_KIND_POINTER, .u.pointer = va_arg(p->args, void *)};
        return 0;
    case '(':
        return pack_nested(p, MPROC_KIND_TUPLE, ')', out);
    case '[':
        return pack_nested(p, MPROC_KIND_LIST, ']', out);
    case '{':
        return pack_nested(p, MPROC_KIND_DICT, '}', out);
    default:
        return fail(p, MPROC_EFORMAT, "unknown letter");
    }
}

/* NOLINTEND(clang-analyzer-valist.Uninitialized) */

static int pack_item(struct packer *p, mproc_value *out)
{
    skip_blanks(p);
    int rc = pack_letter(p, out);
    if (rc < 0)
        return rc;
    p->at++;
    skip_blanks(p);
    return 0;
}

/* All items up to `close`, which is left to the caller to step over. */
static int pack_items(struct packer *p, char close, mproc_value *container)
{
    bool pairs = mp_kind(container) == MPROC_KIND_DICT;
    skip_blanks(p);
    while (*p->at != close) {
        mproc_value cells[2];
        int rc = *p->at ? pack_item(p, &cells[0]) : fail(p, MPROC_EFORMAT, "missing bracket");
        if (rc == 0 && pairs)
            rc = *p->at == close ? fail(p, MPROC_EFORMAT, "key without value")
                                 : pack_item(p, &cells[1]);
        if (rc < 0)
            return rc;
        rc = pairs ? mp_set_cell(container, &cells[0], &cells[1])
                   : mp_append_cell(container, &cells[0]);
        if (rc < 0)
            return fail(p, rc, mproc_strerror(rc));
        if (p->depth == 0)
            p->kept = mp_tree_top(p->tree)->taken;
    }
    return 0;
}

/* None for no item, the item for one, a tuple for more. */
static int pack_all(struct packer *p, mproc_value *out)
{
    mproc_value tuple = mp_node_cell(MPROC_KIND_TUPLE, mp_node_new(p->tree, MPROC_KIND_TUPLE));
    if (!tuple.u.node)
        return fail(p, -ENOMEM, "no memory");
    int rc = pack_items(p, '\0', &tuple);
    if (rc < 0)
        return rc;
    size_t n = tuple.u.node->len;
    *out = n == 0 ? mp_none() : n == 1 ? tuple.u.node->u.items[0] : tuple;
    return 0;
}

static int pack_tree(mproc_value **out, struct packer *p)
{
    if (!out)
        return mp_fail(p->err, -EINVAL, "pack: nowhere to put the value");
    if (!p->format)
        return mp_fail(p->err, MPROC_EFORMAT, "pack: no format");
    p->at = p->format;
    p->tree = mp_tree_new(512);
    if (!p->tree)
        return mp_fail(p->err, -ENOMEM, "pack: no memory");
    mproc_value cell = mp_none();
    int rc = pack_all(p, &cell);
    if (rc == 0)
        return mp_finish_root(p->tree, &cell, out);
    mp_tree_give_back(p->tree, NULL);
    mp_tree_free(p->tree);
    return rc;
}

int mp_vpack(mproc_value **out, mproc_error *err, const char *format, va_list args)
{
    struct packer p = {.format = format, .err = err};
    va_copy(p.args, args);
    int rc = pack_tree(out, &p);
    va_end(p.args);
    return rc;
}

int mproc_pack(mproc_value **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = mp_vpack(out, NULL, format, args);
    va_end(args);
    return rc;
}

int mproc_pack_err(mproc_value **out, mproc_error *err, const char *format, ...)
{
    va_list args;
    mp_error_clear(err);
    va_start(args, format);
    int rc = mp_vpack(out, err, format, args);
    va_end(args);
    return rc;
}

int mproc_value_extend(mproc_value *container, const char *format, ...)
{
    mproc_kind kind = mproc_value_kind(container);
    if (!mp_is_sequence(kind) && !mp_is_table(kind) && kind != MPROC_KIND_OBJECT)
        return MPROC_EKIND;
    if (!format)
        return MPROC_EFORMAT;
    struct mp_tree *top = mp_tree_top(container->u.node->tree);
    struct packer p = {
        .format = format, .at = format, .tree = container->u.node->tree, .kept = top->taken};
    va_start(p.args, format);
    int rc = pack_items(&p, '\0', container);
    va_end(p.args);
    if (rc < 0)
        mp_tree_give_back(top, p.kept);
    return rc;
}
