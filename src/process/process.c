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
#include "process/boot.h"
#include "process/command.h"
#include "process/context.h"
#include "process/environment.h"
#include "process/limits.h"
#include "process/own_key.h"
#include "process/redirect.h"
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
    rc = mp_limits_check(known, err);
    if (rc == 0)
        rc = mp_redirect_check(known, err);
    if (rc == 0)
        rc = mp_environment_check(known->environment, err);
    if (rc < 0)
        return rc;
    mp_deadline deadline;
    if (mp_deadline_in(known->start_timeout, &deadline) < 0)
        return mp_fail(err, -EINVAL, "start_timeout: not a number");
    if (known->name && strlen(known->name) >= MP_PROCESS_NAME)
        return mp_fail(err, -ENAMETOOLONG, "process name: longer than %d bytes",
                       MP_PROCESS_NAME - 1);
    return 0;
}

/* A target, or a command: one of the two. */
static int check_program(const mproc_process_options *options, mproc_target target,
                         mproc_error *err)
{
    if (options->command)
        return mp_command_check(options, target, err);
    return target ? 0 : mp_fail(err, -EINVAL, "process start: no target");
}

void mp_process_free(struct mproc_process *process, bool mine)
{
    mp_fd_close(&process->lifeline);
    mp_status_destroy(&process->status, mine);
    free(process);
}

static struct mproc_process *new_process(const mproc_process_options *options)
{
    /* calloc(3) of glibc does not take what was just freed, which keeps pages unshared. */
    struct mproc_process *process = malloc(sizeof *process);
    if (!process)
        return NULL;
    memset(process, 0, sizeof *process);
    process->kind = MP_CHILD;
    process->daemon = options->daemon;
    process->lifeline = -1;
    if (options->name)
        memcpy(process->name, options->name, strlen(options->name));
    else if (options->command)
        mp_command_name(options->command, process->name);
    if (options->group)
        mp_clan_plan(&process->clan);
    if (mp_status_init(&process->status) < 0) {
        free(process);
        return NULL;
    }
    process->status.hold = options->group; /* the number of the group, too, until it is closed */
    return process;
}

static int find_method(const mproc_process_options *options, const struct mp_start_method **method,
                       mproc_error *err)
{
    if (options->command) {
        *method = &mp_start_command;
        return 0;
    }
    return mp_context_find(options->start_method, method, err);
}

static int start_locked(struct mproc_process **out, const struct mp_task *task,
                        const struct mp_start_method *method, mproc_error *err)
{
    struct mproc_process *process = new_process(task->options);
    if (!process)
        return mp_fail_errno(err, ENOMEM, "new process");
    int rc = mp_table_start_locked(process, task, method, err);
    if (rc == 0)
        *out = process;
    else
        mp_process_free(process, true);
    return rc;
}

/* Without the table's lock, since a child may take its time. */
static int wait_for_target(struct mproc_process *process, const struct mp_task *task,
                           const struct mp_start_method *method, mproc_error *err)
{
    int rc = method->finish(process, task, err);
    if (rc == 0)
        mp_table_admit(process);
    else
        mp_table_abandon(process);
    return rc;
}

static int start_redirected(struct mproc_process **out, struct mp_task *task,
                            const struct mp_start_method *method, mproc_error *err)
{
    int rc = mp_table_begin_start(err);
    if (rc < 0)
        return rc;
    rc = mp_redirect_open(task->redirect, task->options, err);
    if (rc == 0)
        rc = start_locked(out, task, method, err);
    mp_table_end_start();
    return rc == 0 && method->finish ? wait_for_target(*out, task, method, err) : rc;
}

static int attempt(struct mproc_process **out, const struct mp_task *task,
                   const struct mp_start_method *method, mproc_error *err)
{
    struct mproc_process *process = NULL;
    struct mp_redirect redirect = MP_REDIRECT_NONE;
    struct mp_task own = *task;
    own.redirect = &redirect;
    int rc = method->prepare(&own, err);
    if (rc == 0)
        rc = start_redirected(&process, &own, method, err);
    if (rc == 0) {
        mp_redirect_hand_over(&redirect, task->options);
        *out = process;
    }
    mp_redirect_close(&redirect);
    if (method->forget)
        method->forget(&own);
    return rc;
}

static int start(struct mproc_process **out, const struct mp_task *task, mproc_error *err)
{
    const struct mp_start_method *method;
    int rc = find_method(task->options, &method, err);
    if (rc < 0)
        return rc;
    /* One key for the whole family, so it must exist before the first child does. */
    rc = mp_own_key_ensure();
    if (rc < 0)
        return mp_fail(err, rc, "authkey: %s", mproc_strerror(rc));
    rc = MP_AGAIN;
    for (int i = 0; i < 2 && rc == MP_AGAIN; i++) {
        mp_error_clear(err);
        rc = attempt(out, task, method, err);
    }
    if (rc == MP_AGAIN)
        return mp_fail(err, MPROC_ESTART, "two fork servers died before they had forked");
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
    if (!process)
        return mp_fail(err, -EINVAL, "process start: NULL where something is needed");
    mproc_process_options known = MPROC_PROCESS_OPTIONS_INIT;
    int rc = read_options(&known, options, err);
    if (rc == 0)
        rc = check_program(&known, target, err);
    if (rc < 0)
        return rc;
    rc = mp_boot_check_self(err);
    if (rc < 0)
        return rc;
    if (mproc_process_daemon(mproc_current_process()))
        return mp_fail(err, MPROC_EDAEMON, "%s may not start processes: it is daemonic",
                       mproc_process_name(mproc_current_process()));
    return start_with_args(process, target, args, &known, err);
}

int mp_process_check_watchable(const mproc_process *process)
{
    if (!process)
        return -EINVAL;
    if (process->kind == MP_SELF || process->status.owner != getpid())
        return MPROC_ENOTCHILD;
    return 0;
}

int mp_process_check_child(const mproc_process *process)
{
    if (!process)
        return -EINVAL;
    return process->kind == MP_CHILD ? mp_process_check_watchable(process) : MPROC_ENOTCHILD;
}

int mproc_process_join(mproc_process *process, double timeout)
{
    mp_deadline deadline;
    int rc = mp_process_check_watchable(process);
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
    int rc = mp_process_check_watchable(process);
    return rc < 0 ? rc : mp_status_look(&process->status) == MP_RUNNING;
}

int mp_process_check_ended(mproc_process *process)
{
    int rc = mp_process_check_child(process);
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
    return 0;
}

int mproc_process_exitcode(mproc_process *process, int *code)
{
    if (!code)
        return -EINVAL;
    int rc = mp_process_check_ended(process);
    if (rc < 0)
        return rc;
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
    int rc = mp_process_check_watchable(process);
    return rc < 0 ? rc : process->status.sentinel;
}

static int send_signal(mproc_process *process, int number)
{
    int rc = mp_process_check_child(process);
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
        mp_process_free(process, mine);
    return 0;
}

struct mp_pollable *mp_process_pollable(mproc_process *process)
{
    return process->kind == MP_SELF ? NULL : &process->status.pollable;
}
