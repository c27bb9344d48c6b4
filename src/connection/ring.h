/* SPDX-License-Identifier: MIT */
/*
 * The ring transport: messages through memory that both sides map. The kernel is asked only to
 * sleep and to wake.
 */
#ifndef MP_CONNECTION_RING_H
#define MP_CONNECTION_RING_H

#include "base/buffer.h"
#include "connection/ring_memory.h"
#include "connection/spin.h"
#include "connection/transport.h"

struct mp_ring {
    struct mproc_conn conn; /* first member */

    /* sending: ring, its bell's writing end */
    struct mp_ring_tx *tx;
    struct mp_ring_control *out;
    unsigned char *out_data;
    uint64_t whole_max; /* longest message copied in as one record */
    int bell_out;
    struct mp_spin tx_spin;

    /* receiving: ring, its bell's reading end */
    int bell_in;
    struct mp_ring_rx *rx;
    struct mp_ring_control *in;
    unsigned char *in_data;
    struct mp_spin rx_spin;
    struct mp_record current; /* what next() found */
    struct mp_buffer part;    /* what was read of a long message without being delivered */
    uint64_t part_of;         /* the process that read it: a forked child has but a copy */
    bool part_whole;          /* all of it */

    struct mp_ring_memory *memory;
    struct mp_end_state *state;
    int state_fd;
};

/* Two connected ends with rings of `ring_size` bytes (a power of two). 0 or -errno. */
int mp_ring_pipe(mproc_conn **first, mproc_conn **second, bool simplex, uint64_t ring_size,
                 double spin_us);

static inline struct mp_ring *mp_ring_of(mproc_conn *conn)
{
    return (struct mp_ring *)(void *)conn;
}

static inline _Atomic uint64_t *mp_ring_slot(unsigned char *data, uint64_t pos, uint64_t size)
{
    return (_Atomic uint64_t *)(void *)(data + mp_ring_index(pos, size));
}

/* Where the payload of the record at `pos` lies. */
static inline unsigned char *mp_ring_payload(unsigned char *data, uint64_t pos, uint64_t size)
{
    return data + mp_ring_index(pos, size) + MP_RECORD_HEADER;
}

/* memcpy(3) in slices: beyond some size the C library's would go round the cache or copy by
 * microcode, both slower here. */
void mp_ring_copy_long(void *dst, const void *src, size_t len);

/* The two halves of the transport; see struct mp_transport. */
int mp_ring_enter_tx(struct mp_ring *r, mp_deadline deadline);
int mp_ring_send(mproc_conn *conn, const void *buf, size_t len, mp_deadline deadline);
int mp_ring_send_at_once(mproc_conn *conn, const void *buf, size_t len);

ssize_t mp_ring_send_many(mproc_conn *conn, const mproc_bytes *messages, size_t n,
                          mp_deadline deadline);
int mp_ring_reserve(mproc_conn *conn, size_t len, void **room, mp_deadline deadline);
int mp_ring_commit(mproc_conn *conn, size_t len);

int mp_ring_enter_rx(struct mp_ring *r, mp_deadline deadline);
ssize_t mp_ring_next(mproc_conn *conn, mp_deadline deadline);
int mp_ring_take(mproc_conn *conn, void *dst, size_t len, mp_deadline deadline);
int mp_ring_take_alloc(mproc_conn *conn, void **dst, size_t len, mp_deadline deadline);
ssize_t mp_ring_recv_at_once(mproc_conn *conn, void *buf, size_t cap);
int mp_ring_ready_now(mproc_conn *conn, bool woken);
int mp_ring_peek(mproc_conn *conn, const void **message, mp_deadline deadline);
void mp_ring_release(mproc_conn *conn);
bool mp_ring_is_crowded(mproc_conn *conn);
int mp_ring_arm(mproc_conn *conn, bool entered);
void mp_ring_disarm(mproc_conn *conn);

#endif
