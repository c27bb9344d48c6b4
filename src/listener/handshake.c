/* SPDX-License-Identifier: MIT */
#include "listener/handshake.h"

#include <errno.h>
#include <mproc/error.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

#if !defined MSG_NOSIGNAL /* macOS: SO_NOSIGPIPE is set instead */
#define MSG_NOSIGNAL 0
#endif

static int fail(struct mp_handshake *h, int code, const char *why)
{
    h->why = why;
    h->verdict = code;
    return code;
}

static void put_message(struct mp_handshake *h, const struct mp_auth_message *message)
{
    h->out_at = 0;
    h->out_len = 0;
    if (message->len == 0)
        return;
    unsigned char header[MP_FRAME_LONG];
    h->out_len = mp_frame_encode(header, message->len);
    memcpy(h->out, header, MP_FRAME_SHORT);
    memcpy(h->out + h->out_len, message->bytes, message->len);
    h->out_len += message->len;
}

void mp_handshake_begin(struct mp_handshake *h, int fd, enum mp_auth_role role,
                        const struct mp_auth_config *config)
{
    struct mp_auth_message first;
    *h = (struct mp_handshake){.fd = fd};
    mp_auth_begin(&h->auth, role, config, &first);
    put_message(h, &first);
}

/* Send what is to be sent: 1 all gone, 0 would block. */
static int flush(struct mp_handshake *h)
{
    while (h->out_at < h->out_len) {
        ssize_t n =
            send(h->fd, h->out + h->out_at, h->out_len - h->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            h->out_at += (size_t)n;
        } else if (mp_would_block(errno)) {
            return 0;
        } else if (errno != EINTR) {
            /* The verdict on the peer stands, whether it could be told or not. */
            if (h->verdict < 0)
                return 1;
            if (errno == EPIPE || errno == ECONNRESET)
                return fail(h, MPROC_EOF, "the peer hung up");
            return fail(h, -errno, "send failed");
        }
    }
    return 1;
}

/* A peer that closes with something unread resets the connection: it hung up all the same. */
static int ended(struct mp_handshake *h, int error)
{
    if (error != 0 && error != ECONNRESET)
        return fail(h, -error, "receive failed");
    if (h->in_len == 0)
        return fail(h, MPROC_EOF, "the peer hung up");
    return fail(h, MPROC_EPROTO, "the peer hung up inside a message");
}

/* Receive until `wanted` bytes of the message are there: 1 yes, 0 would block. */
static int fill(struct mp_handshake *h, size_t wanted)
{
    while (h->in_len < wanted) {
        ssize_t n = recv(h->fd, h->in + h->in_len, wanted - h->in_len, MSG_DONTWAIT);
        if (n > 0)
            h->in_len += (size_t)n;
        else if (n == 0)
            return ended(h, 0);
        else if (mp_would_block(errno))
            return 0;
        else if (errno != EINTR)
            return ended(h, errno);
    }
    return 1;
}

/* To a client, a longer first message is what a listener without a key sends. */
static int too_long(struct mp_handshake *h)
{
    bool first = h->auth.role == MP_AUTH_CLIENT && h->messages == 0;
    return fail(h, first ? MPROC_ENOCHALLENGE : MPROC_EPROTO,
                "a message longer than any of the handshake");
}

/* A whole message, header_len and payload_len say where it is: 1 yes, 0 would block. */
static int receive(struct mp_handshake *h, size_t *header_len, size_t *payload_len)
{
    size_t wanted = MP_FRAME_SHORT;
    int rc;
    do {
        *header_len = wanted;
        rc = fill(h, *header_len);
        if (rc <= 0)
            return rc;
        wanted = mp_frame_wanted(h->in, h->in_len);
    } while (wanted > *header_len);
    if (mp_frame_decode(h->in, payload_len) < 0)
        return fail(h, MPROC_EPROTO, "an impossible header");
    if (*payload_len > MP_AUTH_MESSAGE)
        return too_long(h);
    return fill(h, *header_len + *payload_len);
}

static void take_message(struct mp_handshake *h, size_t header_len, size_t payload_len)
{
    struct mp_auth_message reply;
    h->verdict = mp_auth_feed(&h->auth, h->in + header_len, payload_len, &reply);
    h->why = h->auth.why;
    h->messages++;
    h->in_len = 0;
    put_message(h, &reply);
}

int mp_handshake_step(struct mp_handshake *h)
{
    for (;;) {
        int rc = flush(h);
        if (rc <= 0)
            return rc;
        if (h->verdict != 0)
            return h->verdict;
        size_t header_len;
        size_t payload_len;
        rc = receive(h, &header_len, &payload_len);
        if (rc <= 0)
            return rc;
        take_message(h, header_len, payload_len);
    }
}

short mp_handshake_events(const struct mp_handshake *h)
{
    return h->out_at < h->out_len ? POLLOUT : POLLIN;
}

bool mp_handshake_is_silent(const struct mp_handshake *h)
{
    return h->messages == 0 && h->in_len == 0;
}
