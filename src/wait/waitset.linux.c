/* SPDX-License-Identifier: MIT */
/*
 * The engine over epoll(7).
 *
 * A member is hot or cold. Hot ones are looked at in memory by each wait: somebody was just told
 * that they are ready, or has received from them, or their handle spoke. Cold ones cost nothing:
 * they were looked at, found not ready, and armed, so that their handle will speak, or their time
 * come, or whoever touches them says so. Before a wait sleeps all that are hot become cold.
 *
 * The bell is an eventfd in the epoll set, edge-triggered and so never read: it wakes sleepers, and
 * a foreign event loop, for members that have become hot without their handles.
 */
#include "wait/waitset.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "wait/link.h"

/* Names in the epoll set that are no member's. */
#define BELL UINT64_MAX
#define ALARM (UINT64_MAX - 1)

/* Events taken from the kernel at a time. */
#define BATCH 128

/* So many polls a member stays hot without being ready: what speaks often need not be armed and
 * woken each time. */
#define PATIENCE 3

/* When to try again what the kernel had no memory for. */
#define RETRY_NS 10000000

struct member {
    struct mp_member common; /* first member */
    struct mp_link link;     /* in one of the set's lists, or in none */
    struct mp_link timed;    /* likewise */
    mp_deadline due;         /* when to ask although the handle is silent; while timed */
    int fd;                  /* in the epoll set, or -1 */
    unsigned misses;         /* looks in vain since it was ready */
    uint64_t told;           /* the round in which it was reported last */
    bool hot;                /* and not seen in this round */
    bool woken;              /* its handle spoke, or its time came */
    bool armed;
    bool surely; /* arming found it ready */
    bool always; /* not for epoll, as regular files: ready whenever asked */
};

struct epoll_set {
    struct mproc_waitset common; /* first member */
    pthread_mutex_t lock;        /* recursive, for callbacks of members; never kept in a sleep */
    int epoll;
    int bell;
    int alarm; /* timerfd for a foreign loop, or -1 */
    mp_deadline alarm_at;
    bool rung;            /* since a wait has heard the bell */
    unsigned sleepers;    /* threads */
    uint64_t round;       /* counts looks at the members */
    struct mp_link hot;   /* to be looked at, in this order */
    struct mp_link seen;  /* looked at in this round, and hot again with the next */
    struct mp_link timed; /* cold ones with a time */
};

static struct member *of_link(struct mp_link *link)
{
    return (struct member *)(void *)((char *)link - offsetof(struct member, link));
}

static struct member *of_timed(struct mp_link *link)
{
    return (struct member *)(void *)((char *)link - offsetof(struct member, timed));
}

static struct epoll_set *set_of(mproc_waitset *set)
{
    return (struct epoll_set *)(void *)set;
}

static struct epoll_set *set_of_member(const struct member *m)
{
    return set_of(mp_waitset_of(m->common.club));
}

static void lock(struct epoll_set *set)
{
    pthread_mutex_lock(&set->lock);
}

static void unlock(struct epoll_set *set)
{
    pthread_mutex_unlock(&set->lock);
}

/* The kernel's side of a member. */

static int control(const struct epoll_set *set, int op, int fd, uint32_t events, uint64_t name)
{
    struct epoll_event event = {.events = events, .data.u64 = name};
    return epoll_ctl(set->epoll, op, fd, &event) < 0 ? -errno : 0;
}

/* On Linux no object has more than one handle. */
static int handle_of(const struct member *m)
{
    struct pollfd one;
    struct mp_pollable *pollable = m->common.pollable;
    return pollable->ops->handles(pollable, &one, 1) > 0 ? one.fd : -1;
}

static void unwatch(const struct epoll_set *set, struct member *m)
{
    if (m->fd >= 0)
        control(set, EPOLL_CTL_DEL, m->fd, 0, 0);
    m->fd = -1;
}

/* Have the kernel watch the handle that the member gives at present, which may be none. */
static int watch(const struct epoll_set *set, struct member *m)
{
    int fd = handle_of(m);
    if (fd == m->fd)
        return 0;
    unwatch(set, m);
    if (fd < 0)
        return 0;
    int rc = control(set, EPOLL_CTL_ADD, fd, EPOLLIN, mp_member_name(&m->common));
    if (rc == 0)
        m->fd = fd;
    return rc;
}

static void set_due(struct epoll_set *set, struct member *m, mp_deadline due)
{
    m->due = due;
    if (due == MP_NEVER)
        mp_link_out(&m->timed);
    else
        mp_link_last(&set->timed, &m->timed);
}

