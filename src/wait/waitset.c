/* SPDX-License-Identifier: MIT */
#include "wait/waitset.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <mproc/error.h>

static int check(const mproc_waitset *set)
{
    if (!set)
        return -EINVAL;
    return mp_members_are_ours(&set->members) ? 0 : MPROC_EINHERITED;
}

int mproc_waitset_new(mproc_waitset **out)
{
    mproc_waitset *set = out ? calloc(1, mp_engine_set_size) : NULL;
    if (!set)
        return out ? -ENOMEM : -EINVAL;
    int rc = mp_members_init(&set->members, &mp_engine_member);
    if (rc == 0)
        rc = mp_engine_init(set);
    if (rc < 0) {
        free(set);
        return rc;
    }
    rc = mp_engine_open(set);
    if (rc < 0)
        mproc_waitset_close(set);
    else
        *out = set;
    return rc;
}

int mproc_waitset_add(mproc_waitset *set, const mproc_wait_item *item, void *tag)
{
    int rc = item ? check(set) : -EINVAL;
    return rc < 0 ? rc : mp_engine_add(set, item, tag);
}

int mproc_waitset_remove(mproc_waitset *set, const mproc_wait_item *item)
{
    int rc = item ? check(set) : -EINVAL;
    return rc < 0 ? rc : mp_engine_remove(set, item);
}

int mproc_waitset_wait(mproc_waitset *set, mproc_wait_event *events, size_t room, double timeout)
{
    mp_deadline deadline;
    int rc = events && room > 0 ? check(set) : -EINVAL;
    if (rc == 0)
        rc = mp_deadline_in(timeout, &deadline);
    if (rc < 0)
        return rc;
    struct mp_findings found = {.events = events, .room = room < INT_MAX ? room : INT_MAX};
    rc = mp_engine_wait(set, &found, deadline);
    return rc < 0 ? rc : (int)found.n;
}

mproc_handle mproc_waitset_handle(mproc_waitset *set)
{
    int rc = check(set);
    return rc < 0 ? rc : mp_engine_handle(set);
}

void mproc_waitset_close(mproc_waitset *set)
{
    if (!set)
        return;
    mp_engine_close(set, mp_members_are_ours(&set->members));
    free(set);
}
