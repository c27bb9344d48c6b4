/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of a ring: records, where they may lie, and what of a peer's headers to believe.
 * No I/O, no shared memory, no atomics.
 *
 * Positions are counted in bytes from the ring's creation and never wrap; a position's place in the
 * ring is `pos % size`, the size being a power of two. A record is an 8-byte header and its
 * payload, padded to 8 bytes and contiguous. A header of 0 says that the record is not there yet:
 * whoever publishes a record has zeroed the header behind it first. So there is always room for
 * one more header than there are records.
 */
#ifndef MP_CONNECTION_RING_INDEX_H
#define MP_CONNECTION_RING_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_RECORD_HEADER ((uint64_t)8)
#define MP_RING_SIZE_MIN ((uint64_t)4096)
#define MP_RING_SIZE_MAX ((uint64_t)1 << 30)

/* Beyond this a length cannot be told from garbage. */
#define MP_RING_MESSAGE_MAX ((uint64_t)1 << 56)

enum mp_record_kind {
    MP_RECORD_NONE = 0,
    MP_RECORD_WHOLE = 1, /* a message */
    MP_RECORD_LONG = 2,  /* no payload: a message of `len` bytes follows in fragments */
    MP_RECORD_PART = 3,  /* a fragment */
    MP_RECORD_WRAP = 4,  /* no payload: the next record lies at the ring's start */
    MP_RECORD_ABORT = 5, /* no payload: what came of the long message is void */
    /* No payload: descriptors came with the next record, the message; `len` is their parcel's
     * number. Whoever writes it shows both at once. */
    MP_RECORD_PARCEL = 6,
};

struct mp_record {
    enum mp_record_kind kind;
    size_t len; /* of the payload; of the whole message for MP_RECORD_LONG */
};

static inline uint64_t mp_record_header(enum mp_record_kind kind, uint64_t len)
{
    return len << 8 | (uint64_t)kind;
}

/* Bytes that a record with a payload of `len` bytes takes. */
static inline uint64_t mp_record_size(uint64_t len)
{
    return MP_RECORD_HEADER + ((len + 7) & ~(uint64_t)7);
}

/* In memory that others write to: a second look could find something else. */
static inline uint64_t mp_read_once(const uint64_t *word)
{
    return *(const volatile uint64_t *)word;
}

/* The writing side of a ring. */
struct mp_ring_writer {
    uint64_t head;   /* where the next record goes; the header there is zero */
    uint64_t limit;  /* the reader was seen one ring's size behind this; 0: no writing */
    uint64_t size;   /* of the ring */
    uint64_t window; /* how much of the ring is in use, so that an idle one stays small */
};

/* Where a record can go. */
enum mp_place {
    MP_PLACE_HERE,
    MP_PLACE_WRAP, /* at the start of the ring, after an MP_RECORD_WRAP */
    MP_PLACE_FULL, /* nowhere before the reader has read on */
};

/* A size the caller wishes for, made a power of two within bounds. */
uint64_t mp_ring_round_size(uint64_t wanted);

void mp_ring_writer_init(struct mp_ring_writer *w, uint64_t size);

/*
 * A copy of one that lies in shared memory, for a ring of `size` bytes: whatever was written there,
 * records are placed inside the ring.
 */
static inline struct mp_ring_writer mp_ring_writer_copy(const struct mp_ring_writer *w,
                                                        uint64_t size)
{
    uint64_t window = mp_read_once(&w->window);
    return (struct mp_ring_writer){
        .head = mp_read_once(&w->head),
        .limit = mp_read_once(&w->limit),
        .size = size,
        .window = window < size ? window : size,
    };
}

/* A multiple of a record header's size, whatever the position. */
static inline uint64_t mp_ring_index(uint64_t pos, uint64_t size)
{
    return pos & (size - MP_RECORD_HEADER);
}

/* First position of the round after the one `pos` is in. */
static inline uint64_t mp_ring_next_round(uint64_t pos, uint64_t size)
{
    return (pos | (size - 1)) + 1;
}

