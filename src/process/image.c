/* SPDX-License-Identifier: MIT */
#include "process/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/start.h>

static char *given;

const char *mp_image_given(void)
{
    return given;
}

int mproc_set_executable(const char *path)
{
    char *copy = NULL;
    if (path) {
        if (path[0] != '/')
            return -EINVAL;
        copy = strdup(path);
        if (!copy)
            return -ENOMEM;
    }
    free(given);
    given = copy;
    return 0;
}
