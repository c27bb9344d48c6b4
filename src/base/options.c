/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <string.h>

int mp_options_read(void *defaults, size_t size, const void *given, mproc_error *err)
{
    if (!given)
        return 0;
    size_t given_size;
    memcpy(&given_size, given, sizeof given_size);
    if (given_size < sizeof given_size)
        return mp_fail(err, -EINVAL, "options: size field not set, start from the _INIT macro");
    const unsigned char *bytes = given;
    for (size_t i = size; i < given_size; i++)
        if (bytes[i] != 0)
            return mp_fail(err, -E2BIG, "options: a field unknown to this version is set");
    memcpy(defaults, given, given_size < size ? given_size : size);
    memcpy(defaults, &size, sizeof size);
    return 0;
}
