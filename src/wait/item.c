/* SPDX-License-Identifier: MIT */
#include "wait/item.h"

#include "connection/transport.h"
#include "listener/listener.h"
#include "process/process.h"

static const struct mp_bare *bare_of(const struct mp_pollable *pollable)
{
    return (const struct mp_bare *)(const void *)pollable;
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

void mp_bare_init(struct mp_bare *bare, mproc_handle handle)
{
    bare->pollable.ops = &bare_ops;
    atomic_init(&bare->pollable.watcher, NULL);
    bare->handle = handle;
}

struct mp_pollable *mp_item_pollable(const mproc_wait_item *item, struct mp_bare *bare)
{
    switch (item->kind) {
    case MPROC_WAIT_CONN:
        return item->object.conn ? mp_conn_pollable(item->object.conn) : NULL;
    case MPROC_WAIT_LISTENER:
        return item->object.listener ? mp_listener_pollable(item->object.listener) : NULL;
    case MPROC_WAIT_PROCESS:
        return item->object.process ? mp_process_pollable(item->object.process) : NULL;
    case MPROC_WAIT_HANDLE:
        mp_bare_init(bare, item->object.handle);
        return item->object.handle >= 0 ? &bare->pollable : NULL;
    default:
        return NULL;
    }
}
