/* SPDX-License-Identifier: MIT */
/*
 * What decodes must copy, encode at every protocol, and decode again to an equal value. Equality is
 * asked of values without nan, which is not equal to itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/value.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* Plain data whose repr tells all; inert calls may become plain at another protocol. */
static int is_plain(const char *repr)
{
    return !strchr(repr, '<') && !strstr(repr, "nan") && !strstr(repr, "...");
}

static void round_trip(const mproc_value *v, uint64_t protocol, const char *repr)
{
    mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
    options.protocol = protocol;
    void *pickle = NULL;
    size_t len;
    int rc = mproc_value_pickle(v, &pickle, &len, &options, NULL);
    if (rc < 0) {
        require(rc == MPROC_EUNPICKLABLE, "encode");
        return;
    }
    mproc_value *back = NULL;
    mproc_unpickle_options limits = MPROC_UNPICKLE_OPTIONS_INIT;
    limits.max_depth = SIZE_MAX; /* nesting through references may have passed unnoticed */
    rc = mproc_value_unpickle(&back, pickle, len, &limits, NULL);
    mproc_free(pickle);
    if (rc < 0) /* a key whose parts are keyed by identity, a recursive key */
        require(!is_plain(repr), "decode again");
    if (rc == 0 && is_plain(repr))
        require(mproc_value_equal(v, back) == 1, "equal");
    mproc_value_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mproc_value *v = NULL;
    if (size > 4096 || mproc_value_unpickle(&v, data, size, NULL, NULL) < 0)
        return 0;
    /* References within references unfold to more than a fuzzer has time for. */
    char *repr = NULL;
    size_t len = 0;
    mproc_value *copy = NULL;
    require(mproc_value_copy(&copy, v) == 0, "copy");
    require(mproc_value_equal(v, v) >= 0, "same");
    size_t references = 0;
    for (size_t i = 0; i < size; i++)
        references += strchr("hjg2", data[i]) && data[i];
    if (references < 12 && mproc_value_repr(v, &repr, &len) == 0) {
        if (is_plain(repr))
            require(mproc_value_equal(v, copy) == 1, "copy is equal");
        for (uint64_t protocol = 2; protocol <= 5; protocol++)
            round_trip(copy, protocol, repr);
    }
    mproc_free(repr);
    mproc_value_free(copy);
    mproc_value_free(v);
    return 0;
}
