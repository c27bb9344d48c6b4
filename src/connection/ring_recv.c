/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/error.h>

#include "base/fd.h"
#include "connection/ring.h"

/* The position is published whenever so much of the ring has been read. */
#define PUBLISH_SHARE 8

/* So many messages without a pause are a stream: the sender is spared its barriers. */
#define STREAM_AFTER 16

/* After so many it pays to let the next ones gather for a moment: lines that the sender is still
 * writing to would be fetched again and again. */
#define PAUSE_AFTER 8
#define PAUSE_NS 2000

/* A stream's next lines are asked for so far ahead, bytes. */
#define FETCH_AHEAD 1024

/* Looks without a pause or a clock before a wait begins in earnest: one or two microseconds. */
#define BRIEF_LOOKS 512

/* How far to read before looking whether there is still a writer. */
#define LOOK_EVERY_BYTES ((uint64_t)1 << 20)

/* How often to look while another process is in the way of our sleeping on the bell. */
#define TICK_NS 1000000

/* Least step in which memory for a long message grows. */
#define GROWTH_BYTES ((size_t)64 * 1024)

static _Atomic uint64_t *slot_at(const struct mp_ring *r, uint64_t pos)
{
    return mp_ring_slot(r->in_data, pos, r->size);
}

static inline uint64_t header_at(const struct mp_ring *r, uint64_t pos)
{
    return atomic_load_explicit(slot_at(r, pos), memory_order_acquire);
}

/* Where the end stands, read once: see writer_of() in ring_send.c. */
static inline struct mp_ring_reader reader_of(const struct mp_ring *r)
{
    return mp_ring_reader_copy(&r->rx->reader, r->size);
}

/* The peer broke the rules, or left inside a message. */
static int spoil(struct mp_ring *r)
{
    r->rx->reader.skipping = 1; /* keeps the fast path away */
    r->rx->fault = 1;
    return MPROC_EPROTO;
}

static bool is_hung_up(const struct mp_ring *r)
{
    struct pollfd one = {.fd = r->bell_in, .events = 0};
    return mp_poll(&one, 1, MP_NOW) > 0 && (one.revents & POLLHUP);
}

/*
 * Old headers stay in the ring. A peer that forged them so that they lead in circles would have us
 * read for ever: so see now and then whether there is still somebody who may have written them.
 */
static void look_for_writer(struct mp_ring *r)
{
    struct mp_ring_rx *rx = r->rx;
    uint64_t step = r->size > LOOK_EVERY_BYTES ? r->size : LOOK_EVERY_BYTES;
    rx->next_look = rx->reader.pos + step;
    if (rx->last > 0 && rx->reader.pos > rx->last)
        spoil(r);
    else if (rx->last == 0 && is_hung_up(r))
        rx->last = rx->reader.pos + r->size;
}

/* Tell the writer how far we are, and wake it if it waits for room. */
static void publish_position(struct mp_ring *r)
{
    struct mp_ring_rx *rx = r->rx;
    struct mp_bell_flag *flag = &r->in->no_room;
    if (rx->published == rx->reader.pos)
        return;
    rx->published = rx->reader.pos;
    atomic_store(&r->in->tail, rx->published);
    if (rx->published >= rx->next_look)
        look_for_writer(r);
    if (atomic_load(&flag->state) == MP_BELL_ASLEEP && mp_bell_lower(flag))
        mp_bell_drain(r->bell_in);
}

static void start_streaming(struct mp_ring *r)
{
    uint32_t awake = MP_BELL_AWAKE;
    if (mp_self_has_barrier())
        atomic_compare_exchange_strong(&r->in->no_data.state, &awake, MP_BELL_STREAMING);
}

static inline void fetch_ahead(const struct mp_ring *r)
{
    const struct mp_ring_reader *reader = &r->rx->reader;
    if (r->rx->burst >= PAUSE_AFTER)
        __builtin_prefetch(r->in_data + mp_ring_index(reader->pos + FETCH_AHEAD, r->size), 0);
}

/* A record was read. */
static inline void note_progress(struct mp_ring *r)
{
    struct mp_ring_rx *rx = r->rx;
    if (++rx->burst == STREAM_AFTER)
        start_streaming(r);
    fetch_ahead(r);
    if (rx->reader.pos - rx->published >= r->size / PUBLISH_SHARE)
        publish_position(r);
}

/*
 * The header at our position, looked at for a moment where looking was worth it before. In the
 * midst of a stream it is better to go away and let messages gather.
 */
