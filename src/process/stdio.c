/* SPDX-License-Identifier: MIT */
#include "process/stdio.h"

#include <fcntl.h>
#include <stdio.h>
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
static int open_empty(void)
{
    int fd = open("/dev/null", O_RDONLY);
    int fds[2];
    if (fd >= 0 || mp_fd_pipe(fds) < 0)
        return fd;
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

static void replace_descriptor(void)
{
    if (is_null(STDIN_FILENO))
        return;
    /* At the limit of descriptors there is room for one once 0 is closed. */
    close(STDIN_FILENO);
    int fd = open_empty();
    if (fd > STDIN_FILENO) {
        dup2(fd, STDIN_FILENO);
        close(fd);
    }
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
 * The descriptor first: discarding a stream's read-ahead may seek back (fflush(3)), and the file
 * position is shared with the parent. A stream locked by a thread of the parent's is left alone.
 */
void mp_stdin_to_null(void)
{
    replace_descriptor();
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
