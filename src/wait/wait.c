/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <mproc/wait.h>

#include "wait/item.h"

#define ITEMS_ON_STACK 32

/* Everything one call needs for each item; on the stack when there are few. */
struct slots {
    struct mp_pollable **pollables;
    unsigned char *ready;
    struct mp_bare *bare;
    void *memory;
    struct mp_pollable *few_pollables[ITEMS_ON_STACK];
    unsigned char few_ready[ITEMS_ON_STACK];
    struct mp_bare few_bare[ITEMS_ON_STACK];
};

static int slots_init(struct slots *s, size_t n)
{
    s->memory = NULL;
    s->pollables = s->few_pollables;
    s->ready = s->few_ready;
    s->bare = s->few_bare;
    if (n <= ITEMS_ON_STACK)
        return 0;
    /* In the order of falling alignment. */
    unsigned char *memory = calloc(n, sizeof *s->bare + sizeof(void *) + 1);
    if (!memory)
        return -ENOMEM;
    s->memory = memory;
    s->bare = (void *)memory;
    s->pollables = (void *)(memory + n * sizeof *s->bare);
    s->ready = memory + n * (sizeof *s->bare + sizeof(void *));
    return 0;
}

static int wait_in_slots(struct slots *s, mproc_wait_item *items, size_t n, mp_deadline deadline)
{
    for (size_t i = 0; i < n; i++) {
        s->pollables[i] = mp_item_pollable(&items[i], &s->bare[i]);
        if (!s->pollables[i])
            return -EINVAL;
    }
    int count = mp_pollable_wait(s->pollables, s->ready, n, deadline);
    for (size_t i = 0; count >= 0 && i < n; i++)
        items[i].ready = s->ready[i];
    return count;
}

int mproc_wait(mproc_wait_item *items, size_t n, double timeout)
{
    mp_deadline deadline;
    int rc = mp_deadline_in(timeout, &deadline);
    if (rc < 0 || (n > 0 && !items) || (n == 0 && deadline == MP_NEVER))
        return -EINVAL;
    struct slots slots;
    rc = slots_init(&slots, n);
    if (rc < 0)
        return rc;
    rc = wait_in_slots(&slots, items, n, deadline);
    free(slots.memory);
    return rc;
}
