/* SPDX-License-Identifier: MIT */
#include "process/status.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <mproc/error.h>

#include "base/fd.h"
#include "process/pidfd.h"
#include "process/relay.h"

#define NS_PER_MS INT64_C(1000000)
/*
 * A pipe as sentinel can stay open past the child's end, if a foreign grandchild inherited it: look
 * this often then. After a hang-up the end is near: begin with short pauses.
 */
#define LONGEST_PAUSE (50 * NS_PER_MS)
#define FIRST_PAUSE (NS_PER_MS / 10)

/* How long a fork server may take to reap a child that has ended. */
#define RELAY_NS (1000 * NS_PER_MS)

static const struct mp_pollable_ops status_ops;

int mp_status_init(struct mp_status *status)
{
    status->pollable.ops = &status_ops;
    atomic_init(&status->pollable.watcher, NULL);
    status->owner = getpid();
    status->pid = -1;
    status->sentinel = -1;
    status->pidfd = false;
    status->is_parent = false;
    status->distant = false;
    status->relay = -1;
    atomic_init(&status->lost, false);
    status->code = 0;
    status->usage.known = false;
    status->hold = false;
    status->pause = LONGEST_PAUSE;
    atomic_init(&status->life, MP_RUNNING);
    atomic_init(&status->hung_up, false);
    atomic_init(&status->look_at, MP_NOW);
    return -pthread_mutex_init(&status->lock, NULL);
}

void mp_status_begin(struct mp_status *status, pid_t pid, int sentinel, bool pidfd)
{
    status->pid = pid;
    status->sentinel = sentinel;
    status->pidfd = pidfd;
}

int mp_status_begin_gone(struct mp_status *status, pid_t pid)
{
    int fds[2];
    int rc = mp_fd_pipe(fds);
    if (rc < 0)
        return rc;
    mp_fd_close(&fds[1]);
    mp_status_begin(status, pid, fds[0], false);
    atomic_store(&status->life, MP_TAKEN);
    return 0;
}

static void reap_held(const struct mp_status *status)
{
    siginfo_t info;
    int rc;
    do
        rc = waitid(P_PID, (id_t)status->pid, &info, WEXITED | WNOHANG);
    while (rc < 0 && errno == EINTR);
}

void mp_status_destroy(struct mp_status *status, bool mine)
{
    mp_pollable_leave(&status->pollable);
    if (mine && status->hold && atomic_load(&status->life) == MP_ENDED)
        reap_held(status);
    mp_fd_close(&status->sentinel);
    mp_fd_close(&status->relay);
    if (mine)
        pthread_mutex_destroy(&status->lock);
}

enum mp_life mp_status_reap(idtype_t type, id_t id, struct mp_status *status)
{
    siginfo_t info = {.si_pid = 0};
    int rc;
    do
        rc = mp_usage_waitid(type, id, &info, WEXITED | WNOHANG | (status->hold ? WNOWAIT : 0),
                             &status->usage);
    while (rc < 0 && errno == EINTR);
    if (rc < 0) /* ECHILD: SIGCHLD is ignored, or somebody else has waited for it */
        return MP_TAKEN;
    if (info.si_pid == 0)
        return MP_RUNNING;
    status->code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return MP_ENDED;
}

/* An orphan belongs to init or to a subreaper from the moment on that its parent is dead. */
static enum mp_life ask_parent(const struct mp_status *status)
{
    if (status->pidfd || status->distant)
        return mp_fd_wait(status->sentinel, POLLIN, MP_NOW) == 0 ? MP_TAKEN : MP_RUNNING;
    return getppid() == status->pid ? MP_RUNNING : MP_TAKEN;
}

/*
 * The end of a process is visible before its status is: the server has to reap it first, and then
 * to tell us. That takes no longer than the system takes to let the server run.
 */
static enum mp_relay_news hear_relay(struct mp_status *status, struct mp_death *death)
{
    enum mp_relay_news news = mp_relay_receive_death(status->relay, death);
    if (news != MP_RELAY_SILENT || atomic_load(&status->hung_up) ||
        mp_fd_wait(status->sentinel, POLLIN, MP_NOW) < 0)
        return news;
    mp_fd_wait(status->relay, POLLIN, mp_clock_now() + RELAY_NS);
    return mp_relay_receive_death(status->relay, death);
}

