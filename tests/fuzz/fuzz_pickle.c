/* SPDX-License-Identifier: MIT */
/* Any bytes as a pickle, under small bounds as well as the usual ones. */
#include <stddef.h>
#include <stdint.h>

#include <mproc/value.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mproc_value *v = NULL;
    mproc_unpickle_options small = MPROC_UNPICKLE_OPTIONS_INIT;
    small.max_depth = 5;
    small.max_nodes = 20;
    small.max_memo = 10;
    small.max_memory = 4096;
    mproc_error err;
    if (mproc_value_unpickle(&v, data, size, NULL, &err) == 0)
        mproc_value_free(v);
    if (mproc_value_unpickle(&v, data, size, &small, &err) == 0)
        mproc_value_free(v);
    return 0;
}
