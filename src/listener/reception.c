/* SPDX-License-Identifier: MIT */
#include "listener/reception.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "listener/socket.h"

/* Newcomers taken in one round, so that a flood of them does not hold up the handshakes. */
#define NEWCOMERS 64

/* The two lists. */

static void append(struct mp_visitors *list, struct mp_visitor *v)
{
    v->prev = list->last;
    v->next = NULL;
    if (list->last)
        list->last->next = v;
    else
        list->first = v;
    list->last = v;
    list->n++;
}

static void detach(struct mp_visitors *list, struct mp_visitor *v)
{
    if (v->prev)
        v->prev->next = v->next;
    else
        list->first = v->next;
    if (v->next)
        v->next->prev = v->prev;
    else
        list->last = v->prev;
    list->n--;
}

/* The first one of a list that is not empty, off the list. */
static struct mp_visitor *take_first(struct mp_visitors *list)
{
    struct mp_visitor *v = list->first;
    list->first = v->next;
    if (list->first)
        list->first->prev = NULL;
    else
        list->last = NULL;
    list->n--;
    return v;
}

static void leave_pending(struct mp_reception *r, struct mp_visitor *v)
{
    if (v->watched)
        mp_watch_remove(r->watch, v->fd);
    v->watched = false;
    detach(&r->pending, v);
    atomic_store(&r->waiting, r->pending.n);
}

/* Turning away. */

static enum mp_reception_count count_of(int reason)
{
    switch (reason) {
    case MPROC_EAUTH:
        return MP_FAILED_AUTH;
    case -ETIMEDOUT:
        return MP_TIMED_OUT;
    case MPROC_EOF:
        return MP_HUNG_UP;
    case MPROC_EPROTO:
        return MP_BAD_PROTOCOL;
    case MPROC_EBUSY:
        return MP_PUSHED_OUT;
    case -EACCES:
        return MP_FOREIGN_USER;
    default:
        return MP_FAILED;
    }
}

/* The shutdown tells the peer even while a forked process holds a copy of the socket. */
static void dismiss(struct mp_visitor *v)
{
    shutdown(v->fd, SHUT_RDWR);
    mp_fd_close(&v->fd);
    free(v);
}

/* `v` is in no list. */
static void turn_away(struct mp_reception *r, struct mp_visitor *v, int reason)
{
    char peer[MP_ENDPOINT_TEXT];
    mp_endpoint_text(&v->peer, peer);
    const char *why = v->handshake.why ? v->handshake.why : mproc_strerror(reason);
    mp_log(MPROC_LOG_INFO, "turned away %s: %s (%s)", peer[0] ? peer : "a local client", why,
           mproc_error_name(reason));
    dismiss(v);
    atomic_fetch_add(&r->counts[count_of(reason)], 1);
    if (r->on_reject)
        r->on_reject(r->user, peer, reason);
}

static void turn_away_oldest(struct mp_reception *r, int reason)
{
    struct mp_visitor *v = r->pending.first;
    leave_pending(r, v);
    turn_away(r, v, reason);
}

/* Handshakes. */

static int watch_for(struct mp_reception *r, struct mp_visitor *v)
{
    short events = mp_handshake_events(&v->handshake);
    int rc = 0;
    if (!v->watched)
        rc = mp_watch_add(r->watch, v->fd, events, v);
    else if (events != v->events)
        rc = mp_watch_change(r->watch, v->fd, events, v);
    v->watched = v->watched || rc == 0;
    v->events = events;
    return rc;
}

/*
 * A deadline that passed while nobody called into the listener is not the client's fault: if its
 * message had come meanwhile, it gets its time again. That happens once a message, three times in
 * all.
 */
static void forgive_lateness(struct mp_reception *r, struct mp_visitor *v)
{
    if (!mp_deadline_passed(v->deadline))
        return;
    mp_deadline_in(r->timeout, &v->deadline);
    detach(&r->pending, v);
    append(&r->pending, v);
}

static void advance(struct mp_reception *r, struct mp_visitor *v)
{
    unsigned before = v->handshake.messages;
    int rc = mp_handshake_step(&v->handshake);
    if (rc == 0)
        rc = watch_for(r, v);
    if (rc == 0) {
        if (v->handshake.messages > before)
            forgive_lateness(r, v);
        return;
    }
    leave_pending(r, v);
    if (rc < 0) {
        turn_away(r, v, rc);
        return;
    }
    /* CPython's client has TCP_NODELAY off: it would hold back its first message until the
     * handshake's last is acknowledged, 40 ms. */
    mp_socket_acknowledge(v->fd);
    append(&r->finished, v);
}

static void turn_away_late(struct mp_reception *r)
{
    while (r->pending.first && mp_deadline_passed(r->pending.first->deadline))
        turn_away_oldest(r, -ETIMEDOUT);
}

/* Newcomers. */

static void begin_handshake(struct mp_reception *r, struct mp_visitor *v)
{
    /* The oldest has had its chance; an honest newcomer must get one, too. */
    while (r->pending.n >= r->max_pending)
        turn_away_oldest(r, MPROC_EBUSY);
    mp_handshake_begin(&v->handshake, v->fd, MP_AUTH_LISTENER, &r->auth);
    mp_deadline_in(r->timeout, &v->deadline);
    append(&r->pending, v);
    atomic_store(&r->waiting, r->pending.n);
    advance(r, v);
}

