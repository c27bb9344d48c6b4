/* SPDX-License-Identifier: MIT */
#include "connection/pair.h"

#include <stdlib.h>

#include "support/suite.h"

const struct mp_pair_kind *kind;
mproc_conn *in;
mproc_conn *out;

void make_pair(int i)
{
    kind = &mp_pair_kinds[i];
    kind->make(&in, &out);
}

void close_pair(void)
{
    mproc_conn_close(in);
    mproc_conn_close(out);
}

unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 131 + (i >> 8));
}

unsigned char *pattern(size_t len)
{
    unsigned char *data = malloc(len + 1);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(i);
    return data;
}

bool is_pattern(const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != byte_at(i))
            return false;
    return true;
}

void expect_thread_ok(pthread_t thread)
{
    void *result;
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_null(result);
}
