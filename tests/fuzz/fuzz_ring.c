/* SPDX-License-Identifier: MIT */
/*
 * A ring whose whole content the peer chose. The reader may find garbage, but must stay inside the
 * ring, and the writer's bookkeeping must stay sound whatever position the reader claims.
 */
#include <stdlib.h>
#include <string.h>

#include "connection/ring_index.h"

#define SIZE MP_RING_SIZE_MIN

static void require(int holds)
{
    if (!holds)
        abort();
}

static uint64_t word_at(const uint8_t *data, size_t size, size_t at)
{
    uint64_t word = 0;
    if (at < size)
        memcpy(&word, data + at, size - at < sizeof word ? size - at : sizeof word);
    return word;
}

/* Follow the records from the start for as long as they make sense. */
static void read_ring(const uint8_t *data, size_t size)
{
    struct mp_ring_reader r;
    mp_ring_reader_init(&r, SIZE);
    for (int i = 0; i < 1000; i++) {
        uint64_t index = mp_ring_index(r.pos, SIZE);
        uint64_t header = word_at(data, size, (size_t)index);
        struct mp_record record;
        require(index % MP_RECORD_HEADER == 0 && index < SIZE);
        if (mp_ring_judge(&r, header, &record) < 0 || record.kind == MP_RECORD_NONE)
            return;
        if (record.kind == MP_RECORD_WHOLE || record.kind == MP_RECORD_PART)
            require(index + MP_RECORD_HEADER + record.len <= SIZE);
        require(mp_ring_is_plain(&r, header) == (record.kind == MP_RECORD_WHOLE && r.total == 0 &&
                                                 !r.skipping && r.parcel_at != r.pos));
        uint64_t before = r.pos;
        mp_ring_advance(&r, &record);
        require(r.pos > before && r.pos - before <= SIZE);
        require(r.total == 0 || r.got < r.total);
        if (header % 31 == 0)
            mp_ring_recover(&r);
    }
}

/* Write records of the lengths that the input says, with a reader that claims what it says. */
static void write_ring(const uint8_t *data, size_t size)
{
    struct mp_ring_writer w;
    mp_ring_writer_init(&w, SIZE);
    for (size_t at = 0; at + 4 <= size; at += 4) {
        uint64_t len = (data[at] | (uint64_t)data[at + 1] << 8) % (mp_ring_record_max(SIZE) + 1);
        uint64_t claimed = w.head - (data[at + 2] | (uint64_t)data[at + 3] << 8);
        if (mp_ring_learn_tail(&w, claimed) == 0)
            require(w.head - claimed <= SIZE && w.limit == claimed + SIZE);
        uint64_t need = mp_record_size(len);
        enum mp_place place = mp_ring_place(&w, need);
        uint64_t start = mp_ring_next_round(w.head, SIZE);
        if (place == MP_PLACE_HERE) {
            require(mp_ring_index(w.head, SIZE) + need <= SIZE);
            require(w.head + need + MP_RECORD_HEADER <= w.limit);
            w.head += need;
        } else if (place == MP_PLACE_WRAP) {
            require(start + need + MP_RECORD_HEADER <= w.limit);
            w.head = start;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_ring(data, size);
    write_ring(data, size);
    return 0;
}
