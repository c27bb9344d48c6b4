/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include <mproc/error.h>

#include "connection/ring.h"

/* How often a sender looks whether anybody still holds the reading end: a reader that was killed
 * while awake can tell nobody. */
#define LOOK_EVERY_NS 1000000
#define COUNTDOWN 8
#define COUNTDOWN_STREAMING 64

/* What every send returns by now, or 0. */
static int trouble_of(const struct mp_ring *r)
{
    int trouble = *(volatile int *)&r->tx->trouble;
    return trouble <= 0 ? trouble : MPROC_EPROTO;
}

/* Nothing can be sent on this end any more. */
static int end_sending(struct mp_ring_tx *tx, int code)
{
    tx->trouble = code;
    tx->writer.limit = 0;
    return code;
}

/*
 * Where the end stands, read once: other holders, if they go astray, can spoil the messages, but
 * not have us write outside of the ring. What changes is written back step by step.
 */
static inline struct mp_ring_writer writer_of(const struct mp_ring *r)
{
    return mp_ring_writer_copy(&r->tx->writer, r->size);
}

static _Atomic uint64_t *slot_at(const struct mp_ring *r, uint64_t pos)
{
    return mp_ring_slot(r->out_data, pos, r->size);
}

static unsigned char *payload_at(const struct mp_ring *r, uint64_t pos)
{
    return mp_ring_payload(r->out_data, pos, r->size);
}

/*
 * Make a record visible, and say whether the reader has to be woken. Both sides store, then look at
 * what the other stored; the order of the two is what the barrier is for, the reader's if it is
 * streaming, ours otherwise.
 */
static inline bool publish(const struct mp_ring *r, uint64_t pos, uint64_t header)
{
    struct mp_bell_flag *flag = &r->out->no_data;
    _Atomic uint64_t *slot = slot_at(r, pos);
    if (atomic_load_explicit(&flag->state, memory_order_relaxed) != MP_BELL_STREAMING ||
        !mp_self_has_barrier()) {
        atomic_store(slot, header);
        return atomic_load(&flag->state) == MP_BELL_ASLEEP;
    }
    atomic_store_explicit(slot, header, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&flag->state, memory_order_relaxed) == MP_BELL_STREAMING)
        return false;
    return atomic_fetch_or(&flag->state, 0) == MP_BELL_ASLEEP;
}

static inline void clear_header(const struct mp_ring *r, uint64_t pos)
{
    atomic_store_explicit(slot_at(r, pos), 0, memory_order_relaxed);
}

/* Only after the record was published: who comes after our death finds those that were published
 * behind the head, but would not know of one that is missing before it. */
static inline void move_head(const struct mp_ring *r, struct mp_ring_writer *w, uint64_t head)
{
    atomic_signal_fence(memory_order_seq_cst);
    w->head = head;
    r->tx->writer.head = head;
}

/* Append a record for which there is room; its payload, if any, lies behind its header already. */
static inline bool append(const struct mp_ring *r, struct mp_ring_writer *w,
                          enum mp_record_kind kind, uint64_t len, uint64_t payload)
{
    uint64_t pos = w->head;
    uint64_t next = pos + mp_record_size(payload);
    clear_header(r, next);
    bool wanted = publish(r, pos, mp_record_header(kind, len));
    move_head(r, w, next);
    return wanted;
}

/* What it is woken for is in the ring, and may even have been read: that there is no reader any
 * more, or no waking it, is for the next send to say. */
static void wake_reader(struct mp_ring *r)
{
    int rc = mp_bell_lower(&r->out->no_data) ? mp_bell_ring(r->bell_out) : 0;
    if (rc < 0)
        end_sending(r->tx, rc);
}

static void append_and_wake(struct mp_ring *r, struct mp_ring_writer *w, enum mp_record_kind kind,
                            uint64_t len, uint64_t payload)
{
    if (append(r, w, kind, len, payload))
        wake_reader(r);
}

static int look_for_reader(struct mp_ring *r)
{
    return mp_bell_has_reader(r->bell_out) ? 0 : end_sending(r->tx, -EPIPE);
}

/* While the reader is awake nothing tells of its death: look now and then. */
static int look_sometimes(struct mp_ring *r, enum mp_bell_state state)
{
    struct mp_ring_tx *tx = r->tx;
    tx->countdown = state == MP_BELL_STREAMING ? COUNTDOWN_STREAMING : COUNTDOWN;
    int64_t now = mp_clock_now();
    if (now - tx->looked < LOOK_EVERY_NS)
        return 0;
    tx->looked = now;
    return look_for_reader(r);
}

/*
 * Before a message goes in: is there anybody who may read it? One that closed its end looks asleep,
 * and one that sleeps is about to cost a system call anyway. 0 or -EPIPE.
 */
