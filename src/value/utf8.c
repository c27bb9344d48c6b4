/* SPDX-License-Identifier: MIT */
#include "value/utf8.h"

#include <string.h>

#define HIGH_BITS 0x8080808080808080u

static size_t skip_ascii(const unsigned char *text, size_t at, size_t len)
{
    while (len - at >= 8) {
        uint64_t eight;
        memcpy(&eight, text + at, sizeof eight);
        if (eight & HIGH_BITS)
            break;
        at += 8;
    }
    while (at < len && text[at] < 0x80)
        at++;
    return at;
}

static bool continues(const unsigned char *text, size_t n)
{
    for (size_t i = 1; i <= n; i++)
        if ((text[i] & 0xc0) != 0x80)
            return false;
    return true;
}

/* Length of the well-formed sequence at a byte above 0x7f; 0 if it is none. Table 3-7 of Unicode,
 * except that surrogates pass. */
static size_t sequence(const unsigned char *text, size_t room)
{
    unsigned char lead = text[0];
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    size_t n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (room < n || !continues(text, n - 1))
        return 0;
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xf0 && text[1] < 0x90) ||
        (lead == 0xf4 && text[1] > 0x8f))
        return 0;
    return n;
}

size_t mp_utf8_valid(const unsigned char *text, size_t len)
{
    size_t at = 0;
    for (;;) {
        at = skip_ascii(text, at, len);
        if (at == len)
            return len;
        do {
            size_t n = sequence(text + at, len - at);
            if (n == 0)
                return at;
            at += n;
        } while (at < len && text[at] >= 0x80);
    }
}

uint32_t mp_utf8_decode(const unsigned char *text, size_t *len)
{
    unsigned char lead = text[0];
    if (lead < 0x80) {
        *len = 1;
        return lead;
    }
    *len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t point = lead & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++)
        point = point << 6 | (text[i] & 0x3f);
    return point;
}

size_t mp_utf8_encode(uint32_t point, unsigned char out[4])
{
    if (point < 0x80) {
        out[0] = (unsigned char)point;
        return 1;
    }
    size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        out[i] = (unsigned char)(0x80 | (point & 0x3f));
    out[0] = (unsigned char)(lead[n] | point);
    return n;
}
