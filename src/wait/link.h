/* SPDX-License-Identifier: MIT */
/* Rings of links: a list is one that belongs to no element, and an empty one is linked to itself.
 */
#ifndef MP_WAIT_LINK_H
#define MP_WAIT_LINK_H

#include <stdbool.h>

struct mp_link {
    struct mp_link *prev;
    struct mp_link *next;
};

static inline void mp_link_init(struct mp_link *link)
{
    link->prev = link;
    link->next = link;
}

static inline bool mp_link_is_single(const struct mp_link *link)
{
    return link->next == link;
}

/* Take it out of its list; also if it is in none. */
static inline void mp_link_out(struct mp_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    mp_link_init(link);
}

/* Put it at the end of a list, out of the one it is in. */
static inline void mp_link_last(struct mp_link *list, struct mp_link *link)
{
    mp_link_out(link);
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

/* Everything in `from` goes behind what is in `list`. */
static inline void mp_link_all_last(struct mp_link *list, struct mp_link *from)
{
    if (mp_link_is_single(from))
        return;
    from->next->prev = list->prev;
    from->prev->next = list;
    list->prev->next = from->next;
    list->prev = from->prev;
    mp_link_init(from);
}

#endif
