/* SPDX-License-Identifier: MIT */
/* Numbers as Python writes them, whatever the locale. */
#ifndef MP_VALUE_TEXT_H
#define MP_VALUE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Room for any repr of a double, its NUL included. */
#define MP_DOUBLE_TEXT 32

/* Python's repr of a float: the fewest digits that read back as the same double. */
size_t mp_double_repr(double number, char out[MP_DOUBLE_TEXT]);

/*
 * Read a float of digits, at most one point, and an exponent, as repr writes it; also inf, nan,
 * infinity, with a sign. All `len` bytes, at most 4096, belong to it.
 */
bool mp_double_parse(const char *text, size_t len, double *out);

#endif
