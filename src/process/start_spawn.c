/* SPDX-License-Identifier: MIT */
/* The spawn start method: the child executes this program anew. */
#include <string.h>

#include "process/boot.h"
#include "process/redirect.h"
#include "process/settings.h"
#include "process/stdio.h"

static int prepare(struct mp_task *task, mproc_error *err)
{
    /* So that what was written before comes out before what the child writes. */
    mp_stdio_flush(false);
    int rc = mp_boot_new(&task->boot, task, err);
    /* Set by the child itself: they are meant for the target, not for the way to it. */
    const struct mp_limits limits = mp_limits_of(task->options);
    if (rc == 0 && mp_limits_any(&limits))
        rc = mp_settings_pickle(task->options, NULL, &task->boot->settings, err);
    return rc;
}

static void forget(struct mp_task *task)
{
    mp_boot_free(task->boot);
    task->boot = NULL;
}

static int launch(struct mproc_process *process, const struct mp_task *task, struct mp_bond *bond,
                  const sigset_t *mask, mproc_error *err)
{
    const mproc_process_options *options = task->options;
    struct mp_launch launch = {
        .directory = options->directory,
        .clan = &process->clan,
        .mask = *mask,
    };
    memcpy(launch.stdio, task->redirect->stdio, sizeof launch.stdio);
    int fds[MP_NOTE_FDS] = MP_NOTE_NO_FDS;
    pid_t pid;
    int rc = mp_boot_introduce(task->boot, process, bond, fds, err);
    if (rc == 0)
        rc = mp_boot_exec(task->boot, &launch, options, &pid, err);
    if (rc == 0)
        return mp_bond_keep_parent(bond, process, pid, err);
    mp_bond_close(bond);
    return rc;
}

static int start(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    struct mp_bond bond;
    sigset_t all;
    sigset_t mask;
    int rc = mp_boot_connect(task->boot, err);
    if (rc == 0)
        rc = process->clan.group ? mp_bond_open_group(&bond, process->daemon, err)
                                 : mp_bond_open(&bond, process->daemon, err);
    if (rc < 0)
        return rc;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    rc = launch(process, task, &bond, &mask, err);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return rc;
}

static int finish(struct mproc_process *process, const struct mp_task *task, mproc_error *err)
{
    int delivered = mp_boot_deliver(task->boot);
    return mp_boot_finish(task->boot, delivered, &process->status, err);
}

const struct mp_start_method mp_start_spawn = {
    .name = "spawn",
    .prepare = prepare,
    .start = start,
    .finish = finish,
    .forget = forget,
};