static void receive_newcomer(struct mp_reception *r, struct mp_visitor *v)
{
    int rc = r->check_peer ? mp_socket_check_peer(v->fd) : 0;
    if (rc < 0)
        turn_away(r, v, rc);
    else if (r->authenticate)
        begin_handshake(r, v);
    else
        append(&r->finished, v);
}

/* Errors of one client rather than of the socket; accept(2) tells which. */
static bool concerns_one_client(int rc)
{
    switch (-rc) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
#if defined ENONET
    case ENONET:
#endif
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static bool is_out_of_descriptors(int rc)
{
    return rc == -EMFILE || rc == -ENFILE;
}

/*
 * The descriptor is the first thing that accept(2) looks for, so its lack says nothing about
 * clients; only if one waits must somebody make room.
 */
static int make_room(struct mp_reception *r, int rc)
{
    if (mp_fd_wait(r->listening, POLLIN, MP_NOW) < 0)
        return 0;
    if (!r->pending.first)
        return rc;
    turn_away_oldest(r, MPROC_EBUSY);
    return 1;
}

/* 1: somebody was taken in or a failure dealt with, go on; 0: nobody waits. */
static int take_newcomer(struct mp_reception *r)
{
    if (!r->spare)
        r->spare = calloc(1, sizeof *r->spare);
    if (!r->spare)
        return -ENOMEM;
    int fd = mp_socket_accept(r->listening, &r->spare->peer);
    if (fd == -EAGAIN || fd == -EWOULDBLOCK)
        return 0;
    if (is_out_of_descriptors(fd))
        return make_room(r, fd);
    if (fd < 0)
        return concerns_one_client(fd) ? 1 : fd;
    struct mp_visitor *v = r->spare;
    r->spare = NULL;
    v->fd = fd;
    receive_newcomer(r, v);
    return 1;
}

/* Who needs no handshake is better kept by the system until somebody wants to fetch. */
static bool has_room(const struct mp_reception *r)
{
    return r->finished.n < (r->authenticate ? r->max_pending : 1);
}

static int take_newcomers(struct mp_reception *r)
{
    int rc = 1;
    for (int i = 0; i < NEWCOMERS && rc > 0 && has_room(r); i++)
        rc = take_newcomer(r);
    return rc < 0 ? rc : 0;
}

int mp_reception_progress(struct mp_reception *r)
{
    struct mp_watch_found found;
    int rc = mp_watch_look(r->watch, &found);
    if (rc < 0)
        return rc;
    /* Each appears once, and advancing one touches no other, so the pointers stay good. */
    for (size_t i = 0; i < found.n; i++)
        advance(r, found.who[i]);
    turn_away_late(r);
    return found.listening ? take_newcomers(r) : 0;
}

bool mp_reception_is_ready(const struct mp_reception *r)
{
    return r->finished.n > 0;
}

/* Who is ready but not fetched keeps the alarm ringing: the handle stays readable. */
void mp_reception_set_alarm(struct mp_reception *r)
{
    mp_deadline at = MP_NEVER;
    if (r->finished.n > 0)
        at = MP_NOW;
    else if (r->pending.first)
        at = r->pending.first->deadline;
    mp_watch_set_alarm(r->watch, at);
}

int mp_reception_fetch(struct mp_reception *r, mproc_conn **conn, char peer[MP_ENDPOINT_TEXT])
{
    struct mp_visitor *v = r->finished.first;
    int rc = mproc_conn_from_handle(conn, v->fd, 0);
    if (rc == -ENOMEM)
        return rc;
    detach(&r->finished, v);
    if (rc < 0) {
        turn_away(r, v, rc);
        return rc;
    }
    atomic_fetch_add(&r->counts[MP_ACCEPTED], 1);
    mp_endpoint_text(&v->peer, peer);
    free(v);
    return 0;
}

int mp_reception_open(struct mp_reception *r)
{
    return mp_watch_new(&r->watch, r->listening);
}

void mp_reception_close(struct mp_reception *r)
{
    while (r->pending.first) {
        struct mp_visitor *v = r->pending.first;
        leave_pending(r, v);
        dismiss(v);
    }
    while (r->finished.first)
        dismiss(take_first(&r->finished));
    free(r->spare);
    r->spare = NULL;
    mp_watch_free(r->watch);
    r->watch = NULL;
}

static void abandon_all(struct mp_visitors *list)
{
    while (list->first) {
        struct mp_visitor *v = take_first(list);
        mp_fd_close(&v->fd);
        free(v);
    }
}

/* The epoll instance is shared with the parent, and so is what is registered in it: closing our
 * descriptors leaves both as they are. */
void mp_reception_abandon(struct mp_reception *r)
{
    abandon_all(&r->pending);
    abandon_all(&r->finished);
    atomic_store(&r->waiting, 0);
    for (int i = 0; i < MP_COUNTS; i++)
        atomic_store(&r->counts[i], 0);
    mp_reception_close(r);
}
