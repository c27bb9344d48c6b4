/* SPDX-License-Identifier: MIT */
#include "listener/listener.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/gate.h"
#include "base/options.h"
#include "connection/authkey.h"
#include "listener/bind.h"
#include "listener/reception.h"

#define DEFAULT_PENDING 256

struct mproc_listener {
    struct mp_pollable pollable;
    struct mp_gate gate; /* who may use the reception */
    struct mp_reception reception;
    struct mp_bound bound;
    struct mp_authkey key;
    pid_t creator;        /* owns the files */
    _Atomic pid_t tenant; /* the process that the reception belongs to */
    char last[MP_ENDPOINT_TEXT];
};

static_assert(sizeof(mproc_listener_options) ==
                  offsetof(mproc_listener_options, handshake_timeout) + sizeof(double),
              "no padding behind the last option");
static_assert(sizeof(mproc_listener_counts) ==
                  offsetof(mproc_listener_counts, failed) + sizeof(uint64_t),
              "no padding behind the last count");

/* A forked copy. */

/*
 * The first use in a forked child: the gate may have been taken by a thread that is not here, and
 * the handshakes are the parent's. The child begins with an empty reception of its own.
 */
static int move_in(mproc_listener *l)
{
    if (atomic_load_explicit(&l->tenant, memory_order_acquire) == getpid())
        return 0;
    mp_reception_abandon(&l->reception);
    int rc = mp_gate_init(&l->gate);
    if (rc == 0)
        rc = mp_reception_open(&l->reception);
    if (rc == 0)
        atomic_store_explicit(&l->tenant, getpid(), memory_order_release);
    return rc;
}

/* The pollable interface. */

static mproc_listener *of_pollable(struct mp_pollable *pollable)
{
    /* It is the first member. */
    return (mproc_listener *)(void *)pollable;
}

static int ready_now(struct mp_pollable *pollable, bool woken)
{
    mproc_listener *l = of_pollable(pollable);
    int rc = move_in(l);
    if (rc < 0)
        return rc;
    /* Another thread is at it, and is woken by whatever woke us. */
    if (!mp_gate_try(&l->gate))
        return 0;
    if (woken)
        rc = mp_reception_progress(&l->reception);
    bool ready = mp_reception_is_ready(&l->reception);
    mp_reception_set_alarm(&l->reception);
    mp_gate_leave(&l->gate);
    /* An error is for the next accept to report. */
    return ready || rc < 0;
}

static size_t handles(struct mp_pollable *pollable, struct pollfd *out, size_t room)
{
    mproc_listener *l = of_pollable(pollable);
    if (!mp_gate_try(&l->gate)) {
        if (room > 0)
            out[0] = (struct pollfd){.fd = mp_watch_handle(l->reception.watch), .events = POLLIN};
        return 1;
    }
    size_t n = mp_watch_handles(l->reception.watch, out, room);
    mp_gate_leave(&l->gate);
    return n;
}

static mp_deadline wake_at(struct mp_pollable *pollable)
{
    mproc_listener *l = of_pollable(pollable);
    if (!mp_gate_try(&l->gate))
        return mp_watch_recheck_at();
    mp_deadline at = mp_watch_wake_at(l->reception.watch);
    mp_gate_leave(&l->gate);
    return at;
}

static const struct mp_pollable_ops pollable_ops = {
    .ready_now = ready_now,
    .handles = handles,
    .wake_at = wake_at,
};

struct mp_pollable *mp_listener_pollable(mproc_listener *listener)
{
    return &listener->pollable;
}

/* Opening. */

static int read_options(mproc_listener_options *o, const mproc_listener_options *given,
                        mproc_error *err)
{
    int rc = mp_options_read(o, sizeof *o, given, err);
    if (rc < 0)
        return rc;
    if (o->backlog < 0)
        return mp_fail(err, -EINVAL, "backlog %d", o->backlog);
    if (!(o->handshake_timeout > 0)) /* NaN, too */
        return mp_fail(err, -EINVAL, "handshake_timeout %g", o->handshake_timeout);
    if (o->max_pending == 0)
        o->max_pending = DEFAULT_PENDING;
    return 0;
}

/* The rules, then the socket. */
static int bind_by_rules(mproc_listener *l, const char *text, const mproc_listener_options *o,
                         mproc_error *err)
{
    struct mp_auth_choice choice = {o->authkey, o->authkey_len, o->flags};
    struct mp_address address;
    if (!text) {
        int rc = mp_auth_choice_check(&choice, NULL, err);
        return rc < 0 ? rc : mp_bind_arbitrary(&l->bound, o->backlog, err);
    }
    int rc = mp_address_parse(&address, text, MP_TO_LISTEN, err);
    if (rc == 0)
        rc = mp_auth_choice_check(&choice, &address, err);
    if (rc < 0)
        return rc;
    l->reception.check_peer = mp_auth_choice_needs_peer(&choice, &address);
    return mp_bind(&l->bound, &address, text, o->backlog, err);
}

static int furnish(mproc_listener *l, const mproc_listener_options *o)
{
    struct mp_reception *r = &l->reception;
    r->listening = l->bound.fd;
    r->authenticate = o->authkey != NULL;
    r->max_pending = o->max_pending;
    r->timeout = o->handshake_timeout;
    r->on_reject = o->on_reject;
    r->user = o->user;
    int rc = mp_authkey_copy(&l->key, o->authkey, o->authkey_len);
    if (rc < 0)
        return rc;
    r->auth = (struct mp_auth_config){
        .key = l->key.bytes,
        .key_len = l->key.len,
        .legacy_md5 = o->flags & MPROC_AUTH_LEGACY_MD5,
    };
    return mp_reception_open(r);
}

