/* SPDX-License-Identifier: MIT */
/* Sending: header and body leave in one system call, and small messages together. */
#include <errno.h>
#include <string.h>

#include <mproc/error.h>

#include "connection/frame.h"
#include "connection/stream_state.h"

/* Small messages that are sent in one call leave together, up to so many bytes. */
#define TOGETHER_BYTES ((size_t)16 * 1024)

/* Drop `written` bytes from the front of header and body; returns how many parts remain, at *parts.
 */
static size_t advance(struct iovec **parts, size_t n, size_t written)
{
    while (n > 0 && written >= (*parts)->iov_len) {
        written -= (*parts)->iov_len;
        ++*parts;
        n--;
    }
    if (n > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + written;
        (*parts)->iov_len -= written;
    }
    return n;
}

/* A send failed with part of its message gone. A broken pipe needs no mark: it stays broken. */
static int tear(struct mp_stream *s, int rc)
{
    s->torn = rc == -EPIPE ? 0 : MPROC_ETORN;
    return rc == -ETIMEDOUT ? MPROC_ETORN : rc;
}

int mp_stream_send_parcel(mproc_conn *conn, const void *buf, size_t len,
                          const struct mp_parcel *parcel, mp_deadline deadline)
{
    struct mp_stream *s = mp_stream_of(conn);
    if (parcel && !s->io.is_local)
        return MPROC_ECANTPASS;
    if (s->torn)
        return s->torn;
    unsigned char header[MP_FRAME_LONG];
    struct iovec both[2] = {
        {.iov_base = header, .iov_len = mp_frame_encode(header, len)},
        {.iov_base = (void *)(uintptr_t)buf, .iov_len = len}, /* only read from */
    };
    struct iovec *parts = both;
    size_t n = len > 0 ? 2 : 1;
    bool begun = false;
    while (n > 0) {
        ssize_t written = mp_stream_write(&s->io, parts, n, begun ? NULL : parcel, deadline);
        if (written < 0)
            return begun ? tear(s, (int)written) : (int)written;
        begun = true;
        n = advance(&parts, n, (size_t)written);
    }
    return 0;
}

int mp_stream_send(mproc_conn *conn, const void *buf, size_t len, mp_deadline deadline)
{
    return mp_stream_send_parcel(conn, buf, len, NULL, deadline);
}

/* Put frames of whole messages into `out` while they fit. How many; *bytes is what they take. */
static size_t pack(unsigned char out[TOGETHER_BYTES], const mproc_bytes *messages, size_t n,
                   size_t *bytes)
{
    size_t i = 0;
    *bytes = 0;
    for (; i < n && messages[i].len < TOGETHER_BYTES - MP_FRAME_SHORT - *bytes; i++) {
        *bytes += mp_frame_encode(out + *bytes, messages[i].len);
        if (messages[i].len > 0)
            memcpy(out + *bytes, messages[i].data, messages[i].len);
        *bytes += messages[i].len;
        if (*bytes > TOGETHER_BYTES - MP_FRAME_LONG)
            return i + 1;
    }
    return i;
}

/* How many of the messages left whole with `written` bytes; if one was cut, the stream is torn. */
static size_t count_whole(struct mp_stream *s, const mproc_bytes *messages, size_t written)
{
    size_t whole = 0;
    while (written >= MP_FRAME_SHORT + messages[whole].len)
        written -= MP_FRAME_SHORT + messages[whole++].len;
    s->torn = written > 0 ? MPROC_ETORN : 0;
    return whole;
}

ssize_t mp_stream_send_many(mproc_conn *conn, const mproc_bytes *messages, size_t n,
                            mp_deadline deadline)
{
    struct mp_stream *s = mp_stream_of(conn);
    unsigned char together[TOGETHER_BYTES];
    size_t bytes;
    size_t packed = s->torn ? 0 : pack(together, messages, n, &bytes);
    if (packed <= 1) {
        int rc = mp_stream_send(conn, messages->data, messages->len, deadline);
        return rc < 0 ? rc : 1;
    }
    size_t at = 0;
    while (at < bytes) {
        struct iovec part = {.iov_base = together + at, .iov_len = bytes - at};
        ssize_t written = mp_stream_write(&s->io, &part, 1, NULL, deadline);
        if (written < 0) {
            size_t whole = count_whole(s, messages, at);
            if (whole > 0)
                return (ssize_t)whole;
            return s->torn && written == -ETIMEDOUT ? MPROC_ETORN : written;
        }
        at += (size_t)written;
    }
    return (ssize_t)packed;
}
