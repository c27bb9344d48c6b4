/* SPDX-License-Identifier: MIT */
/*
 * An AF_UNIX path that is longer than sun_path (108 bytes): its directory is opened, and the path
 * becomes /proc/self/fd/N/basename, which the kernel follows for bind(2) and connect(2) alike.
 */
#include "listener/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/fd.h"

static int open_directory(const char *path, const char *base, mproc_error *err)
{
    char directory[PATH_MAX];
    size_t len = (size_t)(base - path);
    if (len >= sizeof directory)
        return mp_fail_errno(err, ENAMETOOLONG, "path of %zu bytes", strlen(path));
    memcpy(directory, path, len);
    directory[len] = '\0';
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int own = mp_fd_own(fd < 0 ? -errno : fd);
    return own < 0 ? mp_fail_errno(err, -own, "open directory %s", directory) : own;
}

int mp_endpoint_set_long_path(struct mp_endpoint *out, int *directory, const char *path,
                              mproc_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    /* "/proc/self/fd/", up to ten digits, '/', NUL. */
    if (strlen(base) + 26 > sizeof name.sun_path)
        return mp_fail_errno(err, ENAMETOOLONG, "socket file name of %zu bytes", strlen(base));
    int fd = open_directory(path, base, err);
    if (fd < 0)
        return fd;
    int n = snprintf(name.sun_path, sizeof name.sun_path, "/proc/self/fd/%d/%s", fd, base);
    memcpy(&out->addr, &name, sizeof name);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
    *directory = fd;
    return 0;
}