int mproc_listener_open(mproc_listener **listener, const char *address,
                        const mproc_listener_options *options, mproc_error *err)
{
    mp_error_clear(err);
    if (!listener)
        return mp_fail(err, -EINVAL, "listen: nowhere to put the listener");
    mproc_listener_options o = MPROC_LISTENER_OPTIONS_INIT;
    int rc = read_options(&o, options, err);
    if (rc < 0)
        return rc;
    mproc_listener *l = calloc(1, sizeof *l);
    if (!l)
        return mp_fail_errno(err, ENOMEM, "listener");
    l->pollable.ops = &pollable_ops;
    l->creator = getpid();
    l->tenant = l->creator;
    rc = mp_gate_init(&l->gate);
    if (rc < 0) {
        free(l);
        return mp_fail_errno(err, -rc, "listener");
    }
    l->bound.fd = -1;
    rc = bind_by_rules(l, address, &o, err);
    if (rc == 0) {
        rc = furnish(l, &o);
        if (rc < 0)
            mp_fail_errno(err, -rc, "listen on %s", l->bound.address);
    }
    if (rc < 0)
        mproc_listener_close(l);
    else
        *listener = l;
    return rc;
}

/* Accepting. */

/* Sleep and make progress until somebody is ready. The gate is kept meanwhile: in the portable
 * build a second sleeper would not learn of the handshakes that the first one begins. */
static int await_ready(struct mp_reception *r, mp_deadline deadline)
{
    for (;;) {
        int rc = mp_reception_progress(r);
        if (mp_reception_is_ready(r))
            return 0;
        if (rc < 0)
            return rc;
        if (mp_deadline_passed(deadline))
            return -ETIMEDOUT;
        mp_reception_set_alarm(r);
        rc = mp_watch_sleep(r->watch, deadline);
        if (rc < 0)
            return rc;
    }
}

static int fetch_next(mproc_listener *l, mproc_conn **conn, mp_deadline deadline)
{
    struct mp_reception *r = &l->reception;
    for (;;) {
        int rc = mp_reception_is_ready(r) ? 0 : await_ready(r, deadline);
        if (rc < 0)
            return rc;
        rc = mp_reception_fetch(r, conn, l->last);
        if (rc == 0 || rc == -ENOMEM)
            return rc;
    }
}

int mproc_listener_accept(mproc_listener *listener, mproc_conn **conn, double timeout,
                          mproc_error *err)
{
    mp_error_clear(err);
    if (!listener || !conn)
        return mp_fail(err, -EINVAL, "accept: NULL");
    mp_deadline deadline;
    int rc = mp_deadline_in(timeout, &deadline);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "accept: timeout");
    rc = move_in(listener);
    if (rc == 0)
        rc = mp_gate_enter(&listener->gate, deadline);
    if (rc == 0) {
        rc = fetch_next(listener, conn, deadline);
        mp_reception_set_alarm(&listener->reception);
        mp_gate_leave(&listener->gate);
        mp_pollable_touch(&listener->pollable);
    }
    if (rc < 0)
        mp_fail_errno(err, -rc, "accept on %s", listener->bound.address);
    return rc;
}

/* What else there is to ask. */

const char *mproc_listener_address(const mproc_listener *listener)
{
    return listener ? listener->bound.address : NULL;
}

const char *mproc_listener_last_accepted(const mproc_listener *listener)
{
    return listener ? listener->last : NULL;
}

mproc_handle mproc_listener_handle(const mproc_listener *listener)
{
    return listener ? mp_watch_handle(listener->reception.watch) : MPROC_INVALID_HANDLE;
}

int mproc_listener_stats(const mproc_listener *listener, mproc_listener_counts *counts)
{
    if (!listener || !counts)
        return -EINVAL;
    mproc_listener_counts now = MPROC_LISTENER_COUNTS_INIT;
    size_t size = counts->size;
    if (size < sizeof size)
        return -EINVAL;
    const struct mp_reception *r = &listener->reception;
    now.pending = atomic_load(&r->waiting);
    now.accepted = atomic_load(&r->counts[MP_ACCEPTED]);
    now.failed_auth = atomic_load(&r->counts[MP_FAILED_AUTH]);
    now.timed_out = atomic_load(&r->counts[MP_TIMED_OUT]);
    now.hung_up = atomic_load(&r->counts[MP_HUNG_UP]);
    now.bad_protocol = atomic_load(&r->counts[MP_BAD_PROTOCOL]);
    now.pushed_out = atomic_load(&r->counts[MP_PUSHED_OUT]);
    now.foreign_user = atomic_load(&r->counts[MP_FOREIGN_USER]);
    now.failed = atomic_load(&r->counts[MP_FAILED]);
    now.rejected = now.failed_auth + now.timed_out + now.hung_up + now.bad_protocol +
                   now.pushed_out + now.foreign_user + now.failed;
    /* A caller with a longer struct finds zeros in what this library does not count. */
    memset(counts, 0, size);
    memcpy(counts, &now, size < sizeof now ? size : sizeof now);
    counts->size = size;
    return 0;
}

void mproc_listener_close(mproc_listener *listener)
{
    if (!listener)
        return;
    mp_pollable_leave(&listener->pollable);
    pid_t self = getpid();
    if (listener->creator == self)
        mp_bound_remove_files(&listener->bound);
    if (listener->tenant == self)
        mp_reception_close(&listener->reception);
    else
        mp_reception_abandon(&listener->reception);
    mp_bound_free(&listener->bound);
    mp_authkey_clear(&listener->key);
    if (listener->tenant == self)
        mp_gate_destroy(&listener->gate);
    free(listener);
}
