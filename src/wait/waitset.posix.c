/* SPDX-License-Identifier: MIT */
/*
 * The engine over poll(2): each wait goes through all members.
 *
 * Who wants to change the set sends the waiting threads out first, by a byte in the bell, a pipe
 * that they all poll along, and lets them in again afterwards.
 */
#include "wait/waitset.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

struct poll_set {
    struct mproc_waitset common; /* first member */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* the last waiter went out, or the last change was made */
    unsigned waiters;     /* threads inside, which read what is here without the lock */
    unsigned changes;     /* wanted or under way */
    size_t next;          /* place whose turn it is to be reported first */
    int bell[2];
    struct mp_bare hears_bell;
};

/* What one call of poll(2) is about: the members at that time, and the bell. */
struct view {
    struct mp_pollable **pollables;
    struct mp_member **members;
    unsigned char *ready;
    size_t n; /* of all three; the last one is the bell, and no member */
};

static struct poll_set *set_of(mproc_waitset *set)
{
    return (struct poll_set *)(void *)set;
}

/* Changing. */

static void begin_change(struct poll_set *set)
{
    pthread_mutex_lock(&set->lock);
    set->changes++;
    /* A full pipe wakes as well. */
    while (write(set->bell[1], "", 1) < 0 && errno == EINTR)
        continue;
    while (set->waiters > 0)
        pthread_cond_wait(&set->moved, &set->lock);
}

static void end_change(struct poll_set *set)
{
    char bytes[64];
    if (--set->changes == 0) {
        ssize_t n;
        do
            n = read(set->bell[0], bytes, sizeof bytes);
        while (n > 0 || (n < 0 && errno == EINTR));
    }
    pthread_cond_broadcast(&set->moved);
    pthread_mutex_unlock(&set->lock);
}

static void gone(struct mp_watcher *watcher, const struct mp_pollable *pollable)
{
    struct mp_member *member = (struct mp_member *)(void *)watcher;
    struct mp_members *members = member->club;
    struct poll_set *set = set_of(mp_waitset_of(members));
    bool ours = mp_members_are_ours(members);
    if (ours)
        begin_change(set);
    if (member->pollable == pollable)
        mp_members_part(members, member);
    if (ours)
        end_change(set);
}

/* Refuse at once what can never be waited for. */
static int try_out(struct mp_member *member)
{
    struct mp_pollable *pollable = member->pollable;
    int rc = pollable->ops->ready_now(pollable, false);
    if (rc >= 0 && member->item.kind == MPROC_WAIT_HANDLE) {
        rc = mp_fd_wait(member->item.object.handle, POLLIN, MP_NOW);
        return rc == -ETIMEDOUT ? 0 : rc;
    }
    if (rc < 0 || !pollable->ops->arm)
        return rc;
    rc = pollable->ops->arm(pollable);
    if (pollable->ops->disarm)
        pollable->ops->disarm(pollable);
    return rc;
}

int mp_engine_add(mproc_waitset *waitset, const mproc_wait_item *item, void *tag)
{
    struct poll_set *set = set_of(waitset);
    struct mp_member *member;
    begin_change(set);
    int rc = mp_members_join(&waitset->members, item, tag, &member);
    if (rc == 0) {
        rc = try_out(member);
        if (rc < 0)
            mp_members_part(&waitset->members, member);
    }
    end_change(set);
    return rc < 0 ? rc : 0;
}

int mp_engine_remove(mproc_waitset *waitset, const mproc_wait_item *item)
{
    struct poll_set *set = set_of(waitset);
    begin_change(set);
    struct mp_member *member = mp_members_find(&waitset->members, item);
    if (member)
        mp_members_part(&waitset->members, member);
    end_change(set);
    return member ? 0 : -ENOENT;
}

/* Waiting. */

static void view_free(struct view *view)
{
    free(view->pollables);
    free(view->members);
    free(view->ready);
}

