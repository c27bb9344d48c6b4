/* SPDX-License-Identifier: MIT */
/* Another program in a new child: what spawn, the fork server and commands have in common. */
#ifndef MP_PROCESS_LAUNCH_H
#define MP_PROCESS_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include <mproc/error.h>

#include "base/clock.h"
#include "process/bond.h"
#include "process/clan.h"
#include "process/limits.h"

struct mp_launch {
    const char *path;      /* the program; without a slash looked for in envp's PATH */
    char *const *argv;     /* NULL at the end */
    char *const *envp;     /* NULL at the end */
    const char *directory; /* NULL: this process's own */
    int stdio[3];          /* what becomes 0, 1 and 2, see mp_stdio_set() */
    const int *keep;       /* descriptors that stay open, under the same numbers beyond 2 */
    size_t n_keep;         /* every other one beyond 2 is closed in the child */
    const struct mp_limits *limits; /* NULL: none */
    const struct mp_bond *tie;      /* the child dies with this process; NULL: it does not */
    const struct mp_clan *clan;     /* planned; NULL: no group */
    bool restore_sigpipe;           /* an ignored SIGPIPE or SIGXFSZ has its default action again */
    sigset_t mask;                  /* the child's signal mask */
    mp_deadline deadline;           /* see below; 0: none */
};

/*
 * Start the program. Returns when it has been executed, or has failed to be: then with the errno of
 * what failed, said in *err, and no child is left. All signals that this process handles have their
 * default action in the child, those that it ignores are ignored. `directory` is entered before the
 * program is looked for. A child that is killed before it executes the program counts as started:
 * how it ended says the rest.
 *
 * On Linux it is a vfork(2): the page tables of a large process are not copied, and the calling
 * thread is suspended in the kernel until the program has been executed. Should that hang, as it
 * can on a file system that does not answer or under a debugger's stop, no deadline helps.
 * Elsewhere, and where tools make a fork of it, a child that has not executed it by the deadline is
 * killed: -ETIMEDOUT.
 *
 * With a tie, a program that executes others with more privileges than it has, or closes
 * descriptors that it does not know, may undo it: see mp_tie_before_exec().
 */
int mp_launch(const struct mp_launch *launch, pid_t *pid, mproc_error *err);

#endif