static inline uint64_t look_briefly(struct mp_ring *r, uint64_t pos)
{
    struct mp_ring_rx *rx = r->rx;
    uint64_t header = header_at(r, pos);
    if (header != 0 || r->rx_spin.budget == 0 || rx->burst >= PAUSE_AFTER ||
        r->conn.recv_timeout <= 0)
        return header;
    publish_position(r);
    rx->burst = 0;
    for (int i = 0; i < BRIEF_LOOKS && header == 0; i++)
        header = header_at(r, pos);
    return header;
}

ssize_t mp_ring_recv_at_once(mproc_conn *conn, void *buf, size_t cap)
{
    struct mp_ring *r = mp_ring_of(conn);
    struct mp_ring_rx *rx = r->rx;
    if (!mp_end_lock_enter_favoured(&rx->lock))
        return MP_SLOWLY;
    const struct mp_ring_reader reader = reader_of(r);
    uint64_t header = look_briefly(r, reader.pos);
    uint64_t len = header >> 8;
    bool plain = mp_ring_is_plain(&reader, header) && len <= cap && len <= conn->max_message &&
                 !atomic_load_explicit(&r->part_whole, memory_order_relaxed);
    if (plain) {
        if (len > 0)
            memcpy(buf, mp_ring_payload(r->in_data, reader.pos, reader.size), len);
        atomic_signal_fence(memory_order_seq_cst);
        rx->reader.pos = reader.pos + mp_record_size(len);
        note_progress(r);
    }
    mp_end_lock_leave_favoured(&rx->lock);
    return plain ? (ssize_t)len : MP_SLOWLY;
}

static void drop_part(struct mp_ring *r)
{
    mp_buffer_clear(&r->part);
    r->part_whole = false;
}

static void go_past(struct mp_ring *r, const struct mp_record *record)
{
    mp_ring_advance(&r->rx->reader, record);
    note_progress(r);
}

/*
 * Find the next record that concerns a receiver: 1 and *record, 0 if there is none yet,
 * MPROC_EPROTO. Marks are gone past; MP_RECORD_ABORT is reported after that.
 */
static int find_record(struct mp_ring *r, struct mp_record *record)
{
    for (;;) {
        const struct mp_ring_reader reader = reader_of(r);
        if (mp_ring_judge(&reader, header_at(r, reader.pos), record) < 0)
            return spoil(r);
        if (record->kind == MP_RECORD_NONE)
            return 0;
        bool in_long = reader.total > 0;
        bool is_mark = record->kind == MP_RECORD_WRAP || record->kind == MP_RECORD_ABORT ||
                       record->kind == MP_RECORD_PARCEL ||
                       (record->kind == MP_RECORD_PART && !in_long);
        if (!is_mark) {
            r->payload = mp_ring_payload(r->in_data, reader.pos, reader.size);
            r->current_parcel = mp_ring_parcel(&reader);
            return 1;
        }
        go_past(r, record);
        if (record->kind == MP_RECORD_ABORT && in_long)
            return 1;
    }
}

static bool has_record(const struct mp_ring *r)
{
    return header_at(r, r->rx->reader.pos) != 0;
}

/* No writer is left, and what it wrote has been read. */
static int end_of_stream(struct mp_ring *r)
{
    if (has_record(r))
        return 0;
    return r->rx->reader.total > 0 ? spoil(r) : MPROC_EOF;
}

static void pause_until(int64_t until)
{
    while (mp_clock_now() < until)
        mp_spin_pause();
}

static bool look_for_data(struct mp_ring *r, mp_deadline deadline)
{
    struct mp_spin *spin = &r->rx_spin;
    int64_t began = spin->began;
    if (mp_spin_may_yield(spin)) {
        sched_yield();
        mp_spin_yielded(spin, mp_clock_now() - began);
        if (has_record(r))
            return true;
    }
    if (spin->budget == 0)
        return false;
    int64_t until = mp_deadline_min(began + spin->budget, deadline);
    do {
        for (int i = 0; i < 32; i++) {
            if (has_record(r))
                return true;
            mp_spin_pause();
        }
    } while (mp_clock_now() < until);
    return false;
}

/* Do waiters sleep on the bell outside, to whom its bytes belong? */
static bool is_bell_taken(const struct mp_ring *r)
{
    return mp_armed_count(&r->rx->armed) > 0;
}