static enum mp_life ask_relay(struct mp_status *status)
{
    struct mp_death death;
    if (!atomic_load(&status->lost)) {
        switch (hear_relay(status, &death)) {
        case MP_RELAY_SILENT:
            return MP_RUNNING;
        case MP_RELAY_SPOKE:
            status->code = death.code;
            status->usage = death.usage;
            return MP_ENDED;
        case MP_RELAY_LOST:
            atomic_store(&status->lost, true);
        }
    }
    return mp_fd_wait(status->sentinel, POLLIN, MP_NOW) == 0 ? MP_TAKEN : MP_RUNNING;
}

static enum mp_life ask(struct mp_status *status)
{
    if (status->relay >= 0)
        return ask_relay(status);
    if (status->is_parent)
        return ask_parent(status);
    if (status->pidfd)
        return mp_pidfd_ask(status);
    return mp_status_reap(P_PID, (id_t)status->pid, status);
}

/* It runs. Is the sentinel of any use from here on, and when is the next look due? */
static void plan_next_look(struct mp_status *status)
{
    if (!atomic_load(&status->hung_up) && mp_fd_wait(status->sentinel, POLLIN, MP_NOW) == 0) {
        status->pause = FIRST_PAUSE;
        atomic_store(&status->hung_up, true);
    } else if (status->pause < LONGEST_PAUSE) {
        status->pause *= 2;
    }
    atomic_store(&status->look_at, mp_clock_now() + status->pause);
}

enum mp_life mp_status_look(struct mp_status *status)
{
    enum mp_life life = (enum mp_life)atomic_load(&status->life);
    if (life != MP_RUNNING)
        return life;
    pthread_mutex_lock(&status->lock);
    life = (enum mp_life)atomic_load(&status->life);
    if (life == MP_RUNNING) {
        life = ask(status);
        if (life == MP_RUNNING)
            plan_next_look(status);
        else
            atomic_store(&status->life, life);
    }
    pthread_mutex_unlock(&status->lock);
    return life;
}

int mp_status_signal(struct mp_status *status, int number)
{
    if (atomic_load(&status->life) != MP_RUNNING)
        return 0;
    if (status->pidfd)
        return mp_pidfd_signal(status->sentinel, number);
    /* Nobody here reaps while we hold the lock, so the pid is still its own. */
    int rc = 0;
    pthread_mutex_lock(&status->lock);
    if (atomic_load(&status->life) == MP_RUNNING) {
        siginfo_t info;
        /* A fork server may have reaped it and not said so yet: then there is no such process, or,
         * which is as good as impossible so soon, another one. */
        bool there = status->relay >= 0 ||
                     waitid(P_PID, (id_t)status->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
        if (there && kill(status->pid, number) < 0 && errno != ESRCH)
            rc = -errno;
    }
    pthread_mutex_unlock(&status->lock);
    return rc;
}

static struct mp_status *status_of(struct mp_pollable *pollable)
{
    return (struct mp_status *)pollable;
}

static int ready_now(struct mp_pollable *pollable, bool woken)
{
    struct mp_status *status = status_of(pollable);
    if (!woken)
        return atomic_load(&status->life) != MP_RUNNING;
    return mp_status_look(status) != MP_RUNNING;
}

static size_t handles(struct mp_pollable *pollable, struct pollfd *out, size_t room)
{
    struct mp_status *status = status_of(pollable);
    /* A sentinel that spoke too early would be ready for ever. */
    if (atomic_load(&status->hung_up))
        return 0;
    /* The relay speaks when there is a status to be had, a little later than the sentinel. */
    bool relayed = status->relay >= 0 && !atomic_load(&status->lost);
    if (room > 0)
        *out = (struct pollfd){.fd = relayed ? status->relay : status->sentinel, .events = POLLIN};
    return 1;
}

static mp_deadline wake_at(struct mp_pollable *pollable)
{
    struct mp_status *status = status_of(pollable);
    if (status->pidfd && !atomic_load(&status->hung_up))
        return MP_NEVER;
    return atomic_load(&status->look_at);
}

/* Pidfds tell by themselves; a pipe may have missed the end, so the first look is now. */
static int arm(struct mp_pollable *pollable)
{
    struct mp_status *status = status_of(pollable);
    if (status->owner != getpid())
        return MPROC_ENOTCHILD;
    if (status->pidfd)
        return 0;
    return mp_status_look(status) != MP_RUNNING;
}

static const struct mp_pollable_ops status_ops = {
    .ready_now = ready_now,
    .handles = handles,
    .wake_at = wake_at,
    .arm = arm,
};
