/* SPDX-License-Identifier: MIT */
/* A launch under way, between launch.c in the parent and launch_child.c in the child. */
#ifndef MP_PROCESS_LAUNCH_CHILD_H
#define MP_PROCESS_LAUNCH_CHILD_H

#include "process/launch.h"

enum mp_launch_step {
    MP_LAUNCH_GROUP,
    MP_LAUNCH_TIE,
    MP_LAUNCH_DIRECTORY,
    MP_LAUNCH_STDIO,
    MP_LAUNCH_CLOSE,
    MP_LAUNCH_KEEP,
    MP_LAUNCH_LIMITS,
    MP_LAUNCH_EXEC
};

/* What a child that could not execute the program says of it, in one write. */
struct mp_launch_report {
    enum mp_launch_step step;
    int error;        /* errno */
    const char *what; /* static text: the parent is the same program at the same addresses */
};

struct mp_attempt {
    const struct mp_launch *launch;
    const char *search;     /* PATH, or NULL if the program's path has a slash */
    char *candidate;        /* room for each of its directories, a slash, and the program */
    int report;             /* where the report goes, closed by the exec */
    volatile bool is_vfork; /* set by a child that runs in this process's memory */
};

/*
 * The child. It may run in its parent's memory, on the stack of the thread that waits for it,
 * beside the parent's other threads: nothing but async-signal-safe calls, and nothing in memory is
 * changed that the parent uses. All signals are blocked.
 */
_Noreturn void mp_launch_child(struct mp_attempt *attempt);

/* Make all descriptors beyond 2 close-on-exec, one number after the other. */
void mp_launch_seal_each(void);

/* The same, with the help of /proc. 0 or -errno. Linux only. */
int mp_launch_seal_listed(void);

/* launch.linux.c, launch.posix.c */

/* Bring the child into being. Its pid, or -errno. */
pid_t mp_launch_begin(struct mp_attempt *attempt);

/* In the child: make all descriptors beyond 2 close-on-exec. 0 or -errno. */
int mp_launch_seal(void);

#endif