/* Take the flag down again, unless it is others' too. */
static void stay_awake(struct mp_bell_flag *flag, bool taken)
{
    if (!taken)
        atomic_store_explicit(&flag->state, MP_BELL_AWAKE, memory_order_relaxed);
}

static int sleep_for_data(struct mp_ring *r, mp_deadline deadline)
{
    struct mp_bell_flag *flag = &r->in->no_data;
    bool taken = is_bell_taken(r) && mp_armed_count_living(&r->rx->armed) > 0;
    mp_bell_raise(flag);
    if (has_record(r)) {
        stay_awake(flag, taken);
        return 0;
    }
    struct pollfd one = {.fd = r->bell_in, .events = taken ? 0 : POLLIN};
    mp_deadline until = taken ? mp_deadline_min(deadline, mp_clock_now() + TICK_NS) : deadline;
    int rc = mp_poll(&one, 1, until);
    if (rc < 0)
        return rc;
    if (one.revents & POLLIN) {
        mp_spin_learn_from(&r->rx_spin, flag);
        rc = mp_bell_drain(r->bell_in);
        return rc < 0 && rc != MPROC_EOF ? rc : 0;
    }
    if (one.revents & POLLHUP)
        return end_of_stream(r);
    stay_awake(flag, taken);
    return 0;
}

/* Wait until there is a header at our position: 0, MPROC_EOF, MPROC_EPROTO, -ETIMEDOUT, -errno. */
static int wait_for_data(struct mp_ring *r, mp_deadline deadline)
{
    if (has_record(r))
        return 0;
    publish_position(r);
    if (deadline == MP_NOW) {
        if (!is_hung_up(r))
            return has_record(r) ? 0 : -ETIMEDOUT;
        return end_of_stream(r);
    }
    uint32_t burst = r->rx->burst;
    r->rx->burst = 0;
    r->rx_spin.began = mp_clock_now();
    if (burst >= PAUSE_AFTER && r->rx_spin.budget > 0)
        pause_until(r->rx_spin.began + PAUSE_NS);
    if (look_for_data(r, deadline))
        return 0;
    for (;;) {
        int rc = sleep_for_data(r, deadline);
        if (rc < 0 || has_record(r))
            return rc;
        if (mp_deadline_passed(deadline))
            return -ETIMEDOUT;
    }
}

/* The next record that concerns a receiver, waited for. 0 or a negative code. */
static int next_record(struct mp_ring *r, struct mp_record *record, mp_deadline deadline)
{
    for (;;) {
        int rc = find_record(r, record);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        rc = wait_for_data(r, deadline);
        if (rc < 0)
            return rc;
    }
}

/* This connection, told apart from others of the same end, its copies in forked children too. */
static uint64_t me(const struct mp_ring *r)
{
    return mp_self_process() ^ (uint64_t)(uintptr_t)r;
}

/* From now on this connection holds what has been read of the long message. */
static void become_gatherer(struct mp_ring *r)
{
    r->part_of = me(r);
    atomic_store_explicit(&r->rx->gatherer_name, mp_self_name(), memory_order_relaxed);
    atomic_store_explicit(&r->rx->gatherer, r->part_of, memory_order_relaxed);
}

static bool is_gatherer(const struct mp_ring *r)
{
    return atomic_load_explicit(&r->rx->gatherer, memory_order_relaxed) == me(r);
}

/* The long message has been read, or given up. */
static void end_gathering(struct mp_ring *r)
{
    atomic_store_explicit(&r->rx->gatherer, 0, memory_order_relaxed);
}

/* The next fragment: 0, MP_ABORTED, or a negative code. */
static int next_part(struct mp_ring *r, struct mp_record *record, mp_deadline deadline)
{
    int rc = next_record(r, record, deadline);
    if (rc < 0)
        return rc;
    if (record->kind == MP_RECORD_PART)
        return 0;
    end_gathering(r);
    drop_part(r);
    return MP_ABORTED;
}

/* A message was taken: what came with it is to be claimed before the next one is received. */
static void note_parcel(struct mp_ring *r, uint64_t number)
{
    if (number == 0)
        return;
    r->parcel = number;
    r->conn.has_parcel = true;
}

void mp_ring_claim_parcel(mproc_conn *conn, struct mp_parcel *parcel)
{
    const struct mp_ring *r = mp_ring_of(conn);
    mp_side_claim(r->side, r->parcel, parcel);
}

