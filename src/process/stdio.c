/* SPDX-License-Identifier: MIT */
#include "process/stdio.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#if defined __linux__ && !defined MP_PORTABLE
#include <stdio_ext.h>
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
static int open_empty(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fds[2];
    if (fd >= 0 || mp_fd_pipe(fds) < 0)
        return fd;
    mp_fd_close(&fds[1]);
    return fds[0];
}

static void replace_descriptor(void)
{
    /* At the limit of descriptors there is room for one once 0 is closed. */
    close(STDIN_FILENO);
    int fd = open_empty();
    if (fd == STDIN_FILENO) {
        fcntl(fd, F_SETFD, 0);
    } else if (fd >= 0) {
        dup2(fd, STDIN_FILENO);
        close(fd);
    }
}

/*
 * The descriptor first: discarding a stream's read-ahead may seek back (fflush(3)), and the file
 * position is shared with the parent. A stream locked by a thread of the parent's is left alone.
 */
void mp_stdin_to_null(void)
{
    replace_descriptor();
    if (ftrylockfile(stdin) != 0)
        return;
#if defined __linux__ && !defined MP_PORTABLE
    __fpurge(stdin);
#else
    fflush(stdin);
#endif
    clearerr(stdin);
    funlockfile(stdin);
}
