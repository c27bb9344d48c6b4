/* SPDX-License-Identifier: MIT */
/* The fork start method: the child is a copy of this process. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "process/child.h"
#include "process/stdio.h"

/*
 * Threads of this process, 0 if unknown. Linux counts them as links of the directory that lists
 * them (fs/proc/base.c), on top of the two that each directory has.
 */
static long count_threads(void)
{
    struct stat st;
    if (stat("/proc/self/task", &st) < 0 || st.st_nlink < 3)
        return 0;
    return (long)st.st_nlink - 2;
}

static int prepare(const struct mp_task *task, mproc_error *err)
{
    (void)task;
    long threads = count_threads();
    if (threads > 1) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): unsafe beside setenv(3) only, as any getenv */
        const char *strict = getenv("MPROC_STRICT_FORK");
        if (strict && strict[0])
            return mp_fail(err, MPROC_ETHREADS, "fork beside %ld other threads", threads - 1);
        mp_log(MPROC_LOG_WARNING,
               "fork beside %ld other threads: locks that they hold stay locked in the child",
               threads - 1);
    }
    mp_stdio_flush(threads == 1);
    return 0;
}

static int start(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    struct mp_bond bond;
    int rc = mp_bond_open(&bond, process->daemon, err);
    if (rc < 0)
        return rc;
    /* No handler of the program's runs in a child that is not set up yet. */
    sigset_t all;
    sigset_t mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pid_t pid = fork();
    if (pid == 0)
        mp_child_run(process, task, &bond, &mask);
    if (pid < 0) {
        rc = mp_fail_errno(err, errno, "fork");
        mp_bond_close(&bond);
    } else {
        rc = mp_bond_keep_parent(&bond, process, pid, err);
    }
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return rc;
}

const struct mp_start_method mp_start_fork = {
    .name = "fork",
    .prepare = prepare,
    .start = start,
};