static mp_deadline first_due(const struct epoll_set *set)
{
    mp_deadline first = MP_NEVER;
    for (struct mp_link *link = set->timed.next; link != &set->timed; link = link->next)
        first = mp_deadline_min(first, of_timed(link)->due);
    return first;
}

/* Wake who sleeps although something is hot. One alone is woken at a time: if that one leaves
 * something for the others, it rings again. */
static void ring(struct epoll_set *set)
{
    const uint64_t one = 1;
    if (set->rung || (set->sleepers == 0 && set->alarm < 0))
        return;
    /* Cannot fill up within the life of a machine. */
    set->rung = write(set->bell, &one, sizeof one) == (ssize_t)sizeof one;
}

/* Hot and cold. */

/*
 * Nothing stronger is needed: whoever changes what a look sees, and whoever looks, is inside the
 * object's own lock for that. Who comes after a look finds there what was stored before it.
 */
static void set_awake(struct member *m, bool awake)
{
    atomic_store_explicit(&m->common.watcher.awake, awake, memory_order_release);
}

static void disarm(struct member *m)
{
    struct mp_pollable *pollable = m->common.pollable;
    if (m->armed && pollable->ops->disarm)
        pollable->ops->disarm(pollable);
    m->armed = false;
}

static void make_hot(struct epoll_set *set, struct member *m)
{
    set_awake(m, true);
    disarm(m);
    mp_link_out(&m->timed);
    if (!m->hot) /* who is keeps his place */
        mp_link_last(&set->hot, &m->link);
    m->hot = true;
}

/* It was looked at and not ready; whoever touches it from then on will say so. */
static void make_cold(struct epoll_set *set, struct member *m)
{
    struct mp_pollable *pollable = m->common.pollable;
    if (m->always)
        return;
    mp_link_out(&m->link);
    int rc = pollable->ops->arm ? pollable->ops->arm(pollable) : 0;
    m->armed = true;
    if (rc != 0) { /* ready, or an error for the next call on it to report */
        m->surely = true;
        make_hot(set, m);
        return;
    }
    m->misses = 0;
    mp_deadline due = pollable->ops->wake_at ? pollable->ops->wake_at(pollable) : MP_NEVER;
    if (watch(set, m) < 0)
        due = mp_deadline_min(due, mp_clock_now() + RETRY_NS);
    if (due != MP_NEVER || !mp_link_is_single(&m->timed))
        set_due(set, m, due);
}

static void touch(struct mp_watcher *watcher, const struct mp_pollable *pollable)
{
    struct member *m = (struct member *)(void *)watcher;
    struct epoll_set *set = set_of_member(m);
    if (!mp_members_are_ours(&set->common.members)) {
        atomic_store(&watcher->awake, true);
        return;
    }
    lock(set);
    if (m->common.pollable == pollable) {
        make_hot(set, m);
        ring(set);
    }
    unlock(set);
}

static void detach(struct epoll_set *set, struct member *m)
{
    disarm(m);
    unwatch(set, m);
    mp_link_out(&m->timed);
    mp_link_out(&m->link);
    set_awake(m, true);
    mp_members_part(&set->common.members, &m->common);
}

static void gone(struct mp_watcher *watcher, const struct mp_pollable *pollable)
{
    struct member *m = (struct member *)(void *)watcher;
    struct epoll_set *set = set_of_member(m);
    if (!mp_members_are_ours(&set->common.members)) {
        if (m->common.pollable == pollable)
            mp_members_part(&set->common.members, &m->common);
        return;
    }
    lock(set);
    if (m->common.pollable == pollable)
        detach(set, m);
    unlock(set);
}

/* Joining and leaving. */

/* Refuse at once what can never be waited for. */
static int try_out(struct member *m)
{
    struct mp_pollable *pollable = m->common.pollable;
    int rc = pollable->ops->ready_now(pollable, false);
    if (rc < 0 || !pollable->ops->arm)
        return rc;
    rc = pollable->ops->arm(pollable);
    if (pollable->ops->disarm)
        pollable->ops->disarm(pollable);
    return rc;
}

static int attach(struct epoll_set *set, struct member *m)
{
    mp_link_init(&m->link);
    mp_link_init(&m->timed);
    m->fd = -1;
    m->misses = 0;
    m->told = 0;
    m->hot = false;
    m->armed = false;
    m->surely = false;
    m->woken = false;
    int rc = try_out(m);
    if (rc >= 0)
        rc = watch(set, m);
    m->always = rc == -EPERM; /* see epoll_ctl(2) */
    return rc == -EPERM ? 0 : rc;
}