static inline int expect_reader(struct mp_ring *r)
{
    uint32_t state = atomic_load_explicit(&r->out->no_data.state, memory_order_relaxed);
    if (state == MP_BELL_ASLEEP)
        return look_for_reader(r);
    return --r->tx->countdown == 0 ? look_sometimes(r, (enum mp_bell_state)state) : 0;
}

int mp_ring_send_at_once(mproc_conn *conn, const void *buf, size_t len)
{
    struct mp_ring *r = mp_ring_of(conn);
    struct mp_ring_tx *tx = r->tx;
    if (len > r->whole_max || !mp_end_lock_enter_favoured(&tx->lock))
        return MP_SLOWLY;
    struct mp_ring_writer w = writer_of(r);
    bool fits = mp_ring_fits(&w, mp_record_size(len)) && tx->rest == 0;
    int rc = fits ? expect_reader(r) : MP_SLOWLY;
    if (rc < 0) {
        mp_end_lock_leave_favoured(&tx->lock);
        return rc;
    }
    /* The header is written last, but its line is wanted first. Lines further ahead are better left
     * alone: claimed too early, they are claimed twice. */
    __builtin_prefetch(r->out_data + mp_ring_index(w.head, w.size), 1);
    if (len > 0)
        memcpy(payload_at(r, w.head), buf, len);
    append_and_wake(r, &w, MP_RECORD_WHOLE, len, len);
    mp_end_lock_leave_favoured(&tx->lock);
    return 0;
}

/* Has the reader told of progress since it was at `tail`? */
static bool has_moved(const struct mp_ring *r, uint64_t tail)
{
    return atomic_load(&r->out->tail) != tail;
}

static bool look_for_room(struct mp_ring *r, uint64_t tail, mp_deadline deadline)
{
    struct mp_spin *spin = &r->tx_spin;
    int64_t began = spin->began;
    if (mp_spin_may_yield(spin)) {
        sched_yield();
        mp_spin_yielded(spin, mp_clock_now() - began);
        if (has_moved(r, tail))
            return true;
    }
    if (spin->budget == 0)
        return false;
    int64_t until = mp_deadline_min(began + spin->budget, deadline);
    do {
        for (int i = 0; i < 32; i++) {
            if (has_moved(r, tail))
                return true;
            mp_spin_pause();
        }
    } while (mp_clock_now() < until);
    return false;
}

/* Block until the reader has moved on from `tail`, or might have. */
static int wait_for_progress(struct mp_ring *r, uint64_t tail, mp_deadline deadline)
{
    struct mp_bell_flag *flag = &r->out->no_room;
    if (deadline == MP_NOW)
        return mp_bell_has_reader(r->bell_out) ? -ETIMEDOUT : -EPIPE;
    r->tx_spin.began = mp_clock_now();
    if (look_for_room(r, tail, deadline))
        return 0;
    mp_bell_raise(flag);
    if (has_moved(r, tail)) {
        atomic_store_explicit(&flag->state, MP_BELL_AWAKE, memory_order_relaxed);
        return 0;
    }
    int rc = mp_bell_wait_drained(r->bell_out, deadline);
    if (rc == 0)
        mp_spin_learn_from(&r->tx_spin, flag);
    else
        atomic_store_explicit(&flag->state, MP_BELL_AWAKE, memory_order_relaxed);
    return rc;
}

/* Ask the reader how far it is. *tail is what it says. 0 or MPROC_EPROTO. */
static int learn_tail(struct mp_ring *r, struct mp_ring_writer *w, uint64_t *tail)
{
    *tail = atomic_load(&r->out->tail);
    if (mp_ring_learn_tail(w, *tail) < 0)
        return end_sending(r->tx, MPROC_EPROTO);
    r->tx->writer.limit = w->limit;
    return 0;
}

static int wrap(struct mp_ring *r, struct mp_ring_writer *w)
{
    uint64_t start = mp_ring_next_round(w->head, w->size);
    clear_header(r, start);
    bool wanted = publish(r, w->head, mp_record_header(MP_RECORD_WRAP, 0));
    move_head(r, w, start);
    if (wanted)
        wake_reader(r);
    return trouble_of(r);
}

/* Have room for a record with a payload of `len` bytes, contiguous at the head. 0, -ETIMEDOUT,
 * -EPIPE, MPROC_EPROTO, -errno. */
