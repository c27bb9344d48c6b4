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

/*
 * Only the process that made a piece allocates from it, under the lock. What it has closed while
 * children still held it waits in `pending` until they have closed it as well; what they never
 * close, because they were killed, is lost.
 */
static struct {
    pthread_mutex_t lock; /* held across forks */
    struct mp_hold *first;
    struct mp_holders *piece;
    size_t used; /* of `piece` */
    struct mp_holders *pending;
    struct mp_holders *pending_last;
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void before_fork(void)
{
    pthread_mutex_lock(&own.lock);
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
    for (struct mp_hold *h = own.first; h; h = h->next) {
        h->pid = pid;
        h->is_maker = false;
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
        if (atomic_load(&holders->all) == 0)
            return holders;
        add_pending_locked(holders);
    }
    return NULL;
}

static struct mp_holders *take_fresh_locked(void)
{
    if (!own.piece || own.used == PIECE_HOLDERS) {
        void *piece = mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                           -1, 0);
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

int mp_hold_open(struct mp_hold *hold, const struct mp_hold_ops *ops)
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
        *hold = (struct mp_hold){
            .ops = ops, .holders = holders, .pid = getpid(), .is_maker = true};
        enter_locked(hold);
    }
    pthread_mutex_unlock(&own.lock);
    return holders ? 0 : -ENOMEM;
}

static void leave_locked(struct mp_hold *hold)
{
    if (!hold->is_resting)
        atomic_fetch_sub(&hold->holders->active, 1);
    atomic_fetch_sub(&hold->holders->all, 1);
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
        if (h->is_resting || h->is_maker)
            continue;
        h->is_resting = true;
        h->is_late = true;
        atomic_fetch_sub(&h->holders->active, 1);
    }
    pthread_mutex_unlock(&own.lock);
}

void mp_hold_resume(struct mp_hold *hold)
{
    pthread_mutex_lock(&own.lock);
    if (hold->is_resting)
        atomic_fetch_add(&hold->holders->active, 1);
    hold->is_resting = false;
    hold->is_late = false;
    pthread_mutex_unlock(&own.lock);
}

bool mp_hold_join(struct mp_hold *hold)
{
    pthread_mutex_lock(&own.lock);
    if (hold->is_resting) {
        /* Either the other process sees this, or we see what it did before it looked. */
        atomic_fetch_add(&hold->holders->active, 1);
        hold->is_resting = atomic_load(&hold->holders->ahead) != hold->ahead;
        if (hold->is_resting)
            atomic_fetch_sub(&hold->holders->active, 1);
    }
    bool joined = !hold->is_resting;
    pthread_mutex_unlock(&own.lock);
    return joined;
}

bool mp_hold_may_read_ahead_beside_others(struct mp_hold *hold)
{
    struct mp_holders *holders = hold->holders;
    if (hold->is_late || atomic_load(&holders->active) != 1)
        return false;
    atomic_fetch_add(&holders->ahead, 1);
    return atomic_load(&holders->active) == 1;
}
