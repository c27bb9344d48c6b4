/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <mproc/wait.h>

#include "base/pollable.h"
#include "connection/transport.h"
#include "listener/listener.h"
#include "process/process.h"

#define ITEMS_ON_STACK 32

/* A descriptor by itself, dressed as what the base can wait for. */
struct bare_handle {
    struct mp_pollable pollable;
    mproc_handle handle;
};

static const struct bare_handle *bare_of(const struct mp_pollable *pollable)
{
    return (const struct bare_handle *)(const void *)pollable;
}

static int bare_ready_now(struct mp_pollable *pollable, bool woken)
{
    (void)pollable;
    return woken;
}

static size_t bare_handles(struct mp_pollable *pollable, struct pollfd *out, size_t room)
{
    if (room > 0)
        *out = (struct pollfd){.fd = bare_of(pollable)->handle, .events = POLLIN};
    return 1;
}

static const struct mp_pollable_ops bare_ops = {
    .ready_now = bare_ready_now,
    .handles = bare_handles,
};

/* Everything one call needs for each item; on the stack when there are few. */
struct slots {
    struct mp_pollable **pollables;
    unsigned char *ready;
    struct bare_handle *bare;
    void *memory;
    struct mp_pollable *few_pollables[ITEMS_ON_STACK];
    unsigned char few_ready[ITEMS_ON_STACK];
    struct bare_handle few_bare[ITEMS_ON_STACK];
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

static struct mp_pollable *pollable_of(const mproc_wait_item *item, struct bare_handle *bare)
{
    switch (item->kind) {
    case MPROC_WAIT_CONN:
        return item->object.conn ? mp_conn_pollable(item->object.conn) : NULL;
    case MPROC_WAIT_LISTENER:
        return item->object.listener ? mp_listener_pollable(item->object.listener) : NULL;
    case MPROC_WAIT_PROCESS:
        return item->object.process ? mp_process_pollable(item->object.process) : NULL;
    case MPROC_WAIT_HANDLE:
        *bare = (struct bare_handle){{&bare_ops}, item->object.handle};
        return item->object.handle >= 0 ? &bare->pollable : NULL;
    default:
        return NULL;
    }
}

static int wait_in_slots(struct slots *s, mproc_wait_item *items, size_t n, mp_deadline deadline)
{
    for (size_t i = 0; i < n; i++) {
        s->pollables[i] = pollable_of(&items[i], &s->bare[i]);
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