static int add_locked(struct epoll_set *set, const mproc_wait_item *item, void *tag)
{
    struct mp_member *common;
    int rc = mp_members_join(&set->common.members, item, tag, &common);
    if (rc < 0)
        return rc;
    struct member *m = (struct member *)(void *)common;
    rc = attach(set, m);
    if (rc < 0) {
        mp_members_part(&set->common.members, common);
        return rc;
    }
    make_hot(set, m);
    ring(set);
    return 0;
}

int mp_engine_add(mproc_waitset *waitset, const mproc_wait_item *item, void *tag)
{
    struct epoll_set *set = set_of(waitset);
    lock(set);
    int rc = add_locked(set, item, tag);
    unlock(set);
    return rc;
}

int mp_engine_remove(mproc_waitset *waitset, const mproc_wait_item *item)
{
    struct epoll_set *set = set_of(waitset);
    lock(set);
    struct mp_member *common = mp_members_find(&waitset->members, item);
    if (common)
        detach(set, (struct member *)(void *)common);
    unlock(set);
    return common ? 0 : -ENOENT;
}

/* Waiting. */

/* Nonzero: a call on it would not block, if only because it would fail. */
static int look(struct member *m)
{
    struct mp_pollable *pollable = m->common.pollable;
    /* From before the look: a receive that changes anything after it says so. */
    set_awake(m, false);
    int rc = m->surely ? 1 : pollable->ops->ready_now(pollable, m->woken || m->always);
    m->surely = false;
    m->woken = false;
    return rc;
}

/* Look at hot ones while there is room for those that are ready. */
static void look_at_hot(struct epoll_set *set, struct mp_findings *found)
{
    while (found->n < found->room && !mp_link_is_single(&set->hot)) {
        struct member *m = of_link(set->hot.next);
        mp_link_last(&set->seen, &m->link);
        m->hot = false;
        if (look(m) != 0) {
            set_awake(m, true);
            m->misses = 0;
            m->told = set->round;
            mp_findings_add(found, &m->common);
        } else if (++m->misses > PATIENCE) {
            make_cold(set, m);
        }
    }
}

/* Of those looked at without success. */
static void cool_down(struct epoll_set *set)
{
    struct mp_link *next;
    for (struct mp_link *link = set->seen.next; link != &set->seen; link = next) {
        next = link->next;
        if (of_link(link)->told != set->round)
            make_cold(set, of_link(link));
    }
}

static void wake(struct epoll_set *set, struct member *m)
{
    if (m->told == set->round)
        return;
    m->woken = true;
    make_hot(set, m);
}

static void wake_due(struct epoll_set *set)
{
    if (mp_link_is_single(&set->timed))
        return;
    int64_t now = mp_clock_now();
    struct mp_link *next;
    for (struct mp_link *link = set->timed.next; link != &set->timed; link = next) {
        next = link->next;
        if (of_timed(link)->due <= now)
            wake(set, of_timed(link));
    }
}

static void heed(struct epoll_set *set, const struct epoll_event *event)
{
    struct mp_member *member = mp_members_named(&set->common.members, event->data.u64);
    if (member)
        wake(set, (struct member *)(void *)member);
    else if (event->data.u64 == BELL)
        set->rung = false;
}

/* epoll_wait(2), with the lock given back while it sleeps. Number of events, or -errno. */
static int listen_in(struct epoll_set *set, struct epoll_event events[BATCH], mp_deadline deadline)
{
    int ms = mp_deadline_poll_ms(deadline);
    if (ms != 0) {
        set->sleepers++;
        unlock(set);
    }
    int n = epoll_wait(set->epoll, events, BATCH, ms);
    int rc = n >= 0 ? n : -errno;
    if (ms != 0) {
        lock(set);
        set->sleepers--;
    }
    return rc == -EINTR ? 0 : rc;
}

/* Hear what the kernel has to say, after a sleep until the deadline if nothing is known yet. */
static int hear(struct epoll_set *set, const struct mp_findings *found, mp_deadline deadline)
{
    struct epoll_event events[BATCH];
    bool sleeps = found->n == 0 && mp_link_is_single(&set->hot);
    int n = listen_in(set, events, sleeps ? mp_deadline_min(deadline, first_due(set)) : MP_NOW);
    if (sleeps)
        set->round++;
    for (int i = 0; i < n; i++)
        heed(set, &events[i]);
    wake_due(set);
    return n;
}

