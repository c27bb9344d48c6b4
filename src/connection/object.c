/* SPDX-License-Identifier: MIT */
/*
 * Values over connections: one pickle a message, as Connection.send() and recv() of CPython have
 * it.
 *
 * A connection inside is a persistent id in the pickle, which Python's pickles of plain objects do
 * not have, and descriptors beside the message; see passing.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include <mproc/error.h>

#include "base/error.h"
#include "connection/object.h"
#include "connection/passing.h"
#include "connection/receive.h"
#include "connection/transport.h"
#include "value/connection.h"
#include "value/pack.h"
#include "value/pickle.h"

/* Sending. */

int mp_object_pickle(const mproc_value *value, struct mp_buffer *pickle, struct mp_parcel *parcel,
                     mproc_error *err)
{
    const struct mp_pickle_hooks hooks = {.user = parcel, .leave = mp_passing_leave};
    const mproc_value none = mp_none();
    return mp_pickle(value ? value : &none, pickle, NULL, &hooks, err);
}

int mp_object_send(mproc_conn *conn, const struct mp_buffer *pickle, const struct mp_parcel *parcel)
{
    mp_deadline deadline;
    if (parcel->n == 0)
        return mproc_conn_send_bytes(conn, pickle->data, pickle->len);
    if (!conn->writable)
        return MPROC_EDIRECTION;
    if (!conn->transport->send_parcel)
        return MPROC_ECANTPASS;
    int rc = mp_deadline_in(conn->send_timeout, &deadline);
    if (rc == 0)
        rc = mp_conn_enter(conn, MP_SENDING, deadline);
    if (rc < 0)
        return rc;
    rc = conn->transport->send_parcel(conn, pickle->data, pickle->len, parcel, deadline);
    mp_conn_leave(conn, MP_SENDING);
    return rc;
}

int mproc_conn_send(mproc_conn *conn, const mproc_value *value, mproc_error *err)
{
    struct mp_buffer pickle = {0};
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    mp_error_clear(err);
    if (!conn)
        return mp_fail(err, -EINVAL, "send: no connection");
    int rc = mp_object_pickle(value, &pickle, &parcel, err);
    if (rc == 0)
        rc = mp_object_send(conn, &pickle, &parcel);
    mp_buffer_clear(&pickle);
    return rc < 0 ? mp_fail(err, rc, "send: %s", mproc_strerror(rc)) : 0;
}

int mproc_conn_sendf(mproc_conn *conn, const char *format, ...)
{
    mproc_value *value;
    va_list args;
    va_start(args, format);
    int rc = mp_vpack(&value, NULL, format, args);
    va_end(args);
    if (rc < 0)
        return rc;
    rc = mproc_conn_send(conn, value, NULL);
    mproc_value_free(value);
    return rc;
}

/* Receiving. */

int mproc_conn_recv(mproc_conn *conn, mproc_value **value, mproc_error *err)
{
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    const struct mp_pickle_hooks hooks = {.user = &parcel, .arrive = mp_passing_arrive};
    void *message;
    size_t len;
    mp_error_clear(err);
    if (!conn || !value)
        return mp_fail(err, -EINVAL, "recv: NULL where something is needed");
    int rc = mp_conn_receive(conn, &message, &len, &parcel);
    if (rc < 0)
        return mp_fail(err, rc, "recv: %s", mproc_strerror(rc));
    rc = mp_unpickle_message(value, message, 0, len, NULL, &hooks, err);
    if (rc < 0)
        free(message);
    mp_parcel_clear(&parcel);
    return rc < 0 ? mp_fail(err, rc, "recv: %s", mproc_strerror(rc)) : 0;
}

/* Connections in values. */

mproc_conn *mproc_value_conn(const mproc_value *value)
{
    return value ? mp_value_connection(value) : NULL;
}

int mproc_value_take_conn(mproc_value *root, mproc_conn *conn)
{
    return root && mp_value_disown_connection(root, conn) ? 0 : -ENOENT;
}
