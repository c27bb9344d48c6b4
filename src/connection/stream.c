/* SPDX-License-Identifier: MIT */
/*
 * Receiving: bytes pass through `ahead`, which one read fills with as many small messages as there
 * are. A message too large for it is read straight into its destination. When a receive is
 * interrupted by its deadline, or a poll gathers a large message without having a destination, the
 * body waits in `part`. The unread bytes of the stream are always: part, then ahead[at..end), then
 * the descriptor.
 *
 * Other processes may hold the descriptor too. While they do, no more is read than belongs to the
 * message that is received, and polls read nothing. What had been read ahead before a fork is in
 * both processes then; message by message it is delivered by the one that receives it first.
 */
#include "connection/stream.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>

#include "base/fd.h"
#include "connection/frame.h"
#include "connection/stream_state.h"

/* Read-ahead: 480 messages of 64 bytes in one system call, and small enough to stay in a core's
 * cache. */
#define AHEAD_BYTES ((size_t)32 * 1024)

/* After a large message comes probably another: take little of it by way of `ahead`. */
#define AHEAD_AFTER_LARGE ((size_t)4 * 1024)

/*
 * A pause: yield a few times, which takes about 2 us, or until somebody else had the CPU; and so
 * many pauses before going to sleep. They may take as long as time slices do, so a deadline must
 * leave room for that.
 */
#define YIELDS 6
#define SOMEBODY_RAN_NS 20000
#define PAUSES 3
#define PAUSES_NS 20000000

/* Least step in which memory for a large message grows. */
#define GROWTH_BYTES ((size_t)64 * 1024)

/* Every error from here on is final: the position in the stream is lost. */
static int fail_receiving(struct mp_stream *s, int code)
{
    s->fault = code;
    return code;
}

/* What a read that brought no bytes means, in the middle of a frame or between two. */
static int no_bytes(struct mp_stream *s, ssize_t rc)
{
    if (rc == -ETIMEDOUT || rc == MP_ABORTED)
        return (int)rc;
    bool between = !s->in_message && mp_stream_ahead_len(s) == 0;
    if (rc == 0)
        return fail_receiving(s, between ? MPROC_EOF : MPROC_EPROTO);
    if (rc == -ECONNRESET && !between)
        return fail_receiving(s, MPROC_EPROTO);
    return fail_receiving(s, (int)rc);
}

/* Never to be read beyond the message? */
static bool is_shared(struct mp_stream *s)
{
    return s->shared || !mp_hold_may_read_ahead(&s->hold);
}

/* Make the next message this process's own, if it is not. False: another process has it. */
static bool get_dealt(struct mp_stream *s)
{
    if (!s->is_copied || s->is_dealt)
        return true;
    if (!mp_hold_deal(&s->hold, s->copy))
        return false;
    s->copy++;
    s->is_dealt = true;
    s->is_copied = s->copy != s->copy_end;
    return true;
}

/*
 * Every read of the descriptor. What comes along waits for its message to be taken. Whoever reads
 * the rest of a copied message has to have it dealt: else MP_ABORTED.
 */
static ssize_t read_some(struct mp_stream *s, void *buf, size_t len, mp_deadline deadline)
{
    if (!get_dealt(s))
        return MP_ABORTED;
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    ssize_t n = mp_stream_read(&s->io, buf, len, &parcel, deadline);
    if (n > 0)
        s->position += (uint64_t)n;
    if (parcel.n > 0 || parcel.lost)
        mp_arrivals_add(&s->arrivals, &parcel, s->position);
    return n;
}

static int have_ahead_buffer(struct mp_stream *s)
{
    if (!s->ahead)
        s->ahead = malloc(AHEAD_BYTES);
    return s->ahead ? 0 : -ENOMEM;
}

