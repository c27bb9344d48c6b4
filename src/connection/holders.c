/* SPDX-License-Identifier: MIT */
#include "connection/holders.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include "connection/holders_memory.h"

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock inside would not be shared");

/* Looking for the others takes some microseconds: after the first look, at most so often. */
#define CALM_LEAST 16
#define CALM_MOST 1024

unsigned mp_hold_generation;

static struct {
    pthread_mutex_t lock;  /* held across forks */
    _Atomic pid_t forking; /* this process, while it forks */
    pid_t pid;             /* this process, or the one that it is an uncounted copy of */
    struct mp_hold *first;
    bool is_prepared;
    /* Of what was made before these generations: */
    unsigned counted; /* our copies are not counted */
    unsigned known;   /* the pids that others left mean something else to us */
    unsigned awake;   /* our copies rest, unless they have been awake since */
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_resting(const struct mp_hold *hold)
{
    return hold->awake < own.awake;
}

static int32_t mark_of(const struct mp_hold *hold)
{
    return is_resting(hold) ? -own.pid : own.pid;
}

/* Replace a pid that was left. False: it is not there. */
static bool replace(struct mp_holders *holders, int32_t old, int32_t new)
{
    for (int i = 0; i < MP_HOLDERS_NAMED; i++) {
        int32_t expected = atomic_load_explicit(&holders->pids[i], memory_order_relaxed);
        if (expected == old && atomic_compare_exchange_strong(&holders->pids[i], &expected, new))
            return true;
    }
    return false;
}

static void count_down(struct mp_holders *holders, int32_t mark)
{
    if (mark > 0)
        atomic_fetch_sub(&holders->active, 1);
    atomic_fetch_sub(&holders->all, 1);
}

void mp_holders_strike_gone(struct mp_holders *holders, int fd)
{
    for (int i = 0; i < MP_HOLDERS_NAMED; i++) {
        int32_t mark = atomic_load(&holders->pids[i]);
        pid_t pid = mark < 0 ? -mark : mark;
        if (pid != 0 && pid != own.pid && mp_hold_is_gone(pid, fd) &&
            atomic_compare_exchange_strong(&holders->pids[i], &mark, 0))
            count_down(holders, mark);
    }
}

/* Leave our pid, if need be in the place of one that has ended. */
static bool leave_name(struct mp_hold *hold)
{
    int32_t mark = mark_of(hold);
    if (hold->made < own.known)
        return false;
    if (replace(hold->holders, 0, mark))
        return true;
    mp_holders_strike_gone(hold->holders, -1);
    return replace(hold->holders, 0, mark);
}

static void sign(struct mp_hold *hold)
{
    if (!leave_name(hold))
        hold->nameless = mp_hold_generation;
}

/* Who is killed between the two steps counts as active, but is struck as one at rest. */
static void set_active(struct mp_hold *hold, bool active)
{
    if (active)
        atomic_fetch_add(&hold->holders->active, 1);
    replace(hold->holders, active ? -own.pid : own.pid, active ? own.pid : -own.pid);
    if (!active)
        atomic_fetch_sub(&hold->holders->active, 1);
}

static void be_calm(struct mp_hold *hold)
{
    hold->calm = 1;
    hold->calmer = CALM_LEAST;
}

static void be_calmer(struct mp_hold *hold)
{
    hold->calm = hold->calmer;
    if (hold->calmer < CALM_MOST)
        hold->calmer *= 2;
}

static void before_fork(void)
{
    pthread_mutex_lock(&own.lock);
    atomic_store(&own.forking, getpid());
    for (struct mp_hold *h = own.first; h; h = h->next) {
        atomic_fetch_add(&h->holders->all, 1);
        if (!is_resting(h))
            atomic_fetch_add(&h->holders->active, 1);
        h->ops->before_fork(h);
        if (!is_resting(h))
            h->ahead = atomic_load(&h->holders->ahead);
    }
}

static void after_fork_in_parent(void)
{
    atomic_store(&own.forking, 0);
    pthread_mutex_unlock(&own.lock);
}

static void begin_generation(void)
{
    mp_hold_generation++;
    own.pid = getpid();
    mp_holders_leave_to_parent();
}

static void after_fork_in_child(void)
{
    if (atomic_exchange(&own.forking, 0) == 0)
        return;
    pid_t parent = own.pid;
    begin_generation();
    /* Otherwise this is another PID namespace, or an orphan. */
    if (getppid() != parent)
        own.known = mp_hold_generation;
    for (struct mp_hold *h = own.first; h; h = h->next) {
        sign(h);
        h->ops->after_fork(h);
    }
    pthread_mutex_unlock(&own.lock); /* this thread is the one that forked */
}

/* Another handler in the child, which runs before ours, may close what it has inherited. */
static void lock_own(void)
{
    pid_t forking = atomic_load(&own.forking);
    if (forking != 0 && forking != getpid())
        after_fork_in_child();
    pthread_mutex_lock(&own.lock);
}

/* Copies made without fork(2)'s handlers, such as by _Fork(3), were never counted. */
static void notice_uncounted_fork_locked(void)
{
    if (own.pid == getpid())
        return;
    begin_generation();
    own.first = NULL;
    own.counted = mp_hold_generation;
    own.known = mp_hold_generation;
}

static int prepare_locked(void)
{
    if (!own.is_prepared) {
        int rc = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        if (rc != 0)
            return -rc;
        own.is_prepared = true;
    }
    return 0;
}

static void enter_locked(struct mp_hold *hold)
{
    hold->prev = NULL;
    hold->next = own.first;
    if (own.first)
        own.first->prev = hold;
    own.first = hold;
}

static void remove_locked(struct mp_hold *hold)
{
    if (hold->prev)
        hold->prev->next = hold->next;
    else
        own.first = hold->next;
    if (hold->next)
        hold->next->prev = hold->prev;
}

static int open_locked(struct mp_hold *hold)
{
    int rc = prepare_locked();
    if (rc < 0)
        return rc;
    struct mp_holders *holders = mp_holders_take();
    if (!holders)
        return -errno;
    atomic_store(&holders->all, 1);
    atomic_store(&holders->active, 1);
    atomic_store(&holders->ahead, 0);
    atomic_store(&holders->dealt, 0);
    hold->holders = holders;
    hold->made = mp_hold_generation;
    hold->awake = mp_hold_generation;
    be_calm(hold);
    sign(hold);
    enter_locked(hold);
    return 0;
}

int mp_hold_open(struct mp_hold *hold, int fd, const struct mp_hold_ops *ops)
{
    *hold = (struct mp_hold){.ops = ops, .fd = fd};
    lock_own();
    notice_uncounted_fork_locked();
    int rc = open_locked(hold);
    pthread_mutex_unlock(&own.lock);
    return rc;
}

static void leave_locked(struct mp_hold *hold)
{
    int32_t mark = mark_of(hold);
    remove_locked(hold);
    /* If our pid was left and is not there, somebody thought us gone and has counted. */
    if (hold->nameless == mp_hold_generation || replace(hold->holders, mark, 0))
        count_down(hold->holders, mark);
    if (hold->made == mp_hold_generation)
        mp_holders_give_back(hold->holders);
}

void mp_hold_close(struct mp_hold *hold)
{
    if (!hold->holders)
        return;
    lock_own();
    notice_uncounted_fork_locked();
    if (hold->made >= own.counted)
        leave_locked(hold);
    pthread_mutex_unlock(&own.lock);
    hold->holders = NULL;
}

void mp_hold_rest_others(void)
{
    lock_own();
    for (struct mp_hold *h = own.first; h; h = h->next)
        if (h->awake < mp_hold_generation && !is_resting(h))
            set_active(h, false);
    own.awake = mp_hold_generation;
    pthread_mutex_unlock(&own.lock);
}

bool mp_hold_use(struct mp_hold *hold)
{
    lock_own();
    bool was_resting = is_resting(hold);
    if (was_resting)
        set_active(hold, true);
    /* Either who reads ahead sees that, or we see what it did before it looked. */
    bool is_lost = was_resting && atomic_load(&hold->holders->ahead) != hold->ahead;
    if (is_lost)
        set_active(hold, false);
    else
        hold->awake = mp_hold_generation;
    hold->is_late = hold->is_late || was_resting;
    pthread_mutex_unlock(&own.lock);
    return !is_lost;
}

bool mp_hold_may_read_ahead_beside_others(struct mp_hold *hold)
{
    struct mp_holders *holders = hold->holders;
    if (--hold->calm == 0) {
        be_calmer(hold);
        if (hold->made >= own.known)
            mp_holders_strike_gone(holders, hold->fd);
    }
    if (atomic_load(&holders->all) == 1) {
        be_calm(hold);
        return true;
    }
    if (hold->is_late || atomic_load(&holders->active) != 1)
        return false;
    atomic_fetch_add(&holders->ahead, 1);
    return atomic_load(&holders->active) == 1;
}
