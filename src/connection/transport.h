/* SPDX-License-Identifier: MIT */
/*
 * What a connection asks of its transport. connection.c checks arguments, direction and limits,
 * counts the deadline and lets in one sender and one receiver at a time; a transport moves
 * messages.
 */
#ifndef MP_CONNECTION_TRANSPORT_H
#define MP_CONNECTION_TRANSPORT_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include <mproc/connection.h>

#include "base/clock.h"
#include "base/gate.h"
#include "base/pollable.h"
#include "connection/parcel.h"

/* What a transport's functions return to connection.c only. */
enum mp_transport_code {
    MP_SLOWLY = -5990,  /* not to be done at once: go the long way */
    MP_ABORTED = -5991, /* the message that was announced is void: wait for the next */
};

enum mp_way { MP_SENDING, MP_RECEIVING };

struct mp_transport {
    /* Send one whole message. As mproc_conn_send_bytes(). */
    int (*send)(mproc_conn *conn, const void *buf, size_t len, mp_deadline deadline);

    /* Wait for the next message to begin and return its length, which stays queued. MPROC_EOF,
     * MPROC_EPROTO, -ETIMEDOUT, -errno. */
    ssize_t (*next)(mproc_conn *conn, mp_deadline deadline);

    /* Take the message that next() announced, `len` bytes, into `dst`. On failure nothing is lost
     * unless the error is fatal. Or MP_ABORTED. */
    int (*take)(mproc_conn *conn, void *dst, size_t len, mp_deadline deadline);

    /* The same into malloc'd memory that grows with what arrives. */
    int (*take_alloc)(mproc_conn *conn, void **dst, size_t len, mp_deadline deadline);

    /*
     * Give this end to another process: append its descriptors, still owned by it, to the parcel,
     * and say in *traits what the other side needs to know beside them. -EBUSY: this process holds
     * messages, or a part of one, that only it can receive or send; -E2BIG; -EBADF after shut().
     */
    int (*pass)(mproc_conn *conn, struct mp_parcel *parcel, unsigned *traits);

    /* Close this copy's descriptors, so that the peer can see an end; only destroy() may follow. */
    void (*shut)(mproc_conn *conn);

    /* As struct mp_pollable_ops has it. */
    int (*ready_now)(mproc_conn *conn, bool woken);

    mproc_handle (*handle)(const mproc_conn *conn);

    /* What follows may be NULL. */

    /*
     * Send a message with a copy of each descriptor in the parcel beside it. NULL, or
     * MPROC_ECANTPASS: descriptors cannot travel here.
     */
    int (*send_parcel)(mproc_conn *conn, const void *buf, size_t len,
                       const struct mp_parcel *parcel, mp_deadline deadline);

    /* The descriptors that came with the message just taken; conn->has_parcel says that there are
     * any. Into an empty parcel. */
    void (*claim_parcel)(mproc_conn *conn, struct mp_parcel *parcel);

    /* Become the one sender or receiver, and cease to be it. NULL: by the gates. 0, -ETIMEDOUT,
     * -EDEADLK. */
    int (*enter)(mproc_conn *conn, enum mp_way way, mp_deadline deadline);
    void (*leave)(mproc_conn *conn, enum mp_way way);

    /* The whole of a send or receive, entering included, where it takes no waiting and nothing
     * out of the ordinary; else MP_SLOWLY, with nothing done. */
    int (*send_at_once)(mproc_conn *conn, const void *buf, size_t len);
    ssize_t (*recv_at_once)(mproc_conn *conn, void *buf, size_t cap);

    /* Send some of the messages, entered: how many went (at least one), or as send(). NULL: one
     * after the other. */
    ssize_t (*send_many)(mproc_conn *conn, const mproc_bytes *messages, size_t n,
                         mp_deadline deadline);

    /* Room for a message of `len` bytes in the transport itself, entered until commit() or abort:
     * 0, MP_SLOWLY if it has none for so long a one, or as send(). */
    int (*reserve)(mproc_conn *conn, size_t len, void **room, mp_deadline deadline);
    int (*commit)(mproc_conn *conn, size_t len);

    /* Where the message that next() announced lies, entered until release(), which takes it. 0,
     * or as take(). NULL: take_alloc() it. */
    int (*peek)(mproc_conn *conn, const void **message, mp_deadline deadline);
    void (*release)(mproc_conn *conn);

    /* Make the handle become ready with the next message, until disarm(); between the two,
     * ready_now(woken) renews that. `entered` says whether the caller is the one receiver. 0, or 1
     * for "ready already". NULL: the handle always becomes ready. */
    int (*arm)(mproc_conn *conn, bool entered);
    void (*disarm)(mproc_conn *conn);

