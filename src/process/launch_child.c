/* SPDX-License-Identifier: MIT */
#include "process/launch_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "process/stdio.h"

/* A shell says that it could not execute a program by this exit code. */
#define NOT_EXECUTED 127

/* What a handled signal has to become, and what an ignored one may have to. */
static bool is_to_be_default(const struct sigaction *action, bool even_if_ignored)
{
    if (action->sa_handler == SIG_IGN)
        return even_if_ignored;
    return action->sa_handler != SIG_DFL;
}

/* Handlers must be gone before the mask is lifted: exec resets them too, but only then. */
static void default_signals(bool sigpipe)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) < 0)
            continue; /* one of the C library's own */
        if (!is_to_be_default(&action, sigpipe && (number == SIGPIPE || number == SIGXFSZ)))
            continue;
        memset(&action, 0, sizeof action);
        action.sa_handler = SIG_DFL;
        sigaction(number, &action, NULL);
    }
}

static int set_cloexec(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0)
        return -errno;
    int wanted = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
    return wanted != flags && fcntl(fd, F_SETFD, wanted) < 0 ? -errno : 0;
}

static int set_stdio(const int stdio[3], const char **what)
{
    int rc = mp_stdio_set(stdio, what);
    for (int i = 0; i < 3 && rc == 0; i++)
        if (stdio[i] == MP_STDIO_OWN)
            set_cloexec(i, false); /* one that is closed stays so */
    return rc;
}

/*
 * What is closed answers poll(2) with POLLNVAL, which spares a call for each of a million numbers.
 * Descriptors above a limit that was lowered after they were opened are not found.
 */
void mp_launch_seal_each(void)
{
    enum { BATCH = 256 };
    struct pollfd fds[BATCH];
    long end = sysconf(_SC_OPEN_MAX);
    for (long first = STDERR_FILENO + 1; first < end; first += BATCH) {
        nfds_t n = 0;
        for (; n < BATCH && first + (long)n < end; n++)
            fds[n] = (struct pollfd){.fd = (int)(first + (long)n)};
        int rc;
        do
            rc = poll(fds, n, 0);
        while (rc < 0 && errno == EINTR);
        for (nfds_t i = 0; i < n; i++)
            if (rc < 0 || !(fds[i].revents & POLLNVAL))
                set_cloexec(fds[i].fd, true);
    }
}

static int keep(const struct mp_launch *launch)
{
    int rc = 0;
    for (size_t i = 0; i < launch->n_keep && rc == 0; i++)
        if (launch->keep[i] > STDERR_FILENO)
            rc = set_cloexec(launch->keep[i], false);
    if (rc == 0 && launch->tie && launch->tie->by_lifeline)
        rc = set_cloexec(launch->tie->lifeline[0], false);
    return rc;
}

/* As execvp(3) goes through PATH, without its step to a shell for what has no known format. */
static int exec_search(const struct mp_attempt *attempt)
{
    const struct mp_launch *launch = attempt->launch;
    int result = ENOENT;
    const char *directory = attempt->search;
    for (;;) {
        size_t len = strcspn(directory, ":");
        char *end = attempt->candidate;
        memcpy(end, directory, len);
        end += len;
        if (len > 0)
            *end++ = '/'; /* an empty entry is the working directory */
        memcpy(end, launch->path, strlen(launch->path) + 1);
        execve(attempt->candidate, launch->argv, launch->envp);
        switch (errno) {
        case EACCES:
            result = EACCES; /* unless there is another one that may be executed */
            break;
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG:
        case ESTALE:
        case ENODEV:
        case ETIMEDOUT:
            break;
        default:
            return -errno;
        }
        if (!directory[len])
            return -result;
        directory += len + 1;
    }
}

static int exec_program(const struct mp_attempt *attempt)
{
    const struct mp_launch *launch = attempt->launch;
    pthread_sigmask(SIG_SETMASK, &launch->mask, NULL);
    if (attempt->search)
        return exec_search(attempt);
    execve(launch->path, launch->argv, launch->envp);
    return -errno;
}

/* One step after the other, until one fails. */
static int do_step(const struct mp_attempt *attempt, enum mp_launch_step step, const char **what)
{
    const struct mp_launch *launch = attempt->launch;
    switch (step) {
    case MP_LAUNCH_GROUP:
        return launch->clan ? mp_clan_enter(launch->clan) : 0;
    case MP_LAUNCH_TIE: /* which may be the group's */
        return launch->tie ? mp_tie_before_exec(launch->tie) : 0;
    case MP_LAUNCH_DIRECTORY:
        return launch->directory && chdir(launch->directory) < 0 ? -errno : 0;
    case MP_LAUNCH_STDIO:
        return set_stdio(launch->stdio, what);
    case MP_LAUNCH_CLOSE:
        return mp_launch_seal();
    case MP_LAUNCH_KEEP:
        return keep(launch);
    case MP_LAUNCH_LIMITS: /* late, so that they are the program's and not these steps' */
        return launch->limits ? mp_limits_apply(launch->limits, what) : 0;
    case MP_LAUNCH_EXEC:
        break;
    }
    return exec_program(attempt);
}

_Noreturn void mp_launch_child(struct mp_attempt *attempt)
{
    attempt->is_vfork = true;
    default_signals(attempt->launch->restore_sigpipe);
    struct mp_launch_report report = {.what = ""};
    int rc = 0;
    for (int step = MP_LAUNCH_GROUP; rc == 0; step++) {
        report.step = (enum mp_launch_step)step;
        rc = do_step(attempt, report.step, &report.what);
    }
    report.error = -rc;
    ssize_t n;
    do
        n = write(attempt->report, &report, sizeof report);
    while (n < 0 && errno == EINTR);
    _exit(NOT_EXECUTED);
}
