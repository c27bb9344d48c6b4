/* SPDX-License-Identifier: MIT */
/* String and number literals, by the lexical rules of Python's reference, chapter 2. */
#include <errno.h>
#include <stdlib.h>

#include "value/literal.h"
#include "value/number.h"
#include "value/text.h"
#include "value/utf8.h"

struct prefix {
    bool raw;
    bool bytes;
    size_t len;
};

static bool is_quote(char c)
{
    return c == '\'' || c == '"';
}

/* b, r, u, br, rb in any case, directly before a quote. */
static bool read_prefix(const struct mp_parser *p, struct prefix *out)
{
    *out = (struct prefix){false, false, 0};
    bool unicode = false;
    for (; out->len < 3; out->len++) {
        char c = mp_parse_peek(p, out->len);
        if (is_quote(c))
            return !unicode || out->len == 1;
        c |= 0x20;
        if (c == 'r' && !out->raw)
            out->raw = true;
        else if (c == 'b' && !out->bytes)
            out->bytes = true;
        else if (c == 'u' && out->len == 0)
            unicode = true;
        else
            return false;
    }
    return false;
}

bool mp_parse_at_string(const struct mp_parser *p)
{
    struct prefix prefix;
    return read_prefix(p, &prefix);
}

static int put(struct mp_parser *p, const void *text, size_t len)
{
    return mp_buffer_append(&p->scratch, text, len) < 0 ? mp_parse_fail(p, -ENOMEM, "out of memory")
                                                        : 0;
}

static int put_point(struct mp_parser *p, uint32_t point, bool bytes)
{
    unsigned char text[4] = {(unsigned char)point};
    return put(p, text, bytes ? 1 : mp_utf8_encode(point, text));
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static int put_hex(struct mp_parser *p, size_t digits, bool bytes)
{
    uint32_t point = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = digit_of(mp_parse_peek(p, 0));
        if (digit > 15)
            return mp_parse_fail(p, MPROC_ELITERAL, "malformed escape");
        point = point << 4 | (uint32_t)digit;
        p->at++;
    }
    if (point > 0x10ffff)
        return mp_parse_fail(p, MPROC_ELITERAL, "malformed escape");
    return put_point(p, point, bytes);
}

static int put_octal(struct mp_parser *p, bool bytes)
{
    uint32_t point = 0;
    for (int i = 0; i < 3 && digit_of(mp_parse_peek(p, 0)) < 8; i++)
        point = point << 3 | (uint32_t)(*p->at++ - '0');
    return put_point(p, point, bytes);
}

/* Behind a backslash. Unknown escapes stay as they are, as in Python. */
static int put_escape(struct mp_parser *p, bool bytes)
{
    static const char from[] = "\\'\"abfnrtv";
    static const char to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = mp_parse_peek(p, 0);
    if (digit_of(c) < 8)
        return put_octal(p, bytes);
    p->at++;
    const char *known = c ? strchr(from, c) : NULL;
    if (known)
        return put(p, &to[known - from], 1);
    if (c == '\n')
        return 0;
    if (c == 'x')
        return put_hex(p, 2, bytes);
    if (!bytes && (c == 'u' || c == 'U'))
        return put_hex(p, c == 'u' ? 4 : 8, false);
    if (!bytes && c == 'N')
        return mp_parse_fail(p, MPROC_ELITERAL, "characters by name are not supported");
    p->at--; /* it may be the start of a longer character */
    return put(p, "\\", 1);
}

static bool closes(const struct mp_parser *p, char quote, bool triple)
{
    if (mp_parse_peek(p, 0) != quote)
        return false;
    return !triple || (mp_parse_peek(p, 1) == quote && mp_parse_peek(p, 2) == quote);
}

static int read_raw(struct mp_parser *p, const struct prefix *prefix)
{
    size_t n = *p->at == '\\' && p->end - p->at > 1 && prefix->raw ? 2 : 1;
    for (size_t i = 0; i < n && prefix->bytes; i++)
        if ((unsigned char)p->at[i] >= 0x80)
            return mp_parse_fail(p, MPROC_ELITERAL, "bytes can only hold ASCII and escapes");
    int rc = put(p, p->at, n);
    p->at += n;
    return rc;
}

static int read_string(struct mp_parser *p, const struct prefix *prefix)
{
    p->at += prefix->len;
    char quote = *p->at;
    bool triple = mp_parse_peek(p, 1) == quote && mp_parse_peek(p, 2) == quote;
    p->at += triple ? 3 : 1;
    while (!closes(p, quote, triple)) {
        if (p->at == p->end || (!triple && *p->at == '\n'))
            return mp_parse_fail(p, MPROC_ELITERAL, "string without end");
        int rc;
        if (*p->at == '\\' && !prefix->raw) {
            p->at++;
            rc = put_escape(p, prefix->bytes);
        } else {
            rc = read_raw(p, prefix);
        }
        if (rc < 0)
            return rc;
    }
    p->at += triple ? 3 : 1;
    return 0;
}

int mp_parse_strings(struct mp_parser *p, mproc_value *out)
{
    struct prefix first;
    struct prefix next;
    read_prefix(p, &first);
    p->scratch.len = 0;
    for (next = first; read_prefix(p, &next); mp_parse_skip(p)) {
        if (next.bytes != first.bytes)
            return mp_parse_fail(p, MPROC_ELITERAL, "str and bytes in a row");
        int rc = read_string(p, &next);
        if (rc < 0)
            return rc;
    }
    const unsigned char *text = mp_alloc_text(p->tree, p->scratch.data, p->scratch.len);
    if (!text)
        return mp_parse_fail(p, -ENOMEM, "out of memory");
    *out = mp_text(first.bytes ? MPROC_KIND_BYTES : MPROC_KIND_STR, text, p->scratch.len);
    return 0;
}

