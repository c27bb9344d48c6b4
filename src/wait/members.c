/* SPDX-License-Identifier: MIT */
#include "wait/members.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define FIRST_ROOM 16

/* Forks since the program began, counted in each child. */
static atomic_uint forks;

static void count_fork(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static int counting_rc;

static void begin_counting(void)
{
    counting_rc = -pthread_atfork(NULL, NULL, count_fork);
}

int mp_members_init(struct mp_members *club, const struct mp_member_kind *kind)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin_counting);
    club->kind = kind;
    club->forks = atomic_load_explicit(&forks, memory_order_relaxed);
    return counting_rc;
}

bool mp_members_are_ours(const struct mp_members *club)
{
    return club->forks == atomic_load_explicit(&forks, memory_order_relaxed);
}

void mp_members_free(struct mp_members *club)
{
    for (size_t i = 0; i < club->n; i++) {
        if (club->all[i]->pollable)
            mp_members_part(club, club->all[i]);
        free(club->all[i]);
    }
    free(club->all);
    free(club->by_handle);
}

/* Double the table `*list` of `*room` entries until it has more than `n`; the new ones are NULL. */
static int have_room(struct mp_member ***list, size_t *room, size_t n)
{
    size_t wanted = *room > 0 ? *room : FIRST_ROOM;
    while (wanted <= n)
        wanted *= 2;
    if (wanted == *room)
        return 0;
    struct mp_member **bigger = realloc(*list, wanted * sizeof(struct mp_member *));
    if (!bigger)
        return -ENOMEM;
    for (size_t i = *room; i < wanted; i++)
        bigger[i] = NULL;
    *list = bigger;
    *room = wanted;
    return 0;
}

static int make_place(struct mp_members *club)
{
    if (club->first_free)
        return 0;
    if (club->n >= UINT32_MAX || have_room(&club->all, &club->room, club->n) < 0)
        return -ENOMEM;
    struct mp_member *member = calloc(1, club->kind->size);
    if (!member)
        return -ENOMEM;
    member->watcher.touch = club->kind->touch;
    member->watcher.gone = club->kind->gone;
    atomic_init(&member->watcher.awake, true);
    member->club = club;
    member->place = (uint32_t)club->n;
    club->all[club->n++] = member;
    club->first_free = member;
    return 0;
}

/* Every watcher is a member of some set. */
static struct mp_member *member_of(const struct mp_pollable *pollable)
{
    return (struct mp_member *)(void *)atomic_load(&pollable->watcher);
}

static int claim(struct mp_pollable *pollable, struct mp_member *member)
{
    struct mp_watcher *before = NULL;
    if (atomic_compare_exchange_strong(&pollable->watcher, &before, &member->watcher))
        return 0;
    struct mp_member *other = (struct mp_member *)(void *)before;
    if (other->club == member->club)
        return -EEXIST;
    if (mp_members_are_ours(other->club))
        return -EBUSY;
    /* A set of the process that we were forked from: this copy of the object is free. */
    before->gone(before, pollable);
    atomic_store(&pollable->watcher, &member->watcher);
    return 0;
}

/* Plain handles have no object that could know its watcher. */
static int claim_handle(struct mp_members *club, struct mp_member *member, size_t handle)
{
    int rc = have_room(&club->by_handle, &club->handles, handle);
    if (rc < 0)
        return rc;
    if (club->by_handle[handle])
        return -EEXIST;
    club->by_handle[handle] = member;
    return 0;
}

int mp_members_join(struct mp_members *club, const mproc_wait_item *item, void *tag,
                    struct mp_member **out)
{
    int rc = make_place(club);
    if (rc < 0)
        return rc;
    struct mp_member *member = club->first_free;
    struct mp_pollable *pollable = mp_item_pollable(item, &member->bare);
    if (!pollable)
        return -EINVAL;
    rc = item->kind == MPROC_WAIT_HANDLE ? claim_handle(club, member, (size_t)item->object.handle)
                                         : claim(pollable, member);
    if (rc < 0)
        return rc;
    club->first_free = member->next_free;
    club->present++;
    member->pollable = pollable;
    member->item = *item;
    member->item.ready = 1;
    member->tag = tag;
    *out = member;
    return 0;
}

static struct mp_member *find_handle(const struct mp_members *club, mproc_handle handle)
{
    return handle >= 0 && (size_t)handle < club->handles ? club->by_handle[handle] : NULL;
}

struct mp_member *mp_members_find(const struct mp_members *club, const mproc_wait_item *item)
{
    if (item->kind == MPROC_WAIT_HANDLE)
        return find_handle(club, item->object.handle);
    struct mp_bare unused;
    const struct mp_pollable *pollable = mp_item_pollable(item, &unused);
    struct mp_member *member = pollable ? member_of(pollable) : NULL;
    return member && member->club == club ? member : NULL;
}

void mp_members_part(struct mp_members *club, struct mp_member *member)
{
    struct mp_watcher *watcher = &member->watcher;
    if (member->item.kind == MPROC_WAIT_HANDLE)
        club->by_handle[member->item.object.handle] = NULL;
    else
        atomic_compare_exchange_strong(&member->pollable->watcher, &watcher, NULL);
    member->pollable = NULL;
    member->tenancy++;
    member->next_free = club->first_free;
    club->first_free = member;
    club->present--;
}

uint64_t mp_member_name(const struct mp_member *member)
{
    return (uint64_t)member->tenancy << 32 | member->place;
}

struct mp_member *mp_members_named(const struct mp_members *club, uint64_t name)
{
    uint32_t place = (uint32_t)name;
    struct mp_member *member = place < club->n ? club->all[place] : NULL;
    return member && member->pollable && mp_member_name(member) == name ? member : NULL;
}
