/* SPDX-License-Identifier: MIT */
/* A user's program: built against the installed library, and against mproc as a subproject. */
#include <stdio.h>
#include <string.h>

#include <mproc/mproc.h>

int main(void)
{
    if (strcmp(mproc_version(), MPROC_VERSION) != 0) {
        fprintf(stderr, "headers of %s, library %s\n", MPROC_VERSION, mproc_version());
        return 1;
    }
    if (strcmp(mproc_error_name(MPROC_EPROTO), "MPROC_EPROTO") != 0)
        return 1;
    printf("mproc %s: %s\n", mproc_version(), mproc_strerror(MPROC_EOF));
    return 0;
}
