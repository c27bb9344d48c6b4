/* SPDX-License-Identifier: MIT */
/* The fork start method: the child is a copy of this process. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __has_include && !defined MP_PORTABLE
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define MP_KNOWS_SINGLE
#endif
#endif

#include "base/error.h"
#include "base/fd.h"
#include "process/child.h"
#include "process/environment.h"
#include "process/limits.h"
#include "process/redirect.h"
#include "process/stdio.h"

/*
 * Threads of this process, 0 if unknown. Linux counts them as links of the directory that lists
 * them (fs/proc/base.c), on top of the two that each directory has.
 */
static long count_threads(void)
{
#if defined MP_KNOWS_SINGLE
    if (__libc_single_threaded)
        return 1;
#endif
    struct stat st;
    if (stat("/proc/self/task", &st) < 0 || st.st_nlink < 3)
        return 0;
    return (long)st.st_nlink - 2;
}

static int prepare(struct mp_task *task, mproc_error *err)
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

/* What a child tells its parent, a copy of which it is: so the texts are known there. */
struct report {
    int rc;
    const char *what;
    const char *which; /* a directory, or "" */
};

/* What the options ask for and the system may refuse. */
static int equip(const struct mp_task *task, const struct mp_limits *limits, struct report *report)
{
    const mproc_process_options *options = task->options;
    int rc = mp_redirect_apply(task->redirect, &report->what);
    if (rc < 0)
        return rc;
    if (options->directory && chdir(options->directory) < 0) {
        report->what = "chdir ";
        report->which = options->directory;
        return -errno;
    }
    return mp_limits_apply(limits, &report->what);
}

static _Noreturn void run_equipped(struct mproc_process *process, const struct mp_task *task,
                                   const struct mp_limits *limits, struct mp_bond *bond,
                                   const sigset_t *mask, int to)
{
    mp_child_become(process, bond);
    struct report report = {.what = "", .which = ""};
    report.rc = equip(task, limits, &report);
    /* A parent that is gone cannot be told, and need not be. */
    struct iovec bytes = {.iov_base = &report, .iov_len = sizeof report};
    ssize_t sent = mp_fd_writev(to, &bytes, 1);
    if (report.rc < 0 || sent < 0)
        _exit(EXIT_FAILURE);
    mp_fd_close(&to);
    mp_child_work(task, mask);
}

/* 0 when the child goes on to its target. */
static int await_report(int from, double timeout, mproc_error *err)
{
    struct report report;
    mp_deadline deadline;
    int rc = mp_deadline_in(timeout, &deadline);
    ssize_t n = -1;
    while (rc == 0 && n < 0) {
        rc = mp_fd_wait(from, POLLIN, deadline);
        n = rc == 0 ? read(from, &report, sizeof report) : -1;
        if (n < 0 && rc == 0 && errno != EINTR)
            rc = -errno;
    }
    if (rc < 0)
        return mp_fail_errno(err, -rc, "waiting for the child's start");
    if (n != sizeof report) /* at most PIPE_BUF, so it is never cut */
        return mp_fail(err, MPROC_ESTART, "the child ended before its target ran");
    return report.rc == 0
               ? 0
               : mp_fail_errno(err, -report.rc, "the child's %s%s", report.what, report.which);
}

/* The bond holds until the object is freed. */
static void kill_and_reap(struct mproc_process *process)
{
    mp_status_signal(&process->status, SIGKILL);
    mp_pollable_wait_one(&process->status.pollable, MP_NEVER);
}

static pid_t fork_child(struct mproc_process *process, const struct mp_task *task,
                        struct mp_bond *bond, const sigset_t *mask, int to)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    const struct mp_limits limits = mp_limits_of(task->options);
    mp_environment_adopt(task->options->environment);
    if (to >= 0)
        run_equipped(process, task, &limits, bond, mask, to);
    mp_child_run(process, task, bond, mask);
}

/* All signals are blocked: no handler of the program's runs in a child that is not set up yet. */
static int start_blocked(struct mproc_process *process, const struct mp_task *task,
                         struct mp_bond *bond, const sigset_t *mask, int to, mproc_error *err)
{
    pid_t pid = fork_child(process, task, bond, mask, to);
    if (pid > 0) {
        mp_clan_expect(&process->clan, pid);
        return mp_bond_keep_parent(bond, process, pid, err);
    }
    int rc = mp_fail_errno(err, errno, "fork");
    mp_bond_close(bond);
    return rc;
}

/* `to` is where the child reports, or -1. */
static int start_bonded(struct mproc_process *process, const struct mp_task *task, int to,
                        mproc_error *err)
{
    struct mp_bond bond;
    int rc = process->clan.group ? mp_bond_open_group(&bond, process->daemon, err)
                                 : mp_bond_open(&bond, process->daemon, err);
    if (rc < 0)
        return rc;
    sigset_t all;
    sigset_t mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    rc = start_blocked(process, task, &bond, &mask, to, err);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return rc;
}

static int start_equipped(struct mproc_process *process, const struct mp_task *task,
                          mproc_error *err)
{
    int report[2];
    int rc = mp_fd_pipe(report);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "pipe");
    rc = start_bonded(process, task, report[1], err);
    mp_fd_close(&report[1]);
    if (rc == 0) {
        rc = await_report(report[0], task->options->start_timeout, err);
        if (rc < 0)
            kill_and_reap(process);
    }
    mp_fd_close(&report[0]);
    return rc;
}

/* Only then is it worth a pipe, and waiting for what the child says. */
static bool can_fail(const struct mp_task *task, const struct mp_limits *limits)
{
    return mp_limits_any(limits) || task->options->directory ||
           !mp_redirect_is_default(task->redirect);
}

static int start(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    const struct mp_limits limits = mp_limits_of(task->options);
    if (can_fail(task, &limits))
        return start_equipped(process, task, err);
    return start_bonded(process, task, -1, err);
}

const struct mp_start_method mp_start_fork = {
    .name = "fork",
    .prepare = prepare,
    .start = start,
};
