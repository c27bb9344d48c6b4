/* SPDX-License-Identifier: MIT */
/* What the tests of values share: short ways to make and look at values, and the recorded tables.
 */
#ifndef MP_TESTS_VALUE_HELP_H
#define MP_TESTS_VALUE_HELP_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/value.h>

#include "base/buffer.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Compares the repr, and the length that is said of it. */
void assert_repr(const mproc_value *v, const char *expected);

/* A value from a literal, which must be one. */
mproc_value *parse(const char *text);

mproc_value *new_of(mproc_kind kind);
mproc_value *new_int(int64_t number);
mproc_value *new_str(const char *text);

/* A value from a pickle, which must be one. */
mproc_value *load(const void *data, size_t len);

/* 0, or the code with which a pickle is refused; then `text`, unless NULL, is part of the detail.
 */
int load_code(const void *data, size_t len, const mproc_unpickle_options *options,
              const char *text);

/* Pickles at a protocol; asserts that it can be. The buffer is the caller's to clear. */
void dump(const mproc_value *v, uint64_t protocol, struct mp_buffer *out);

/* Every protocol there and back gives the same repr. */
void assert_round_trip(const mproc_value *v);

/* Frees both. */
void assert_equal(mproc_value *a, mproc_value *b, int expected);

#define MAX_FIELDS 6

/*
 * A file of tests/vectors/value: calls `row` with the fields of each line that is no comment and
 * returns how many there were. Lines end with the file's last one.
 */
size_t for_each_row(const char *file, size_t fields, void (*row)(char *const *fields));

/* Bytes of hexadecimal digits, "-" for none; in fresh memory. */
unsigned char *unhex(const char *hex, size_t *len);

/* A double from its bits, most significant digit first. */
double double_of(const char *hex);

#endif
