/* SPDX-License-Identifier: MIT */
/* UTF-8 with lone surrogates in three bytes, Python's "surrogatepass". */
#ifndef MP_VALUE_UTF8_H
#define MP_VALUE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from the start that are well-formed; `len` if all are. */
size_t mp_utf8_valid(const unsigned char *text, size_t len);

static inline bool mp_utf8_ok(const unsigned char *text, size_t len)
{
    return mp_utf8_valid(text, len) == len;
}

/* The code point at the start of well-formed text, and its length in bytes. */
uint32_t mp_utf8_decode(const unsigned char *text, size_t *len);

/* Write a code point up to 0x10ffff, surrogates included; 1 to 4 bytes. */
size_t mp_utf8_encode(uint32_t point, unsigned char out[4]);

#endif