/* Does a record of `need` bytes fit here, by what is known without asking the reader? */
static inline bool mp_ring_fits(const struct mp_ring_writer *w, uint64_t need)
{
    return w->head + need + MP_RECORD_HEADER <= w->limit &&
           mp_ring_index(w->head, w->size) + need <= w->window;
}

/*
 * The reader says that it has read up to `tail`. 0, or MPROC_EPROTO for a position that it cannot
 * have.
 */
int mp_ring_learn_tail(struct mp_ring_writer *w, uint64_t tail);

/*
 * Find a place for a record of `need` bytes, at most mp_ring_record_max() with its header.
 *
 * While the reader keeps up, records turn around at the end of a window that is smaller than the
 * ring, so that the memory of a ring that is never full is never touched. The window doubles when
 * the reader falls behind.
 */
enum mp_place mp_ring_place(struct mp_ring_writer *w, uint64_t need);

/*
 * Is there room for all of a long message of `len` bytes, at most half of the ring's size, in
 * fragments and wherever they turn around? Its window becomes all of the ring.
 */
bool mp_ring_fits_long(struct mp_ring_writer *w, uint64_t len);

/* Longest payload that a record may have: it finds room in every empty ring, wherever it stands. */
static inline uint64_t mp_ring_record_max(uint64_t size)
{
    return size / 2 - 2 * MP_RECORD_HEADER;
}

/* Longest message that is copied in as one record. */
uint64_t mp_ring_whole_max(uint64_t size);

/* Payload of one fragment of a message of `total` bytes. */
uint64_t mp_ring_fragment(uint64_t total, uint64_t size);

/* The reading side of a ring. */
struct mp_ring_reader {
    uint64_t pos;       /* of the next record */
    uint64_t size;      /* of the ring */
    uint64_t total;     /* length of the long message under way, 0: none */
    uint64_t got;       /* how much of it has been read */
    uint64_t parcel;    /* the last one announced, */
    uint64_t parcel_at; /* and the position of its message */
    uint64_t skipping;  /* 1: its reader died: pass over what is left of it */
};

void mp_ring_reader_init(struct mp_ring_reader *r, uint64_t size);

/* A copy of one that lies in shared memory, for a ring of `size` bytes. */
static inline struct mp_ring_reader mp_ring_reader_copy(const struct mp_ring_reader *r,
                                                        uint64_t size)
{
    return (struct mp_ring_reader){
        .pos = mp_read_once(&r->pos),
        .size = size,
        .total = mp_read_once(&r->total),
        .got = mp_read_once(&r->got),
        .parcel = mp_read_once(&r->parcel),
        .parcel_at = mp_read_once(&r->parcel_at),
        .skipping = mp_read_once(&r->skipping) != 0,
    };
}

/*
 * Judge the header at r->pos. It was read once, and so cannot change between this and its use.
 * 0, or MPROC_EPROTO: reaches beyond the ring, or makes no sense here. A zero header is
 * MP_RECORD_NONE.
 */
int mp_ring_judge(const struct mp_ring_reader *r, uint64_t header, struct mp_record *out);

/* Go past a record that was judged; what a long message's records mean for it is noted. Death
 * between any two steps leaves what mp_ring_recover() can put right. */
void mp_ring_advance(struct mp_ring_reader *r, const struct mp_record *record);

/* A reader died, having advanced over some part of a long message: the rest of it is to be skipped.
 */
void mp_ring_recover(struct mp_ring_reader *r);

/* Number of the parcel that came with the message that begins at r->pos, 0: none did. */
static inline uint64_t mp_ring_parcel(const struct mp_ring_reader *r)
{
    return r->parcel_at == r->pos ? r->parcel : 0;
}

/* A whole record with nothing beside it, and no long message under way, as the fast path wants it.
 */
static inline bool mp_ring_is_plain(const struct mp_ring_reader *r, uint64_t header)
{
    return (header & 0xff) == MP_RECORD_WHOLE && r->total == 0 && !r->skipping &&
           r->parcel_at != r->pos &&
           header >> 8 <= r->size - MP_RECORD_HEADER - mp_ring_index(r->pos, r->size);
}

#endif
