/* SPDX-License-Identifier: MIT */
#include "process/child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection/twin.h"
#include "process/finalize.h"
#include "process/redirect.h"
#include "value/tree.h"

static struct mproc_process self = {.kind = MP_SELF, .lifeline = -1, .name = "MainProcess"};
static struct mproc_process parent;
static bool has_parent;

mproc_process *mproc_current_process(void)
{
    return &self;
}

mproc_process *mproc_parent_process(void)
{
    return has_parent ? &parent : NULL;
}

void mp_child_descend_from(const char *name, const char *identity)
{
    snprintf(self.name, sizeof self.name, "%s", name);
    snprintf(self.identity, sizeof self.identity, "%s", identity);
}

static void become(const struct mproc_process *process, struct mp_bond *bond)
{
    if (has_parent)
        mp_status_destroy(&parent.status, false);
    has_parent = true;
    parent.kind = MP_PARENT;
    parent.lifeline = -1;
    memcpy(parent.name, self.name, sizeof parent.name);
    memcpy(parent.identity, self.identity, sizeof parent.identity);
    mp_status_init(&parent.status);
    mp_bond_keep_child(bond, &parent.status);

    self.daemon = process->daemon;
    memcpy(self.name, process->name, sizeof self.name);
    memcpy(self.identity, process->identity, sizeof self.identity);
    mp_log_set_process(self.name);
}

/*
 * The object that describes this process is its parent's. To free it would copy its page and those
 * of malloc(3), so it stays where it is; only a child of a child cannot keep them all.
 */
static void forget(struct mproc_process *process)
{
    static struct mproc_process *kept;
    if (!kept) {
        kept = process;
        return;
    }
    mp_status_destroy(&process->status, true);
    free(process);
}

static struct {
    bool returned; /* the target did; otherwise the child itself called exit(3) */
    int code;
} ending;

/*
 * Runs after the exit handlers that the child registered and before those that it inherited, which
 * are its parent's business. After a plain exit(3) of the child it lets them run, as the C library
 * does in every forked process; the one among them that ends the process in order is mp_exit_run().
 */
static void end_after_own_handlers(void)
{
    if (!ending.returned)
        return;
    if (mp_finalizers_pending()) /* one may call exit(3), see mp_exit_run() */
        atexit(end_after_own_handlers);
    mp_exit_run();
    fflush(NULL);
    _exit(ending.code);
}

static _Noreturn void end(bool barrier, int code)
{
    ending.returned = true;
    ending.code = code;
    if (barrier)
        exit(code); /* NOLINT(concurrency-mt-unsafe): beside another exit(3) only */
    end_after_own_handlers();
    _exit(code);
}

void mp_child_become(struct mproc_process *process, struct mp_bond *bond)
{
    become(process, bond);
    /* Cannot fail in a child that was just forked, see setpgid(2). */
    mp_clan_enter(&process->clan);
    /* Die as the parent's death would have made us. */
    if (process->daemon && mp_tie_to_parent(bond, &parent.status) < 0)
        kill(getpid(), SIGKILL);
    forget(process);
}

_Noreturn void mp_child_work(const struct mp_task *task, const sigset_t *mask)
{
    /* As a copy has it from its parent: behind the handlers that the target will register. */
    mp_exit_prepare();
    bool barrier = atexit(end_after_own_handlers) == 0;
    pthread_sigmask(SIG_SETMASK, mask, NULL);
    mp_twin_keep_only(task->args);
    const mproc_value none = mp_none();
    int code = task->target(task->args ? task->args : &none);
    end(barrier, code);
}

_Noreturn void mp_child_run(struct mproc_process *process, const struct mp_task *task,
                            struct mp_bond *bond, const sigset_t *mask)
{
    mp_child_become(process, bond);
    const char *what;
    mp_redirect_apply(task->redirect, &what); /* a child without /dev/null lives without stdin */
    mp_child_work(task, mask);
}
