/* SPDX-License-Identifier: MIT */
/* Python literals by recursive descent; the depth is bounded, and so is the C stack. */
#include "value/literal.h"

#include <errno.h>

#include "value/build.h"
#include "value/container.h"
#include "value/number.h"
#include "value/utf8.h"

#define MAX_DEPTH 1000

int mp_parse_fail(struct mp_parser *p, int code, const char *what)
{
    return mp_fail(p->err, code, "literal: %s at offset %zu", what, (size_t)(p->at - p->start));
}

void mp_parse_skip(struct mp_parser *p)
{
    for (; p->at < p->end; p->at++) {
        if (*p->at == '#')
            while (p->at + 1 < p->end && p->at[1] != '\n')
                p->at++;
        else if (!*p->at || !strchr(" \t\n\r\f", *p->at))
            return;
    }
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* Step over a word, if that is what comes next. */
static bool take_word(struct mp_parser *p, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0 || is_name(mp_parse_peek(p, n)))
        return false;
    p->at += n;
    mp_parse_skip(p);
    return true;
}

static bool take(struct mp_parser *p, char c)
{
    if (mp_parse_peek(p, 0) != c || p->at == p->end)
        return false;
    p->at++;
    mp_parse_skip(p);
    return true;
}

static int expect(struct mp_parser *p, char c)
{
    char text[] = "expected ' '";
    text[10] = c;
    return take(p, c) ? 0 : mp_parse_fail(p, MPROC_ELITERAL, text);
}

static int parse_value(struct mp_parser *p, mproc_value *out);

static int table_failed(struct mp_parser *p, int code)
{
    return mp_parse_fail(p, code,
                         code == MPROC_EUNHASHABLE ? "not hashable" : mproc_strerror(code));
}

static int new_node(struct mp_parser *p, mproc_kind kind, mproc_value *out)
{
    *out = mp_node_cell(kind, mp_node_new(p->tree, kind));
    return out->u.node ? 0 : mp_parse_fail(p, -ENOMEM, "out of memory");
}

static int append(struct mp_parser *p, mproc_value *to, const mproc_value *item)
{
    int rc = mp_append_cell(to, item);
    return rc < 0 ? table_failed(p, rc) : 0;
}

