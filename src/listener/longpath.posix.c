/* SPDX-License-Identifier: MIT */
#include "listener/endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

/* POSIX has no way around sun_path, short of changing the whole process's working directory. */
int mp_endpoint_set_long_path(struct mp_endpoint *out, int *directory, const char *path,
                              mproc_error *err)
{
    (void)out;
    (void)directory;
    return mp_fail_errno(err, ENAMETOOLONG, "AF_UNIX path of %zu bytes, at most %zu are possible",
                         strlen(path), sizeof((struct sockaddr_un *)0)->sun_path - 1);
}
