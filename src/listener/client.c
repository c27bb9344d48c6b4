/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "base/fd.h"
#include "base/options.h"
#include "listener/endpoint.h"
#include "listener/handshake.h"
#include "listener/listener.h"
#include "listener/socket.h"

static_assert(sizeof(mproc_client_options) ==
                  offsetof(mproc_client_options, timeout) + sizeof(double),
              "no padding behind the last option");

/* Connecting one socket, which ends up in blocking mode. */

/* A zero SO_SNDTIMEO means none at all, so a deadline that has passed becomes a microsecond. */
static int limit_sends(int fd, mp_deadline deadline)
{
    struct timeval limit = {0, 0};
    if (deadline != MP_NEVER) {
        int64_t us = mp_deadline_left(deadline) / 1000 + 1;
        limit.tv_sec = (time_t)(us / 1000000);
        limit.tv_usec = (suseconds_t)(us % 1000000);
    }
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ? -errno : 0;
}

/*
 * A local connect(2) waits while the listener's backlog is full, and gives EAGAIN at once if it may
 * not block, with nothing to poll for. SO_SNDTIMEO limits the wait; it ends in EAGAIN, too.
 */
static int connect_local(int fd, const struct mp_endpoint *to, mp_deadline deadline)
{
    int rc;
    do {
        rc = limit_sends(fd, deadline);
        if (rc < 0)
            return rc;
        if (connect(fd, (const struct sockaddr *)&to->addr, to->len) < 0)
            rc = -errno;
        if ((rc == -EAGAIN || rc == -EINTR) && mp_deadline_passed(deadline))
            rc = -ETIMEDOUT;
    } while (rc == -EAGAIN || rc == -EINTR);
    return rc < 0 ? rc : limit_sends(fd, MP_NEVER);
}

