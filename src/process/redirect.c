/* SPDX-License-Identifier: MIT */
#include "process/redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "connection/stream.h"

static const char *const names[] = {"stdin", "stdout", "stderr"};

static const mproc_stdio *stream_of(const mproc_process_options *options, int i)
{
    static const mproc_stdio standard = {.kind = MPROC_STDIO_DEFAULT};
    const mproc_stdio *given[] = {options->in, options->out, options->err};
    return given[i] ? given[i] : &standard;
}

static int check_stream(const mproc_stdio *stream, int i, mproc_error *err)
{
    switch (stream->kind) {
    case MPROC_STDIO_DEFAULT:
    case MPROC_STDIO_INHERIT:
    case MPROC_STDIO_NULL:
    case MPROC_STDIO_HANDLE:
        return 0;
    case MPROC_STDIO_FILE:
    case MPROC_STDIO_APPEND:
        if (i == STDIN_FILENO && stream->kind == MPROC_STDIO_APPEND)
            return mp_fail(err, -EINVAL, "stdin: nothing to append to");
        return stream->path ? 0 : mp_fail(err, -EINVAL, "%s: a file without a path", names[i]);
    case MPROC_STDIO_PIPE:
        return stream->conn ? 0 : mp_fail(err, -EINVAL, "%s: a pipe to nowhere", names[i]);
    case MPROC_STDIO_STDOUT:
        if (i == STDERR_FILENO)
            return 0;
        return mp_fail(err, -EINVAL, "%s: only stderr can go where stdout goes", names[i]);
    }
    return mp_fail(err, -EINVAL, "%s: unknown kind %d", names[i], (int)stream->kind);
}

int mp_redirect_check(const mproc_process_options *options, mproc_error *err)
{
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = check_stream(stream_of(options, i), i, err);
    return rc;
}

/* What is closed here must not be free for the first file that the child opens. */
static int own_stream(int i)
{
    return fcntl(i, F_GETFD) < 0 && errno == EBADF ? MP_STDIO_NULL : MP_STDIO_OWN;
}

static int open_flags(const mproc_stdio *stream, int i)
{
    if (i == STDIN_FILENO)
        return O_RDONLY;
    return O_WRONLY | O_CREAT | (stream->kind == MPROC_STDIO_APPEND ? O_APPEND : O_TRUNC);
}

/* A FIFO opens without its other end, so that a start does not hang there. */
static int open_file(const mproc_stdio *stream, int i, mproc_error *err)
{
    int flags = open_flags(stream, i) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd;
    do
        fd = open(stream->path, flags, 0666);
    while (fd < 0 && errno == EINTR);
    fd = fd < 0 ? -errno : mp_fd_own(fd);
    int rc = fd < 0 ? fd : mp_fd_set_nonblocking(fd, false);
    if (rc == 0)
        return fd;
    mp_fd_close(&fd);
    return mp_fail_errno(err, -rc, "%s: open %s", names[i], stream->path);
}

/*
 * A pipe(2), since programs open /dev/stdout, which a socket refuses. Nothing is read ahead, so
 * that the bytes of a program that knows no messages can be read from the descriptor.
 */
static int open_pipe(struct mp_redirect *redirect, int i, mproc_error *err)
{
    int fds[2];
    bool input = i == STDIN_FILENO;
    int rc = mp_fd_pipe(fds);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "%s: pipe", names[i]);
    unsigned flags = input ? MPROC_CONN_WRITEONLY : MPROC_CONN_READONLY | MPROC_CONN_SHARED;
    rc = mp_stream_new(&redirect->conns[i], fds[input ? 1 : 0], flags);
    if (rc == 0)
        return fds[input ? 0 : 1];
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
    return mp_fail_errno(err, -rc, "%s: pipe", names[i]);
}

static int check_handle(const mproc_stdio *stream, int i, mproc_error *err)
{
    if (fcntl(stream->handle, F_GETFD) >= 0)
        return stream->handle;
    return mp_fail_errno(err, errno, "%s: handle %d", names[i], stream->handle);
}

/* Sets redirect->stdio[i]. */
static int open_stream(struct mp_redirect *redirect, const mproc_stdio *stream, int i,
                       mproc_error *err)
{
    int *fd = &redirect->stdio[i];
    switch (stream->kind) {
    case MPROC_STDIO_DEFAULT:
        *fd = i == STDIN_FILENO ? MP_STDIO_NULL : own_stream(i);
        return 0;
    case MPROC_STDIO_INHERIT:
        *fd = own_stream(i);
        return 0;
    case MPROC_STDIO_NULL:
        *fd = MP_STDIO_NULL;
        return 0;
    case MPROC_STDIO_STDOUT:
        *fd = redirect->stdio[STDOUT_FILENO];
        if (*fd == MP_STDIO_OWN)
            *fd = STDOUT_FILENO;
        return 0;
    case MPROC_STDIO_HANDLE:
        *fd = check_handle(stream, i, err);
        return *fd < 0 ? *fd : 0;
    case MPROC_STDIO_FILE:
    case MPROC_STDIO_APPEND:
        *fd = redirect->owned[i] = open_file(stream, i, err);
        break;
    case MPROC_STDIO_PIPE:
        *fd = redirect->owned[i] = open_pipe(redirect, i, err);
        break;
    }
    return *fd < 0 ? *fd : 0;
}

int mp_redirect_open(struct mp_redirect *redirect, const mproc_process_options *options,
                     mproc_error *err)
{
    *redirect = (struct mp_redirect){.owned = {-1, -1, -1}};
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = open_stream(redirect, stream_of(options, i), i, err);
    if (rc < 0)
        mp_redirect_close(redirect);
    return rc;
}

void mp_redirect_hand_over(struct mp_redirect *redirect, const mproc_process_options *options)
{
    for (int i = 0; i < 3; i++) {
        mproc_conn **place = stream_of(options, i)->conn;
        if (!place || !redirect->conns[i])
            continue;
        *place = redirect->conns[i];
        redirect->conns[i] = NULL;
    }
}

void mp_redirect_close(struct mp_redirect *redirect)
{
    for (int i = 0; i < 3; i++) {
        mp_fd_close(&redirect->owned[i]);
        mproc_conn_close(redirect->conns[i]);
        redirect->conns[i] = NULL;
    }
}

bool mp_redirect_is_default(const struct mp_redirect *redirect)
{
    return redirect->stdio[0] == MP_STDIO_NULL && redirect->stdio[1] == MP_STDIO_OWN &&
           redirect->stdio[2] == MP_STDIO_OWN;
}

int mp_redirect_apply(struct mp_redirect *redirect, const char **what)
{
    int rc = mp_stdio_set(redirect->stdio, what);
    if (redirect->stdio[STDIN_FILENO] != MP_STDIO_OWN)
        mp_stdin_forget();
    mp_redirect_close(redirect);
    return rc;
}
