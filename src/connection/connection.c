/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>

#include <mproc/error.h>

#include "connection/receive.h"
#include "connection/transport.h"
#include "connection/twin.h"

/* How soon a waiter looks again at a connection on which another thread is receiving. */
#define CONTENDED_TICK_NS 1000000

static mproc_conn *conn_of(struct mp_pollable *pollable)
{
    return (mproc_conn *)(void *)((char *)pollable - offsetof(mproc_conn, pollable));
}

static void note_contention(mproc_conn *conn, bool entered)
{
    const struct mp_transport *transport = conn->transport;
    bool crowded = transport->is_crowded && transport->is_crowded(conn);
    atomic_store_explicit(&conn->contended, !entered || crowded, memory_order_relaxed);
}

static int conn_ready_now(struct mp_pollable *pollable, bool woken)
{
    mproc_conn *conn = conn_of(pollable);
    if (!conn->readable)
        return MPROC_EDIRECTION;
    /* While it was contended there was no handle to be woken by. */
    bool was_contended = atomic_load_explicit(&conn->contended, memory_order_relaxed);
    bool entered = mp_conn_enter(conn, MP_RECEIVING, MP_NOW) == 0;
    note_contention(conn, entered);
    if (!entered)
        return 0;
    conn->put_off = was_contended && !woken;
    int rc = conn->transport->ready_now(conn, woken || was_contended);
    mp_conn_leave(conn, MP_RECEIVING);
    return rc;
}

static int conn_arm(struct mp_pollable *pollable)
{
    mproc_conn *conn = conn_of(pollable);
    if (!conn->transport->arm)
        return 0;
    bool entered = mp_conn_enter(conn, MP_RECEIVING, MP_NOW) == 0;
    int rc = conn->transport->arm(conn, entered);
    note_contention(conn, entered);
    if (entered)
        mp_conn_leave(conn, MP_RECEIVING);
    return rc;
}

static void conn_disarm(struct mp_pollable *pollable)
{
    mproc_conn *conn = conn_of(pollable);
    if (conn->transport->disarm)
        conn->transport->disarm(conn);
}

/* A contended connection gives no handle: what its receiver is about to take would wake us in vain.
 */
static size_t conn_handles(struct mp_pollable *pollable, struct pollfd *out, size_t room)
{
    mproc_conn *conn = conn_of(pollable);
    if (atomic_load_explicit(&conn->contended, memory_order_relaxed))
        return 0;
    if (room > 0)
        *out = (struct pollfd){.fd = conn->transport->handle(conn), .events = POLLIN};
    return 1;
}

static mp_deadline conn_wake_at(struct mp_pollable *pollable)
{
    const mproc_conn *conn = conn_of(pollable);
    if (!atomic_load_explicit(&conn->contended, memory_order_relaxed))
        return MP_NEVER;
    return mp_clock_now() + CONTENDED_TICK_NS;
}

static const struct mp_pollable_ops conn_pollable_ops = {
    .ready_now = conn_ready_now,
    .handles = conn_handles,
    .wake_at = conn_wake_at,
    .arm = conn_arm,
    .disarm = conn_disarm,
};

int mp_conn_init(mproc_conn *conn, const struct mp_transport *transport, bool readable,
                 bool writable)
{
    conn->transport = transport;
    conn->pollable.ops = &conn_pollable_ops;
    atomic_init(&conn->pollable.watcher, NULL);
    conn->readable = readable;
    conn->writable = writable;
    atomic_init(&conn->contended, false);
    conn->send_timeout = MPROC_FOREVER;
    conn->recv_timeout = MPROC_FOREVER;
    conn->max_message = SSIZE_MAX;
    conn->has_parcel = false;
    conn->twin = NULL;
    int rc = mp_gate_init(&conn->sending);
    if (rc < 0)
        return rc;
    rc = mp_gate_init(&conn->receiving);
    if (rc < 0)
        mp_gate_destroy(&conn->sending);
    return rc;
}

void mp_conn_fini(mproc_conn *conn)
{
    mp_gate_destroy(&conn->sending);
    mp_gate_destroy(&conn->receiving);
}

struct mp_pollable *mp_conn_pollable(mproc_conn *conn)
{
    return &conn->pollable;
}

void mproc_conn_close(mproc_conn *conn)
{
    if (!conn)
        return;
    mp_twin_part(conn);
    mp_pollable_leave(&conn->pollable);
    mp_conn_leave_places(conn);
    conn->transport->destroy(conn);
}

static int send_waiting(mproc_conn *conn, const void *buf, size_t len)
{
    mp_deadline deadline;
    int rc = mp_deadline_in(conn->send_timeout, &deadline);
    if (rc == 0)
        rc = mp_conn_enter(conn, MP_SENDING, deadline);
    if (rc < 0)
        return rc;
    rc = conn->transport->send(conn, buf, len, deadline);
    mp_conn_leave(conn, MP_SENDING);
    return rc;
}

int mproc_conn_send_bytes(mproc_conn *conn, const void *buf, size_t len)
{
    if (!conn || (!buf && len > 0) || len > SSIZE_MAX)
        return -EINVAL;
    if (!conn->writable)
        return MPROC_EDIRECTION;
    if (conn->transport->send_at_once) {
        int rc = conn->transport->send_at_once(conn, buf, len);
        if (rc != MP_SLOWLY)
            return rc;
    }
    return send_waiting(conn, buf, len);
}

