/* SPDX-License-Identifier: MIT */
/* The parent's side of a launch. */
#include "process/launch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "process/launch_child.h"

/* Where execvp(3) of most systems looks if there is no PATH. */
#define DEFAULT_PATH "/bin:/usr/bin"

static const char *search_path(char *const *envp)
{
    for (; *envp; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return DEFAULT_PATH;
}

static int prepare_search(struct mp_attempt *attempt, mproc_error *err)
{
    const struct mp_launch *launch = attempt->launch;
    if (!launch->path[0])
        return mp_fail_errno(err, ENOENT, "exec of a program without a name");
    if (strchr(launch->path, '/'))
        return 0;
    attempt->search = search_path(launch->envp);
    attempt->candidate = malloc(strlen(attempt->search) + strlen(launch->path) + 2);
    return attempt->candidate ? 0 : mp_fail_errno(err, ENOMEM, "exec %s", launch->path);
}

static int say(const struct mp_launch *launch, const struct mp_launch_report *report,
               mproc_error *err)
{
    int error = report->error;
    switch (report->step) {
    case MP_LAUNCH_TIE:
        return mp_fail_errno(err, error, "tying the child to this process");
    case MP_LAUNCH_GROUP:
        return mp_fail_errno(err, error, "the child's process group");
    case MP_LAUNCH_DIRECTORY:
        return mp_fail_errno(err, error, "chdir %s", launch->directory);
    case MP_LAUNCH_STDIO:
        return mp_fail_errno(err, error, "the child's %s", report->what);
    case MP_LAUNCH_CLOSE:
        return mp_fail_errno(err, error, "closing descriptors in the child");
    case MP_LAUNCH_KEEP:
        return mp_fail_errno(err, error, "a descriptor for the child");
    case MP_LAUNCH_LIMITS:
        return mp_fail_errno(err, error, "the child's %s", report->what);
    case MP_LAUNCH_EXEC:
        break;
    }
    return mp_fail_errno(err, error, "exec %s", launch->path);
}

static void reap(pid_t pid)
{
    pid_t rc;
    do
        rc = waitpid(pid, NULL, 0);
    while (rc < 0 && errno == EINTR);
}

/*
 * The child's end of the pipe is gone when it has executed the program, or has ended. After a true
 * vfork(2) that is so already; whoever still holds it is a copy of this process that another thread
 * made meanwhile. 1 with what the child says, 0 if it says nothing, or a negative code.
 */
static int hear(const struct mp_attempt *attempt, int from, struct mp_launch_report *report)
{
    mp_deadline deadline = attempt->launch->deadline;
    if (deadline == 0)
        deadline = MP_NEVER;
    int rc = mp_fd_wait(from, POLLIN, attempt->is_vfork ? MP_NOW : deadline);
    if (rc < 0)
        return rc == -ETIMEDOUT && attempt->is_vfork ? 0 : rc;
    ssize_t n;
    do
        n = read(from, report, sizeof *report);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == sizeof *report; /* less than PIPE_BUF, so it is never cut */
}

static int judge(const struct mp_attempt *attempt, int from, pid_t pid, mproc_error *err)
{
    struct mp_launch_report report = {.what = ""};
    int rc = hear(attempt, from, &report);
    if (rc == 0)
        return 0;
    if (rc < 0) /* after a report it ends by itself, and its pid may be another's already */
        kill(pid, SIGKILL);
    reap(pid);
    if (rc > 0)
        return say(attempt->launch, &report, err);
    return mp_fail_errno(err, -rc, "waiting for the child to execute %s", attempt->launch->path);
}

static int try_once(struct mp_attempt *attempt, pid_t *pid, mproc_error *err)
{
    int fds[2];
    int rc = mp_fd_pipe(fds);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "pipe");
    attempt->report = fds[1];
    pid_t child = mp_launch_begin(attempt);
    mp_fd_close(&fds[1]);
    if (child < 0)
        rc = mp_fail_errno(err, (int)-child, "fork");
    else
        rc = judge(attempt, fds[0], child, err);
    mp_fd_close(&fds[0]);
    if (rc == 0)
        *pid = child;
    return rc;
}

int mp_launch(const struct mp_launch *launch, pid_t *pid, mproc_error *err)
{
    struct mp_attempt attempt = {.launch = launch, .report = -1};
    int rc = prepare_search(&attempt, err);
    if (rc < 0)
        return rc;
    /*
     * No handler of the program's may run in a child that shares its memory, nor may the child act
     * on a request to cancel the thread whose memory it shares.
     */
    sigset_t all;
    sigset_t mask;
    int cancel_state;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    rc = try_once(&attempt, pid, err);
    pthread_setcancelstate(cancel_state, NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    free(attempt.candidate);
    return rc;
}