    /* Are there several waiters, so that a handle would wake but one? They ask again by the clock.
     */
    bool (*is_crowded)(mproc_conn *conn);

    /* This is a copy that a forked child means to use, see twin.h. NULL: that makes no difference.
     */
    void (*claim)(mproc_conn *conn);

    /* Close and free. */
    void (*destroy)(mproc_conn *conn);
};

/* What pass() says of a connection; it crosses the wire. */
enum mp_pass_traits {
    MP_PASS_READABLE = 0x1,
    MP_PASS_WRITABLE = 0x2,
    MP_PASS_SHARED = 0x4,
    MP_PASS_RING = 0x8, /* through shared memory, and several descriptors */
    MP_PASS_ALL = 0xf
};

/* A message being written or read in place, between two calls of the one thread that may. */
struct mp_in_place {
    const char *_Atomic owner; /* the thread's mp_place_mark; NULL while there is no such message */
    void *copy;                /* malloc'd, where the transport has no place */
    size_t len;
};

/* The address tells threads apart: only the thread itself ever writes its own into a connection, so
 * that it needs no order with other memory to find out whether it did. */
extern _Thread_local char mp_place_mark;

/* A transport embeds this as its first member. */
struct mproc_conn {
    const struct mp_transport *transport;
    struct mp_pollable pollable;
    mproc_conn *twin; /* the other end of the pipe while that is open in this process, see twin.h */
    bool readable;
    bool writable;
    bool has_parcel;       /* descriptors came with the message just taken */
    atomic_bool contended; /* a waiter found another receiving, or waiting as well */
    bool put_off;          /* ready_now() was told "woken", as it may have been, meanwhile */
    double send_timeout;   /* seconds */
    double recv_timeout;
    size_t max_message; /* bytes */
    struct mp_gate sending;
    struct mp_gate receiving;
    struct mp_in_place writing;
    struct mp_in_place reading;
};

/* Fill in the common part. 0 or -errno. */
int mp_conn_init(mproc_conn *conn, const struct mp_transport *transport, bool readable,
                 bool writable);

/* Undo mp_conn_init(), for transports' destroy(). */
void mp_conn_fini(mproc_conn *conn);

static inline struct mp_in_place *mp_conn_in_place(mproc_conn *conn, enum mp_way way)
{
    return way == MP_SENDING ? &conn->writing : &conn->reading;
}

/* Become the one sender or receiver. 0, -ETIMEDOUT, -EDEADLK. */
static inline int mp_conn_enter(mproc_conn *conn, enum mp_way way, mp_deadline deadline)
{
    const struct mp_in_place *place = mp_conn_in_place(conn, way);
    const char *owner = atomic_load_explicit(&place->owner, memory_order_relaxed);
    if (owner && owner == &mp_place_mark)
        return -EDEADLK;
    if (conn->transport->enter)
        return conn->transport->enter(conn, way, deadline);
    return mp_gate_enter(way == MP_SENDING ? &conn->sending : &conn->receiving, deadline);
}

/* Descriptors that came with a message that was received as bytes have nobody to go to. */
void mp_conn_drop_parcel(mproc_conn *conn);

static inline void mp_conn_leave(mproc_conn *conn, enum mp_way way)
{
    if (way == MP_RECEIVING && conn->has_parcel)
        mp_conn_drop_parcel(conn);
    if (conn->transport->leave)
        conn->transport->leave(conn, way);
    else
        mp_gate_leave(way == MP_SENDING ? &conn->sending : &conn->receiving);
}

/* The same for a receive that may sleep or read ahead; see mp_pollable_touch(). */
static inline int mp_conn_enter_to_receive(mproc_conn *conn, mp_deadline deadline)
{
    mp_pollable_touch(&conn->pollable);
    return mp_conn_enter(conn, MP_RECEIVING, deadline);
}

static inline void mp_conn_leave_from_receiving(mproc_conn *conn)
{
    mp_conn_leave(conn, MP_RECEIVING);
    mp_pollable_touch(&conn->pollable);
}

/* Length of the next message if it is within the limit; it stays queued. */
ssize_t mp_conn_next(mproc_conn *conn, mp_deadline deadline);

/* Take it if it fits: its length, MPROC_EBUFSIZE, or as next() and take(). */
ssize_t mp_conn_take_into(mproc_conn *conn, void *buf, size_t cap, mp_deadline deadline);

/* Give up what is being written or read in place, before the connection is closed. */
void mp_conn_leave_places(mproc_conn *conn);

/* For the wait module. */
struct mp_pollable *mp_conn_pollable(mproc_conn *conn);

#endif