/* Copy the fragments to their destination; at the deadline what came is put back into `part`. */
static int take_long(struct mp_ring *r, unsigned char *dst, size_t len, mp_deadline deadline)
{
    if (r->part.len > len)
        return spoil(r);
    if (deadline != MP_NEVER) {
        int rc = mp_buffer_reserve(&r->part, len - r->part.len);
        if (rc < 0)
            return rc;
    }
    size_t got = r->part.len;
    if (got > 0)
        memcpy(dst, r->part.data, got);
    while (got < len) {
        struct mp_record record;
        int rc = next_part(r, &record, deadline);
        if (rc == -ETIMEDOUT) {
            memcpy(r->part.data, dst, got);
            r->part.len = got;
        }
        if (rc < 0)
            return rc;
        if (record.len > len - got)
            return spoil(r);
        mp_ring_copy_long(dst + got, r->payload, record.len);
        got += record.len;
        go_past(r, &record);
    }
    end_gathering(r);
    drop_part(r);
    note_parcel(r, r->part_parcel);
    return 0;
}

int mp_ring_take(mproc_conn *conn, void *dst, size_t len, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (r->part_whole) {
        memcpy(dst, r->part.data, len);
        drop_part(r);
        note_parcel(r, r->part_parcel);
        return 0;
    }
    if (r->current.kind == MP_RECORD_LONG)
        return take_long(r, dst, len, deadline);
    if (len > 0)
        mp_ring_copy_long(dst, r->payload, len);
    go_past(r, &r->current);
    note_parcel(r, r->current_parcel);
    return 0;
}

/* Gather a long message in `part`, in memory that grows with what has come. */
static int gather(struct mp_ring *r, size_t total, mp_deadline deadline)
{
    struct mp_buffer *part = &r->part;
    while (part->len < total) {
        struct mp_record record;
        int rc = next_part(r, &record, deadline);
        if (rc < 0)
            return rc;
        size_t rest = total - part->len;
        if (record.len > rest)
            return spoil(r);
        if (part->cap - part->len < record.len) {
            size_t step = part->len > GROWTH_BYTES ? part->len : GROWTH_BYTES;
            if (step < record.len)
                step = record.len;
            rc = mp_buffer_reserve(part, rest < step ? rest : step);
            if (rc < 0)
                return rc;
        }
        mp_ring_copy_long(part->data + part->len, r->payload, record.len);
        part->len += record.len;
        go_past(r, &record);
    }
    end_gathering(r);
    r->part_whole = true;
    return 0;
}

static void *take_part(struct mp_ring *r)
{
    size_t len = r->part.len;
    r->part_whole = false;
    unsigned char *data = mp_buffer_take(&r->part);
    unsigned char *exact = realloc(data, len);
    if (!exact)
        return data;
    return exact;
}

int mp_ring_take_alloc(mproc_conn *conn, void **dst, size_t len, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (!r->part_whole && r->current.kind == MP_RECORD_LONG) {
        int rc = gather(r, len, deadline);
        if (rc < 0)
            return rc;
    }
    if (r->part_whole) {
        *dst = take_part(r);
        note_parcel(r, r->part_parcel);
        return 0;
    }
    void *data = malloc(len > 0 ? len : 1);
    if (!data)
        return -ENOMEM;
    *dst = data;
    return mp_ring_take(conn, data, len, deadline);
}

/* Go past the mark that begins a long message. */
static void begin_long(struct mp_ring *r, const struct mp_record *record)
{
    drop_part(r);
    become_gatherer(r);
    r->part_parcel = r->current_parcel;
    go_past(r, record);
}

/* Length of the long message under way, 0 if there is none: MPROC_EPROTO if it cannot be. */
static ssize_t long_under_way(struct mp_ring *r)
{
    uint64_t total = mp_read_once(&r->rx->reader.total);
    return total < MP_RING_MESSAGE_MAX ? (ssize_t)total : spoil(r);
}

ssize_t mp_ring_next(mproc_conn *conn, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (r->part_whole)
        return (ssize_t)r->part.len;
    if (r->rx->fault)
        return MPROC_EPROTO;
    ssize_t total = long_under_way(r);
    if (total > 0)
        r->current = (struct mp_record){.kind = MP_RECORD_LONG, .len = (size_t)total};
    if (total != 0)
        return total;
    int rc = next_record(r, &r->current, deadline);
    if (rc < 0)
        return rc;
    if (r->current.kind == MP_RECORD_LONG)
        begin_long(r, &r->current);
    return (ssize_t)r->current.len;
}