/* Those that are present, beginning with the one whose turn it is. 0 or -ENOMEM. */
static int view_of(struct view *view, struct poll_set *set)
{
    const struct mp_members *members = &set->common.members;
    size_t room = members->present + 1;
    view->n = 0;
    view->pollables = calloc(room, sizeof *view->pollables);
    view->members = calloc(room, sizeof *view->members);
    view->ready = calloc(room, 1);
    if (!view->pollables || !view->members || !view->ready) {
        view_free(view);
        return -ENOMEM;
    }
    for (size_t i = 0; i < members->n; i++) {
        struct mp_member *member = members->all[(set->next + i) % members->n];
        if (!member->pollable)
            continue;
        view->members[view->n] = member;
        view->pollables[view->n++] = member->pollable;
    }
    view->pollables[view->n++] = &set->hears_bell.pollable;
    return 0;
}

static void report(struct poll_set *set, const struct view *view, struct mp_findings *found)
{
    size_t i = 0;
    for (; i + 1 < view->n && found->n < found->room; i++)
        if (view->ready[i])
            mp_findings_add(found, view->members[i]);
    if (found->n > 0)
        set->next = i + 1 < view->n ? view->members[i]->place : view->members[0]->place;
}

static void stay_out_of_changes(struct poll_set *set)
{
    while (set->changes > 0)
        pthread_cond_wait(&set->moved, &set->lock);
}

/* Inside, without the lock. Number of ready ones, the bell included, or a negative code. */
static int poll_inside(struct poll_set *set, struct view *view, mp_deadline deadline)
{
    set->waiters++;
    pthread_mutex_unlock(&set->lock);
    int rc = mp_pollable_wait(view->pollables, view->ready, view->n, deadline);
    pthread_mutex_lock(&set->lock);
    if (--set->waiters == 0)
        pthread_cond_broadcast(&set->moved);
    return rc;
}

static int wait_once(struct poll_set *set, struct mp_findings *found, mp_deadline deadline)
{
    struct view view;
    stay_out_of_changes(set);
    int rc = view_of(&view, set);
    if (rc < 0)
        return rc;
    rc = poll_inside(set, &view, deadline);
    if (rc > 0)
        report(set, &view, found);
    view_free(&view);
    return rc;
}

int mp_engine_wait(mproc_waitset *waitset, struct mp_findings *found, mp_deadline deadline)
{
    struct poll_set *set = set_of(waitset);
    int rc;
    pthread_mutex_lock(&set->lock);
    do
        rc = wait_once(set, found, deadline);
    while (rc >= 0 && found->n == 0 && !mp_deadline_passed(deadline));
    pthread_mutex_unlock(&set->lock);
    return rc < 0 ? rc : 0;
}

/* Making and unmaking. */

const size_t mp_engine_set_size = sizeof(struct poll_set);
const struct mp_member_kind mp_engine_member = {.size = sizeof(struct mp_member), .gone = gone};

int mp_engine_init(mproc_waitset *waitset)
{
    struct poll_set *set = set_of(waitset);
    set->bell[0] = -1;
    set->bell[1] = -1;
    int rc = pthread_mutex_init(&set->lock, NULL);
    if (rc != 0)
        return -rc;
    rc = pthread_cond_init(&set->moved, NULL);
    if (rc != 0)
        pthread_mutex_destroy(&set->lock);
    return -rc;
}

int mp_engine_open(mproc_waitset *waitset)
{
    struct poll_set *set = set_of(waitset);
    int rc = mp_fd_pipe(set->bell);
    if (rc == 0)
        rc = mp_fd_set_nonblocking(set->bell[0], true);
    if (rc == 0)
        rc = mp_fd_set_nonblocking(set->bell[1], true);
    mp_bare_init(&set->hears_bell, set->bell[0]);
    return rc;
}

void mp_engine_close(mproc_waitset *waitset, bool mine)
{
    struct poll_set *set = set_of(waitset);
    mp_members_free(&waitset->members);
    mp_fd_close(&set->bell[0]);
    mp_fd_close(&set->bell[1]);
    if (mine) {
        pthread_cond_destroy(&set->moved);
        pthread_mutex_destroy(&set->lock);
    }
}

/* poll(2) has no descriptor that stands for others. */
mproc_handle mp_engine_handle(mproc_waitset *waitset)
{
    (void)waitset;
    return -ENOTSUP;
}