/* Room behind `end` for what makes `want` bytes, moving unread bytes to the front if need be. */
static void make_room(struct mp_stream *s, size_t want)
{
    if (s->at == s->end) {
        s->at = 0;
        s->end = 0;
    } else if (AHEAD_BYTES - s->at < want) {
        memmove(s->ahead, s->ahead + s->at, mp_stream_ahead_len(s));
        s->end -= s->at;
        s->at = 0;
    }
}

static size_t fill_size(struct mp_stream *s, size_t want)
{
    size_t missing = want - mp_stream_ahead_len(s);
    if (is_shared(s))
        return missing;
    size_t room = AHEAD_BYTES - s->end;
    return s->was_large && missing <= AHEAD_AFTER_LARGE && room > AHEAD_AFTER_LARGE
               ? AHEAD_AFTER_LARGE
               : room;
}

static void let_others_run(void)
{
    int64_t end = mp_clock_now() + SOMEBODY_RAN_NS;
    for (int i = 0; i < YIELDS && mp_clock_now() < end; i++)
        sched_yield();
}

/* Read if bytes come soon. */
static ssize_t read_after_pause(struct mp_stream *s, unsigned char *to, size_t len)
{
    ssize_t n = -ETIMEDOUT;
    for (int i = 0; i < PAUSES && n == -ETIMEDOUT; i++) {
        let_others_run();
        n = read_some(s, to, len, MP_NOW);
    }
    return n;
}

static ssize_t read_ahead(struct mp_stream *s, size_t want, mp_deadline deadline)
{
    unsigned char *to = s->ahead + s->end;
    size_t len = fill_size(s, want);
    ssize_t n = -ETIMEDOUT;
    if (deadline != MP_NOW) {
        int64_t now = mp_clock_now();
        if (deadline > now + PAUSES_NS && mp_pause_advised(&s->pause, now))
            n = read_after_pause(s, to, len);
    }
    if (n == -ETIMEDOUT)
        n = read_some(s, to, len, deadline);
    mp_pause_have_read(&s->pause, n, len);
    return n;
}

/* Have at least `want` (at most AHEAD_BYTES) unread bytes in `ahead`. */
static int fill(struct mp_stream *s, size_t want, mp_deadline deadline)
{
    int rc = have_ahead_buffer(s);
    if (rc < 0)
        return rc;
    while (mp_stream_ahead_len(s) < want) {
        make_room(s, want);
        ssize_t n = read_ahead(s, want, deadline);
        if (n <= 0)
            return no_bytes(s, n);
        s->end += (size_t)n;
    }
    return 0;
}

static int read_header(struct mp_stream *s, mp_deadline deadline)
{
    size_t wanted = MP_FRAME_SHORT;
    do {
        int rc = fill(s, wanted, deadline);
        if (rc < 0)
            return rc;
        wanted = mp_frame_wanted(s->ahead + s->at, mp_stream_ahead_len(s));
    } while (mp_stream_ahead_len(s) < wanted);
    if (mp_frame_decode(s->ahead + s->at, &s->body) < 0)
        return fail_receiving(s, MPROC_EPROTO);
    s->at += wanted;
    s->in_message = true;
    s->body_end = s->position - mp_stream_ahead_len(s) + s->body;
    return 0;
}

static void end_message(struct mp_stream *s)
{
    s->in_message = false;
    s->is_dealt = false;
    s->was_large = s->body > AHEAD_BYTES;
    s->conn.has_parcel = s->arrivals.first && s->arrivals.first->at <= s->body_end;
    mp_pause_took_message(&s->pause);
}

/* Another process got all that there is a copy of. */
static void forget_copy(struct mp_stream *s)
{
    s->at = s->end;
    s->in_message = false;
    s->is_copied = false;
    mp_buffer_clear(&s->part);
    mp_arrivals_clear(&s->arrivals);
}

/* Another process got the next message, which lies in memory as a whole. */
static int skip_message(struct mp_stream *s)
{
    int rc = s->in_message ? 0 : read_header(s, MP_NOW);
    if (rc < 0)
        return rc;
    s->at += s->body - s->part.len;
    mp_buffer_clear(&s->part);
    end_message(s);
    if (s->conn.has_parcel)
        mp_conn_drop_parcel(&s->conn);
    s->copy++;
    return 0;
}

