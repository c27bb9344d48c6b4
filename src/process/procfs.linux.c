/* SPDX-License-Identifier: MIT */
#include "process/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define STAT_TEXT 1024 /* a name of at most 64 bytes, and 52 numbers */

/*
 * "PID (NAME) STATE PPID PGRP …", the start is field 22. Whatever the name contains, the last
 * parenthesis of the text is its end.
 */
bool mp_proc_parse(const char *text, struct mp_proc *out)
{
    struct mp_proc found;
    const char *name_end = strrchr(text, ')');
    /* NOLINTBEGIN(cert-err34-c): the kernel wrote these numbers, and they fit */
    int n = name_end ? sscanf(name_end + 1,
                              " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                              "%*d %*d %llu",
                              &found.state, &found.parent, &found.group, &found.started)
                     : 0;
    if (n != 4 || sscanf(text, "%d", &found.pid) != 1)
        return false;
    /* NOLINTEND(cert-err34-c) */
    *out = found;
    return true;
}

/* A text of the kernel's that comes in one piece. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n;
    do
        n = read(fd, text, size - 1);
    while (n < 0 && errno == EINTR);
    mp_fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

bool mp_proc_read(pid_t pid, struct mp_proc *out)
{
    char path[32];
    char text[STAT_TEXT];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    return read_text(path, text, sizeof text) && mp_proc_parse(text, out);
}

/* "0.20 0.18 0.12 1/80 11206" */
pid_t mp_proc_newest(void)
{
    char text[128];
    const char *last = read_text("/proc/loadavg", text, sizeof text) ? strrchr(text, ' ') : NULL;
    return last ? (pid_t)strtol(last, NULL, 10) : -1;
}

bool mp_proc_has_ended(const struct mp_proc *proc)
{
    return strchr("ZXx", proc->state) != NULL;
}

bool mp_proc_usable(void)
{
    char text[32];
    ssize_t n = readlink("/proc/self", text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return strtol(text, NULL, 10) == getpid();
}
