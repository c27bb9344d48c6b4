/* SPDX-License-Identifier: MIT */
/* Any bytes as a literal; the repr of what is one must parse to the same repr. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/value.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mproc_value *v = NULL;
    mproc_error err;
    if (mproc_value_parse(&v, (const char *)data, size, &err) < 0)
        return 0;
    char *first = NULL;
    char *second = NULL;
    mproc_value *again = NULL;
    if (mproc_value_repr(v, &first, NULL) < 0 ||
        mproc_value_parse(&again, first, SIZE_MAX, &err) < 0 ||
        mproc_value_repr(again, &second, NULL) < 0 || strcmp(first, second) != 0)
        abort();
    mproc_free(first);
    mproc_free(second);
    mproc_value_free(again);
    mproc_value_free(v);
    return 0;
}