int mp_ring_peek(mproc_conn *conn, const void **message, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    bool in_parts = !r->part_whole && r->current.kind == MP_RECORD_LONG;
    int rc = in_parts ? gather(r, r->current.len, deadline) : 0;
    if (rc == 0)
        *message = r->part_whole ? r->part.data : r->payload;
    return rc;
}

void mp_ring_release(mproc_conn *conn)
{
    struct mp_ring *r = mp_ring_of(conn);
    note_parcel(r, r->part_whole ? r->part_parcel : r->current_parcel);
    if (r->part_whole)
        drop_part(r);
    else
        go_past(r, &r->current);
}

/* With as little as a look at memory: is there something for a receive to return at once? */
static bool is_ready(struct mp_ring *r)
{
    int rc = MP_ABORTED;
    while (rc == MP_ABORTED) {
        if (r->rx->fault || r->part_whole)
            return true;
        ssize_t total = long_under_way(r);
        if (total == 0) {
            struct mp_record record;
            int found = find_record(r, &record);
            if (found <= 0 || record.kind != MP_RECORD_LONG)
                return found != 0;
            begin_long(r, &record);
            total = (ssize_t)record.len;
        }
        if (total < 0 || (size_t)total > r->conn.max_message)
            return true;
        rc = gather(r, (size_t)total, MP_NOW);
    }
    return rc != -ETIMEDOUT;
}

bool mp_ring_is_crowded(mproc_conn *conn)
{
    struct mp_armed *armed = &mp_ring_of(conn)->rx->armed;
    return mp_armed_count(armed) > 1 && mp_armed_count_living(armed) > 1;
}

int mp_ring_ready_now(mproc_conn *conn, bool woken)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (is_ready(r))
        return 1;
    if (!woken)
        return 0;
    /* One of several waiters leaves the bell's bytes alone, but all have to learn of its end. */
    bool gone = mp_ring_is_crowded(conn) ? is_hung_up(r) : mp_bell_drain(r->bell_in) < 0;
    if (gone)
        return 1;
    publish_position(r);
    mp_bell_raise(&r->in->no_data);
    return is_ready(r);
}

int mp_ring_arm(mproc_conn *conn, bool entered)
{
    struct mp_ring *r = mp_ring_of(conn);
    mp_armed_add(&r->rx->armed);
    if (!entered)
        return 0;
    publish_position(r);
    mp_bell_raise(&r->in->no_data);
    return is_ready(r);
}

void mp_ring_disarm(mproc_conn *conn)
{
    mp_armed_remove(&mp_ring_of(conn)->rx->armed);
}

/* A receiver died: of a long message under way nobody has the beginning any more. */
static void put_right(struct mp_ring *r)
{
    mp_ring_recover(&r->rx->reader);
    end_gathering(r);
    if (!r->part_whole)
        drop_part(r);
}

/* With the lock held: does another holder of the end have the beginning of a long message? */
static bool is_in_other_hands(struct mp_ring *r)
{
    struct mp_ring_rx *rx = r->rx;
    if (r->part_of != me(r) && !r->part_whole)
        drop_part(r); /* a copy of our parent's */
    if (rx->reader.total == 0 || is_gatherer(r))
        return false;
    if (!mp_self_is_gone(atomic_load_explicit(&rx->gatherer_name, memory_order_relaxed)))
        return true;
    put_right(r);
    return false;
}

int mp_ring_enter_rx(struct mp_ring *r, mp_deadline deadline)
{
    for (;;) {
        int rc = mp_end_lock_enter(&r->rx->lock, deadline);
        if (rc < 0)
            return rc;
        if (rc == MP_ENTERED_AFTER_DEATH)
            put_right(r);
        if (!is_in_other_hands(r))
            return 0;
        mp_end_lock_leave(&r->rx->lock);
        if (mp_deadline_passed(deadline))
            return -ETIMEDOUT;
        mp_poll(NULL, 0, mp_deadline_min(deadline, mp_clock_now() + TICK_NS));
    }
}

/* Without the lock: to enter would favour the calling thread, which is giving the end away. */
bool mp_ring_holds_part(const struct mp_ring *r)
{
    return is_gatherer(r) || atomic_load(&r->part_whole);
}

void mp_ring_give_up_part(struct mp_ring *r)
{
    /* Others that wait for the rest of the message leave the lock free in between. */
    if (!is_gatherer(r) || mp_end_lock_enter(&r->rx->lock, MP_NEVER) < 0)
        return;
    put_right(r);
    mp_end_lock_leave(&r->rx->lock);
}