/* Items up to the closing bracket; a comma may follow the last. */
static int parse_items(struct mp_parser *p, char close, mproc_value *container)
{
    while (!take(p, close)) {
        mproc_value item = mp_none();
        int rc = parse_value(p, &item);
        if (rc == 0)
            rc = append(p, container, &item);
        if (rc == 0 && !take(p, ','))
            return expect(p, close);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int parse_list(struct mp_parser *p, mproc_value *out)
{
    int rc = new_node(p, MPROC_KIND_LIST, out);
    return rc < 0 ? rc : parse_items(p, ']', out);
}

/* A value in parentheses, or a tuple if there is a comma or nothing. */
static int parse_parenthesis(struct mp_parser *p, mproc_value *out)
{
    mproc_value first = mp_none();
    if (take(p, ')'))
        return new_node(p, MPROC_KIND_TUPLE, out);
    int rc = parse_value(p, &first);
    if (rc < 0)
        return rc;
    if (!take(p, ',')) {
        *out = first;
        return expect(p, ')');
    }
    rc = new_node(p, MPROC_KIND_TUPLE, out);
    if (rc == 0)
        rc = append(p, out, &first);
    return rc < 0 ? rc : parse_items(p, ')', out);
}

static int parse_pairs(struct mp_parser *p, mproc_value *dict, mproc_value *key)
{
    for (;;) {
        mproc_value value = mp_none();
        int rc = expect(p, ':');
        if (rc == 0)
            rc = parse_value(p, &value);
        if (rc < 0)
            return rc;
        rc = mp_set_cell(dict, key, &value);
        if (rc < 0)
            return table_failed(p, rc);
        if (!take(p, ','))
            return expect(p, '}');
        if (take(p, '}'))
            return 0;
        rc = parse_value(p, key);
        if (rc < 0)
            return rc;
    }
}

static int parse_braces(struct mp_parser *p, mproc_value *out)
{
    mproc_value first = mp_none();
    if (take(p, '}'))
        return new_node(p, MPROC_KIND_DICT, out);
    int rc = parse_value(p, &first);
    if (rc < 0)
        return rc;
    bool dict = mp_parse_peek(p, 0) == ':';
    rc = new_node(p, dict ? MPROC_KIND_DICT : MPROC_KIND_SET, out);
    if (rc < 0 || dict)
        return rc < 0 ? rc : parse_pairs(p, out, &first);
    rc = append(p, out, &first);
    if (rc == 0 && !take(p, ','))
        return expect(p, '}');
    return rc < 0 ? rc : parse_items(p, '}', out);
}

/* set(), frozenset(), frozenset({1, 2}) */
static int parse_set_call(struct mp_parser *p, mproc_kind kind, mproc_value *out)
{
    mproc_value members = mp_none();
    int rc = new_node(p, kind, out);
    if (rc < 0 || take(p, ')'))
        return rc;
    rc = parse_value(p, &members);
    if (rc < 0)
        return rc;
    mproc_kind from = mp_kind(&members);
    if (!mp_is_sequence(from) && from != MPROC_KIND_SET && from != MPROC_KIND_FROZENSET)
        return mp_parse_fail(p, MPROC_ELITERAL, "expected a set");
    for (size_t i = 0; i < members.u.node->len && rc == 0; i++)
        rc = append(p, out, &members.u.node->u.items[i]);
    return rc < 0 ? rc : expect(p, ')');
}

static int parse_bytearray_call(struct mp_parser *p, mproc_value *out)
{
    mproc_value bytes = mp_none();
    int rc = new_node(p, MPROC_KIND_BYTEARRAY, out);
    if (rc < 0 || take(p, ')'))
        return rc;
    rc = parse_value(p, &bytes);
    if (rc < 0)
        return rc;
    if (mp_kind(&bytes) != MPROC_KIND_BYTES)
        return mp_parse_fail(p, MPROC_ELITERAL, "expected bytes");
    if (mp_bytearray_extend(out->u.node, bytes.u.text, mp_len(&bytes)) < 0)
        return mp_parse_fail(p, -ENOMEM, "out of memory");
    return expect(p, ')');
}

/* 1 if no name that means something comes next. */
static int parse_name(struct mp_parser *p, mproc_value *out)
{
    *out = mp_none();
    if (take_word(p, "None"))
        return 0;
    bool truth = take_word(p, "True");
    if (truth || take_word(p, "False")) {
        *out = mp_bool(truth);
        return 0;
    }
    bool frozen = take_word(p, "frozenset");
    if (frozen || take_word(p, "set")) {
        int rc = expect(p, '(');
        return rc < 0 ? rc : parse_set_call(p, frozen ? MPROC_KIND_FROZENSET : MPROC_KIND_SET, out);
    }
    if (take_word(p, "bytearray")) {
        int rc = expect(p, '(');
        return rc < 0 ? rc : parse_bytearray_call(p, out);
    }
    return 1;
}

static int negate(struct mp_parser *p, mproc_value *v)
{
    if (mp_kind(v) == MPROC_KIND_FLOAT) {
        v->u.f = -v->u.f;
        return 0;
    }
    if (mp_kind(v) == MPROC_KIND_COMPLEX) /* -5j is how repr writes complex(0, -5) */
        return mp_parse_complex(p, 0, -v->u.complex[1], v);
    if (!mp_is_big(v) && v->u.i != INT64_MIN) {
        *v = mp_int(-v->u.i);
        return 0;
    }
    unsigned char small[8];
    size_t len;
    const unsigned char *from = mp_int_bytes(v, small, &len);
    unsigned char *bytes = mp_alloc(p->tree, len + 1);
    if (!bytes)
        return mp_parse_fail(p, -ENOMEM, "out of memory");
    unsigned carry = 1;
    for (size_t i = 0; i <= len; i++) {
        unsigned char sign = from[len - 1] & 0x80 ? 0xff : 0;
        carry += (unsigned char)~(i < len ? from[i] : sign);
        bytes[i] = (unsigned char)carry;
        carry >>= 8;
    }
    *v = mp_big_cell(bytes, len + 1);
    return 0;
}

/* A sign, of which literal_eval() allows one, and a number. */
static int parse_signed(struct mp_parser *p, mproc_value *out)
{
    bool minus = take(p, '-');
    if (!minus)
        take(p, '+');
    int rc = mp_parse_number(p, out);
    p->minus_zero = rc == 0 && minus && out->meta == MPROC_KIND_INT && out->u.i == 0;
    if (rc == 0 && minus)
        rc = negate(p, out);
    if (rc == 0 && is_name(mp_parse_peek(p, 0)))
        return mp_parse_fail(p, MPROC_ELITERAL, "malformed number");
    mp_parse_skip(p);
    return rc;
}

/* A number, or a complex written as a sum of its parts. */
static int parse_sum(struct mp_parser *p, mproc_value *out)
{
    int rc = parse_signed(p, out);
    char op = mp_parse_peek(p, 0);
    if (rc < 0 || (op != '+' && op != '-'))
        return rc;
    p->at++;
    mp_parse_skip(p);
    mproc_value imaginary = mp_none();
    rc = mp_parse_number(p, &imaginary);
    if (rc < 0)
        return rc;
    double real;
    if (mp_kind(&imaginary) != MPROC_KIND_COMPLEX || mp_kind(out) == MPROC_KIND_COMPLEX ||
        mproc_value_float(out, &real) < 0)
        return mp_parse_fail(p, MPROC_ELITERAL, "a sum that is no complex");
    if (p->minus_zero)
        real = -0.0;
    mp_parse_skip(p);
    double imag = imaginary.u.complex[1];
    return mp_parse_complex(p, real, op == '-' ? -imag : imag, out);
}

static int parse_bracketed(struct mp_parser *p, char open, mproc_value *out)
{
    if (++p->depth > MAX_DEPTH)
        return mp_parse_fail(p, MPROC_ELIMIT, "nested too deep");
    p->at++;
    mp_parse_skip(p);
    int rc = open == '['   ? parse_list(p, out)
             : open == '{' ? parse_braces(p, out)
                           : parse_parenthesis(p, out);
    p->depth--;
    return rc;
}

static int parse_value(struct mp_parser *p, mproc_value *out)
{
    char c = mp_parse_peek(p, 0);
    if (c == '[' || c == '{' || c == '(')
        return parse_bracketed(p, c, out);
    if (mp_parse_at_string(p))
        return mp_parse_strings(p, out);
    if (++p->depth > MAX_DEPTH)
        return mp_parse_fail(p, MPROC_ELIMIT, "nested too deep");
    int rc = parse_name(p, out);
    p->depth--;
    return rc == 1 ? parse_sum(p, out) : rc;
}

/* The whole text: one value, or several with commas, which make a tuple. */
static int parse_whole(struct mp_parser *p, mproc_value *out)
{
    mp_parse_skip(p);
    mproc_value first = mp_none();
    int rc = parse_value(p, &first);
    *out = first;
    bool tuple = rc == 0 && take(p, ',');
    if (tuple) {
        rc = new_node(p, MPROC_KIND_TUPLE, out);
        if (rc == 0)
            rc = append(p, out, &first);
    }
    while (rc == 0 && tuple && p->at < p->end) {
        mproc_value item = mp_none();
        rc = parse_value(p, &item);
        if (rc == 0)
            rc = append(p, out, &item);
        if (rc == 0 && !take(p, ','))
            break;
    }
    if (rc == 0 && p->at < p->end)
        return mp_parse_fail(p, MPROC_ELITERAL, "more than one value");
    return rc;
}

int mproc_value_parse(mproc_value **out, const char *text, size_t len, mproc_error *err)
{
    mp_error_clear(err);
    if (!out || !text)
        return mp_fail(err, -EINVAL, "literal: %s", out ? "no text" : "nowhere to put the value");
    if (len == SIZE_MAX)
        len = strlen(text);
    size_t good = mp_utf8_valid((const unsigned char *)text, len);
    if (good < len)
        return mp_fail(err, MPROC_EUTF8, "literal: not UTF-8 at offset %zu", good);
    struct mp_parser p = {.start = text, .at = text, .end = text + len, .err = err};
    p.tree = mp_tree_new(512);
    if (!p.tree)
        return mp_fail(err, -ENOMEM, "literal: out of memory");
    mproc_value cell = mp_none();
    int rc = parse_whole(&p, &cell);
    mp_buffer_clear(&p.scratch);
    if (rc == 0)
        return mp_finish_root(p.tree, &cell, out);
    mp_tree_free(p.tree);
    return rc;
}
