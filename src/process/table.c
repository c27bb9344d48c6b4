/* SPDX-License-Identifier: MIT */
#include "process/table.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "connection/twin.h"
#include "process/bond.h"
#include "process/boot.h"
#include "process/finalize.h"
#include "process/forkserver.h"
#include "process/own_key.h"

/* Finished children are looked for once in so many starts per child in the table. */
#define SWEEP_SHARE 16

/* A killed child is gone at once, unless a debugger or a dead file system holds it. */
#define REAPING_NS INT64_C(1000000000)

static struct {
    pthread_mutex_t lock;
    pid_t owner; /* whose children these are; 0 before the first start */
    struct mproc_process *first;
    struct mproc_process *last;
    struct mproc_process *inherited; /* objects of those that this process is a copy of */
    size_t n;
    size_t unswept; /* starts since finished children were last looked for */
    unsigned long started;
    bool ending;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The objects stay within reach, since somebody may still close them here. */
static void disown_children(void)
{
    if (table.last) {
        table.last->next = table.inherited;
        if (table.inherited)
            table.inherited->prev = table.last;
        table.inherited = table.first;
    }
    table.first = NULL;
    table.last = NULL;
    table.n = 0;
    table.unswept = 0;
    table.started = 0;
    table.ending = false;
    table.owner = getpid();
}

/*
 * Every fork(2) of the program, ours or not, makes a copy that has no children. The lock may have
 * been held by another thread, or is held by this one in mp_table_start_locked(). The copy must not
 * keep lifelines of its siblings open; their sentinels would only fill its descriptor table.
 */
static void after_fork(void)
{
    for (struct mproc_process *p = table.first; p; p = p->next) {
        mp_fd_close(&p->lifeline);
        mp_fd_close(&p->status.sentinel);
        mp_fd_close(&p->status.relay);
        if (p->boot)
            mp_boot_after_fork(p->boot);
    }
    disown_children();
    pthread_mutex_init(&table.lock, NULL);
    mp_bond_after_fork();
    mp_own_key_after_fork();
    mp_log_after_fork();
    mp_twin_after_fork();
    mp_forkserver_after_fork();
}

static int prepare_rc;

static void prepare_table(void)
{
    prepare_rc = -pthread_atfork(NULL, NULL, after_fork);
    if (prepare_rc == 0)
        prepare_rc = mp_exit_prepare();
}

static int prepare_once(mproc_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_table);
    return prepare_rc == 0 ? 0 : mp_fail_errno(err, -prepare_rc, "registering exit handlers");
}

static void number_locked(struct mproc_process *process)
{
    const char *prefix = mproc_current_process()->identity;
    snprintf(process->identity, sizeof process->identity, "%.40s%s%lu", prefix,
             prefix[0] ? ":" : "", table.started + 1);
    if (!process->name[0])
        snprintf(process->name, sizeof process->name, "Process-%.50s", process->identity);
}

static void append_locked(struct mproc_process *process)
{
    process->next = NULL;
    process->prev = table.last;
    if (table.last)
        table.last->next = process;
    else
        table.first = process;
    table.last = process;
    table.n++;
}

static void unlink_locked(struct mproc_process *process)
{
    if (process->prev)
        process->prev->next = process->next;
    else if (process == table.first)
        table.first = process->next;
    else
        table.inherited = process->next;
    if (process->next)
        process->next->prev = process->prev;
    else if (process == table.last)
        table.last = process->prev;
}

static bool is_begun(const struct mproc_process *process)
{
    return process->status.pid > 0;
}

static bool has_ended(struct mproc_process *process)
{
    return !is_begun(process) || mp_status_look(&process->status) != MP_RUNNING;
}

static void free_abandoned_locked(struct mproc_process *process)
{
    unlink_locked(process);
    table.n--;
    mp_process_free(process, true);
}

static void sweep_locked(void)
{
    struct mproc_process *next;
    for (struct mproc_process *p = table.first; p; p = next) {
        next = p->next;
        if (is_begun(p) && has_ended(p) && p->stage == MP_ABANDONED)
            free_abandoned_locked(p);
    }
    table.unswept = 0;
}

