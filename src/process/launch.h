/* SPDX-License-Identifier: MIT */
/* Another program in a new child: what spawn, the fork server and commands have in common. */
#ifndef MP_PROCESS_LAUNCH_H
#define MP_PROCESS_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include <mproc/error.h>

#include "process/bond.h"
#include "process/limits.h"

struct mp_launch {
    const char *path;               /* the program; looked for in PATH if it has no slash */
    char *const *argv;              /* NULL at the end */
    char *const *envp;              /* NULL at the end */
    const char *directory;          /* NULL: this process's own */
    int stdio[3];                   /* descriptors to become 0, 1 and 2; -1: this process's own */
    const int *keep;                /* descriptors that stay open, under the same numbers */
    size_t n_keep;                  /* every other one beyond 2 is closed in the child */
    const struct mp_limits *limits; /* NULL: none */
    const struct mp_bond *tie;      /* the child dies with this process; NULL: it does not */
    bool group;                     /* the child leads a process group of its own */
    sigset_t mask;                  /* the child's signal mask */
};

/*
 * Start the program. Returns when it has been executed, or has failed to be: then with the errno of
 * what failed, said in *err, and no child is left. The caller's memory is not copied where the
 * system has a way around that. All signals that this process handles have their default action in
 * the child.
 */
int mp_launch(const struct mp_launch *launch, pid_t *pid, mproc_error *err);

#endif
