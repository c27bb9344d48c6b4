/* SPDX-License-Identifier: MIT */
/* One pair of ends for the batteries that run over every transport, and bytes to send. */
#ifndef MP_TESTS_CONNECTION_PAIR_H
#define MP_TESTS_CONNECTION_PAIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <mproc/connection.h>

#include "support/pairs.h"

/* The pair under test: `out` sends to `in`. */
extern const struct mp_pair_kind *kind;
extern mproc_conn *in;
extern mproc_conn *out;

void make_pair(int i);
void close_pair(void);

/* Bytes that show when one is missing or out of place. */
unsigned char byte_at(size_t i);
unsigned char *pattern(size_t len); /* malloc'd */
bool is_pattern(const unsigned char *data, size_t len);

/* It returned NULL. */
void expect_thread_ok(pthread_t thread);

#endif
