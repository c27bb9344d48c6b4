/* SPDX-License-Identifier: MIT */
#ifndef MP_VALUE_REPR_H
#define MP_VALUE_REPR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Python's str.isprintable() for one code point. */
bool mp_is_printable(uint32_t point);

/* Append the repr of a str (well-formed UTF-8), or of the bytes in a bytes or bytearray, with its
 * b. 0 or -ENOMEM. */
int mp_repr_str(struct mp_buffer *out, const unsigned char *text, size_t len);
int mp_repr_bytes(struct mp_buffer *out, const unsigned char *data, size_t len, bool array);

#endif
