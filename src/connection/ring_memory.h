/* SPDX-License-Identifier: MIT */
/*
 * The memory of a ring connection. Two kinds: what both sides map, which holds the records, the
 * reader's position and the sleepers' flags, and which the peer may scribble on; and what only
 * holders of the same end map, which holds where that end stands and its locks.
 */
#ifndef MP_CONNECTION_RING_MEMORY_H
#define MP_CONNECTION_RING_MEMORY_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#include "connection/bell.h"
#include "connection/end_lock.h"
#include "connection/ring_index.h"

/* What two processors write lies this far apart: lines are fetched in pairs. */
#define MP_LINES 128

/* One direction, in memory shared with the peer. Nothing here is believed. */
struct mp_ring_control {
    alignas(MP_LINES) _Atomic uint64_t tail;       /* up to here everything has been read */
    alignas(MP_LINES) struct mp_bell_flag no_data; /* the reader sleeps */
    alignas(MP_LINES) struct mp_bell_flag no_room; /* the writer sleeps */
};

/* Sealed memory that both sides map. Both ends share one mapping while they are in one process. */
struct mp_ring_memory {
    atomic_uint users;
    int fd;
    unsigned char *base;
    size_t len;
    size_t ring_size;
};

/* The sending half of an end, shared by its holders. */
struct mp_ring_tx {
    struct mp_end_lock lock;
    struct mp_ring_writer writer;
    uint64_t rest;      /* of a long message under way, bytes */
    uint64_t parcels;   /* sent beside messages so far */
    int trouble;        /* what every further send returns, or 0 */
    uint32_t countdown; /* messages until the next look whether there is a reader */
    int64_t looked;     /* when that was last done */
};

/*
 * Waiters that sleep on the bell without being inside, by process: one that was killed asleep is
 * found out by those that it is in the way of. Each word is a process's name and, below it, how
 * many waiters it has; 0 is free.
 */
#define MP_ARMED_PROCESSES 16
#define MP_ARMED_BITS (64 - MP_NAME_BITS)

struct mp_armed {
    _Atomic uint64_t by[MP_ARMED_PROCESSES];
    atomic_uint others; /* for whom there was no word */
};

/* A waiter of the calling process begins, or ceases, to sleep. */
void mp_armed_add(struct mp_armed *armed);
void mp_armed_remove(struct mp_armed *armed);

/* How many there are, those whose process is known to be gone left out. */
unsigned mp_armed_count(const struct mp_armed *armed);
unsigned mp_armed_count_living(struct mp_armed *armed);

/* The receiving half. */
struct mp_ring_rx {
    struct mp_end_lock lock;
    struct mp_ring_reader reader;
    uint64_t published;        /* the position that the peer was told */
    uint32_t burst;            /* messages since the ring was last empty */
    int fault;                 /* MPROC_EPROTO once the peer broke the rules, or 0 */
    uint64_t next_look;        /* at this position: is there a writer at all? */
    uint64_t last;             /* there is none: nothing can lie beyond this; 0: there is */
    _Atomic uint64_t gatherer; /* who holds what was read of a long message, 0: nobody */
    _Atomic uint64_t gatherer_name;
    struct mp_armed armed;
};

/*
 * How to tell that this memory is an end's, and laid out as this build would: its sizes, and whose
 * mutexes are in it.
 */
#define MP_END_MAGIC UINT64_C(0x6d70726f63656e64)
#if defined __GLIBC__
#define MP_END_LIBC UINT64_C(1)
#else
#define MP_END_LIBC UINT64_C(2)
#endif
#define MP_END_LAYOUT                                                                              \
    (UINT64_C(1) | MP_END_LIBC << 8 | (uint64_t)sizeof(void *) << 16 |                             \
     (uint64_t)sizeof(pthread_mutex_t) << 24 | (uint64_t)sizeof(struct mp_end_state) << 32)

/* One end, shared by its holders only. Its halves are apart on purpose. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct mp_end_state {
    uint64_t magic;
    uint64_t layout;
    uint64_t ring_size;
    int64_t spin_ns; /* longest look that the pipe was made with */
    uint32_t first;  /* this is the first of the pair: it receives on ring 0 and sends on ring 1 */
    uint32_t duplex;
    alignas(MP_LINES) struct mp_ring_tx tx;
    alignas(MP_LINES) struct mp_ring_rx rx;
};

/* Make memory for one or two rings of `ring_size` bytes. Nothing of it is touched. 0 or -errno. */
int mp_ring_memory_new(struct mp_ring_memory **out, size_t ring_size, unsigned rings);
struct mp_ring_memory *mp_ring_memory_ref(struct mp_ring_memory *memory);
void mp_ring_memory_unref(struct mp_ring_memory *memory);

struct mp_ring_control *mp_ring_memory_control(const struct mp_ring_memory *memory, unsigned ring);
unsigned char *mp_ring_memory_data(const struct mp_ring_memory *memory, unsigned ring);

/*
 * The memory of somebody else's ring, or rings: the descriptor is checked to be just that, and
 * belongs to it on success. 0, MPROC_EPICKLE, -ENOMEM.
 */
int mp_ring_memory_adopt(struct mp_ring_memory **out, int fd, size_t ring_size, unsigned rings);

/* Make the state of an end; *fd is what another process maps it by. 0 or -errno. */
int mp_end_state_new(struct mp_end_state **out, int *fd);

/* Map a state that another process made. Of what is in it only magic and layout have been checked.
 * 0, MPROC_EPICKLE, MPROC_EFOREIGN, -ENOMEM. */
int mp_end_state_adopt(struct mp_end_state **out, int fd);
void mp_end_state_unmap(struct mp_end_state *state);

#endif
