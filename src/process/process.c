/* SPDX-License-Identifier: MIT */
/* The public face of process objects. */
#include "process/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/options.h"
#include "process/own_key.h"
#include "process/table.h"
#include "value/tree.h"

_Static_assert(sizeof(mproc_process_options) == offsetof(mproc_process_options, reserved) + 2,
               "options end with padding");

static int read_options(mproc_process_options *known, const mproc_process_options *given,
                        mproc_error *err)
{
    int rc = mp_options_read(known, sizeof *known, given, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < sizeof known->reserved; i++)
        if (known->reserved[i] != 0)
            return mp_fail(err, -E2BIG, "options: reserved bytes are not zero");
    if (known->start_method || known->command || known->environment || known->directory ||
        known->in || known->out || known->err || known->n_rlimits || known->n_cpus || known->nice ||
        known->group)
        return mp_fail(err, -ENOTSUP, "options: fork takes a name and the daemon flag only");
    if (known->name && strlen(known->name) >= MP_PROCESS_NAME)
        return mp_fail(err, -ENAMETOOLONG, "process name: longer than %d bytes",
                       MP_PROCESS_NAME - 1);
    return 0;
}

static void free_process(struct mproc_process *process, bool mine)
{
    mp_fd_close(&process->lifeline);
    mp_status_destroy(&process->status, mine);
    free(process);
}

static struct mproc_process *new_process(const mproc_process_options *options)
{
    struct mproc_process *process = calloc(1, sizeof *process);
    if (!process)
        return NULL;
    process->kind = MP_CHILD;
    process->daemon = options->daemon;
    process->lifeline = -1;
    if (options->name)
        memcpy(process->name, options->name, strlen(options->name));
    if (mp_status_init(&process->status) == 0)
        return process;
    free(process);
    return NULL;
}

static int start_locked(struct mproc_process **out, const struct mp_task *task, mproc_error *err)
{
    struct mproc_process *process = new_process(task->options);
    if (!process)
        return mp_fail_errno(err, ENOMEM, "new process");
    int rc = mp_table_start_locked(process, task, &mp_start_fork, err);
    if (rc == 0)
        *out = process;
    else
        free_process(process, true);
    return rc;
}

static int start(struct mproc_process **out, const struct mp_task *task, mproc_error *err)
{
    /* One key for the whole family, so it must exist before the first child does. */
    int rc = mp_own_key_ensure();
    if (rc < 0)
        return mp_fail(err, rc, "authkey: %s", mproc_strerror(rc));
    rc = mp_start_fork.prepare(task, err);
    if (rc == 0)
        rc = mp_table_begin_start(err);
    if (rc < 0)
        return rc;
    rc = start_locked(out, task, err);
    mp_table_end_start();
    return rc;
}

/* What lies inside a larger value becomes a value of its own. */
static int start_with_args(struct mproc_process **out, mproc_target target, const mproc_value *args,
                           const mproc_process_options *options, mproc_error *err)
{
    mproc_value *copy = NULL;
    if (args && !mp_tree_of_root(args) && mproc_value_copy(&copy, args) < 0)
        return mp_fail_errno(err, ENOMEM, "copying the arguments");
    const struct mp_task task = {.target = target, .args = copy ? copy : args, .options = options};
    int rc = start(out, &task, err);
    mproc_value_free(copy);
    return rc;
}

int mproc_process_start(mproc_process **process, mproc_target target, const mproc_value *args,
                        const mproc_process_options *options, mproc_error *err)
{
    mp_error_clear(err);
    if (!process || !target)
        return mp_fail(err, -EINVAL, "process start: NULL where something is needed");
    mproc_process_options known = MPROC_PROCESS_OPTIONS_INIT;
    int rc = read_options(&known, options, err);
    if (rc < 0)
        return rc;
    if (mproc_process_daemon(mproc_current_process()))
        return mp_fail(err, MPROC_EDAEMON, "%s may not start processes: it is daemonic",
                       mproc_process_name(mproc_current_process()));
    return start_with_args(process, target, args, &known, err);
}

/* Can this process watch it? */
static int check_watchable(const mproc_process *process)
{
    if (!process)
        return -EINVAL;
    if (process->kind == MP_SELF || process->status.owner != getpid())
        return MPROC_ENOTCHILD;
    return 0;
}

static int check_child(const mproc_process *process)
{
    if (!process)
        return -EINVAL;
    return process->kind == MP_CHILD ? check_watchable(process) : MPROC_ENOTCHILD;
}

int mproc_process_join(mproc_process *process, double timeout)
{
    mp_deadline deadline;
    int rc = check_watchable(process);
    if (rc == 0)
        rc = mp_deadline_in(timeout, &deadline);
    if (rc == 0)
        rc = mp_pollable_wait_one(&process->status.pollable, deadline);
    if (rc < 0)
        return rc;
    return rc == 0 ? -ETIMEDOUT : 0;
}

int mproc_process_is_alive(mproc_process *process)
{
    if (process && process->kind == MP_SELF)
        return 1;
    int rc = check_watchable(process);
    return rc < 0 ? rc : mp_status_look(&process->status) == MP_RUNNING;
}

int mproc_process_exitcode(mproc_process *process, int *code)
{
    if (!code)
        return -EINVAL;
    int rc = check_child(process);
    if (rc < 0)
        return rc;
    switch (mp_status_look(&process->status)) {
    case MP_RUNNING:
        return MPROC_ERUNNING;
    case MP_TAKEN:
        return MPROC_ESTATUS;
    case MP_ENDED:
        break;
    }
    *code = process->status.code;
    return 0;
}

pid_t mproc_process_pid(const mproc_process *process)
{
    if (!process)
        return -EINVAL;
    return process->kind == MP_SELF ? getpid() : process->status.pid;
}

const char *mproc_process_name(const mproc_process *process)
{
    return process ? process->name : "";
}

bool mproc_process_daemon(const mproc_process *process)
{
    return process && process->daemon;
}

mproc_handle mproc_process_sentinel(const mproc_process *process)
{
    int rc = check_watchable(process);
    return rc < 0 ? rc : process->status.sentinel;
}

static int send_signal(mproc_process *process, int number)
{
    int rc = check_child(process);
    return rc < 0 ? rc : mp_status_signal(&process->status, number);
}

int mproc_process_interrupt(mproc_process *process)
{
    return send_signal(process, SIGINT);
}

int mproc_process_terminate(mproc_process *process)
{
    return send_signal(process, SIGTERM);
}

int mproc_process_kill(mproc_process *process)
{
    return send_signal(process, SIGKILL);
}

int mproc_process_close(mproc_process *process)
{
    if (!process)
        return 0;
    if (process->kind != MP_CHILD)
        return MPROC_ENOTCHILD;
    bool mine = process->status.owner == getpid();
    if (mine && mp_status_look(&process->status) == MP_RUNNING)
        return MPROC_ERUNNING;
    if (mp_table_remove(process))
        free_process(process, mine);
    return 0;
}

struct mp_pollable *mp_process_pollable(mproc_process *process)
{
    return process->kind == MP_SELF ? NULL : &process->status.pollable;
}