/* Drop of the copy what other processes got. */
static int catch_up(struct mp_stream *s)
{
    int rc = 0;
    uint32_t dealt = mp_hold_dealt(&s->hold);
    while (rc == 0 && s->is_copied && !s->is_dealt && s->copy != dealt) {
        if (dealt - s->copy >= s->copy_end - s->copy)
            forget_copy(s);
        else
            rc = skip_message(s);
    }
    return rc;
}

/* Has something about a fork to be settled before the next message? */
static bool is_in_doubt(const struct mp_stream *s)
{
    return s->is_copied || mp_hold_is_inherited(&s->hold);
}

static int settle(struct mp_stream *s)
{
    if (mp_hold_is_inherited(&s->hold)) {
        if (!mp_hold_use(&s->hold))
            return fail_receiving(s, -EBUSY);
        if (s->is_dealt) /* what the parent got before the fork, and has not taken, is its own */
            s->copy--;
        s->is_copied = s->is_copied || s->is_dealt;
        s->is_dealt = false;
    }
    return catch_up(s);
}

/* Read the next message's header if that has not been done. */
static int begin_message(struct mp_stream *s, mp_deadline deadline)
{
    int rc;
    do {
        if (s->fault)
            return s->fault;
        rc = is_in_doubt(s) ? settle(s) : 0;
        if (rc == 0 && !s->in_message)
            rc = read_header(s, deadline);
    } while (rc == MP_ABORTED);
    return rc;
}

/* A message that lies in `ahead` does so whatever others do. */
static bool goes_through_ahead(struct mp_stream *s)
{
    return s->body <= AHEAD_BYTES && s->part.len == 0 &&
           (mp_stream_ahead_len(s) >= s->body || !is_shared(s));
}

/* Copy up to `len` unread bytes out of `ahead`. */
static size_t take_ahead(struct mp_stream *s, unsigned char *dst, size_t len)
{
    size_t n = mp_stream_ahead_len(s) < len ? mp_stream_ahead_len(s) : len;
    if (n > 0)
        memcpy(dst, s->ahead + s->at, n);
    s->at += n;
    return n;
}

/* Gather the body in `part`, in memory that grows with what has come. */
static int gather(struct mp_stream *s, mp_deadline deadline)
{
    struct mp_buffer *part = &s->part;
    while (part->len < s->body) {
        size_t step = part->len > GROWTH_BYTES ? part->len : GROWTH_BYTES;
        size_t rest = s->body - part->len;
        int rc = mp_buffer_reserve(part, rest < step ? rest : step);
        if (rc < 0)
            return rc;
        size_t room = part->cap - part->len < rest ? part->cap - part->len : rest;
        size_t n = take_ahead(s, part->data + part->len, room);
        if (n == 0) {
            ssize_t got = read_some(s, part->data + part->len, room, deadline);
            if (got <= 0)
                return no_bytes(s, got);
            n = (size_t)got;
        }
        part->len += n;
    }
    return 0;
}

static ssize_t stream_next(mproc_conn *conn, mp_deadline deadline)
{
    struct mp_stream *s = mp_stream_of(conn);
    int rc = begin_message(s, deadline);
    return rc < 0 ? rc : (ssize_t)s->body;
}

/* Read the body to its destination; at the deadline what came is put back into `part`. */
static int take_directly(struct mp_stream *s, unsigned char *dst, size_t len, mp_deadline deadline)
{
    if (deadline != MP_NEVER) {
        int rc = mp_buffer_reserve(&s->part, len - s->part.len);
        if (rc < 0)
            return rc;
    }
    size_t got = s->part.len;
    if (got > 0)
        memcpy(dst, s->part.data, got);
    got += take_ahead(s, dst + got, len - got);
    while (got < len) {
        ssize_t n = read_some(s, dst + got, len - got, deadline);
        if (n == -ETIMEDOUT) {
            memcpy(s->part.data, dst, got);
            s->part.len = got;
        }
        if (n <= 0)
            return no_bytes(s, n);
        got += (size_t)n;
    }
    mp_buffer_clear(&s->part);
    end_message(s);
    return 0;
}

