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

static inline void mp_findings_add(struct mp_findings *found, const struct mp_member *member)
{
    found->events[found->n++] = (mproc_wait_event){.item = member->item, .tag = member->tag};
}

/* Engines; see the functions of the same names in wait.h. */
int mp_engine_new(mproc_waitset **out);
int mp_engine_add(mproc_waitset *set, const mproc_wait_item *item, void *tag);
int mp_engine_remove(mproc_waitset *set, const mproc_wait_item *item);
int mp_engine_wait(mproc_waitset *set, struct mp_findings *found, mp_deadline deadline);
mproc_handle mp_engine_handle(mproc_waitset *set);

/* `mine` false: in a forked process, where a lock may be held for ever and what the kernel knows
 * is the parent's. */
void mp_engine_free(mproc_waitset *set, bool mine);

#endif
