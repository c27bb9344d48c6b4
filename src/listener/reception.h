/* SPDX-License-Identifier: MIT */
/*
 * Where clients wait: handshakes side by side, each with its own deadline, and those that have
 * finished until they are fetched. Nothing here blocks, and nothing is locked.
 */
#ifndef MP_LISTENER_RECEPTION_H
#define MP_LISTENER_RECEPTION_H

#include <stdatomic.h>

#include <mproc/listener.h>

#include "listener/endpoint.h"
#include "listener/handshake.h"
#include "listener/watch.h"

/* A client between its connect(2) and mproc_listener_accept(). */
struct mp_visitor {
    struct mp_visitor *prev;
    struct mp_visitor *next;
    int fd;
    bool watched;
    short events; /* watched for */
    mp_deadline deadline;
    struct mp_endpoint peer;
    struct mp_handshake handshake;
};

struct mp_visitors {
    struct mp_visitor *first; /* the oldest, whose deadline is the next */
    struct mp_visitor *last;
    size_t n;
};

enum mp_reception_count {
    MP_ACCEPTED,
    MP_FAILED_AUTH,
    MP_TIMED_OUT,
    MP_HUNG_UP,
    MP_BAD_PROTOCOL,
    MP_PUSHED_OUT,
    MP_FOREIGN_USER,
    MP_FAILED,
    MP_COUNTS
};

struct mp_reception {
    /* Set by the owner. */
    int listening;              /* borrowed, non-blocking */
    bool authenticate;          /* with `auth` */
    bool check_peer;            /* only this user's and root's clients */
    struct mp_auth_config auth; /* its key is borrowed */
    size_t max_pending;
    double timeout; /* seconds for each handshake */
    mproc_reject_fn on_reject;
    void *user;
    /* The rest is private. */
    struct mp_watch *watch;
    struct mp_visitors pending;
    struct mp_visitors finished;
    struct mp_visitor *spare; /* so that nobody is accepted whom there is no memory for */
    atomic_size_t waiting;    /* pending.n, for other threads */
    atomic_ullong counts[MP_COUNTS];
};

/* Begin; *r holds the owner's fields, the others are zero. 0 or -errno. */
int mp_reception_open(struct mp_reception *r);

/* Turn all away and free. */
void mp_reception_close(struct mp_reception *r);

/* The same in a forked copy: close the copies, leave the clients to the parent. */
void mp_reception_abandon(struct mp_reception *r);

/*
 * Make the progress that can be made now: take in newcomers, move handshakes on, turn away who is
 * late. 0, or -errno if newcomers could not be accepted.
 */
int mp_reception_progress(struct mp_reception *r);

/* Is somebody ready to be fetched? */
bool mp_reception_is_ready(const struct mp_reception *r);

/* Set the alarm for the next deadline; to be called before the watch is slept on. */
void mp_reception_set_alarm(struct mp_reception *r);

/*
 * The first client that is ready, as a connection, and the text of its address.
 * -ENOMEM: it stays. Another negative code: it was turned away.
 */
int mp_reception_fetch(struct mp_reception *r, mproc_conn **conn, char peer[MP_ENDPOINT_TEXT]);

#endif
