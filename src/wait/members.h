/* SPDX-License-Identifier: MIT */
/*
 * Who is in a waitset. The set's own lock is held around all of this.
 *
 * A member's memory is freed with the set, not when its object leaves: a thread that is just
 * receiving from the object may still look whether it is watched, and a wake-up that was under way
 * may still name it. The next object to join gets the place, with another number.
 */
#ifndef MP_WAIT_MEMBERS_H
#define MP_WAIT_MEMBERS_H

#include <stdint.h>

#include "wait/item.h"

struct mp_member {
    struct mp_watcher watcher; /* first member */
    struct mp_members *club;
    struct mp_pollable *pollable; /* NULL: nobody is in this place */
    struct mp_bare bare;
    mproc_wait_item item;
    void *tag;
    uint32_t place;
    uint32_t tenancy;            /* grows each time that somebody leaves this place */
    struct mp_member *next_free; /* of the empty places */
};

/* What the members of a set are. */
struct mp_member_kind {
    size_t size; /* of the set's own struct, which begins with struct mp_member */
    void (*touch)(struct mp_watcher *, const struct mp_pollable *);
    void (*gone)(struct mp_watcher *, const struct mp_pollable *);
};

struct mp_members {
    const struct mp_member_kind *kind;
    struct mp_member **all; /* by place */
    size_t n;
    size_t room;
    struct mp_member *first_free;
    struct mp_member **by_handle; /* of the plain handles */
    size_t handles;
    size_t present;
    unsigned forks; /* the process that these belong to, see mp_members_are_ours() */
};

/* Zeroed before. 0 or -errno. */
int mp_members_init(struct mp_members *club, const struct mp_member_kind *kind);

/* All that are left cease to be watched. */
void mp_members_free(struct mp_members *club);

/* False in a process that was forked since: there all of it is but a copy. Takes no system call. */
bool mp_members_are_ours(const struct mp_members *club);

/* Take in what the item names: 0, -EINVAL, -EEXIST, -EBUSY if it is in another set, -ENOMEM. */
int mp_members_join(struct mp_members *club, const mproc_wait_item *item, void *tag,
                    struct mp_member **out);

/* NULL: it is not here. */
struct mp_member *mp_members_find(const struct mp_members *club, const mproc_wait_item *item);

void mp_members_part(struct mp_members *club, struct mp_member *member);

/* A member's name, for where it may have left meanwhile; NULL if it has. */
uint64_t mp_member_name(const struct mp_member *member);
struct mp_member *mp_members_named(const struct mp_members *club, uint64_t name);

#endif