static int stream_take(mproc_conn *conn, void *dst, size_t len, mp_deadline deadline)
{
    struct mp_stream *s = mp_stream_of(conn);
    if (!get_dealt(s))
        return MP_ABORTED;
    if (!goes_through_ahead(s))
        return take_directly(s, dst, len, deadline);
    int rc = fill(s, len, deadline);
    if (rc < 0)
        return rc;
    take_ahead(s, dst, len);
    end_message(s);
    return 0;
}

/* The gathered body, cut to its size. */
static void *take_part(struct mp_stream *s)
{
    size_t len = s->part.len;
    unsigned char *data = mp_buffer_take(&s->part);
    unsigned char *exact = realloc(data, len);
    if (!exact)
        return data;
    return exact;
}

static int stream_take_alloc(mproc_conn *conn, void **dst, size_t len, mp_deadline deadline)
{
    struct mp_stream *s = mp_stream_of(conn);
    if (!get_dealt(s))
        return MP_ABORTED;
    bool small = goes_through_ahead(s) || len == 0;
    int rc = small ? fill(s, len, deadline) : gather(s, deadline);
    if (rc < 0)
        return rc;
    void *data = small ? malloc(len > 0 ? len : 1) : take_part(s);
    if (!data)
        return -ENOMEM;
    if (small)
        take_ahead(s, data, len);
    end_message(s);
    *dst = data;
    return 0;
}

/* Towards a whole message, without blocking. */
static int progress(struct mp_stream *s)
{
    int rc;
    do {
        rc = begin_message(s, MP_NOW);
        if (rc == 0 && s->body <= s->conn.max_message)
            rc = goes_through_ahead(s) ? fill(s, s->body, MP_NOW) : gather(s, MP_NOW);
    } while (rc == MP_ABORTED);
    return rc;
}

/* Can the header that lies in `ahead` be read without a system call? */
static bool header_is_ahead(const struct mp_stream *s)
{
    size_t have = mp_stream_ahead_len(s);
    return have >= MP_FRAME_SHORT && have >= mp_frame_wanted(s->ahead + s->at, have);
}

static bool is_ready_in_memory(struct mp_stream *s)
{
    if (s->fault || (is_in_doubt(s) && settle(s) < 0))
        return true;
    if (!s->in_message && !header_is_ahead(s))
        return false;
    return begin_message(s, MP_NOW) < 0 || s->body > s->conn.max_message ||
           mp_stream_has_whole_body(s);
}

static int stream_ready_now(mproc_conn *conn, bool woken)
{
    struct mp_stream *s = mp_stream_of(conn);
    if (is_ready_in_memory(s))
        return 1;
    if (!woken)
        return 0;
    if (is_shared(s))
        return !conn->put_off || mp_fd_wait(s->io.fd, POLLIN, MP_NOW) != -ETIMEDOUT;
    /* Whatever this ends with but "not yet", a receive has it to report. */
    return progress(s) != -ETIMEDOUT;
}

static void stream_claim_parcel(mproc_conn *conn, struct mp_parcel *parcel)
{
    struct mp_stream *s = mp_stream_of(conn);
    mp_arrivals_claim(&s->arrivals, s->body_end, parcel);
    parcel->carrier = s->io.fd;
}

