/* SPDX-License-Identifier: MIT */
/*
 * The ring transport: messages through memory that both sides map. The kernel is asked only to
 * sleep and to wake.
 */
#ifndef MP_CONNECTION_RING_H
#define MP_CONNECTION_RING_H

#include "base/buffer.h"
#include "connection/ring_memory.h"
#include "connection/ring_pipe.h"
#include "connection/side.h"
#include "connection/spin.h"
#include "connection/transport.h"

struct mp_ring {
    struct mproc_conn conn; /* first member */
    uint64_t size;          /* of each ring, bytes */

    /* sending: ring, its bell's writing end */
    struct mp_ring_tx *tx;
    struct mp_ring_control *out;
    unsigned char *out_data;
    uint64_t whole_max; /* longest message copied in as one record */
    int bell_out;
    struct mp_spin tx_spin;
    struct mp_ring_writer reserved; /* where the reservation lies */

    /* receiving: ring, its bell's reading end */
    int bell_in;
    struct mp_ring_rx *rx;
    struct mp_ring_control *in;
    unsigned char *in_data;
    struct mp_spin rx_spin;
    struct mp_record current;     /* what next() found, */
    const unsigned char *payload; /* where, */
    uint64_t current_parcel;      /* and which parcel came with it, 0: none */
    struct mp_buffer part;        /* what was read of a long message without being delivered */
    uint64_t part_of;             /* who read it: a forked child has but a copy */
    atomic_bool part_whole;       /* all of it */
    uint64_t part_parcel;         /* what came with it */
    uint64_t parcel;              /* what came with the message just taken */

    struct mp_ring_memory *memory;
    struct mp_end_state *state;
    int state_fd;
    int side; /* socket for parcels, both ways */
};

/*
 * An end from its parts. Memory, state and descriptors are its own on success: `bells` are where it
 * is woken and where it wakes the peer, each -1 if it does not go that way.
 */
struct mp_ring_parts {
    struct mp_ring_memory *memory;
    struct mp_end_state *state;
    bool first; /* of the pair */
    int state_fd;
    int bells[2];
    int side;
};

/* 0 or -errno. */
int mp_ring_new(mproc_conn **conn, const struct mp_ring_parts *parts);

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

int mp_ring_send_parcel(mproc_conn *conn, const void *buf, size_t len,
                        const struct mp_parcel *parcel, mp_deadline deadline);
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
void mp_ring_claim_parcel(mproc_conn *conn, struct mp_parcel *parcel);

/* Does this connection hold what was read of a message, so that no other can receive it? */
bool mp_ring_holds_part(const struct mp_ring *r);

/* Before it is closed: what it has read of a message goes with it, the rest is skipped. */
void mp_ring_give_up_part(struct mp_ring *r);

/* As struct mp_transport's. */
int mp_ring_pass(mproc_conn *conn, struct mp_parcel *parcel, unsigned *traits);

#endif
