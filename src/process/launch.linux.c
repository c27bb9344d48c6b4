/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/launch_child.h"

/* close_range(2) is as old as Linux 5.9, this flag as 5.11, and glibc's wrapper is newer. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/*
 * A function of its own, which the child never leaves: what it would return to is the frame that
 * the parent still needs. posix_spawn(3) can neither tie nor limit, nor say which step failed.
 */
pid_t mp_launch_begin(struct mp_attempt *attempt)
{
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0)
        mp_launch_child(attempt); /* NOLINT(clang-analyzer-unix.Vfork): it knows where it is */
    return pid < 0 ? -errno : pid;
}

static int number_of(const char *name)
{
    int number = 0;
    for (; *name >= '0' && *name <= '9'; name++)
        number = number * 10 + (*name - '0');
    return *name ? -1 : number;
}

/* The C library's struct dirent is the kernel's linux_dirent64 where file offsets have 64 bits. */
static void seal_entries(const char *entries, size_t len)
{
    for (size_t at = 0; at < len;) {
        const struct dirent *entry = (const struct dirent *)(const void *)(entries + at);
        int fd = number_of(entry->d_name);
        if (fd > STDERR_FILENO)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        at += entry->d_reclen;
    }
}

/* readdir(3) allocates. Setting the flag does not disturb the listing, as closing could. */
int mp_launch_seal_listed(void)
{
    _Alignas(struct dirent) char entries[2048];
    int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    long n;
    while ((n = syscall(SYS_getdents64, dir, entries, sizeof entries)) > 0)
        seal_entries(entries, (size_t)n);
    int rc = n < 0 ? -errno : 0;
    close(dir);
    return rc;
}

/* Kernels that are too old, and sandboxes, refuse it. */
int mp_launch_seal(void)
{
    if (syscall(SYS_close_range, STDERR_FILENO + 1U, ~0U, CLOSE_RANGE_CLOEXEC) < 0 &&
        mp_launch_seal_listed() < 0)
        mp_launch_seal_each();
    return 0;
}