static int await_connection(int fd, mp_deadline deadline)
{
    int error = 0;
    socklen_t len = sizeof error;
    int rc = mp_fd_wait(fd, POLLOUT, deadline);
    if (rc < 0)
        return rc;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

/* Dialing a free port of the ephemeral range, TCP may pick the very same port for this end and be
 * connected to itself (RFC 9293, simultaneous open). */
static bool is_connected_to_itself(int fd)
{
    struct mp_endpoint here = {.len = sizeof here.addr};
    struct mp_endpoint there = {.len = sizeof there.addr};
    if (getsockname(fd, (struct sockaddr *)&here.addr, &here.len) < 0 ||
        getpeername(fd, (struct sockaddr *)&there.addr, &there.len) < 0)
        return false;
    return here.len == there.len && memcmp(&here.addr, &there.addr, here.len) == 0;
}

static int connect_remote(int fd, const struct mp_endpoint *to, mp_deadline deadline)
{
    int rc = mp_fd_set_nonblocking(fd, true);
    if (rc < 0)
        return rc;
    /* EINTR: it goes on in the background all the same, see connect(2) in POSIX. */
    if (connect(fd, (const struct sockaddr *)&to->addr, to->len) < 0)
        rc = errno == EINPROGRESS || errno == EINTR ? await_connection(fd, deadline) : -errno;
    if (rc == 0 && to->addr.ss_family != AF_INET && to->addr.ss_family != AF_INET6)
        return mp_fd_set_nonblocking(fd, false);
    if (rc == 0 && is_connected_to_itself(fd))
        rc = -ECONNREFUSED;
    return rc < 0 ? rc : mp_fd_set_nonblocking(fd, false);
}

/* The connected descriptor or a negative code. */
static int dial(const struct mp_endpoint *to, mp_deadline deadline)
{
    int fd = mp_socket_new(to->addr.ss_family);
    if (fd < 0)
        return fd;
    mp_socket_tune(fd, to->addr.ss_family);
    bool local = to->addr.ss_family == AF_UNIX;
    int rc = local ? connect_local(fd, to, deadline) : connect_remote(fd, to, deadline);
    if (rc == 0)
        return fd;
    mp_fd_close(&fd);
    return rc;
}

/* One address after the other, each with its share of the time that is left, so that one that
 * swallows packets does not cost the others their chance. */
static mp_deadline share_of(mp_deadline deadline, size_t addresses)
{
    if (deadline == MP_NEVER || deadline == MP_NOW)
        return deadline;
    return mp_clock_now() + mp_deadline_left(deadline) / (int64_t)addresses;
}

static int dial_all(const struct mp_endpoints *all, const char *text, mp_deadline deadline,
                    mproc_error *err)
{
    int rc = -ECONNREFUSED;
    size_t i = 0;
    do {
        rc = dial(&all->list[i], share_of(deadline, all->n - i));
    } while (rc < 0 && ++i < all->n);
    if (rc >= 0)
        return rc;
    char where[MP_ENDPOINT_TEXT];
    mp_endpoint_text(&all->list[all->n - 1], where);
    if (where[0] && strcmp(where, text) != 0)
        return mp_fail_errno(err, -rc, "connect %s (%s)", text, where);
    return mp_fail_errno(err, -rc, "connect %s", text);
}

static int dial_address(const struct mp_address *address, const char *text, mp_deadline deadline,
                        mproc_error *err)
{
    struct mp_endpoints all;
    int rc = mp_endpoints_find(&all, address, MP_TO_CONNECT, err);
    if (rc == 0)
        rc = dial_all(&all, text, deadline, err);
    mp_endpoints_release(&all);
    return rc;
}

/* Once connected. */

static int shake_until(struct mp_handshake *h, mp_deadline deadline)
{
    for (;;) {
        int rc = mp_handshake_step(h);
        if (rc != 0)
            return rc;
        rc = mp_fd_wait(h->fd, mp_handshake_events(h), deadline);
        if (rc < 0)
            return rc;
    }
}

static int authenticate(int fd, const char *text, const struct mp_auth_choice *choice,
                        mp_deadline deadline, mproc_error *err)
{
    struct mp_handshake h;
    const struct mp_auth_config config = {
        .key = choice->authkey,
        .key_len = choice->authkey_len,
        .legacy_md5 = choice->flags & MPROC_AUTH_LEGACY_MD5,
    };
    mp_handshake_begin(&h, fd, MP_AUTH_CLIENT, &config);
    int rc = shake_until(&h, deadline);
    if (rc == 1)
        return 0;
    if (rc == -ETIMEDOUT && mp_handshake_is_silent(&h))
        return mp_fail(
            err, MPROC_ENOCHALLENGE,
            "handshake with %s: no challenge came in time: it has no authkey, or is busy", text);
    if (rc == MPROC_ENOCHALLENGE)
        return mp_fail(err, rc,
                       "handshake with %s: it sent something else than a challenge: it "
                       "has no authkey",
                       text);
    return mp_fail(err, rc, "handshake with %s: %s", text, h.why ? h.why : mproc_strerror(rc));
}

static int become_connection(mproc_conn **conn, int fd, const char *text, mproc_error *err)
{
    int rc = mproc_conn_from_handle(conn, fd, 0);
    return rc < 0 ? mp_fail_errno(err, -rc, "connect %s", text) : 0;
}

static int open_connection(mproc_conn **conn, const struct mp_address *address, const char *text,
                           const struct mp_auth_choice *choice, mp_deadline deadline,
                           mproc_error *err)
{
    int fd = dial_address(address, text, deadline, err);
    if (fd < 0)
        return fd;
    int rc = mp_auth_choice_needs_peer(choice, address) ? mp_socket_check_peer(fd) : 0;
    if (rc < 0)
        mp_fail(err, rc, "connect %s: another user listens there", text);
    if (rc == 0 && choice->authkey)
        rc = authenticate(fd, text, choice, deadline, err);
    if (rc == 0)
        rc = become_connection(conn, fd, text, err);
    if (rc < 0)
        mp_fd_close(&fd);
    return rc;
}

int mproc_client_connect(mproc_conn **conn, const char *address,
                         const mproc_client_options *options, mproc_error *err)
{
    mp_error_clear(err);
    if (!conn)
        return mp_fail(err, -EINVAL, "connect: nowhere to put the connection");
    mproc_client_options o = MPROC_CLIENT_OPTIONS_INIT;
    int rc = mp_options_read(&o, sizeof o, options, err);
    if (rc < 0)
        return rc;
    mp_deadline deadline;
    rc = mp_deadline_in(o.timeout, &deadline);
    if (rc < 0)
        return mp_fail_errno(err, -rc, "connect: timeout");
    if (!address)
        return mp_fail(err, MPROC_EADDRESS, "no address");
    struct mp_auth_choice choice = {o.authkey, o.authkey_len, o.flags};
    struct mp_address parsed;
    rc = mp_address_parse(&parsed, address, MP_TO_CONNECT, err);
    if (rc == 0)
        rc = mp_auth_choice_check(&choice, &parsed, err);
    return rc < 0 ? rc : open_connection(conn, &parsed, address, &choice, deadline, err);
}
