/* SPDX-License-Identifier: MIT */
/*
 * A stream in a forked child: what lies in memory there lies in the parent, too, so it becomes a
 * copy, whose messages are dealt out one by one.
 *
 * Other threads of the parent go on meanwhile. What one of them had begun, it finishes there, and
 * the child cannot know when; so in that direction the stream is of no use to the child. Between
 * our look before the fork and the fork itself nobody is kept from receiving: to open the gates
 * after it would write to a page of each stream in both processes. Whoever received has left
 * traces: a gate that is shut, or another position. If there are none, no more was taken than
 * messages that lay in memory, which was dealt.
 */
#include <errno.h>
#include <stddef.h>

#include "connection/frame.h"
#include "connection/stream_state.h"

/* A position that no stream comes to: another thread was receiving. */
#define NOWHERE UINT64_MAX

/* Messages in memory; the last of them may be a part of one. */
static uint32_t count_messages(const struct mp_stream *s)
{
    uint32_t n = s->in_message ? 1 : 0;
    if (n > 0 && !mp_stream_has_whole_body(s))
        return n;
    size_t at = s->at + (n > 0 ? s->body - s->part.len : 0);
    while (at < s->end) {
        const unsigned char *header = s->ahead + at;
        size_t have = s->end - at;
        size_t body;
        n++;
        if (have < MP_FRAME_SHORT || have < mp_frame_wanted(header, have) ||
            mp_frame_decode(header, &body) < 0 || have - mp_frame_wanted(header, have) < body)
            break;
        at += mp_frame_wanted(header, have) + body;
    }
    return n;
}

static void note_copies(struct mp_stream *s)
{
    uint32_t n = s->is_copied ? 0 : count_messages(s);
    if (n == 0)
        return;
    s->copy = mp_hold_dealt(&s->hold);
    s->copy_end = s->copy + n;
    s->is_copied = true;
    s->is_dealt = false;
}

static struct mp_stream *stream_of_hold(struct mp_hold *hold)
{
    return (struct mp_stream *)(void *)((char *)hold - offsetof(struct mp_stream, hold));
}

/* The parent does not wait for what a receiving thread waits for. */
static void before_fork(struct mp_hold *hold)
{
    struct mp_stream *s = stream_of_hold(hold);
    uint64_t at = NOWHERE;
    int rc = mp_conn_enter(&s->conn, MP_RECEIVING, MP_NOW);
    if (rc != -ETIMEDOUT) { /* also beside a message that this thread looks at: -EDEADLK */
        note_copies(s);
        at = s->position;
    }
    if (rc == 0)
        mp_gate_leave(&s->conn.receiving);
    s->forked_at = at;
}

/* In the child: was another thread inside? It is not here, so nobody is any more. */
static bool take_from_thread(mproc_conn *conn, enum mp_way way)
{
    struct mp_gate *gate = way == MP_SENDING ? &conn->sending : &conn->receiving;
    struct mp_in_place *place = mp_conn_in_place(conn, way);
    if (atomic_load(&gate->state) == 0 || atomic_load(&place->owner) == &mp_place_mark)
        return false;
    mp_gate_init(gate);
    atomic_store(&place->owner, NULL);
    return true;
}

static void after_fork(struct mp_hold *hold)
{
    struct mp_stream *s = stream_of_hold(hold);
    if (take_from_thread(&s->conn, MP_RECEIVING) || s->forked_at != s->position)
        s->fault = -EBUSY;
    if (take_from_thread(&s->conn, MP_SENDING))
        s->torn = -EBUSY;
}

const struct mp_hold_ops mp_stream_hold_ops = {
    .before_fork = before_fork,
    .after_fork = after_fork,
};
