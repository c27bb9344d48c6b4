/* SPDX-License-Identifier: MIT */
#include "process/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined __linux__ && !defined MP_PORTABLE
#include <stdio_ext.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#endif

#include "base/fd.h"

void mp_stdio_flush(bool alone)
{
    if (alone) {
        fflush(NULL);
        return;
    }
    /* A thread that blocks in getchar(3) holds stdin's lock, on which fflush(NULL) would wait. */
    fflush(stdout);
    fflush(stderr);
}

/* Without /dev/null, as in a bare chroot, a pipe that nobody writes to reads as empty too. */
static int open_null(bool input)
{
    int fd = open("/dev/null", (input ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    int error = errno;
    int fds[2];
    if (!input || mp_fd_pipe(fds) < 0)
        return -error;
    mp_fd_close(&fds[1]);
    return fds[0];
}

/* Is it /dev/null already, as in most services? To look is cheaper than to open it. */
static bool is_null(int fd)
{
#if defined __linux__ && !defined MP_PORTABLE
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
#else
    (void)fd;
    return false;
#endif
}

static int set_null(int stream)
{
    if (stream == STDIN_FILENO && is_null(stream))
        return fcntl(stream, F_SETFD, 0) < 0 ? -errno : 0;
    /* At the limit of descriptors there is room for one once this one is closed. */
    close(stream);
    int fd = open_null(stream == STDIN_FILENO);
    if (fd < 0)
        return fd;
    if (fd == stream)
        return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
    int rc = dup2(fd, stream) < 0 ? -errno : 0;
    mp_fd_close(&fd);
    return rc;
}

static int set_stream(int stream, int source)
{
    if (source == MP_STDIO_OWN)
        return 0;
    if (source == MP_STDIO_NULL)
        return set_null(stream);
    if (source == stream) /* dup2(2) would leave it close-on-exec, if it was */
        return fcntl(stream, F_SETFD, 0) < 0 ? -errno : 0;
    return dup2(source, stream) < 0 ? -errno : 0;
}

/* A source that is 0, 1 or 2 itself may be overwritten before its turn: to a place above them. */
static int move_sources(const int stdio[3], int source[3])
{
    memcpy(source, stdio, 3 * sizeof *stdio);
    for (int i = 0; i < 3; i++) {
        if (source[i] < 0 || source[i] > STDERR_FILENO || source[i] == i)
            continue;
        source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (source[i] < 0)
            return -errno;
    }
    return 0;
}

int mp_stdio_set(const int stdio[3], const char **what)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    int source[3];
    *what = "stdio";
    int rc = move_sources(stdio, source);
    for (int i = 0; i < 3 && rc == 0; i++) {
        *what = names[i];
        rc = set_stream(i, source[i]);
    }
    for (int i = 0; i < 3; i++)
        if (source[i] != stdio[i])
            mp_fd_close(&source[i]);
    return rc;
}

/* A stream that was never read has no buffer, and is as good as new. */
static bool is_untouched(void)
{
#if defined __linux__ && !defined MP_PORTABLE
    return __fbufsize(stdin) == 0 && !feof_unlocked(stdin) && !ferror_unlocked(stdin);
#else
    return false;
#endif
}

/*
 * After the descriptor was replaced: discarding a stream's read-ahead may seek back (fflush(3)),
 * and the file position is shared with the parent. A stream locked by a thread of the parent's is
 * left alone.
 */
void mp_stdin_forget(void)
{
    if (is_untouched() || ftrylockfile(stdin) != 0)
        return;
#if defined __linux__ && !defined MP_PORTABLE
    __fpurge(stdin);
#else
    fflush(stdin);
#endif
    clearerr(stdin);
    funlockfile(stdin);
}
