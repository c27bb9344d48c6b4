/* SPDX-License-Identifier: MIT */
/* Opcodes whose arguments are lines of text: protocols 0 and 1, and what Python 2 wrote. */
#include "value/decoder.h"
#include "value/number.h"
#include "value/text.h"
#include "value/utf8.h"

/* The rest of the line, without its newline. */
static int read_line(struct mp_decoder *d, unsigned char **line, size_t *len)
{
    unsigned char *newline = memchr(d->at, '\n', (size_t)(d->end - d->at));
    if (!newline)
        return mp_decode_fail(d, MPROC_EPICKLE, "line without end");
    *line = d->at;
    *len = (size_t)(newline - d->at);
    d->at = newline + 1;
    return 0;
}

static bool all_digits(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return len > 0;
}

static int push_decimal(struct mp_decoder *d, const unsigned char *text, size_t len)
{
    bool negative = len > 0 && text[0] == '-';
    if (!all_digits(text + negative, len - negative))
        return mp_decode_fail(d, MPROC_EPICKLE, "malformed int");
    unsigned char bytes[MP_DECIMAL_BYTES];
    ssize_t n = mp_big_from_decimal((const char *)text + negative, len - negative, negative, bytes);
    if (n < 0)
        return mp_decode_fail(d, (int)n, "int of too many digits");
    mproc_value v = mp_none();
    if (mp_big_new(d->tree, bytes, (size_t)n, &v) < 0)
        return mp_decode_nomem(d);
    return mp_decode_push(d, v);
}

