/* SPDX-License-Identifier: MIT */
/* Many messages in one call. */
#include <errno.h>
#include <limits.h>

#include <mproc/error.h>

#include "connection/transport.h"

static int check_messages(const mproc_conn *conn, const mproc_bytes *messages, size_t n)
{
    if (!conn || (!messages && n > 0) || n > SSIZE_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if ((!messages[i].data && messages[i].len > 0) || messages[i].len > SSIZE_MAX)
            return -EINVAL;
    return conn->writable ? 0 : MPROC_EDIRECTION;
}

static ssize_t send_some(mproc_conn *conn, const mproc_bytes *messages, size_t n,
                         mp_deadline deadline)
{
    if (conn->transport->send_many)
        return conn->transport->send_many(conn, messages, n, deadline);
    int rc = conn->transport->send(conn, messages->data, messages->len, deadline);
    return rc < 0 ? rc : 1;
}

ssize_t mproc_conn_send_many(mproc_conn *conn, const mproc_bytes *messages, size_t n)
{
    mp_deadline deadline = MP_NOW;
    int rc = check_messages(conn, messages, n);
    if (rc == 0)
        rc = mp_deadline_in(conn->send_timeout, &deadline);
    if (rc < 0 || n == 0)
        return rc;
    rc = mp_conn_enter(conn, MP_SENDING, deadline);
    if (rc < 0)
        return rc;
    size_t sent = 0;
    ssize_t some = 0;
    while (sent < n && some >= 0) {
        some = send_some(conn, messages + sent, n - sent, deadline);
        sent += some > 0 ? (size_t)some : 0;
    }
    mp_conn_leave(conn, MP_SENDING);
    return sent > 0 ? (ssize_t)sent : some;
}

static int check_buffers(const mproc_conn *conn, const mproc_buffer *buffers, size_t n)
{
    if (!conn || (!buffers && n > 0) || n > SSIZE_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (!buffers[i].data && buffers[i].cap > 0)
            return -EINVAL;
    return conn->readable ? 0 : MPROC_EDIRECTION;
}

ssize_t mproc_conn_recv_many(mproc_conn *conn, mproc_buffer *buffers, size_t n)
{
    mp_deadline deadline = MP_NOW;
    int rc = check_buffers(conn, buffers, n);
    if (rc == 0)
        rc = mp_deadline_in(conn->recv_timeout, &deadline);
    if (rc < 0 || n == 0)
        return rc;
    rc = mp_conn_enter_to_receive(conn, deadline);
    if (rc < 0)
        return rc;
    ssize_t len = mp_conn_take_into(conn, buffers[0].data, buffers[0].cap, deadline);
    ssize_t received = len;
    size_t i = 0;
    while (len >= 0) {
        buffers[i++].len = (size_t)len;
        received = (ssize_t)i;
        if (i == n || conn->transport->ready_now(conn, false) != 1)
            break;
        len = mp_conn_take_into(conn, buffers[i].data, buffers[i].cap, MP_NOW);
    }
    mp_conn_leave_from_receiving(conn);
    return received;
}
