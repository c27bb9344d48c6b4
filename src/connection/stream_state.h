/* SPDX-License-Identifier: MIT */
/*
 * What a stream connection consists of: stream.c receives, stream_send.c sends, and stream_fork.c
 * makes of it what a forked child can use.
 */
#ifndef MP_CONNECTION_STREAM_STATE_H
#define MP_CONNECTION_STREAM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "connection/holders.h"
#include "connection/parcel.h"
#include "connection/pause.h"
#include "connection/stream_io.h"
#include "connection/transport.h"

struct mp_stream {
    struct mproc_conn conn; /* first member */
    struct mp_stream_fd io;
    bool shared; /* declared to be, whatever `hold` knows */
    int torn;    /* what every further send returns: MPROC_ETORN, -EBUSY; or 0 */

    struct mp_hold hold;
    uint64_t forked_at; /* `position` before the last fork */
    bool is_copied;     /* what is in memory is in other processes, too */
    bool is_dealt;      /* but the next message is this process's own */
    uint32_t copy;      /* number of the next message of the copy, see mp_hold_deal() */
    uint32_t copy_end;  /* number behind its last message */

    int fault;       /* what every further receive returns: MPROC_EOF, MPROC_EPROTO, -errno; or 0 */
    bool in_message; /* the header of the next message was read */
    bool was_large;  /* the last message did not fit into `ahead` */
    size_t body;     /* length of the next message */
    unsigned char *ahead;
    size_t at;
    size_t end;
    struct mp_buffer part;
    struct mp_pause pause;

    uint64_t position; /* bytes read from the descriptor so far */
    uint64_t body_end; /* position at which the next message ends */
    struct mp_arrivals arrivals;
};

static inline struct mp_stream *mp_stream_of(mproc_conn *conn)
{
    return (struct mp_stream *)(void *)conn;
}

/* Unread bytes in `ahead`. */
static inline size_t mp_stream_ahead_len(const struct mp_stream *s)
{
    return s->end - s->at;
}

static inline bool mp_stream_has_whole_body(const struct mp_stream *s)
{
    return s->part.len + mp_stream_ahead_len(s) >= s->body;
}

extern const struct mp_hold_ops mp_stream_hold_ops;

/* As struct mp_transport has them. */
int mp_stream_send(mproc_conn *conn, const void *buf, size_t len, mp_deadline deadline);
int mp_stream_send_parcel(mproc_conn *conn, const void *buf, size_t len,
                          const struct mp_parcel *parcel, mp_deadline deadline);
ssize_t mp_stream_send_many(mproc_conn *conn, const mproc_bytes *messages, size_t n,
                            mp_deadline deadline);

#endif