int mp_table_begin_start(mproc_error *err)
{
    int rc = prepare_once(err);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&table.lock);
    /* In copies made without fork(2)'s handlers, such as by _Fork(3). */
    if (table.owner != getpid())
        disown_children();
    return 0;
}

void mp_table_end_start(void)
{
    pthread_mutex_unlock(&table.lock);
}

int mp_table_start_locked(struct mproc_process *process, const struct mp_task *task,
                          const struct mp_start_method *method, mproc_error *err)
{
    if (++table.unswept * SWEEP_SHARE >= table.n)
        sweep_locked();
    number_locked(process);
    int rc = method->start(process, task, err);
    if (rc < 0)
        return rc;
    process->number = ++table.started;
    process->stage = method->finish ? MP_STARTING : MP_STARTED;
    process->boot = task->boot;
    append_locked(process);
    return 0;
}

void mp_table_born(struct mproc_process *process, pid_t pid, int pidfd)
{
    struct mp_status *status = &process->status;
    pthread_mutex_lock(&table.lock);
    mp_status_begin(status, pid, pidfd >= 0 ? pidfd : status->sentinel, pidfd >= 0);
    pthread_mutex_unlock(&table.lock);
}

void mp_table_admit(struct mproc_process *process)
{
    pthread_mutex_lock(&table.lock);
    process->stage = MP_STARTED;
    process->boot = NULL;
    pthread_mutex_unlock(&table.lock);
}

void mp_table_abandon(struct mproc_process *process)
{
    if (is_begun(process)) {
        mp_status_signal(&process->status, SIGKILL);
        mp_pollable_wait_one(&process->status.pollable, mp_clock_now() + REAPING_NS);
    }
    pthread_mutex_lock(&table.lock);
    process->stage = MP_ABANDONED;
    process->boot = NULL;
    if (process->number == table.started) /* nobody came after it */
        table.started--;
    if (!table.ending && has_ended(process))
        free_abandoned_locked(process);
    pthread_mutex_unlock(&table.lock);
}

bool mp_table_remove(struct mproc_process *process)
{
    bool mine = process->status.owner == getpid();
    pthread_mutex_lock(&table.lock);
    bool removed = !mine || !table.ending;
    if (removed) {
        unlink_locked(process);
        table.n -= mine ? 1 : 0;
    }
    pthread_mutex_unlock(&table.lock);
    return removed;
}

size_t mproc_active_children(mproc_process **children, size_t room)
{
    size_t n = 0;
    pthread_mutex_lock(&table.lock);
    for (struct mproc_process *p = table.first; p; p = p->next) {
        if (p->stage != MP_STARTED || mp_status_look(&p->status) != MP_RUNNING)
            continue;
        if (n < room)
            children[n] = p;
        n++;
    }
    pthread_mutex_unlock(&table.lock);
    return n;
}

static void terminate_daemons_locked(void)
{
    for (struct mproc_process *p = table.first; p; p = p->next)
        if (p->daemon && is_begun(p))
            mp_clan_signal(p, SIGTERM);
}

/* What daemons that are groups have left behind. */
static void kill_leftovers(void)
{
    pthread_mutex_lock(&table.lock);
    for (struct mproc_process *p = table.first; p; p = p->next)
        if (p->daemon && p->clan.group && is_begun(p))
            mp_clan_signal(p, SIGKILL);
    pthread_mutex_unlock(&table.lock);
}

/* From now on no object in the table is freed: other threads may still be running. */
static bool begin_to_end(void)
{
    pthread_mutex_lock(&table.lock);
    /* Otherwise these are another process's children, see mp_table_begin_start(). */
    bool ours = table.owner == getpid();
    if (ours) {
        table.ending = true;
        terminate_daemons_locked();
    }
    pthread_mutex_unlock(&table.lock);
    return ours;
}

void mp_table_end(void)
{
    if (!begin_to_end())
        return;
    mproc_process *child;
    while (mproc_active_children(&child, 1) > 0)
        if (mp_pollable_wait_one(&child->status.pollable, MP_NEVER) < 0)
            break; /* somebody closed our descriptors */
    kill_leftovers();
    mp_forkserver_stop();
}
