/* SPDX-License-Identifier: MIT */
/*
 * A copy keeps its number in the forked child, and /proc tells what a process has under a number.
 * Who may look there, and whether a process is visible at all, varies (proc(5): hidepid, ptrace(2):
 * access modes, PR_SET_DUMPABLE), so what cannot be seen is taken to be there.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection/holders.h"

/* Room for "socket:[18446744073709551615]"; longer ones are not compared. */
#define LINK_BYTES 64

struct link {
    char text[LINK_BYTES];
    ssize_t len;
};

static bool read_link(const char *path, struct link *link)
{
    link->len = readlink(path, link->text, sizeof link->text);
    return link->len >= 0;
}

static bool has_ended(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Does /proc have our PID namespace's numbers? */
static bool proc_is_ours(void)
{
    struct link self;
    char pid[LINK_BYTES];
    int len = snprintf(pid, sizeof pid, "%ld", (long)getpid());
    return read_link("/proc/self", &self) && self.len == len &&
           memcmp(self.text, pid, (size_t)len) == 0;
}

/* Is another process's descriptor, under the same number, a different one or none? */
static bool has_lost(pid_t pid, int fd)
{
    char path[LINK_BYTES];
    struct link ours;
    struct link theirs;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!read_link(path, &ours) || ours.len == LINK_BYTES)
        return false;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)pid, fd);
    if (read_link(path, &theirs))
        return ours.len != theirs.len || memcmp(ours.text, theirs.text, (size_t)ours.len) != 0;
    if (errno != ENOENT)
        return false;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    return access(path, R_OK | X_OK) == 0;
}

bool mp_hold_is_gone(pid_t pid, int fd)
{
    return has_ended(pid) || (fd >= 0 && proc_is_ours() && has_lost(pid, fd));
}
