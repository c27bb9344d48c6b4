/* SPDX-License-Identifier: MIT */
/*
 * What a connection asks of its transport. connection.c checks arguments, direction and limits,
 * counts the deadline and lets in one sender and one receiver at a time; a transport moves
 * messages.
 */
#ifndef MP_CONNECTION_TRANSPORT_H
#define MP_CONNECTION_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include <mproc/connection.h>

#include "base/clock.h"
#include "base/gate.h"
#include "base/pollable.h"
#include "connection/parcel.h"

struct mp_transport {
    /* Send one whole message. As mproc_conn_send_bytes(). */
    int (*send)(mproc_conn *conn, const void *buf, size_t len, mp_deadline deadline);

    /* Wait for the next message to begin and return its length, which stays queued. MPROC_EOF,
     * MPROC_EPROTO, -ETIMEDOUT, -errno. */
    ssize_t (*next)(mproc_conn *conn, mp_deadline deadline);

    /* Take the message that next() announced, `len` bytes, into `dst`. On failure nothing is lost
     * unless the error is fatal. */
    int (*take)(mproc_conn *conn, void *dst, size_t len, mp_deadline deadline);

    /* The same into malloc'd memory that grows with what arrives. */
    int (*take_alloc)(mproc_conn *conn, void **dst, size_t len, mp_deadline deadline);

    /*
     * Send a message with a copy of each descriptor in the parcel beside it. NULL, or
     * MPROC_ECANTPASS: descriptors cannot travel here.
     */
    int (*send_parcel)(mproc_conn *conn, const void *buf, size_t len,
                       const struct mp_parcel *parcel, mp_deadline deadline);

    /* The descriptors that came with the message just taken; conn->has_parcel says that there are
     * any. Into an empty parcel. */
    void (*claim_parcel)(mproc_conn *conn, struct mp_parcel *parcel);

    /*
     * Give this end to another process: append its descriptors, still owned by it, to the parcel,
     * and say in *traits what the other side needs to know beside them. -EBUSY: it holds unread
     * messages; MPROC_ECANTPASS.
     */
    int (*pass)(mproc_conn *conn, struct mp_parcel *parcel, unsigned *traits);

    /* Close this copy's descriptors, so that the peer can see an end; only destroy() may follow. */
    void (*shut)(mproc_conn *conn);

    /* As struct mp_pollable_ops has it. */
    int (*ready_now)(mproc_conn *conn, bool woken);

    mproc_handle (*handle)(const mproc_conn *conn);

    /* Close and free. */
    void (*destroy)(mproc_conn *conn);
};

/* What pass() says of a connection; it crosses the wire. */
enum mp_pass_traits {
    MP_PASS_READABLE = 0x1,
    MP_PASS_WRITABLE = 0x2,
    MP_PASS_SHARED = 0x4,
    MP_PASS_ALL = 0x7
};

/* A transport embeds this as its first member. */
struct mproc_conn {
    const struct mp_transport *transport;
    struct mp_pollable pollable;
    mproc_conn *twin; /* the other end of the pipe while that is open in this process, see twin.h */
    bool readable;
    bool writable;
    bool has_parcel;       /* descriptors came with the message just taken */
    atomic_bool contended; /* a waiter found another thread receiving */
    double send_timeout;   /* seconds */
    double recv_timeout;
    size_t max_message; /* bytes */
    struct mp_gate sending;
    struct mp_gate receiving;
};

/* Fill in the common part. 0 or -errno. */
int mp_conn_init(mproc_conn *conn, const struct mp_transport *transport, bool readable,
                 bool writable);

/* Undo mp_conn_init(), for transports' destroy(). */
void mp_conn_fini(mproc_conn *conn);

/* For the wait module. */
struct mp_pollable *mp_conn_pollable(mproc_conn *conn);

#endif
