/* SPDX-License-Identifier: MIT */
/* How Python quotes str and bytes (Objects/unicodeobject.c and bytesobject.c write the same way).
 */
#include <stdio.h>
#include <string.h>

#include "value/repr.h"
#include "value/utf8.h"

#include "value/printable_table.h"

#define UNPRINTABLE_RANGES (sizeof unprintable / sizeof unprintable[0])

bool mp_is_printable(uint32_t point)
{
    if (point < 0x7f)
        return point >= 0x20;
    size_t low = 0;
    size_t high = UNPRINTABLE_RANGES;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point < unprintable[middle][0])
            high = middle;
        else if (point > unprintable[middle][1])
            low = middle + 1;
        else
            return false;
    }
    return true;
}

enum quoting { TEXT, BYTES, BYTEARRAY };

static char choose_quote(const unsigned char *text, size_t len)
{
    bool single = len > 0 && memchr(text, '\'', len);
    bool both = single && memchr(text, '"', len);
    return single && !both ? '"' : '\'';
}

/* The escape of a character, or 0 if it stands for itself. */
static size_t escape(uint32_t point, char quote, enum quoting how, char out[12])
{
    const char *short_form = point == '\t'   ? "\\t"
                             : point == '\n' ? "\\n"
                             : point == '\r' ? "\\r"
                             : point == '\\' ? "\\\\"
                                             : NULL;
    if (short_form)
        return (size_t)sprintf(out, "%s", short_form);
    /* A bytearray escapes the single quote even between double ones. */
    if (point == (unsigned char)quote || (how == BYTEARRAY && point == '\''))
        return (size_t)sprintf(out, "\\%c", (int)point);
    if (how == TEXT ? mp_is_printable(point) : point >= 0x20 && point < 0x7f)
        return 0;
    const char *format = point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return (size_t)sprintf(out, format, (unsigned)point);
#pragma GCC diagnostic pop
}

static int quote_text(struct mp_buffer *out, const unsigned char *text, size_t len,
                      enum quoting how)
{
    char quote = choose_quote(text, len);
    int rc = mp_buffer_append(out, &quote, 1);
    size_t plain = 0; /* start of what needs no escape */
    for (size_t at = 0; at < len && rc == 0;) {
        size_t used = 1;
        char escaped[12];
        uint32_t point = how == TEXT ? mp_utf8_decode(text + at, &used) : text[at];
        size_t n = escape(point, quote, how, escaped);
        if (n > 0) {
            rc = mp_buffer_append(out, text + plain, at - plain);
            if (rc == 0)
                rc = mp_buffer_append(out, escaped, n);
            plain = at + used;
        }
        at += used;
    }
    if (rc == 0)
        rc = mp_buffer_append(out, text + plain, len - plain);
    return rc < 0 ? rc : mp_buffer_append(out, &quote, 1);
}

int mp_repr_str(struct mp_buffer *out, const unsigned char *text, size_t len)
{
    return quote_text(out, text, len, TEXT);
}

int mp_repr_bytes(struct mp_buffer *out, const unsigned char *data, size_t len, bool array)
{
    int rc = mp_buffer_append(out, "b", 1);
    return rc < 0 ? rc : quote_text(out, data, len, array ? BYTEARRAY : BYTES);
}
