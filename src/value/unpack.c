/* SPDX-License-Identifier: MIT */
/*
 * Taking values apart. The format is gone through twice, first to check and then to store, so that
 * nothing is stored unless everything fits.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "value/connection.h"

/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): u->args is begun in unpack(), the only way in
 */

#define MAX_NESTING 64

struct unpacker {
    const char *format;
    const char *at;
    va_list args;
    bool store;
    mproc_error *err;
    size_t path[MAX_NESTING]; /* position at each level, from 0 */
    unsigned depth;
};

/* " item 2.1", positions from 0 as in Python. */
static const char *where(const struct unpacker *u, char text[128])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < u->depth && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? "." : " item ", u->path[i]);
    return text;
}

static int fail(const struct unpacker *u, int code, const char *what)
{
    char path[128];
    return mp_fail(u->err, code, "unpack:%s: %s", where(u, path), what);
}

static int wrong_kind(const struct unpacker *u, const char *expected, const mproc_value *v)
{
    char path[128];
    return mp_fail(u->err, MPROC_EKIND, "unpack:%s: expected %s, got %s", where(u, path), expected,
                   mproc_kind_name(mproc_value_kind(v)));
}

static void skip_blanks(struct unpacker *u)
{
    while (*u->at && strchr(" ,:\t\n", *u->at))
        u->at++;
}

static int get_signed(struct unpacker *u, const mproc_value *v, int64_t low, int64_t high,
                      int64_t *out)
{
    int rc = mproc_value_int64(v, out);
    if (rc == MPROC_EKIND)
        return wrong_kind(u, "int", v);
    if (rc < 0 || *out < low || *out > high)
        return fail(u, -ERANGE, "int out of range");
    return 0;
}

static int get_unsigned(struct unpacker *u, const mproc_value *v, uint64_t high, uint64_t *out)
{
    int rc = mproc_value_uint64(v, out);
    if (rc == MPROC_EKIND)
        return wrong_kind(u, "int", v);
    if (rc < 0 || *out > high)
        return fail(u, -ERANGE, "int out of range");
    return 0;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): `type` is a type */
