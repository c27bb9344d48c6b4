/* SPDX-License-Identifier: MIT */
#include "connection/holders.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* POSIX has anonymous shared memory since Issue 8; every system had it long before. */
#if !defined MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock inside would not be shared");

/* Shared memory is taken in pieces of so many bytes, and never given back. */
#define PIECE_BYTES ((size_t)64 * 1024)
#define PIECE_HOLDERS (PIECE_BYTES / sizeof(struct mp_holders))

/* How many of those that others still held are looked at in each allocation. */
#define LOOKS 4

/* Looking for the others takes some microseconds: after the first look, at most so often. */
#define CALM_LEAST 16
#define CALM_MOST 1024

/*
 * Only the process that made a piece allocates from it, under the lock. What it has closed while
 * children still held it waits in `pending` until they have closed it as well.
 */
static struct {
    pthread_mutex_t lock; /* held across forks */
    struct mp_hold *first;
    pid_t forking; /* who is */
    struct mp_holders *piece;
    size_t used; /* of `piece` */
    struct mp_holders *pending;
    struct mp_holders *pending_last;
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Leave our pid where there is room. */
static void sign(struct mp_hold *hold)
{
    hold->place = -1;
    int32_t mark = hold->is_resting ? -hold->pid : hold->pid;
    for (int i = 0; i < MP_HOLDERS_NAMED && hold->knows_pids && hold->place < 0; i++) {
        int32_t nobody = 0;
        if (atomic_compare_exchange_strong(&hold->holders->pids[i], &nobody, mark))
            hold->place = i;
    }
}

/* Count one less, unless somebody else did already. `place` -1: it left no pid. */
static void strike(struct mp_holders *holders, int place, int32_t mark)
{
    if (place >= 0 && !atomic_compare_exchange_strong(&holders->pids[place], &mark, 0))
        return;
    if (mark > 0)
        atomic_fetch_sub(&holders->active, 1);
    atomic_fetch_sub(&holders->all, 1);
}

static void strike_those_gone(struct mp_holders *holders, pid_t pid, int fd)
{
    for (int i = 0; i < MP_HOLDERS_NAMED; i++) {
        int32_t mark = atomic_load(&holders->pids[i]);
        pid_t other = mark < 0 ? -mark : mark;
        if (other != 0 && other != pid && mp_hold_is_gone(other, fd))
            strike(holders, i, mark);
    }
}

static void set_resting(struct mp_hold *hold, bool resting)
{
    if (hold->is_resting == resting)
        return;
    hold->is_resting = resting;
    atomic_fetch_add(&hold->holders->active, resting ? UINT32_MAX : 1);
    if (hold->place >= 0)
        atomic_store(&hold->holders->pids[hold->place], resting ? -hold->pid : hold->pid);
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
    own.forking = getpid();
    for (struct mp_hold *h = own.first; h; h = h->next) {
        h->ops->before_fork(h);
        atomic_fetch_add(&h->holders->all, 1);
        if (h->is_resting)
            continue;
        atomic_fetch_add(&h->holders->active, 1);
        h->ahead = atomic_load(&h->holders->ahead);
    }
}

static void after_fork_in_parent(void)
{
    for (struct mp_hold *h = own.first; h; h = h->next)
        h->ops->after_fork(h, false);
    pthread_mutex_unlock(&own.lock);
}

static void after_fork_in_child(void)
{
    pid_t pid = getpid();
    /* Otherwise this is another PID namespace, or an orphan. */
    bool is_heir = getppid() == own.forking;
    for (struct mp_hold *h = own.first; h; h = h->next) {
        h->pid = pid;
        h->is_maker = false;
        be_calm(h);
        h->knows_pids = h->knows_pids && is_heir;
        sign(h);
        h->ops->after_fork(h, true);
    }
    own.piece = NULL;
    own.pending = NULL;
    own.pending_last = NULL;
    pthread_mutex_init(&own.lock, NULL);
}

static int prepare_rc;

static void prepare(void)
{
    prepare_rc = -pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* The free ones come first. */
static void add_pending_locked(struct mp_holders *holders)
{
    bool is_free = atomic_load(&holders->all) == 0;
    holders->next = is_free ? own.pending : NULL;
    if (!own.pending) {
        own.pending = holders;
        own.pending_last = holders;
    } else if (is_free) {
        own.pending = holders;
    } else {
        own.pending_last->next = holders;
        own.pending_last = holders;
    }
}

static struct mp_holders *take_pending_locked(void)
{
    for (int i = 0; i < LOOKS && own.pending; i++) {
        struct mp_holders *holders = own.pending;
        own.pending = holders->next;
        strike_those_gone(holders, 0, -1);
        if (atomic_load(&holders->all) == 0)
            return holders;
        add_pending_locked(holders);
    }
    return NULL;
}

static struct mp_holders *take_fresh_locked(void)
{
    if (!own.piece || own.used == PIECE_HOLDERS) {
        void *piece =
            mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (piece == MAP_FAILED)
            return NULL;
        own.piece = piece;
        own.used = 0;
    }
    return &own.piece[own.used++];
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

int mp_hold_open(struct mp_hold *hold, int fd, const struct mp_hold_ops *ops)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    if (prepare_rc < 0)
        return prepare_rc;
    pthread_mutex_lock(&own.lock);
    struct mp_holders *holders = take_pending_locked();
    if (!holders)
        holders = take_fresh_locked();
    if (holders) {
        atomic_store(&holders->all, 1);
        atomic_store(&holders->active, 1);
        atomic_store(&holders->ahead, 0);
        atomic_store(&holders->dealt, 0);
        *hold = (struct mp_hold){.ops = ops,
                                 .holders = holders,
                                 .fd = fd,
                                 .pid = getpid(),
                                 .is_maker = true,
                                 .knows_pids = true};
        be_calm(hold);
        sign(hold);
        enter_locked(hold);
    }
    pthread_mutex_unlock(&own.lock);
    return holders ? 0 : -ENOMEM;
}

static void leave_locked(struct mp_hold *hold)
{
    strike(hold->holders, hold->place, hold->is_resting ? -hold->pid : hold->pid);
    if (hold->is_maker)
        add_pending_locked(hold->holders);
}

void mp_hold_close(struct mp_hold *hold)
{
    if (!hold->holders)
        return;
    pthread_mutex_lock(&own.lock);
    remove_locked(hold);
    /* A copy made without fork(2)'s handlers, such as by _Fork(3), was never counted. */
    if (hold->pid == getpid())
        leave_locked(hold);
    pthread_mutex_unlock(&own.lock);
    hold->holders = NULL;
}

void mp_hold_rest_all(void)
{
    pthread_mutex_lock(&own.lock);
    for (struct mp_hold *h = own.first; h; h = h->next) {
        if (h->is_maker)
            continue;
        h->is_late = true;
        set_resting(h, true);
    }
    pthread_mutex_unlock(&own.lock);
}

void mp_hold_resume(struct mp_hold *hold)
{
    pthread_mutex_lock(&own.lock);
    set_resting(hold, false);
    hold->is_late = false;
    pthread_mutex_unlock(&own.lock);
}

bool mp_hold_join(struct mp_hold *hold)
{
    pthread_mutex_lock(&own.lock);
    if (hold->is_resting) {
        /* Either the other process sees this, or we see what it did before it looked. */
        set_resting(hold, false);
        set_resting(hold, atomic_load(&hold->holders->ahead) != hold->ahead);
    }
    bool joined = !hold->is_resting;
    pthread_mutex_unlock(&own.lock);
    return joined;
}

bool mp_hold_may_read_ahead_beside_others(struct mp_hold *hold)
{
    struct mp_holders *holders = hold->holders;
    if (--hold->calm == 0 && hold->knows_pids)
        strike_those_gone(holders, hold->pid, hold->fd);
    if (hold->calm == 0)
        be_calmer(hold);
    if (atomic_load(&holders->all) == 1) {
        be_calm(hold);
        return true;
    }
    if (hold->is_late || atomic_load(&holders->active) != 1)
        return false;
    atomic_fetch_add(&holders->ahead, 1);
    return atomic_load(&holders->active) == 1;
}