/* Become the one receiver, within the deadline that covers the whole receive. */
static int begin_receive(mproc_conn *conn, mp_deadline *deadline)
{
    if (!conn->readable)
        return MPROC_EDIRECTION;
    int rc = mp_deadline_in(conn->recv_timeout, deadline);
    return rc < 0 ? rc : mp_conn_enter_to_receive(conn, *deadline);
}

void mp_conn_drop_parcel(mproc_conn *conn)
{
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    conn->transport->claim_parcel(conn, &parcel);
    mp_parcel_clear(&parcel);
    conn->has_parcel = false;
}

static void end_receive(mproc_conn *conn)
{
    mp_conn_leave_from_receiving(conn);
}

ssize_t mp_conn_next(mproc_conn *conn, mp_deadline deadline)
{
    ssize_t len = conn->transport->next(conn, deadline);
    return len >= 0 && (size_t)len > conn->max_message ? MPROC_ETOOBIG : len;
}

static ssize_t receive_alloc(mproc_conn *conn, void **buf, mp_deadline deadline)
{
    ssize_t size;
    int rc = 0;
    do {
        size = mp_conn_next(conn, deadline);
        if (size >= 0)
            rc = conn->transport->take_alloc(conn, buf, (size_t)size, deadline);
    } while (size >= 0 && rc == MP_ABORTED);
    return size >= 0 && rc < 0 ? rc : size;
}

int mp_conn_receive(mproc_conn *conn, void **buf, size_t *len, struct mp_parcel *parcel)
{
    mp_deadline deadline;
    int rc = begin_receive(conn, &deadline);
    if (rc < 0)
        return rc;
    ssize_t size = receive_alloc(conn, buf, deadline);
    if (size >= 0 && parcel && conn->has_parcel) {
        conn->transport->claim_parcel(conn, parcel);
        conn->has_parcel = false;
    }
    end_receive(conn);
    if (size < 0)
        return (int)size;
    *len = (size_t)size;
    return 0;
}

ssize_t mp_conn_take_into(mproc_conn *conn, void *buf, size_t cap, mp_deadline deadline)
{
    ssize_t size;
    int rc = 0;
    do {
        size = mp_conn_next(conn, deadline);
        if (size >= 0 && (size_t)size > cap)
            size = MPROC_EBUFSIZE;
        if (size >= 0)
            rc = conn->transport->take(conn, buf, (size_t)size, deadline);
    } while (size >= 0 && rc == MP_ABORTED);
    return size >= 0 && rc < 0 ? rc : size;
}

static ssize_t receive_waiting(mproc_conn *conn, void *buf, size_t cap)
{
    mp_deadline deadline;
    int rc = begin_receive(conn, &deadline);
    if (rc < 0)
        return rc;
    ssize_t size = mp_conn_take_into(conn, buf, cap, deadline);
    end_receive(conn);
    return size;
}

int mproc_conn_recv_bytes(mproc_conn *conn, void **buf, size_t *len)
{
    if (!conn || !buf || !len)
        return -EINVAL;
    return mp_conn_receive(conn, buf, len, NULL);
}

ssize_t mproc_conn_recv_bytes_into(mproc_conn *conn, void *buf, size_t cap)
{
    if (!conn || (!buf && cap > 0))
        return -EINVAL;
    if (conn->readable && conn->transport->recv_at_once) {
        ssize_t size = conn->transport->recv_at_once(conn, buf, cap);
        if (size != MP_SLOWLY) {
            mp_pollable_touch(&conn->pollable);
            return size;
        }
    }
    return receive_waiting(conn, buf, cap);
}

ssize_t mproc_conn_next_size(mproc_conn *conn)
{
    if (!conn)
        return -EINVAL;
    mp_deadline deadline;
    int rc = begin_receive(conn, &deadline);
    if (rc < 0)
        return rc;
    ssize_t size = conn->transport->next(conn, deadline);
    end_receive(conn);
    return size;
}

int mproc_conn_poll(mproc_conn *conn, double timeout)
{
    mp_deadline deadline;
    int rc = conn ? mp_deadline_in(timeout, &deadline) : -EINVAL;
    return rc < 0 ? rc : mp_pollable_wait_one(&conn->pollable, deadline);
}

mproc_handle mproc_conn_handle(const mproc_conn *conn)
{
    return conn ? conn->transport->handle(conn) : MPROC_INVALID_HANDLE;
}

int mproc_conn_readable(const mproc_conn *conn)
{
    return conn && conn->readable;
}

int mproc_conn_writable(const mproc_conn *conn)
{
    return conn && conn->writable;
}

int mproc_conn_set_timeout(mproc_conn *conn, double send, double recv)
{
    if (!conn || isnan(send) || isnan(recv))
        return -EINVAL;
    conn->send_timeout = send;
    conn->recv_timeout = recv;
    return 0;
}

int mproc_conn_set_max_message(mproc_conn *conn, size_t bytes)
{
    if (!conn)
        return -EINVAL;
    conn->max_message = bytes;
    return 0;
}