/* What was read ahead cannot follow the descriptor. */
static int pass_entered(struct mp_stream *s, struct mp_parcel *parcel, unsigned *traits)
{
    const mproc_conn *conn = &s->conn;
    if (!s->fault && is_in_doubt(s))
        settle(s);
    if (s->in_message || mp_stream_ahead_len(s) > 0 || s->arrivals.first || s->torn || s->fault)
        return -EBUSY;
    if (s->io.fd < 0)
        return -EBADF;
    if (parcel->n == MP_PARCEL_MAX)
        return -E2BIG;
    parcel->fds[parcel->n++] = s->io.fd;
    *traits = (conn->readable ? MP_PASS_READABLE : 0U) | (conn->writable ? MP_PASS_WRITABLE : 0U) |
              (is_shared(s) ? MP_PASS_SHARED : 0U);
    return 0;
}

static int stream_pass(mproc_conn *conn, struct mp_parcel *parcel, unsigned *traits)
{
    if (mp_conn_enter(conn, MP_RECEIVING, MP_NOW) < 0)
        return -EBUSY;
    int rc = -EBUSY;
    if (mp_conn_enter(conn, MP_SENDING, MP_NOW) == 0) {
        rc = pass_entered(mp_stream_of(conn), parcel, traits);
        mp_conn_leave(conn, MP_SENDING);
    }
    mp_conn_leave(conn, MP_RECEIVING);
    return rc;
}

static void stream_shut(mproc_conn *conn)
{
    struct mp_stream *s = mp_stream_of(conn);
    mp_hold_close(&s->hold);
    mp_fd_close(&s->io.fd);
    s->fault = -EBADF;
}

static mproc_handle stream_handle(const mproc_conn *conn)
{
    return ((const struct mp_stream *)(const void *)conn)->io.fd;
}

static void stream_claim(mproc_conn *conn)
{
    struct mp_stream *s = mp_stream_of(conn);
    if (!s->fault && is_in_doubt(s))
        settle(s);
}

static void stream_destroy(mproc_conn *conn)
{
    struct mp_stream *s = mp_stream_of(conn);
    mp_hold_close(&s->hold);
    mp_fd_close(&s->io.fd);
    mp_arrivals_clear(&s->arrivals);
    mp_buffer_clear(&s->part);
    free(s->ahead);
    mp_conn_fini(conn);
    free(s);
}

static const struct mp_transport stream_transport = {
    .send = mp_stream_send,
    .next = stream_next,
    .take = stream_take,
    .take_alloc = stream_take_alloc,
    .send_parcel = mp_stream_send_parcel,
    .claim_parcel = stream_claim_parcel,
    .send_many = mp_stream_send_many,
    .ready_now = stream_ready_now,
    .pass = stream_pass,
    .shut = stream_shut,
    .handle = stream_handle,
    .claim = stream_claim,
    .destroy = stream_destroy,
};

/* Narrow what the descriptor can do to what the flags ask for. */
static int choose_direction(unsigned flags, bool *readable, bool *writable)
{
    const unsigned both = MPROC_CONN_READONLY | MPROC_CONN_WRITEONLY;
    if ((flags & ~(both | MPROC_CONN_SHARED)) != 0 || (flags & both) == both)
        return -EINVAL;
    if (flags & MPROC_CONN_READONLY)
        *writable = false;
    if (flags & MPROC_CONN_WRITEONLY)
        *readable = false;
    return *readable || *writable ? 0 : -EINVAL;
}

int mp_stream_new(mproc_conn **conn, int fd, unsigned flags)
{
    struct mp_stream_fd io;
    bool readable;
    bool writable;
    int rc = mp_stream_fd_init(&io, fd, &readable, &writable);
    if (rc == 0)
        rc = choose_direction(flags, &readable, &writable);
    if (rc < 0)
        return rc;
    struct mp_stream *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->io = io;
    s->shared = flags & MPROC_CONN_SHARED;
    rc = mp_conn_init(&s->conn, &stream_transport, readable, writable);
    if (rc < 0) {
        free(s);
        return rc;
    }
    rc = mp_hold_open(&s->hold, fd, &mp_stream_hold_ops);
    if (rc < 0) {
        mp_conn_fini(&s->conn);
        free(s);
        return rc;
    }
    *conn = &s->conn;
    return 0;
}
