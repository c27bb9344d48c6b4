/* SPDX-License-Identifier: MIT */
#include "connection/ring.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"

static int ring_enter(mproc_conn *conn, enum mp_way way, mp_deadline deadline)
{
    struct mp_ring *r = mp_ring_of(conn);
    return way == MP_SENDING ? mp_ring_enter_tx(r, deadline) : mp_ring_enter_rx(r, deadline);
}

static void ring_leave(mproc_conn *conn, enum mp_way way)
{
    struct mp_ring *r = mp_ring_of(conn);
    mp_end_lock_leave(way == MP_SENDING ? &r->tx->lock : &r->rx->lock);
}

static mproc_handle ring_handle(const mproc_conn *conn)
{
    const struct mp_ring *r = (const struct mp_ring *)(const void *)conn;
    return conn->readable ? r->bell_in : r->bell_out;
}

/* The copy that a forked child inherited and does not want: the memory stays mapped, in case that
 * the program looks at the connection again, but no call gets at it. */
static void ring_shut(mproc_conn *conn)
{
    struct mp_ring *r = mp_ring_of(conn);
    conn->readable = false;
    conn->writable = false;
    mp_fd_close(&r->bell_in);
    mp_fd_close(&r->bell_out);
}

/* A reader that leaves looks asleep, so that the next sender rings and learns that nobody is there.
 */
static void ring_destroy(mproc_conn *conn)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (conn->readable) {
        mp_bell_raise(&r->in->no_data);
        mp_end_lock_forsake(&r->rx->lock);
    }
    if (conn->writable)
        mp_end_lock_forsake(&r->tx->lock);
    mp_fd_close(&r->bell_in);
    mp_fd_close(&r->bell_out);
    mp_fd_close(&r->state_fd);
    mp_end_state_unmap(r->state);
    mp_ring_memory_unref(r->memory);
    mp_buffer_clear(&r->part);
    mp_conn_fini(conn);
    free(r);
}

static const struct mp_transport ring_transport = {
    .send = mp_ring_send,
    .next = mp_ring_next,
    .take = mp_ring_take,
    .take_alloc = mp_ring_take_alloc,
    .ready_now = mp_ring_ready_now,
    .shut = ring_shut,
    .handle = ring_handle,
    .enter = ring_enter,
    .leave = ring_leave,
    .send_at_once = mp_ring_send_at_once,
    .recv_at_once = mp_ring_recv_at_once,
    .send_many = mp_ring_send_many,
    .reserve = mp_ring_reserve,
    .commit = mp_ring_commit,
    .peek = mp_ring_peek,
    .release = mp_ring_release,
    .arm = mp_ring_arm,
    .disarm = mp_ring_disarm,
    .is_crowded = mp_ring_is_crowded,
    .destroy = ring_destroy,
};

/* Which ring an end receives from and sends to: ring 0 goes to the first end. */
static void attach(struct mp_ring *r, bool readable, bool writable)
{
    struct mp_end_state *state = r->state;
    unsigned in = state->first ? 0 : 1;
    unsigned out = 1 - in;
    r->tx = &state->tx;
    r->rx = &state->rx;
    if (readable) {
        r->in = mp_ring_memory_control(r->memory, in);
        r->in_data = mp_ring_memory_data(r->memory, in);
    }
    if (writable) {
        r->out = mp_ring_memory_control(r->memory, out);
        r->out_data = mp_ring_memory_data(r->memory, out);
    }
    r->whole_max = mp_ring_whole_max(state->ring_size);
}

static void init_state(struct mp_end_state *state, uint64_t ring_size, bool first, bool duplex)
{
    state->ring_size = ring_size;
    state->first = first;
    state->duplex = duplex;
    mp_ring_writer_init(&state->tx.writer, ring_size);
    mp_ring_reader_init(&state->rx.reader, ring_size);
    state->tx.countdown = 1;
}

/* What both ends of a new pipe are made from. */
struct parts {
    struct mp_ring_memory *memory;
    int to_first[2]; /* bells: of the ring to the first end, and of that to the second */
    int to_second[2];
    bool simplex;
    double spin_us;
};

/* One end. The bells' descriptors are its own from now on, also on failure. */
static int new_end(mproc_conn **conn, struct parts *parts, bool first)
{
    struct mp_ring *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    int rc = mp_end_state_new(&r->state, &r->state_fd);
    if (rc == 0) {
        bool readable = !parts->simplex || first;
        bool writable = !parts->simplex || !first;
        rc = mp_conn_init(&r->conn, &ring_transport, readable, writable);
        if (rc < 0) {
            mp_end_state_unmap(r->state);
            mp_fd_close(&r->state_fd);
        }
    }
    if (rc < 0) {
        free(r);
        return rc;
    }
    r->memory = mp_ring_memory_ref(parts->memory);
    init_state(r->state, parts->memory->ring_size, first, !parts->simplex);
    attach(r, r->conn.readable, r->conn.writable);
    int *in = first ? &parts->to_first[0] : &parts->to_second[0];
    int *out = first ? &parts->to_second[1] : &parts->to_first[1];
    r->bell_in = *in;
    r->bell_out = *out;
    *in = -1;
    *out = -1;
    mp_spin_init(&r->rx_spin, parts->spin_us);
    mp_spin_init(&r->tx_spin, parts->spin_us);
    *conn = &r->conn;
    return 0;
}

static int get_parts(struct parts *parts, uint64_t ring_size)
{
    int rc = mp_self_init();
    if (rc == 0)
        rc = mp_ring_memory_new(&parts->memory, ring_size, parts->simplex ? 1 : 2);
    if (rc == 0)
        rc = mp_bell_open(parts->to_first);
    if (rc == 0 && !parts->simplex)
        rc = mp_bell_open(parts->to_second);
    return rc;
}

static void drop_parts(struct parts *parts)
{
    for (int i = 0; i < 2; i++) {
        mp_fd_close(&parts->to_first[i]);
        mp_fd_close(&parts->to_second[i]);
    }
    if (parts->memory)
        mp_ring_memory_unref(parts->memory);
}

int mp_ring_pipe(mproc_conn **first, mproc_conn **second, bool simplex, uint64_t ring_size,
                 double spin_us)
{
    struct parts parts = {
        .to_first = {-1, -1}, .to_second = {-1, -1}, .simplex = simplex, .spin_us = spin_us};
    mproc_conn *a = NULL;
    mproc_conn *b = NULL;
    int rc = get_parts(&parts, ring_size);
    if (rc == 0)
        rc = new_end(&a, &parts, true);
    if (rc == 0)
        rc = new_end(&b, &parts, false);
    drop_parts(&parts);
    if (rc < 0) {
        mproc_conn_close(a);
        return rc;
    }
    *first = a;
    *second = b;
    return 0;
}
