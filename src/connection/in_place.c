/* SPDX-License-Identifier: MIT */
/*
 * Messages written and read in place. Where the transport has no room of its own for a message,
 * the library allocates some, and the calls are the same.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <mproc/error.h>

#include "connection/transport.h"

_Thread_local char mp_place_mark;

static void open_place(struct mp_in_place *place, size_t len)
{
    place->len = len;
    atomic_store_explicit(&place->owner, &mp_place_mark, memory_order_relaxed);
}

static void close_place(mproc_conn *conn, enum mp_way way)
{
    struct mp_in_place *place = mp_conn_in_place(conn, way);
    free(place->copy);
    place->copy = NULL;
    atomic_store_explicit(&place->owner, NULL, memory_order_relaxed);
    if (way == MP_RECEIVING)
        mp_conn_leave_from_receiving(conn);
    else
        mp_conn_leave(conn, way);
}

static bool is_ours(const struct mp_in_place *place)
{
    return atomic_load_explicit(&place->owner, memory_order_relaxed) == &mp_place_mark;
}

static int find_room(mproc_conn *conn, size_t len, void **room, mp_deadline deadline)
{
    int rc = MP_SLOWLY;
    if (conn->transport->reserve)
        rc = conn->transport->reserve(conn, len, room, deadline);
    if (rc != MP_SLOWLY)
        return rc;
    conn->writing.copy = malloc(len > 0 ? len : 1);
    if (!conn->writing.copy)
        return -ENOMEM;
    *room = conn->writing.copy;
    return 0;
}

int mproc_conn_reserve(mproc_conn *conn, size_t len, void **room)
{
    if (!conn || !room || len > SSIZE_MAX)
        return -EINVAL;
    if (!conn->writable)
        return MPROC_EDIRECTION;
    mp_deadline deadline;
    int rc = mp_deadline_in(conn->send_timeout, &deadline);
    if (rc == 0)
        rc = mp_conn_enter(conn, MP_SENDING, deadline);
    if (rc < 0)
        return rc;
    rc = find_room(conn, len, room, deadline);
    if (rc == 0)
        open_place(&conn->writing, len);
    else
        mp_conn_leave(conn, MP_SENDING);
    return rc;
}

int mproc_conn_commit(mproc_conn *conn, size_t len)
{
    if (!conn || !is_ours(&conn->writing) || len > conn->writing.len)
        return -EINVAL;
    mp_deadline deadline;
    int rc = mp_deadline_in(conn->send_timeout, &deadline);
    if (rc == 0 && conn->writing.copy)
        rc = conn->transport->send(conn, conn->writing.copy, len, deadline);
    else if (rc == 0)
        rc = conn->transport->commit(conn, len);
    close_place(conn, MP_SENDING);
    return rc;
}

int mproc_conn_abort(mproc_conn *conn)
{
    if (!conn || !is_ours(&conn->writing))
        return -EINVAL;
    close_place(conn, MP_SENDING);
    return 0;
}

/* The message, where it lies or in memory of its own: its length or a negative code. */
static ssize_t find_message(mproc_conn *conn, const void **message, mp_deadline deadline)
{
    ssize_t len;
    int rc = 0;
    do {
        len = mp_conn_next(conn, deadline);
        if (len < 0)
            return len;
        if (conn->transport->peek) {
            rc = conn->transport->peek(conn, message, deadline);
        } else {
            rc = conn->transport->take_alloc(conn, &conn->reading.copy, (size_t)len, deadline);
            if (rc == 0)
                *message = conn->reading.copy;
        }
    } while (rc == MP_ABORTED);
    return rc < 0 ? rc : len;
}

ssize_t mproc_conn_peek(mproc_conn *conn, const void **message)
{
    if (!conn || !message)
        return -EINVAL;
    if (!conn->readable)
        return MPROC_EDIRECTION;
    mp_deadline deadline;
    int rc = mp_deadline_in(conn->recv_timeout, &deadline);
    if (rc == 0)
        rc = mp_conn_enter_to_receive(conn, deadline);
    if (rc < 0)
        return rc;
    ssize_t len = find_message(conn, message, deadline);
    if (len >= 0)
        open_place(&conn->reading, (size_t)len);
    else
        mp_conn_leave_from_receiving(conn);
    return len;
}

int mproc_conn_release(mproc_conn *conn)
{
    if (!conn || !is_ours(&conn->reading))
        return -EINVAL;
    if (!conn->reading.copy)
        conn->transport->release(conn);
    close_place(conn, MP_RECEIVING);
    return 0;
}

void mp_conn_leave_places(mproc_conn *conn)
{
    if (is_ours(&conn->writing))
        close_place(conn, MP_SENDING);
    if (is_ours(&conn->reading))
        close_place(conn, MP_RECEIVING);
}
