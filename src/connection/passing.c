/* SPDX-License-Identifier: MIT */
/*
 * An id is the place of the connection's first descriptor in its parcel, and what enum
 * mp_pass_traits says of it.
 */
#include "connection/passing.h"

#include <errno.h>

#include <mproc/error.h>

#include "connection/ring_pipe.h"
#include "connection/stream.h"
#include "connection/transport.h"

#define TRAIT_BITS 8

int mp_passing_leave(void *parcel, void *connection, uint64_t *id)
{
    mproc_conn *conn = connection;
    unsigned traits = 0;
    size_t place = ((const struct mp_parcel *)parcel)->n;
    if (!conn->transport->pass)
        return MPROC_ECANTPASS;
    int rc = conn->transport->pass(conn, parcel, &traits);
    if (rc == 0)
        *id = (uint64_t)place << TRAIT_BITS | traits;
    return rc;
}

static void drop_connection(void *connection)
{
    mproc_conn_close(connection);
}

static unsigned stream_flags(unsigned traits)
{
    unsigned flags = traits & MP_PASS_SHARED ? MPROC_CONN_SHARED : 0;
    if (!(traits & MP_PASS_WRITABLE))
        flags |= MPROC_CONN_READONLY;
    if (!(traits & MP_PASS_READABLE))
        flags |= MPROC_CONN_WRITEONLY;
    return flags;
}

/* Each descriptor becomes part of one connection: an id that comes twice finds it gone. */
static int adopt_stream(mproc_conn **conn, struct mp_parcel *parcel, size_t place, unsigned traits)
{
    if (parcel->fds[place] < 0)
        return MPROC_EPICKLE;
    int rc = mp_stream_new(conn, parcel->fds[place], stream_flags(traits));
    if (rc < 0)
        return rc == -ENOMEM ? rc : MPROC_EPICKLE;
    parcel->fds[place] = -1;
    return 0;
}

int mp_passing_arrive(void *parcel, uint64_t id, void **connection, void (**drop)(void *))
{
    struct mp_parcel *from = parcel;
    uint64_t place = id >> TRAIT_BITS;
    unsigned traits = id & ((1U << TRAIT_BITS) - 1);
    mproc_conn *conn = NULL;
    if (place >= from->n)
        return from->lost ? MPROC_ELOST : MPROC_EPICKLE;
    if (traits & ~(unsigned)MP_PASS_ALL)
        return MPROC_EPICKLE;
    int rc = traits & MP_PASS_RING ? mp_ring_adopt(&conn, from, (size_t)place, traits)
                                   : adopt_stream(&conn, from, (size_t)place, traits);
    if (rc < 0)
        return rc;
    *connection = conn;
    *drop = drop_connection;
    return 0;
}
