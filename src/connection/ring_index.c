/* SPDX-License-Identifier: MIT */
#include "connection/ring_index.h"

#include <stdatomic.h>

#include <mproc/error.h>

/* What a ring uses before its reader falls behind. Once records have turned around, this is also
 * the room there is until the reader has followed: as much as a socket's buffer. */
#define FIRST_WINDOW ((uint64_t)256 * 1024)

/* Records beyond this use all of the ring: a few lines are handed to and fro fastest between two
 * processors' own caches, many are fetched faster from the cache they share. */
#define SMALL_RECORD ((uint64_t)2 * 1024)

#define WHOLE_MAX ((uint64_t)16 * 1024)
#define FRAGMENT_MIN ((uint64_t)8 * 1024)
#define FRAGMENT_MAX ((uint64_t)64 * 1024)

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t mp_ring_round_size(uint64_t wanted)
{
    uint64_t size = MP_RING_SIZE_MIN;
    while (size < wanted && size < MP_RING_SIZE_MAX)
        size *= 2;
    return size;
}

void mp_ring_writer_init(struct mp_ring_writer *w, uint64_t size)
{
    *w = (struct mp_ring_writer){.limit = size, .size = size, .window = least(size, FIRST_WINDOW)};
}

int mp_ring_learn_tail(struct mp_ring_writer *w, uint64_t tail)
{
    if (tail > w->head || w->head - tail > w->size || tail % MP_RECORD_HEADER != 0)
        return MPROC_EPROTO;
    w->limit = tail + w->size;
    return 0;
}

static bool has_room(const struct mp_ring_writer *w, uint64_t start, uint64_t need)
{
    return start + need + MP_RECORD_HEADER <= w->limit;
}

/* Has the reader kept up with what is in the window? */
static bool reader_keeps_up(const struct mp_ring_writer *w)
{
    uint64_t tail = w->limit - w->size;
    return w->head - tail <= w->window / 4;
}

static void widen(struct mp_ring_writer *w, uint64_t need)
{
    if (need > SMALL_RECORD || w->window == 0)
        w->window = w->size;
    while (w->window < w->size && mp_ring_index(w->head, w->size) + need > w->window)
        w->window = least(2 * w->window, w->size);
}

enum mp_place mp_ring_place(struct mp_ring_writer *w, uint64_t need)
{
    uint64_t index = mp_ring_index(w->head, w->size);
    uint64_t start = mp_ring_next_round(w->head, w->size);
    if (index + need > w->window && need <= SMALL_RECORD && reader_keeps_up(w) &&
        has_room(w, start, need))
        return MP_PLACE_WRAP;
    widen(w, need);
    if (index + need <= w->size)
        return has_room(w, w->head, need) ? MP_PLACE_HERE : MP_PLACE_FULL;
    return has_room(w, start, need) ? MP_PLACE_WRAP : MP_PLACE_FULL;
}

bool mp_ring_fits_long(struct mp_ring_writer *w, uint64_t len)
{
    uint64_t fragment = mp_ring_fragment(len, w->size);
    uint64_t parts = len / fragment + 1;
    uint64_t marks = 3 * MP_RECORD_HEADER; /* of its beginning, a parcel, and a turn */
    uint64_t before_turn = mp_record_size(fragment);
    w->window = w->size;
    return has_room(w, w->head,
                    marks + parts * mp_record_size(0) + mp_record_size(len) + before_turn);
}

uint64_t mp_ring_whole_max(uint64_t size)
{
    return least(WHOLE_MAX, size / 8);
}

uint64_t mp_ring_fragment(uint64_t total, uint64_t size)
{
    uint64_t fragment = total / 4 & ~(uint64_t)7;
    if (fragment < FRAGMENT_MIN)
        fragment = FRAGMENT_MIN;
    return least(least(fragment, FRAGMENT_MAX), size / 8);
}

void mp_ring_reader_init(struct mp_ring_reader *r, uint64_t size)
{
    *r = (struct mp_ring_reader){.size = size, .parcel_at = UINT64_MAX};
}

/* Is there room for a payload of `len` bytes between the header and the ring's end? */
static bool is_inside(const struct mp_ring_reader *r, uint64_t len)
{
    return len <= r->size - MP_RECORD_HEADER - mp_ring_index(r->pos, r->size);
}

static bool makes_sense(const struct mp_ring_reader *r, enum mp_record_kind kind, uint64_t len)
{
    bool in_long = r->total > 0;
    switch (kind) {
    case MP_RECORD_NONE:
        return len == 0;
    case MP_RECORD_WHOLE:
        return !in_long && is_inside(r, len);
    case MP_RECORD_LONG:
        return !in_long && len > 0 && len <= MP_RING_MESSAGE_MAX - 1;
    case MP_RECORD_PART:
        return len > 0 && is_inside(r, len) &&
               (r->skipping || (in_long && len <= r->total - r->got));
    case MP_RECORD_WRAP:
        /* At the very start it would lead in circles. */
        return len == 0 && mp_ring_index(r->pos, r->size) > 0;
    case MP_RECORD_ABORT:
        /* Also where there is nothing to void: its sender may have come after one that died without
         * having noted how far it got. */
        return len == 0;
    case MP_RECORD_PARCEL:
        return !in_long && len > 0;
    }
    return false;
}

int mp_ring_judge(const struct mp_ring_reader *r, uint64_t header, struct mp_record *out)
{
    enum mp_record_kind kind = (enum mp_record_kind)(header & 0xff);
    uint64_t len = header >> 8;
    if (!makes_sense(r, kind, len))
        return MPROC_EPROTO;
    *out = (struct mp_record){.kind = kind, .len = (size_t)len};
    return 0;
}

/* The order of stores that a death may cut short. */
static void in_this_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static void end_long(struct mp_ring_reader *r)
{
    r->total = 0;
    in_this_order();
    r->got = 0;
}

static void advance_part(struct mp_ring_reader *r, const struct mp_record *record)
{
    r->pos += mp_record_size(record->len);
    if (r->skipping)
        return;
    in_this_order();
    r->got += record->len;
    if (r->got == r->total)
        end_long(r);
}

void mp_ring_advance(struct mp_ring_reader *r, const struct mp_record *record)
{
    switch (record->kind) {
    case MP_RECORD_NONE:
        break;
    case MP_RECORD_WRAP:
        r->pos = mp_ring_next_round(r->pos, r->size);
        break;
    case MP_RECORD_WHOLE:
        r->skipping = 0;
        r->pos += mp_record_size(record->len);
        break;
    case MP_RECORD_LONG:
        r->skipping = 0;
        r->got = 0;
        r->total = record->len;
        in_this_order();
        r->pos += MP_RECORD_HEADER;
        break;
    case MP_RECORD_PART:
        advance_part(r, record);
        break;
    case MP_RECORD_ABORT:
        r->pos += MP_RECORD_HEADER;
        r->skipping = 0;
        in_this_order();
        end_long(r);
        break;
    case MP_RECORD_PARCEL:
        r->parcel = record->len;
        r->parcel_at = r->pos + MP_RECORD_HEADER;
        in_this_order();
        r->pos += MP_RECORD_HEADER;
        break;
    }
}

void mp_ring_recover(struct mp_ring_reader *r)
{
    if (r->total == 0)
        return;
    r->skipping = 1;
    end_long(r);
}
