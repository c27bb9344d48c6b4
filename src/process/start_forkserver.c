/* SPDX-License-Identifier: MIT */
/* The forkserver start method: a server that was executed anew forks the child. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "process/forkserver.h"
#include "process/redirect.h"
#include "process/relay.h"
#include "process/settings.h"
#include "process/stdio.h"
#include "process/table.h"

/* What is enough to go there. */
#if defined O_PATH && !defined MP_PORTABLE
#define TO_ENTER O_PATH
#else
#define TO_ENTER O_RDONLY
#endif

/* Longer than most children take to begin. */
#define SOON_NS INT64_C(5000000)

static int prepare(struct mp_task *task, mproc_error *err)
{
    const mproc_process_options *options = task->options;
    mp_stdio_flush(false);
    int rc = mp_boot_new(&task->boot, task, err);
    if (rc < 0)
        return rc;
    struct mp_boot *boot = task->boot;
    boot->note.by_server = true;
    pthread_sigmask(SIG_SETMASK, NULL, &boot->note.mask);
    const char *const none[] = {NULL};
    const char *const *ours = environ ? (const char *const *)environ : none;
    rc = mp_settings_pickle(options, options->environment ? options->environment : ours,
                            &boot->settings, err);
    return rc < 0 ? rc : mp_forkserver_ensure(boot->deadline, boot->timeout, err);
}

static void forget(struct mp_task *task)
{
    mp_boot_free(task->boot);
    task->boot = NULL;
}

/* The server's are those of its own start. One's own may be unreadable where that takes a read. */
static int open_directory(const char *path, int *out, mproc_error *err)
{
    int fd = mp_fd_own(open(path ? path : ".", TO_ENTER | O_DIRECTORY | O_CLOEXEC));
    int error = errno;
    *out = fd < 0 ? -1 : fd;
    return fd < 0 && path ? mp_fail_errno(err, error, "chdir %s", path) : 0;
}

static int open_relay(struct mp_boot *boot, struct mp_status *status, mproc_error *err)
{
    int fds[2];
    int rc = mp_fd_socketpair(fds);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "socketpair");
    status->relay = fds[0];
    boot->relay = fds[1];
    return 0;
}

static void choose_stdio(const struct mp_redirect *redirect, int fds[MP_NOTE_FDS])
{
    for (int i = 0; i < 3; i++) {
        int fd = redirect->stdio[i];
        if (fd == MP_STDIO_OWN)
            fd = i;
        fds[MP_NOTE_STDIN + i] = fd == MP_STDIO_NULL ? -1 : fd;
    }
}

static int introduce(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    struct mp_bond bond;
    int fds[MP_NOTE_FDS] = MP_NOTE_NO_FDS;
    int rc = open_directory(task->options->directory, &fds[MP_NOTE_DIRECTORY], err);
    if (rc == 0)
        rc = mp_bond_open_distant(&bond, process->daemon, process->clan.group, err);
    if (rc == 0) {
        choose_stdio(task->redirect, fds);
        rc = mp_boot_introduce(task->boot, process, &bond, fds, err);
        if (rc == 0)
            mp_bond_keep_distant(&bond, process);
        else
            mp_bond_close(&bond);
    }
    mp_fd_close(&fds[MP_NOTE_DIRECTORY]);
    return rc;
}

static int start(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    int rc = mp_boot_connect(task->boot, err);
    if (rc == 0)
        rc = open_relay(task->boot, &process->status, err);
    return rc == 0 ? introduce(process, task, err) : rc;
}

/*
 * The child's own word mostly comes soon after that of its birth, so that one sleep does for both.
 * Not for long, because only the latter says how to learn of the child's end.
 */
static void await_both(const struct mproc_process *process, const struct mp_boot *boot)
{
    struct pollfd fds[] = {
        {.fd = mproc_conn_handle(boot->conn), .events = POLLIN},
        {.fd = process->status.relay, .events = 0},
    };
    mp_poll(fds, 2, mp_deadline_min(boot->deadline, mp_clock_now() + SOON_NS));
}

static int await_birth(struct mproc_process *process, struct mp_boot *boot, mproc_error *err)
{
    struct mp_birth birth;
    int pidfd;
    await_both(process, boot);
    int rc = mp_relay_receive_birth(process->status.relay, &birth, &pidfd, boot->deadline);
    if (rc == MPROC_EOF)
        return mp_forkserver_suspect(boot, err);
    if (rc == -ETIMEDOUT)
        return mp_fail(err, rc, "the fork server did not fork within %g s", boot->timeout);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "waiting for the fork server");
    if (birth.error != 0)
        return mp_fail_errno(err, birth.error, "fork server: fork");
    mp_table_born(process, birth.pid, pidfd);
    return 0;
}

static int finish(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    int rc = mp_forkserver_request(task->boot, process, err);
    if (rc < 0)
        return rc;
    int delivered = mp_boot_deliver(task->boot); /* while the server forks */
    rc = await_birth(process, task->boot, err);
    return rc < 0 ? rc : mp_boot_finish(task->boot, delivered, &process->status, err);
}

const struct mp_start_method mp_start_forkserver = {
    .name = "forkserver",
    .prepare = prepare,
    .start = start,
    .finish = finish,
    .forget = forget,
};
