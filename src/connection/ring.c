/* SPDX-License-Identifier: MIT */
#include "connection/ring.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"

/* What a ring takes unless asked otherwise. It is touched only as far as messages queue up. */
#define RING_BYTES ((size_t)4 << 20)

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
    mp_fd_close(&r->side);
}

/* A reader that leaves looks asleep, so that the next sender rings and learns that nobody is there.
 */
static void ring_destroy(mproc_conn *conn)
{
    struct mp_ring *r = mp_ring_of(conn);
    if (conn->readable) {
        mp_ring_give_up_part(r);
        mp_bell_raise(&r->in->no_data);
        mp_end_lock_forsake(&r->rx->lock);
    }
    if (conn->writable)
        mp_end_lock_forsake(&r->tx->lock);
    mp_fd_close(&r->bell_in);
    mp_fd_close(&r->bell_out);
    mp_fd_close(&r->side);
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
    .send_parcel = mp_ring_send_parcel,
    .claim_parcel = mp_ring_claim_parcel,
    .pass = mp_ring_pass,
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
static void attach(struct mp_ring *r, bool first)
{
    unsigned in = first ? 0 : 1;
    unsigned out = 1 - in;
    r->tx = &r->state->tx;
    r->rx = &r->state->rx;
    if (r->conn.readable) {
        r->in = mp_ring_memory_control(r->memory, in);
        r->in_data = mp_ring_memory_data(r->memory, in);
    }
    if (r->conn.writable) {
        r->out = mp_ring_memory_control(r->memory, out);
        r->out_data = mp_ring_memory_data(r->memory, out);
    }
}

int mp_ring_new(mproc_conn **conn, const struct mp_ring_parts *parts)
{
    struct mp_ring *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    int rc = mp_conn_init(&r->conn, &ring_transport, parts->bells[0] >= 0, parts->bells[1] >= 0);
    if (rc < 0) {
        free(r);
        return rc;
    }
    r->memory = parts->memory;
    r->size = parts->memory->ring_size;
    r->whole_max = mp_ring_whole_max(r->size);
    r->state = parts->state;
    r->state_fd = parts->state_fd;
    r->bell_in = parts->bells[0];
    r->bell_out = parts->bells[1];
    r->side = parts->side;
    attach(r, parts->first);
    mp_spin_init(&r->rx_spin, r->state->spin_ns);
    r->tx_spin = r->rx_spin;
    *conn = &r->conn;
    return 0;
}

/* What both ends of a new pipe are made from. */
struct new_pipe {
    struct mp_ring_memory *memory;
    int to_first[2]; /* bells: of the ring to the first end, and of that to the second */
    int to_second[2];
    bool simplex;
    int64_t spin_ns;
};

static void init_state(struct mp_end_state *state, const struct new_pipe *pipe, bool first)
{
    state->ring_size = pipe->memory->ring_size;
    state->spin_ns = pipe->spin_ns;
    state->first = first;
    state->duplex = !pipe->simplex;
    mp_ring_writer_init(&state->tx.writer, state->ring_size);
    mp_ring_reader_init(&state->rx.reader, state->ring_size);
    state->tx.countdown = 1;
}

/* One end. The bells' descriptors and the side's are its own on success. */
static int new_end(mproc_conn **conn, struct new_pipe *pipe, bool first, int side)
{
    int *in = first ? &pipe->to_first[0] : &pipe->to_second[0];
    int *out = first ? &pipe->to_second[1] : &pipe->to_first[1];
    struct mp_ring_parts parts = {.bells = {*in, *out}, .first = first, .side = side};
    int rc = mp_end_state_new(&parts.state, &parts.state_fd);
    if (rc < 0)
        return rc;
    init_state(parts.state, pipe, first);
    parts.memory = mp_ring_memory_ref(pipe->memory);
    rc = mp_ring_new(conn, &parts);
    if (rc < 0) {
        mp_ring_memory_unref(parts.memory);
        mp_end_state_unmap(parts.state);
        mp_fd_close(&parts.state_fd);
        return rc;
    }
    *in = -1;
    *out = -1;
    return 0;
}

static int get_parts(struct new_pipe *pipe, uint64_t ring_size)
{
    int rc = mp_self_init();
    if (rc == 0)
        rc = mp_ring_memory_new(&pipe->memory, ring_size, pipe->simplex ? 1 : 2);
    if (rc == 0)
        rc = mp_bell_open(pipe->to_first);
    if (rc == 0 && !pipe->simplex)
        rc = mp_bell_open(pipe->to_second);
    return rc;
}

static void drop_parts(struct new_pipe *pipe)
{
    for (int i = 0; i < 2; i++) {
        mp_fd_close(&pipe->to_first[i]);
        mp_fd_close(&pipe->to_second[i]);
    }
    if (pipe->memory)
        mp_ring_memory_unref(pipe->memory);
}

int mp_ring_pipe(mproc_conn **first, mproc_conn **second, bool simplex,
                 const mproc_pipe_options *options, const int side[2])
{
    struct new_pipe pipe = {
        .to_first = {-1, -1},
        .to_second = {-1, -1},
        .simplex = simplex,
        .spin_ns = mp_spin_limit_ns(options->spin_us),
    };
    size_t bytes = options->ring_bytes > 0 ? options->ring_bytes : RING_BYTES;
    mproc_conn *a = NULL;
    mproc_conn *b = NULL;
    int rc = get_parts(&pipe, mp_ring_round_size(bytes));
    if (rc == 0)
        rc = new_end(&a, &pipe, true, side[0]);
    if (rc == 0)
        rc = new_end(&b, &pipe, false, side[1]);
    drop_parts(&pipe);
    if (rc < 0 && a)
        mp_ring_of(a)->side = -1; /* stays the caller's */
    if (rc < 0) {
        mproc_conn_close(a);
        return rc;
    }
    *first = a;
    *second = b;
    return 0;
}
