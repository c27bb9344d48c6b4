/* SPDX-License-Identifier: MIT */
#include "listener/bind.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "listener/socket.h"

/* One socket. */

static void set_inet_options(int fd, const struct mp_endpoint *endpoint)
{
    int on = 1;
    int only = !endpoint->both_families;
    /* A listener that comes back finds its port in TIME_WAIT. Refused options show in bind(2). */
    if (endpoint->addr.ss_family == AF_INET || endpoint->addr.ss_family == AF_INET6)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (endpoint->addr.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
}

static int start_listening(int fd, int backlog)
{
    if (listen(fd, backlog > 0 ? backlog : SOMAXCONN) < 0)
        return -errno;
    return mp_fd_set_nonblocking(fd, true);
}

/* A socket file exists from bind(2) on, so what fails later has to remove it. */
static int bind_and_listen(int fd, const struct mp_endpoint *endpoint, const char *path,
                           int backlog)
{
    if (bind(fd, (const struct sockaddr *)&endpoint->addr, endpoint->len) < 0)
        return -errno;
    int rc = start_listening(fd, backlog);
    if (rc < 0 && path)
        unlink(path);
    return rc;
}

static int listen_on(const struct mp_endpoint *endpoint, const char *path, int backlog)
{
    int fd = mp_socket_new(endpoint->addr.ss_family);
    if (fd < 0)
        return fd;
    set_inet_options(fd, endpoint);
    int rc = bind_and_listen(fd, endpoint, path, backlog);
    if (rc < 0) {
        mp_fd_close(&fd);
        return rc;
    }
    return fd;
}

/* Does this say that the machine lacks the address, so that the next one is worth a try? An
 * address in use does not: clients of the name would reach somebody else. */
static bool is_absent(int rc)
{
    return rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL || rc == -EPROTONOSUPPORT;
}

static int listen_on_first(struct mp_endpoints *all, const char *path, int backlog,
                           struct mp_endpoint *used, const char *text, mproc_error *err)
{
    int rc = -EAFNOSUPPORT;
    for (size_t i = 0; i < all->n && is_absent(rc); i++) {
        rc = listen_on(&all->list[i], path, backlog);
        *used = all->list[i];
    }
    if (rc >= 0)
        return rc;
    char where[MP_ENDPOINT_TEXT];
    mp_endpoint_text(used, where);
    if (where[0] && strcmp(where, text) != 0)
        return mp_fail_errno(err, -rc, "listen on %s (%s)", text, where);
    return mp_fail_errno(err, -rc, "listen on %s", text);
}

/* What is known about the socket once it listens. */

/* Against a chdir(2) before the file is removed. */
static char *absolute(const char *path)
{
    char cwd[PATH_MAX];
    if (path[0] == '/')
        return strdup(path);
    if (!getcwd(cwd, sizeof cwd))
        return NULL;
    size_t size = strlen(cwd) + strlen(path) + 2;
    char *joined = malloc(size);
    if (joined)
        snprintf(joined, size, "%s/%s", cwd, path);
    return joined;
}

static int note_file(struct mp_bound *bound)
{
    struct stat st;
    if (lstat(bound->path, &st) < 0)
        return -errno;
    bound->dev = st.st_dev;
    bound->ino = st.st_ino;
    return 0;
}

/* The address that clients dial: with the port that the system chose, and a host. */
static char *dialable_text(int fd, const struct mp_endpoint *used, const char *text)
{
    struct mp_endpoint name = *used;
    char real[MP_ENDPOINT_TEXT];
    name.len = sizeof name.addr;
    if (used->addr.ss_family == AF_UNIX)
        return strdup(strncmp(text, "unix:/", 6) == 0 ? text + 5 : text);
    if (getsockname(fd, (struct sockaddr *)&name.addr, &name.len) < 0)
        return NULL;
    mp_endpoint_make_dialable(&name);
    mp_endpoint_text(&name, real);
    return strdup(real);
}

static int describe(struct mp_bound *bound, const struct mp_endpoint *used, const char *text)
{
    bound->address = dialable_text(bound->fd, used, text);
    if (!bound->address)
        return -errno;
    return bound->path ? note_file(bound) : 0;
}

int mp_bind(struct mp_bound *out, const struct mp_address *address, const char *text, int backlog,
            mproc_error *err)
{
    struct mp_bound bound = {.fd = -1};
    if (address->family == MP_UNIX) {
        bound.path = absolute(address->path);
        if (!bound.path)
            return mp_fail_errno(err, errno, "path '%s'", address->path);
    }
    struct mp_endpoints all;
    struct mp_endpoint used;
    int rc = mp_endpoints_find(&all, address, MP_TO_LISTEN, err);
    if (rc == 0)
        rc = listen_on_first(&all, bound.path, backlog, &used, text, err);
    mp_endpoints_release(&all);
    if (rc >= 0) {
        bound.fd = rc;
        rc = describe(&bound, &used, text);
        if (rc < 0) {
            mp_fail_errno(err, -rc, "listen on %s", text);
            if (bound.path)
                unlink(bound.path);
        }
    }
    if (rc < 0)
        mp_bound_free(&bound);
    else
        *out = bound;
    return rc;
}

/* An arbitrary address. */

#define ARBITRARY_DIRECTORY "mproc-XXXXXX"
#define ARBITRARY_FILE "listener"

/* mkdtemp(3) makes it 0700: nobody else gets at the socket, whatever the umask. */
static char *make_directory(const char *parent)
{
    size_t size = strlen(parent) + sizeof "/" ARBITRARY_DIRECTORY;
    char *directory = malloc(size);
    if (!directory)
        return NULL;
    snprintf(directory, size, "%s/" ARBITRARY_DIRECTORY, parent);
    if (mkdtemp(directory))
        return directory;
    int error = errno;
    free(directory);
    errno = error;
    return NULL;
}

static int bind_inside(struct mp_bound *out, const char *directory, int backlog, mproc_error *err)
{
    size_t size = strlen(directory) + sizeof "/" ARBITRARY_FILE;
    char *path = malloc(size);
    if (!path)
        return mp_fail_errno(err, ENOMEM, "listen in %s", directory);
    snprintf(path, size, "%s/" ARBITRARY_FILE, directory);
    struct mp_address address = {.family = MP_UNIX, .path = path};
    int rc = mp_bind(out, &address, path, backlog, err);
    free(path);
    return rc;
}

static int bind_under(struct mp_bound *out, const char *parent, int backlog, mproc_error *err)
{
    char *directory = make_directory(parent);
    if (!directory)
        return mp_fail_errno(err, errno, "make a directory in %s", parent);
    int rc = bind_inside(out, directory, backlog, err);
    if (rc == 0) {
        out->directory = directory;
        return 0;
    }
    rmdir(directory);
    free(directory);
    return rc;
}

int mp_bind_arbitrary(struct mp_bound *out, int backlog, mproc_error *err)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): unsafe beside setenv(3) only, as any getenv */
    const char *parent = getenv("TMPDIR");
    if (!parent || parent[0] != '/')
        return bind_under(out, "/tmp", backlog, err);
    int rc = bind_under(out, parent, backlog, err);
    if (rc != -ENAMETOOLONG)
        return rc;
    mp_error_clear(err);
    return bind_under(out, "/tmp", backlog, err);
}

void mp_bound_remove_files(const struct mp_bound *bound)
{
    struct stat st;
    if (bound->path && lstat(bound->path, &st) == 0 && st.st_dev == bound->dev &&
        st.st_ino == bound->ino)
        unlink(bound->path);
    if (bound->directory)
        rmdir(bound->directory);
}

void mp_bound_free(struct mp_bound *bound)
{
    mp_fd_close(&bound->fd);
    free(bound->address);
    free(bound->path);
    free(bound->directory);
    *bound = (struct mp_bound){.fd = -1};
}