int mp_parse_complex(struct mp_parser *p, double real, double imag, mproc_value *out)
{
    double *parts = mp_alloc(p->tree, 2 * sizeof *parts);
    if (!parts)
        return mp_parse_fail(p, -ENOMEM, "out of memory");
    parts[0] = real;
    parts[1] = imag;
    *out = (mproc_value){.meta = MPROC_KIND_COMPLEX, .u.complex = parts};
    return 0;
}

/* Digits of a base with single underscores between them, from p->at on; how many characters. */
static size_t digits_ahead(const struct mp_parser *p, size_t at, int base)
{
    size_t n = 0;
    while (
        digit_of(mp_parse_peek(p, at + n)) < base ||
        (n > 0 && mp_parse_peek(p, at + n) == '_' && digit_of(mp_parse_peek(p, at + n + 1)) < base))
        n++;
    return n;
}

/* Hexadecimal, octal, binary: any size, in linear time. */
static int read_based(struct mp_parser *p, unsigned bits, mproc_value *out)
{
    p->at += 2;
    p->at += mp_parse_peek(p, 0) == '_';
    size_t n = digits_ahead(p, 0, 1 << bits);
    if (n == 0)
        return mp_parse_fail(p, MPROC_ELITERAL, "malformed number");
    size_t room = n * bits / 8 + 2;
    unsigned char *bytes = mp_alloc(p->tree, room);
    if (!bytes)
        return mp_parse_fail(p, -ENOMEM, "out of memory");
    memset(bytes, 0, room);
    size_t bit = 0;
    for (size_t i = n; i-- > 0;) {
        if (p->at[i] == '_')
            continue;
        unsigned digit = (unsigned)digit_of(p->at[i]) << bit % 8;
        bytes[bit / 8] |= (unsigned char)digit;
        bytes[bit / 8 + 1] |= (unsigned char)(digit >> 8);
        bit += bits;
    }
    p->at += n;
    *out = mp_big_cell(bytes, room);
    return 0;
}

static int read_decimal(struct mp_parser *p, size_t n, mproc_value *out)
{
    size_t zeros = 0;
    while (zeros < n && (p->at[zeros] == '0' || p->at[zeros] == '_'))
        zeros++;
    if (*p->at == '0' && zeros < n)
        return mp_parse_fail(p, MPROC_ELITERAL, "leading zeros");
    unsigned char bytes[MP_DECIMAL_BYTES];
    ssize_t len = mp_big_from_decimal(p->at, n, false, bytes);
    if (len < 0)
        return mp_parse_fail(p, (int)len, "int of too many digits");
    if (mp_big_new(p->tree, bytes, (size_t)len, out) < 0)
        return mp_parse_fail(p, -ENOMEM, "out of memory");
    p->at += n;
    return 0;
}

/* Characters of a number with point or exponent; 0 if it has neither. */
static size_t float_ahead(const struct mp_parser *p)
{
    size_t n = digits_ahead(p, 0, 10);
    size_t whole = n;
    if (mp_parse_peek(p, n) == '.')
        n += 1 + digits_ahead(p, n + 1, 10);
    if ((mp_parse_peek(p, n) | 0x20) == 'e') {
        size_t sign = mp_parse_peek(p, n + 1) == '+' || mp_parse_peek(p, n + 1) == '-';
        size_t digits = digits_ahead(p, n + 1 + sign, 10);
        n += digits ? 1 + sign + digits : 0;
    }
    return n > whole ? n : 0;
}

/* The digits without their underscores. */
static int read_double(struct mp_parser *p, size_t n, double *out)
{
    p->scratch.len = 0;
    for (size_t i = 0; i < n; i++) {
        int rc = p->at[i] == '_' ? 0 : put(p, p->at + i, 1);
        if (rc < 0)
            return rc;
    }
    if (!mp_double_parse((const char *)p->scratch.data, p->scratch.len, out))
        return mp_parse_fail(p, MPROC_ELITERAL, "malformed number");
    p->at += n;
    return 0;
}

/* inf and nan, as repr writes them. */
static size_t special_ahead(const struct mp_parser *p)
{
    bool known = p->end - p->at >= 3 && (!memcmp(p->at, "inf", 3) || !memcmp(p->at, "nan", 3));
    return known ? 3 : 0;
}

int mp_parse_number(struct mp_parser *p, mproc_value *out)
{
    int base = mp_parse_peek(p, 0) == '0' ? mp_parse_peek(p, 1) | 0x20 : '\0';
    if (base == 'x' || base == 'o' || base == 'b')
        return read_based(p, base == 'x' ? 4 : base == 'o' ? 3 : 1, out);
    size_t whole = digits_ahead(p, 0, 10);
    size_t real = special_ahead(p);
    if (!real)
        real = float_ahead(p);
    size_t n = real ? real : whole;
    bool imaginary = n > 0 && (mp_parse_peek(p, n) | 0x20) == 'j';
    if (n == 0)
        return mp_parse_fail(p, MPROC_ELITERAL, "expected a value");
    if (!real && !imaginary)
        return read_decimal(p, n, out);
    double number;
    int rc = read_double(p, n, &number);
    if (rc < 0)
        return rc;
    *out = mp_float(number);
    if (!imaginary)
        return 0;
    p->at++;
    return mp_parse_complex(p, 0, number, out);
}
