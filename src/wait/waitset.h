/* SPDX-License-Identifier: MIT */
/*
 * The two halves of a waitset: waitset.c checks what the caller gives; an engine, epoll(7) or
 * poll(2), does the waiting.
 */
#ifndef MP_WAIT_WAITSET_H
#define MP_WAIT_WAITSET_H

#include "base/clock.h"
#include "wait/members.h"

/* An engine's set begins with this. */
struct mproc_waitset {
    struct mp_members members;
};

/* What a wait has found. */
struct mp_findings {
    mproc_wait_event *events;
    size_t n;
    size_t room;
};

static inline mproc_waitset *mp_waitset_of(struct mp_members *members)
{
    return (mproc_waitset *)(void *)((char *)members - offsetof(mproc_waitset, members));
}

static inline void mp_findings_add(struct mp_findings *found, const struct mp_member *member)
{
    found->events[found->n++] = (mproc_wait_event){.item = member->item, .tag = member->tag};
}

/* What an engine's set and members are. */
extern const size_t mp_engine_set_size;
extern const struct mp_member_kind mp_engine_member;

/* The lock, and what cannot fail, of a zeroed set. 0 or -errno. */
int mp_engine_init(mproc_waitset *set);

/* The descriptors. 0 or -errno; mp_engine_close() follows in any case. */
int mp_engine_open(mproc_waitset *set);

/* All but the set's own memory. `mine` false: in a forked process, where a lock may be held for
 * ever and what the kernel knows is the parent's. */
void mp_engine_close(mproc_waitset *set, bool mine);

/* See the functions of the same names in wait.h. */
int mp_engine_add(mproc_waitset *set, const mproc_wait_item *item, void *tag);
int mp_engine_remove(mproc_waitset *set, const mproc_wait_item *item);
int mp_engine_wait(mproc_waitset *set, struct mp_findings *found, mp_deadline deadline);
mproc_handle mp_engine_handle(mproc_waitset *set);

#endif
