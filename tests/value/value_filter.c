/* SPDX-License-Identifier: MIT */
/*
 * For the tests in Python: pickles in, what mproc makes of them out.
 *
 * A request on stdin is a length (uint32, this machine's order), a byte with a protocol, and a
 * pickle; protocol 0 says that it is a Python literal instead. The answer on stdout is three such
 * lengths, each with its bytes: an error text (empty for none), the repr, and the value pickled
 * again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/value.h>

static void put(const void *data, size_t len)
{
    uint32_t n = (uint32_t)len;
    fwrite(&n, sizeof n, 1, stdout);
    if (len > 0)
        fwrite(data, 1, len, stdout);
}

static int read_value(mproc_value **v, const unsigned char *text, size_t len, mproc_error *err)
{
    if (text[0] == 0)
        return mproc_value_parse(v, (const char *)text + 1, len - 1, err);
    return mproc_value_unpickle(v, text + 1, len - 1, NULL, err);
}

/* Also copies, and compares the copy, so that all of it is exercised. */
static int answer(const unsigned char *text, size_t len, mproc_error *err)
{
    mproc_value *v = NULL;
    mproc_value *copy = NULL;
    char *repr = NULL;
    size_t repr_len = 0;
    void *pickle = NULL;
    size_t pickle_len = 0;
    mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
    if (text[0] >= 2)
        options.protocol = text[0];
    int rc = read_value(&v, text, len, err);
    if (rc == 0)
        rc = mproc_value_copy(&copy, v);
    if (rc == 0)
        rc = mproc_value_repr(copy, &repr, &repr_len);
    if (rc == 0)
        rc = mproc_value_pickle(copy, &pickle, &pickle_len, &options, err);
    int equal = rc == 0 && !strstr(repr, "nan") ? mproc_value_equal(v, copy) : 1;
    if (rc == 0) {
        const char *wrong = "the copy is not equal";
        put(wrong, equal == 1 ? 0 : strlen(wrong));
        put(repr, repr_len);
        put(pickle, pickle_len);
    }
    mproc_value_free(v);
    mproc_value_free(copy);
    mproc_free(repr);
    mproc_free(pickle);
    return rc;
}

int main(void)
{
    uint32_t len;
    while (fread(&len, sizeof len, 1, stdin) == 1) {
        unsigned char *text = malloc(len);
        mproc_error err = MPROC_ERROR_INIT;
        if (!text || fread(text, 1, len, stdin) != len)
            return 1;
        int rc = answer(text, len, &err);
        if (rc < 0) {
            const char *message = err.text[0] ? err.text : mproc_error_name(rc);
            put(message, strlen(message));
            put(NULL, 0);
            put(NULL, 0);
        }
        fflush(stdout);
        free(text);
    }
    return 0;
}