#define STORE(u, type, expression)                                                                 \
    do {                                                                                           \
        type *to = va_arg((u)->args, type *);                                                      \
        if ((u)->store)                                                                            \
            *to = (expression);                                                                    \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

static int unpack_signed(struct unpacker *u, char letter, const mproc_value *v)
{
    int64_t number = 0;
    int64_t low = letter == 'i' ? INT_MIN : letter == 'l' ? LONG_MIN : INT64_MIN;
    int64_t high = letter == 'i' ? INT_MAX : letter == 'l' ? LONG_MAX : INT64_MAX;
    if (letter == 'n') {
        high = (int64_t)(SIZE_MAX / 2);
        low = -high - 1;
    }
    int rc = get_signed(u, v, low, high, &number);
    if (rc < 0)
        return rc;
    if (letter == 'i')
        STORE(u, int, (int)number);
    else if (letter == 'l')
        STORE(u, long, (long)number);
    else if (letter == 'L')
        STORE(u, long long, number);
    else
        STORE(u, ssize_t, (ssize_t)number);
    return 0;
}

static int unpack_unsigned(struct unpacker *u, char letter, const mproc_value *v)
{
    uint64_t number = 0;
    uint64_t high = letter == 'I' ? UINT_MAX : letter == 'k' ? ULONG_MAX : UINT64_MAX;
    int rc = get_unsigned(u, v, high, &number);
    if (rc < 0)
        return rc;
    if (letter == 'I')
        STORE(u, unsigned, (unsigned)number);
    else if (letter == 'k')
        STORE(u, unsigned long, (unsigned long)number);
    else
        STORE(u, unsigned long long, number);
    return 0;
}

static int unpack_float(struct unpacker *u, const mproc_value *v)
{
    double number = 0;
    int rc = mproc_value_float(v, &number);
    if (rc == MPROC_EKIND)
        return wrong_kind(u, "float", v);
    if (rc < 0)
        return fail(u, rc, "int too large for a float");
    STORE(u, double, number);
    return 0;
}

static int unpack_bool(struct unpacker *u, const mproc_value *v)
{
    int truth = mproc_value_bool(v);
    if (truth < 0)
        return wrong_kind(u, "bool", v);
    STORE(u, int, truth);
    return 0;
}

static int unpack_text(struct unpacker *u, char letter, const mproc_value *v)
{
    size_t len = 0;
    bool sized = u->at[1] == '#';
    u->at += sized;
    if (letter == 'y' && !sized)
        return fail(u, MPROC_EFORMAT, "y without #");
    bool none = letter == 'z' && mproc_value_kind(v) == MPROC_KIND_NONE;
    const void *text = letter == 'y' ? mproc_value_bytes(v, &len) : mproc_value_str(v, &len);
    if (!text && !none)
        return wrong_kind(u, letter == 'y' ? "bytes" : "str", v);
    if (text && !sized && memchr(text, '\0', len))
        return fail(u, -ERANGE, "text with a NUL");
    if (letter == 'y')
        STORE(u, const void *, text);
    else
        STORE(u, const char *, text);
    if (sized)
        STORE(u, size_t, len);
    return 0;
}

static int unpack_pointer(struct unpacker *u, char letter, const mproc_value *v)
{
    mproc_kind wanted = letter == 'C' ? MPROC_KIND_CONNECTION : MPROC_KIND_POINTER;
    if (mproc_value_kind(v) != wanted)
        return wrong_kind(u, mproc_kind_name(wanted), v);
    STORE(u, void *, letter == 'C' ? mp_value_connection(v) : v->u.pointer);
    return 0;
}

static int unpack_item(struct unpacker *u, const mproc_value *v);

/* Every letter of a format in turn against the items of a tuple or list. */
static int unpack_sequence(struct unpacker *u, const mproc_value *v, char close)
{
    if (!v || !mp_is_sequence(mp_kind(v)))
        return wrong_kind(u, "tuple or list", v);
    if (u->depth == MAX_NESTING)
        return fail(u, MPROC_EFORMAT, "nesting too deep");
    size_t n = mproc_value_length(v);
    size_t i = 0;
    u->depth++;
    for (skip_blanks(u); *u->at != close; i++) {
        u->path[u->depth - 1] = i;
        if (!*u->at)
            return fail(u, MPROC_EFORMAT, "missing bracket");
        if (i == n)
            return fail(u, MPROC_EKIND, "no such item");
        int rc = unpack_item(u, mproc_value_item(v, i));
        if (rc < 0)
            return rc;
    }
    u->depth--;
    return i == n ? 0 : fail(u, MPROC_EKIND, "more items than the format has");
}

/* {s? …}: a key given by the caller, then what its value is. */
static int unpack_dict(struct unpacker *u, const mproc_value *v)
{
    if (mproc_value_kind(v) != MPROC_KIND_DICT)
        return wrong_kind(u, "dict", v);
    if (u->depth == MAX_NESTING)
        return fail(u, MPROC_EFORMAT, "nesting too deep");
    u->depth++;
    u->path[u->depth - 1] = 0;
    for (skip_blanks(u); *u->at != '}'; u->path[u->depth - 1]++) {
        if (*u->at != 's')
            return fail(u, MPROC_EFORMAT, "a key is written s");
        u->at++;
        skip_blanks(u);
        if (!*u->at || *u->at == '}')
            return fail(u, MPROC_EFORMAT, "key without value");
        const char *key = va_arg(u->args, const char *);
        const mproc_value *item = mproc_value_get_str(v, key);
        if (!item)
            return fail(u, -ENOENT, "no such key");
        int rc = unpack_item(u, item);
        if (rc < 0)
            return rc;
    }
    u->depth--;
    return 0;
}

static int unpack_nested(struct unpacker *u, const mproc_value *v)
{
    char open = *u->at++;
    if (open == '{')
        return unpack_dict(u, v);
    return unpack_sequence(u, v, open == '(' ? ')' : ']');
}

static int unpack_letter(struct unpacker *u, const mproc_value *v)
{
    char letter = *u->at;
    switch (letter) {
    case 'i':
    case 'l':
    case 'L':
    case 'n':
        return unpack_signed(u, letter, v);
    case 'I':
    case 'k':
    case 'K':
        return unpack_unsigned(u, letter, v);
    case 'd':
        return unpack_float(u, v);
    case '?':
        return unpack_bool(u, v);
    case 's':
    case 'z':
    case 'y':
        return unpack_text(u, letter, v);
    case 'O':
        STORE(u, const mproc_value *, v);
        return 0;
    case 'C':
    case 'P':
        return unpack_pointer(u, letter, v);
    case '(':
    case '[':
    case '{':
        return unpack_nested(u, v);
    default:
        return fail(u, MPROC_EFORMAT, "unknown letter");
    }
}

static int unpack_item(struct unpacker *u, const mproc_value *v)
{
    int rc = unpack_letter(u, v);
    if (rc < 0)
        return rc;
    u->at++;
    skip_blanks(u);
    return 0;
}

/* Where the first item of a format ends; its brackets are matched by the checks that follow. */
static bool has_one_item(const char *format)
{
    struct unpacker u = {.at = format};
    skip_blanks(&u);
    int depth = 0;
    size_t items = 0;
    for (; *u.at; u.at++) {
        if (strchr(")]}", *u.at))
            depth--;
        else if (!strchr(" ,:\t\n#", *u.at))
            items += depth == 0;
        if (strchr("([{", *u.at))
            depth++;
    }
    return items == 1;
}

static int unpack_pass(struct unpacker *u, const mproc_value *v)
{
    u->at = u->format;
    u->depth = 0;
    skip_blanks(u);
    if (!has_one_item(u->format))
        return unpack_sequence(u, v, '\0');
    int rc = unpack_item(u, v);
    return rc == 0 && *u->at ? fail(u, MPROC_EFORMAT, "stray bracket") : rc;
}

static int unpack(const mproc_value *v, mproc_error *err, const char *format, va_list args)
{
    struct unpacker u = {.format = format, .err = err};
    if (!v || !format)
        return mp_fail(err, -EINVAL, "unpack: no value or no format");
    va_copy(u.args, args);
    int rc = unpack_pass(&u, v);
    va_end(u.args);
    if (rc < 0)
        return rc;
    u.store = true;
    va_copy(u.args, args);
    rc = unpack_pass(&u, v);
    va_end(u.args);
    return rc;
}

int mproc_unpack(const mproc_value *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = unpack(v, NULL, format, args);
    va_end(args);
    return rc;
}

int mproc_unpack_err(const mproc_value *v, mproc_error *err, const char *format, ...)
{
    mp_error_clear(err);
    va_list args;
    va_start(args, format);
    int rc = unpack(v, err, format, args);
    va_end(args);
    return rc;
}

/* NOLINTEND(clang-analyzer-valist.Uninitialized) */