/* INT writes bools as "00" and "01"; LONG has an L behind the digits. */
static int push_int_line(struct mp_decoder *d, unsigned char op)
{
    unsigned char *line = NULL;
    size_t len = 0;
    int rc = read_line(d, &line, &len);
    if (rc < 0)
        return rc;
    if (op == OP_INT && len == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1'))
        return mp_decode_push(d, mp_bool(line[1] == '1'));
    if (op == OP_LONG && len > 0 && line[len - 1] == 'L')
        len--;
    return push_decimal(d, line, len);
}

static int push_float_line(struct mp_decoder *d)
{
    unsigned char *line = NULL;
    size_t len = 0;
    int rc = read_line(d, &line, &len);
    if (rc < 0)
        return rc;
    double number;
    if (!mp_double_parse((const char *)line, len, &number))
        return mp_decode_fail(d, MPROC_EPICKLE, "malformed float");
    return mp_decode_push(d, mp_float(number));
}

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` hexadecimal digits; false if there are not that many. */
static bool read_hex(const unsigned char *text, size_t room, size_t n, uint32_t *out)
{
    uint32_t point = 0;
    if (room < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        point = point << 4 | (uint32_t)digit;
    }
    *out = point;
    return true;
}

/* Python's raw-unicode-escape: Latin-1, with \uXXXX and \UXXXXXXXX. Bytes written, or negative. */
static ssize_t unescape_unicode(const unsigned char *text, size_t len, unsigned char *out)
{
    unsigned char *to = out;
    for (size_t i = 0; i < len;) {
        uint32_t point = text[i++];
        if (point == '\\' && i < len) {
            unsigned char kind = text[i++];
            size_t digits = kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
            if (digits == 0) {
                *to++ = '\\';
                point = kind;
            } else if (!read_hex(text + i, len - i, digits, &point) || point > 0x10ffff) {
                return -1;
            }
            i += digits;
        }
        to += mp_utf8_encode(point, to);
    }
    return to - out;
}

/* A high and a low surrogate that CPython would have joined stay two: it never writes them. */
static int push_unicode_line(struct mp_decoder *d)
{
    unsigned char *line = NULL;
    size_t len = 0;
    int rc = read_line(d, &line, &len);
    if (rc < 0)
        return rc;
    unsigned char *text = mp_alloc(d->tree, 2 * len + 1);
    if (!text)
        return mp_decode_nomem(d);
    ssize_t n = unescape_unicode(line, len, text);
    if (n < 0)
        return mp_decode_fail(d, MPROC_EPICKLE, "malformed escape");
    text[n] = '\0';
    return mp_decode_push(d, mp_text(MPROC_KIND_STR, text, (size_t)n));
}

/* Python 2's str is read as ASCII text, as CPython does unless told otherwise. */
static int push_ascii(struct mp_decoder *d, unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] >= 0x80)
            return mp_decode_fail(d, MPROC_EPICKLE, "Python 2 string that is not ASCII");
    return mp_decode_push(d, mp_text(MPROC_KIND_STR, text, len));
}

static int push_binary_string(struct mp_decoder *d, size_t head)
{
    int rc = mp_decode_need(d, head);
    if (rc < 0)
        return rc;
    uint64_t len = mp_load_le(d->at, head);
    d->at += head;
    if (len > INT32_MAX || !mp_decode_has(d, (size_t)len))
        return mp_decode_fail(d, MPROC_EPICKLE, "text longer than the pickle");
    unsigned char *text = d->at;
    d->at += len;
    d->nul = d->at;
    return push_ascii(d, text, (size_t)len);
}

static int unescape_one(const unsigned char *text, size_t len, size_t *used)
{
    static const char from[] = "\\'\"abfnrtv";
    static const char to[] = "\\'\"\a\b\f\n\r\t\v";
    uint32_t code;
    *used = 1;
    if (len == 0)
        return -1;
    const char *found = text[0] ? strchr(from, text[0]) : NULL;
    if (found)
        return to[found - from];
    *used = 3;
    return text[0] == 'x' && read_hex(text + 1, len - 1, 2, &code) ? (int)code : -1;
}

/* The repr of a Python 2 str, in quotes, unescaped in place. */
static int push_quoted_line(struct mp_decoder *d)
{
    unsigned char *line = NULL;
    size_t len = 0;
    int rc = read_line(d, &line, &len);
    if (rc < 0)
        return rc;
    if (len < 2 || line[0] != line[len - 1] || (line[0] != '\'' && line[0] != '"'))
        return mp_decode_fail(d, MPROC_EPICKLE, "string without quotes");
    unsigned char *to = line;
    for (size_t i = 1; i < len - 1;) {
        size_t used = 1;
        int code = line[i];
        if (code == '\\') {
            i++;
            code = unescape_one(line + i, len - 1 - i, &used);
        }
        if (code < 0)
            return mp_decode_fail(d, MPROC_EPICKLE, "malformed escape");
        i += used;
        *to++ = (unsigned char)code;
    }
    *to = '\0';
    return push_ascii(d, line, (size_t)(to - line));
}

static int memo_line(struct mp_decoder *d, unsigned char op)
{
    unsigned char *line = NULL;
    size_t len = 0;
    int rc = read_line(d, &line, &len);
    if (rc < 0)
        return rc;
    if (len > 15 || !all_digits(line, len))
        return mp_decode_fail(d, MPROC_EPICKLE, "malformed memo index");
    size_t index = 0;
    for (size_t i = 0; i < len; i++)
        index = index * 10 + (size_t)(line[i] - '0');
    return op == OP_GET ? mp_decode_get(d, index) : mp_decode_memoize(d, index);
}

int mp_decode_text(struct mp_decoder *d, unsigned char op)
{
    switch (op) {
    case OP_FLOAT:
        return push_float_line(d);
    case OP_UNICODE:
        return push_unicode_line(d);
    case OP_STRING:
        return push_quoted_line(d);
    case OP_BINSTRING:
        return push_binary_string(d, 4);
    case OP_SHORT_BINSTRING:
        return push_binary_string(d, 1);
    case OP_GET:
    case OP_PUT:
        return memo_line(d, op);
    default:
        return push_int_line(d, op);
    }
}
