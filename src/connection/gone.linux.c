/* SPDX-License-Identifier: MIT */
/*
 * A copy keeps its number in the forked child, and /proc tells what a process has under a number.
 * Who may look there, and whether a process is visible at all, varies (proc(5): hidepid, ptrace(2):
 * access modes, PR_SET_DUMPABLE), so what cannot be seen is taken to be there.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection/holders.h"

/* Room for "/proc/PID/fd/NUMBER". */
#define PATH_BYTES 64

static bool has_ended(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Does /proc have our PID namespace's numbers? */
static bool proc_is_ours(void)
{
    char pid[PATH_BYTES];
    char self[PATH_BYTES];
    int len = snprintf(pid, sizeof pid, "%ld", (long)getpid());
    return readlink("/proc/self", self, sizeof self) == len && memcmp(self, pid, (size_t)len) == 0;
}

/* Is another process's descriptor, under the same number, a different one or none? */
static bool has_lost(pid_t pid, int fd)
{
    char path[PATH_BYTES];
    struct stat ours;
    struct stat theirs;
    if (fstat(fd, &ours) < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)pid, fd);
    if (stat(path, &theirs) == 0)
        return ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
    if (errno != ENOENT)
        return false;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    return access(path, R_OK | X_OK) == 0;
}

bool mp_hold_is_gone(pid_t pid, int fd)
{
    return has_ended(pid) || (fd >= 0 && proc_is_ours() && has_lost(pid, fd));
}
