/* SPDX-License-Identifier: MIT */
/* Integers of any size as bytes, and how numbers of different kinds compare. */
#ifndef MP_VALUE_NUMBER_H
#define MP_VALUE_NUMBER_H

#include "value/tree.h"

/* CPython's default limit for int <-> str (sys.get_int_max_str_digits); keeps both ways cheap. */
#define MP_MAX_DIGITS 4300

/* Bytes that hold any int of MP_MAX_DIGITS decimal digits in two's complement: 447 limbs of 32
 * bits, and one for the sign. */
#define MP_DECIMAL_BYTES 1792

/* Bytes that hold any finite double's integral value in two's complement. */
#define MP_DOUBLE_BYTES 136

/* Bytes in the shortest two's complement of little-endian `data`; at least 1 unless len is 0. */
size_t mp_big_shortest(const unsigned char *data, size_t len);

/*
 * The int cell for `len` bytes of little-endian two's complement. More than eight are referred to,
 * not copied: `data` outlives the cell.
 */
mproc_value mp_big_cell(const unsigned char *data, size_t len);

/* The same, copied into the tree. 0 or mp_alloc_error(). */
int mp_big_new(struct mp_tree *tree, const unsigned char *data, size_t len, mproc_value *out);

mproc_value mp_uint64_cell(struct mp_tree *tree, uint64_t number, int *rc);

/* Bytes of any int or bool cell; `small` is room for one that has none. */
const unsigned char *mp_int_bytes(const mproc_value *v, unsigned char small[8], size_t *len);

/*
 * Read decimal digits, underscores allowed between them, into two's complement.
 * Bytes written, or MPROC_ELIMIT for too many digits. The text holds nothing else.
 */
ssize_t mp_big_from_decimal(const char *digits, size_t len, bool negative,
                            unsigned char out[MP_DECIMAL_BYTES]);

/*
 * Write an int in decimal, NUL-terminated. Characters written, or MPROC_ELIMIT beyond
 * MP_MAX_DIGITS; `out` has room for MP_MAX_DIGITS + 2.
 */
ssize_t mp_big_to_decimal(const unsigned char *data, size_t len, char *out);

/* Nearest double, ties to even; infinite when out of range. */
double mp_big_to_double(const unsigned char *data, size_t len);

static inline bool mp_is_number(mproc_kind kind)
{
    return kind >= MPROC_KIND_BOOL && kind <= MPROC_KIND_COMPLEX;
}

/* Python's == between two cells of number kinds. */
bool mp_numbers_equal(const mproc_value *a, const mproc_value *b);

/*
 * An integral double as an int cell over `room`; false for others.
 */
bool mp_double_as_int(double number, unsigned char room[MP_DOUBLE_BYTES], mproc_value *out);

#endif