static int make_room(struct mp_ring *r, struct mp_ring_writer *w, uint64_t len,
                     mp_deadline deadline)
{
    uint64_t need = mp_record_size(len);
    while (!mp_ring_fits(w, need)) {
        uint64_t tail;
        int rc = learn_tail(r, w, &tail);
        if (rc < 0)
            return rc;
        enum mp_place place = mp_ring_place(w, need);
        r->tx->writer.window = w->window;
        if (place == MP_PLACE_HERE)
            return 0;
        rc = place == MP_PLACE_WRAP ? wrap(r, w) : wait_for_progress(r, tail, deadline);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int send_record(struct mp_ring *r, struct mp_ring_writer *w, enum mp_record_kind kind,
                       const void *buf, uint64_t len, mp_deadline deadline)
{
    int rc = make_room(r, w, len, deadline);
    if (rc < 0)
        return rc;
    if (len > 0)
        mp_ring_copy_long(payload_at(r, w->head), buf, len);
    append_and_wake(r, w, kind, len, len);
    return 0;
}

/* What follows the mark that began a long message. */
static int send_parts(struct mp_ring *r, struct mp_ring_writer *w, const unsigned char *buf,
                      uint64_t len, mp_deadline deadline)
{
    struct mp_ring_tx *tx = r->tx;
    int rc = 0;
    uint64_t fragment = mp_ring_fragment(len, w->size);
    uint64_t rest = len;
    while (rest > 0 && rc == 0) {
        uint64_t n = rest < fragment ? rest : fragment;
        rc = send_record(r, w, MP_RECORD_PART, buf, n, deadline);
        if (rc == 0) {
            rest -= n;
            tx->rest = rest;
            buf += n;
            rc = trouble_of(r);
        }
    }
    if (rc == -ETIMEDOUT)
        rc = MPROC_ETORN;
    return rc < 0 ? end_sending(tx, rc) : 0;
}

/*
 * Who has a time limit should not find it passed in the midst of a message: wait until there is
 * room for all of it, if there ever is. 0, -ETIMEDOUT, -EPIPE, MPROC_EPROTO, -errno.
 */
static int make_room_for_all(struct mp_ring *r, struct mp_ring_writer *w, uint64_t len,
                             mp_deadline deadline)
{
    if (deadline == MP_NEVER || len > w->size / 2)
        return 0;
    while (!mp_ring_fits_long(w, len)) {
        uint64_t tail;
        int rc = learn_tail(r, w, &tail);
        if (rc == 0 && !mp_ring_fits_long(w, len))
            rc = wait_for_progress(r, tail, deadline);
        if (rc < 0)
            return rc;
    }
    r->tx->writer.window = w->window;
    return 0;
}

static int send_long(struct mp_ring *r, struct mp_ring_writer *w, const void *buf, uint64_t len,
                     mp_deadline deadline)
{
    int rc = make_room_for_all(r, w, len, deadline);
    if (rc == 0)
        rc = make_room(r, w, 0, deadline);
    if (rc < 0)
        return rc;
    /* Noted first: who finds this after our death ends the message, begun or not. */
    r->tx->rest = len;
    append_and_wake(r, w, MP_RECORD_LONG, len, 0);
    return send_parts(r, w, buf, len, deadline);
}

/* A sender died inside a long message: what came of it is void. */
static int end_torn_message(struct mp_ring *r, struct mp_ring_writer *w, mp_deadline deadline)
{
    int rc = send_record(r, w, MP_RECORD_ABORT, NULL, 0, deadline);
    if (rc == 0)
        r->tx->rest = 0;
    return rc;
}

/* What comes before every message of the long way. 0 or a negative code. */
static int begin_message(struct mp_ring *r, struct mp_ring_writer *w, size_t len,
                         mp_deadline deadline)
{
    struct mp_ring_tx *tx = r->tx;
    int rc = trouble_of(r);
    if (rc == 0 && len >= MP_RING_MESSAGE_MAX)
        rc = -EMSGSIZE;
    if (rc == 0)
        rc = expect_reader(r);
    if (rc < 0)
        return rc;
    *w = writer_of(r);
    return tx->rest > 0 ? end_torn_message(r, w, deadline) : 0;
}

int mp_ring_send(mproc_conn *conn, const void *buf, size_t len, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    struct mp_ring_writer w;
    int rc = begin_message(r, &w, len, deadline);
    if (rc < 0)
        return rc;
    return len <= r->whole_max ? send_record(r, &w, MP_RECORD_WHOLE, buf, len, deadline)
                               : send_long(r, &w, buf, len, deadline);
}

/* Append the mark that announces a parcel and the record behind it, for which there is room: a
 * reader sees both or none. */
static void append_with_parcel(struct mp_ring *r, struct mp_ring_writer *w, uint64_t parcel,
                               uint64_t header, uint64_t payload)
{
    uint64_t pos = w->head;
    uint64_t message = pos + MP_RECORD_HEADER;
    uint64_t next = message + mp_record_size(payload);
    clear_header(r, next);
    atomic_store_explicit(slot_at(r, message), header, memory_order_relaxed);
    bool wanted = publish(r, pos, mp_record_header(MP_RECORD_PARCEL, parcel));
    move_head(r, w, next);
    if (wanted)
        wake_reader(r);
}

int mp_ring_send_parcel(mproc_conn *conn, const void *buf, size_t len,
                        const struct mp_parcel *parcel, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    struct mp_ring_tx *tx = r->tx;
    struct mp_ring_writer w;
    bool whole = len <= r->whole_max;
    uint64_t payload = whole ? len : 0;
    int rc = begin_message(r, &w, len, deadline);
    if (rc == 0 && !whole)
        rc = make_room_for_all(r, &w, len, deadline);
    if (rc == 0)
        rc = make_room(r, &w, MP_RECORD_HEADER + payload, deadline);
    if (rc < 0)
        return rc;
    /* The parcel is there before its message is seen; one whose sender died in between, or found no
     * more time, is known by its number when the next one is looked for. */
    uint64_t number = tx->parcels + 1;
    tx->parcels = number;
    rc = mp_side_send(r->side, number, parcel, deadline);
    if (rc < 0)
        return rc;
    if (whole) {
        if (len > 0)
            mp_ring_copy_long(payload_at(r, w.head + MP_RECORD_HEADER), buf, len);
        append_with_parcel(r, &w, number, mp_record_header(MP_RECORD_WHOLE, len), len);
        return 0;
    }
    tx->rest = len;
    append_with_parcel(r, &w, number, mp_record_header(MP_RECORD_LONG, len), 0);
    return send_parts(r, &w, buf, len, deadline);
}

/* Append messages while there is room, with one barrier behind them all. How many. */
static size_t append_many(struct mp_ring *r, const mproc_bytes *messages, size_t n)
{
    struct mp_ring_writer w = writer_of(r);
    size_t i = 0;
    for (; i < n && messages[i].len <= r->whole_max; i++) {
        uint64_t len = messages[i].len;
        if (!mp_ring_fits(&w, mp_record_size(len)))
            break;
        if (len > 0)
            memcpy(payload_at(r, w.head), messages[i].data, len);
        uint64_t next = w.head + mp_record_size(len);
        clear_header(r, next);
        atomic_store_explicit(slot_at(r, w.head), mp_record_header(MP_RECORD_WHOLE, len),
                              memory_order_release);
        move_head(r, &w, next);
    }
    return i;
}

ssize_t mp_ring_send_many(mproc_conn *conn, const mproc_bytes *messages, size_t n,
                          mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    bool at_once = r->tx->rest == 0 && !r->tx->trouble;
    int rc = at_once ? expect_reader(r) : 0;
    if (rc < 0)
        return rc;
    size_t sent = at_once ? append_many(r, messages, n) : 0;
    if (sent == 0) {
        rc = mp_ring_send(conn, messages->data, messages->len, deadline);
        return rc < 0 ? rc : 1;
    }
    /* Read by a change of nothing, which is a barrier. */
    if (atomic_fetch_or(&r->out->no_data.state, 0) == MP_BELL_ASLEEP)
        wake_reader(r);
    return (ssize_t)sent;
}

int mp_ring_reserve(mproc_conn *conn, size_t len, void **room, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (len > mp_ring_record_max(r->size))
        return MP_SLOWLY;
    int rc = begin_message(r, &r->reserved, len, deadline);
    if (rc == 0)
        rc = make_room(r, &r->reserved, len, deadline);
    if (rc == 0)
        *room = payload_at(r, r->reserved.head);
    return rc;
}

int mp_ring_commit(mproc_conn *conn, size_t len)
{
    struct mp_ring *r = mp_ring_of(conn);
    append_and_wake(r, &r->reserved, MP_RECORD_WHOLE, len, len);
    return 0;
}

/* A sender died. What it published counts, though it may not have come to note so. */
static void put_right(struct mp_ring *r)
{
    struct mp_ring_tx *tx = r->tx;
    struct mp_ring_writer w = writer_of(r);
    struct mp_ring_reader walk = {.pos = w.head, .size = w.size, .skipping = 1};
    for (;;) {
        struct mp_record record;
        uint64_t header = atomic_load(slot_at(r, walk.pos));
        bool valid = mp_ring_judge(&walk, header, &record) == 0 && walk.pos - w.head <= w.size;
        if (!valid)
            end_sending(tx, MPROC_EPROTO);
        if (!valid || record.kind == MP_RECORD_NONE)
            break;
        if (record.kind == MP_RECORD_ABORT)
            tx->rest = 0;
        mp_ring_advance(&walk, &record);
    }
    tx->writer.head = walk.pos;
}

int mp_ring_enter_tx(struct mp_ring *r, mp_deadline deadline)
{
    int rc = mp_end_lock_enter(&r->tx->lock, deadline);
    if (rc != MP_ENTERED_AFTER_DEATH)
        return rc;
    put_right(r);
    return 0;
}
