/* SPDX-License-Identifier: MIT */
#include <mproc/common.h>

const char *mproc_version(void)
{
    return MPROC_VERSION;
}