/* One look at everything that could be ready, with one sleep at most. */
static int go_round(struct epoll_set *set, struct mp_findings *found, mp_deadline deadline)
{
    set->round++;
    look_at_hot(set, found);
    if (found->n == 0 && deadline != MP_NOW)
        cool_down(set);
    int rc = hear(set, found, deadline);
    look_at_hot(set, found);
    /* The kernel lets those that stay ready take turns; once round is enough. */
    size_t batches = set->common.members.present / BATCH;
    for (; rc == BATCH && batches > 0 && found->n < found->room; batches--) {
        rc = hear(set, found, MP_NOW);
        look_at_hot(set, found);
    }
    return rc;
}

static void set_alarm(struct epoll_set *set)
{
    mp_deadline at = first_due(set);
    if (at == set->alarm_at)
        return;
    struct itimerspec spec = {.it_value = {0, 0}}; /* disarmed */
    if (at != MP_NEVER)
        spec.it_value = mp_deadline_timespec(at > 1 ? at : 1);
    /* Fails for bad arguments only. */
    timerfd_settime(set->alarm, TFD_TIMER_ABSTIME, &spec, NULL);
    set->alarm_at = at;
}

/* Before a wait returns: what it leaves to others must wake them. */
static void leave_word(struct epoll_set *set)
{
    if (set->alarm >= 0)
        cool_down(set);
    for (struct mp_link *link = set->seen.next; link != &set->seen; link = link->next)
        of_link(link)->hot = true;
    mp_link_all_last(&set->hot, &set->seen);
    if (!mp_link_is_single(&set->hot))
        ring(set);
    if (set->alarm >= 0)
        set_alarm(set);
}

int mp_engine_wait(mproc_waitset *waitset, struct mp_findings *found, mp_deadline deadline)
{
    struct epoll_set *set = set_of(waitset);
    int rc;
    lock(set);
    do {
        rc = go_round(set, found, deadline);
        leave_word(set);
    } while (rc >= 0 && found->n == 0 && !mp_deadline_passed(deadline));
    unlock(set);
    return found->n > 0 || rc > 0 ? 0 : rc;
}

/* Making and unmaking. */

const size_t mp_engine_set_size = sizeof(struct epoll_set);
const struct mp_member_kind mp_engine_member = {
    .size = sizeof(struct member), .touch = touch, .gone = gone};

int mp_engine_init(mproc_waitset *waitset)
{
    struct epoll_set *set = set_of(waitset);
    pthread_mutexattr_t attr;
    set->epoll = -1;
    set->bell = -1;
    set->alarm = -1;
    set->alarm_at = MP_NEVER;
    mp_link_init(&set->hot);
    mp_link_init(&set->seen);
    mp_link_init(&set->timed);
    int rc = pthread_mutexattr_init(&attr);
    if (rc != 0)
        return -rc;
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    rc = pthread_mutex_init(&set->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return -rc;
}

/* A descriptor of the set's own, heard by its edges. */
static int open_signal(const struct epoll_set *set, int raw, uint64_t name, int *out)
{
    int fd = raw < 0 ? -errno : mp_fd_own(raw);
    if (fd < 0)
        return fd;
    int rc = control(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, name);
    if (rc < 0)
        mp_fd_close(&fd);
    else
        *out = fd;
    return rc;
}

int mp_engine_open(mproc_waitset *waitset)
{
    struct epoll_set *set = set_of(waitset);
    int fd = epoll_create1(EPOLL_CLOEXEC);
    fd = fd < 0 ? -errno : mp_fd_own(fd);
    if (fd < 0)
        return fd;
    set->epoll = fd;
    return open_signal(set, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), BELL, &set->bell);
}

mproc_handle mp_engine_handle(mproc_waitset *waitset)
{
    struct epoll_set *set = set_of(waitset);
    int rc = 0;
    lock(set);
    if (set->alarm < 0) {
        int raw = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        rc = open_signal(set, raw, ALARM, &set->alarm);
        if (rc == 0)
            leave_word(set);
    }
    unlock(set);
    return rc < 0 ? rc : set->epoll;
}

void mp_engine_close(mproc_waitset *waitset, bool mine)
{
    struct epoll_set *set = set_of(waitset);
    struct mp_members *members = &waitset->members;
    for (size_t i = 0; mine && i < members->n; i++)
        if (members->all[i]->pollable)
            disarm((struct member *)(void *)members->all[i]);
    mp_members_free(members);
    mp_fd_close(&set->alarm);
    mp_fd_close(&set->bell);
    mp_fd_close(&set->epoll);
    if (mine)
        pthread_mutex_destroy(&set->lock);
}
