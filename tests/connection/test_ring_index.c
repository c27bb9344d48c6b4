/* SPDX-License-Identifier: MIT */
/* The arithmetic of rings, without any ring. */
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>

#include "connection/ring_index.h"
#include "support/suite.h"

#define SIZE ((uint64_t)65536)

START_TEST(sizes_become_powers_of_two_within_bounds)
{
    ck_assert_uint_eq(mp_ring_round_size(0), 4096);
    ck_assert_uint_eq(mp_ring_round_size(4096), 4096);
    ck_assert_uint_eq(mp_ring_round_size(4097), 8192);
    ck_assert_uint_eq(mp_ring_round_size(3 << 20), 4 << 20);
    ck_assert_uint_eq(mp_ring_round_size(UINT64_MAX), MP_RING_SIZE_MAX);
}
END_TEST

START_TEST(records_are_padded_to_their_headers)
{
    ck_assert_uint_eq(mp_record_size(0), 8);
    ck_assert_uint_eq(mp_record_size(1), 16);
    ck_assert_uint_eq(mp_record_size(8), 16);
    ck_assert_uint_eq(mp_record_size(9), 24);
    ck_assert_uint_eq(mp_ring_index(SIZE + 24, SIZE), 24);
    ck_assert_uint_eq(mp_ring_next_round(0, SIZE), SIZE);
    ck_assert_uint_eq(mp_ring_next_round(SIZE - 8, SIZE), SIZE);
    ck_assert_uint_eq(mp_ring_next_round(SIZE, SIZE), 2 * SIZE);
}
END_TEST

START_TEST(a_record_of_any_allowed_length_finds_room_in_an_empty_ring_wherever_it_stands)
{
    const uint64_t size = 4096;
    for (uint64_t at = 0; at < 2 * size; at += 8) {
        struct mp_ring_writer w;
        mp_ring_writer_init(&w, size);
        w.head = at;
        ck_assert_int_eq(mp_ring_learn_tail(&w, at), 0);
        uint64_t need = mp_record_size(mp_ring_record_max(size));
        enum mp_place place = mp_ring_place(&w, need);
        if (place == MP_PLACE_WRAP) {
            w.head = mp_ring_next_round(w.head, size);
            place = mp_ring_place(&w, need);
        }
        ck_assert_int_eq(place, MP_PLACE_HERE);
    }
}
END_TEST

START_TEST(a_full_ring_keeps_room_for_one_header)
{
    const uint64_t size = 4096;
    struct mp_ring_writer w;
    mp_ring_writer_init(&w, size);
    uint64_t used = 0;
    while (mp_ring_place(&w, 16) == MP_PLACE_HERE) {
        w.head += 16;
        used += 16;
    }
    ck_assert_uint_eq(used, size - 16);
    ck_assert_int_eq(mp_ring_place(&w, 8), MP_PLACE_HERE);
    w.head += 8;
    ck_assert_int_eq(mp_ring_place(&w, 8), MP_PLACE_FULL);
}
END_TEST

START_TEST(a_reader_that_keeps_up_keeps_the_ring_small)
{
    struct mp_ring_writer w;
    mp_ring_writer_init(&w, 4 << 20);
    uint64_t highest = 0;
    for (int i = 0; i < 100000; i++) {
        mp_ring_learn_tail(&w, w.head);
        if (mp_ring_place(&w, 72) == MP_PLACE_WRAP)
            w.head = mp_ring_next_round(w.head, w.size);
        w.head += 72;
        uint64_t index = mp_ring_index(w.head, w.size);
        highest = index > highest ? index : highest;
    }
    ck_assert_uint_le(highest, 256 * 1024);
}
END_TEST

START_TEST(a_reader_that_falls_behind_is_given_all_of_the_ring)
{
    struct mp_ring_writer w;
    mp_ring_writer_init(&w, 4 << 20);
    uint64_t records = 0;
    while (mp_ring_place(&w, 72) == MP_PLACE_HERE) {
        w.head += 72;
        records++;
    }
    ck_assert_uint_ge(records, (4 << 20) / 72 - 2);
}
END_TEST

START_TEST(positions_that_a_reader_cannot_have_are_refused)
{
    struct mp_ring_writer w;
    mp_ring_writer_init(&w, SIZE);
    w.head = 10 * SIZE + 64;
    w.limit = 77;
    const uint64_t bad[] = {10 * SIZE + 72, 9 * SIZE + 56, 10 * SIZE + 63, 0, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(mp_ring_learn_tail(&w, bad[i]), MPROC_EPROTO);
        ck_assert_uint_eq(w.limit, 77);
    }
    ck_assert_int_eq(mp_ring_learn_tail(&w, 9 * SIZE + 64), 0);
    ck_assert_uint_eq(w.limit, 10 * SIZE + 64);
}
END_TEST

START_TEST(fragments_suit_the_message_and_fit_the_ring)
{
    ck_assert_uint_eq(mp_ring_fragment(65536, 4 << 20), 16384);
    ck_assert_uint_eq(mp_ring_fragment(1 << 20, 4 << 20), 65536);
    ck_assert_uint_eq(mp_ring_fragment(20000, 4 << 20), 8192);
    ck_assert_uint_eq(mp_ring_fragment(1 << 20, 4096), 512);
    ck_assert_uint_eq(mp_ring_whole_max(4096), 512);
    for (uint64_t size = MP_RING_SIZE_MIN; size <= MP_RING_SIZE_MAX; size *= 2)
        ck_assert_uint_le(mp_ring_fragment(UINT64_C(1) << 40, size), mp_ring_record_max(size));
}
END_TEST

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct judged {
    uint64_t pos;
    uint64_t total;
    uint64_t got;
    enum mp_record_kind kind;
    uint64_t len;
    int rc;
};

START_TEST(headers_are_judged_by_where_they_stand)
{
    static const struct judged cases[] = {
        {0, 0, 0, MP_RECORD_NONE, 0, 0},
        {0, 0, 0, MP_RECORD_NONE, 1, MPROC_EPROTO},
        {0, 0, 0, MP_RECORD_WHOLE, SIZE - 8, 0},
        {0, 0, 0, MP_RECORD_WHOLE, SIZE - 7, MPROC_EPROTO},
        {SIZE - 8, 0, 0, MP_RECORD_WHOLE, 0, 0},
        {SIZE - 8, 0, 0, MP_RECORD_WHOLE, 1, MPROC_EPROTO},
        {3 * SIZE - 16, 0, 0, MP_RECORD_WHOLE, 8, 0},
        {3 * SIZE - 16, 0, 0, MP_RECORD_WHOLE, 9, MPROC_EPROTO},
        {0, 0, 0, MP_RECORD_WHOLE, (UINT64_C(1) << 56) - 1, MPROC_EPROTO},
        {0, 100, 5, MP_RECORD_WHOLE, 1, MPROC_EPROTO},
        {0, 0, 0, MP_RECORD_LONG, 1, 0},
        {0, 0, 0, MP_RECORD_LONG, UINT64_C(1) << 50, 0},
        {0, 0, 0, MP_RECORD_LONG, 0, MPROC_EPROTO},
        {0, 100, 5, MP_RECORD_LONG, 10, MPROC_EPROTO},
        {0, 0, 0, MP_RECORD_PART, 1, MPROC_EPROTO},
        {0, 100, 5, MP_RECORD_PART, 95, 0},
        {0, 100, 5, MP_RECORD_PART, 96, MPROC_EPROTO},
        {0, 100, 5, MP_RECORD_PART, 0, MPROC_EPROTO},
        {SIZE - 16, 100, 5, MP_RECORD_PART, 9, MPROC_EPROTO},
        {8, 0, 0, MP_RECORD_WRAP, 0, 0},
        {0, 0, 0, MP_RECORD_WRAP, 0, MPROC_EPROTO},
        {SIZE, 0, 0, MP_RECORD_WRAP, 0, MPROC_EPROTO},
        {8, 0, 0, MP_RECORD_WRAP, 1, MPROC_EPROTO},
        {8, 100, 5, MP_RECORD_ABORT, 0, 0},
        {8, 0, 0, MP_RECORD_ABORT, 0, 0},
        {8, 0, 0, MP_RECORD_ABORT, 1, MPROC_EPROTO},
        {8, 0, 0, MP_RECORD_PARCEL, 1, 0},
        {8, 0, 0, MP_RECORD_PARCEL, 0, MPROC_EPROTO},
        {8, 100, 5, MP_RECORD_PARCEL, 1, MPROC_EPROTO},
        {8, 0, 0, (enum mp_record_kind)7, 0, MPROC_EPROTO},
        {8, 0, 0, (enum mp_record_kind)255, 0, MPROC_EPROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct judged *c = &cases[i];
        struct mp_ring_reader r;
        mp_ring_reader_init(&r, SIZE);
        r.pos = c->pos;
        r.total = c->total;
        r.got = c->got;
        struct mp_record record = {.len = 4711};
        uint64_t header = mp_record_header(c->kind, c->len);
        ck_assert_msg(mp_ring_judge(&r, header, &record) == c->rc, "case %zu", i);
        ck_assert_uint_eq(record.len, c->rc == 0 ? c->len : 4711);
        bool plain = c->rc == 0 && c->kind == MP_RECORD_WHOLE;
        ck_assert_msg(mp_ring_is_plain(&r, header) == plain, "plain %zu", i);
    }
}
END_TEST

static void step(struct mp_ring_reader *r, enum mp_record_kind kind, uint64_t len)
{
    struct mp_record record;
    ck_assert_int_eq(mp_ring_judge(r, mp_record_header(kind, len), &record), 0);
    mp_ring_advance(r, &record);
}

START_TEST(a_parcel_is_announced_for_the_next_message_alone)
{
    struct mp_ring_reader r;
    mp_ring_reader_init(&r, SIZE);
    ck_assert_uint_eq(mp_ring_parcel(&r), 0);
    step(&r, MP_RECORD_PARCEL, 7);
    ck_assert_uint_eq(r.pos, 8);
    ck_assert_uint_eq(mp_ring_parcel(&r), 7);
    ck_assert(!mp_ring_is_plain(&r, mp_record_header(MP_RECORD_WHOLE, 8)));
    step(&r, MP_RECORD_WHOLE, 8);
    ck_assert_uint_eq(mp_ring_parcel(&r), 0);
    ck_assert(mp_ring_is_plain(&r, mp_record_header(MP_RECORD_WHOLE, 8)));
    step(&r, MP_RECORD_PARCEL, 8);
    step(&r, MP_RECORD_LONG, 8);
    ck_assert_uint_eq(mp_ring_parcel(&r), 0);
}
END_TEST

START_TEST(what_other_holders_scribbled_leads_nowhere)
{
    unsigned random = 1;
    for (int i = 0; i < 100000; i++) {
        uint64_t words[4];
        for (int k = 0; k < 4; k++)
            words[k] = (uint64_t)rand_r(&random) << 33 ^ (uint64_t)rand_r(&random) << i % 34;
        const struct mp_ring_writer wrong = {words[0], words[1], words[2], words[3]};
        struct mp_ring_writer w = mp_ring_writer_copy(&wrong, SIZE);
        uint64_t need = mp_record_size(words[3] % mp_ring_record_max(SIZE));
        if (mp_ring_fits(&w, need))
            ck_assert_uint_le(mp_ring_index(w.head, SIZE) + need, SIZE);
        if (mp_ring_place(&w, need) == MP_PLACE_HERE)
            ck_assert_uint_le(mp_ring_index(w.head, SIZE) + need, SIZE);
        ck_assert_uint_le(w.window, SIZE);
        const struct mp_ring_reader odd = {.pos = words[0], .size = words[1], .got = words[2]};
        struct mp_ring_reader r = mp_ring_reader_copy(&odd, SIZE);
        uint64_t len = words[3] % (2 * SIZE);
        if (mp_ring_is_plain(&r, mp_record_header(MP_RECORD_WHOLE, len)))
            ck_assert_uint_le(mp_ring_index(r.pos, SIZE) + mp_record_size(len), SIZE);
    }
}
END_TEST

START_TEST(a_long_message_is_followed_to_its_end)
{
    struct mp_ring_reader r;
    mp_ring_reader_init(&r, SIZE);
    step(&r, MP_RECORD_WHOLE, 20);
    ck_assert_uint_eq(r.pos, 32);
    step(&r, MP_RECORD_LONG, 100);
    ck_assert_uint_eq(r.pos, 40);
    ck_assert_uint_eq(r.total, 100);
    step(&r, MP_RECORD_PART, 60);
    ck_assert_uint_eq(r.got, 60);
    step(&r, MP_RECORD_WRAP, 0);
    ck_assert_uint_eq(r.pos, SIZE);
    step(&r, MP_RECORD_PART, 40);
    ck_assert_uint_eq(r.total, 0);
    step(&r, MP_RECORD_LONG, 100);
    step(&r, MP_RECORD_PART, 1);
    step(&r, MP_RECORD_ABORT, 0);
    ck_assert_uint_eq(r.total, 0);
    step(&r, MP_RECORD_WHOLE, 0);
}
END_TEST

START_TEST(after_a_readers_death_the_rest_of_its_message_is_skipped)
{
    struct mp_ring_reader r;
    mp_ring_reader_init(&r, SIZE);
    mp_ring_recover(&r);
    ck_assert(!r.skipping);
    step(&r, MP_RECORD_LONG, 100);
    step(&r, MP_RECORD_PART, 60);
    mp_ring_recover(&r);
    ck_assert_uint_eq(r.total, 0);
    step(&r, MP_RECORD_PART, 30);
    step(&r, MP_RECORD_PART, 10);
    ck_assert(r.skipping);
    ck_assert(!mp_ring_is_plain(&r, mp_record_header(MP_RECORD_WHOLE, 1)));
    step(&r, MP_RECORD_LONG, 8);
    ck_assert(!r.skipping);
    ck_assert_uint_eq(r.total, 8);
}
END_TEST

/* A writer and a reader over an array: whatever one puts down, the other finds. */
START_TEST(what_is_placed_is_found_in_order)
{
    const uint64_t size = 4096;
    unsigned char *ring = calloc(1, size);
    struct mp_ring_writer w;
    struct mp_ring_reader r;
    mp_ring_writer_init(&w, size);
    mp_ring_reader_init(&r, size);
    uint64_t zero = 0;
    uint32_t next_in = 0;
    uint32_t next_out = 0;
    unsigned random = 1;
    while (next_out < 20000) {
        random = random * 1103515245u + 12345u;
        uint64_t len = 4 + (random >> 16) % mp_ring_record_max(size) / (1 + (random >> 8) % 64);
        uint64_t need = mp_record_size(len);
        mp_ring_learn_tail(&w, r.pos);
        enum mp_place place = mp_ring_place(&w, need);
        if (place == MP_PLACE_WRAP) {
            uint64_t start = mp_ring_next_round(w.head, size);
            uint64_t wrap = mp_record_header(MP_RECORD_WRAP, 0);
            memcpy(ring, &zero, 8);
            memcpy(ring + mp_ring_index(w.head, size), &wrap, 8);
            w.head = start;
        } else if (place == MP_PLACE_HERE) {
            uint64_t header = mp_record_header(MP_RECORD_WHOLE, len);
            unsigned char *at = ring + mp_ring_index(w.head, size);
            memset(at + 8, 0xff, len);
            memcpy(at + 8, &next_in, 4);
            memcpy(ring + mp_ring_index(w.head + need, size), &zero, 8);
            memcpy(at, &header, 8);
            w.head += need;
            next_in++;
        }
        while (place == MP_PLACE_FULL || random % 3 == 0) {
            uint64_t header;
            struct mp_record record;
            memcpy(&header, ring + mp_ring_index(r.pos, size), 8);
            ck_assert_int_eq(mp_ring_judge(&r, header, &record), 0);
            if (record.kind == MP_RECORD_NONE)
                break;
            if (record.kind == MP_RECORD_WHOLE) {
                uint32_t value;
                memcpy(&value, ring + mp_ring_index(r.pos, size) + 8, 4);
                ck_assert_uint_eq(value, next_out++);
            }
            mp_ring_advance(&r, &record);
        }
        ck_assert_uint_le(w.head - r.pos, size);
    }
    free(ring);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("ring_index");
    TCase *tc = mp_case(suite, "index", 30);
    tcase_add_test(tc, sizes_become_powers_of_two_within_bounds);
    tcase_add_test(tc, records_are_padded_to_their_headers);
    tcase_add_test(tc,
                   a_record_of_any_allowed_length_finds_room_in_an_empty_ring_wherever_it_stands);
    tcase_add_test(tc, a_full_ring_keeps_room_for_one_header);
    tcase_add_test(tc, a_reader_that_keeps_up_keeps_the_ring_small);
    tcase_add_test(tc, a_reader_that_falls_behind_is_given_all_of_the_ring);
    tcase_add_test(tc, positions_that_a_reader_cannot_have_are_refused);
    tcase_add_test(tc, fragments_suit_the_message_and_fit_the_ring);
    tcase_add_test(tc, headers_are_judged_by_where_they_stand);
    tcase_add_test(tc, a_parcel_is_announced_for_the_next_message_alone);
    tcase_add_test(tc, what_other_holders_scribbled_leads_nowhere);
    tcase_add_test(tc, a_long_message_is_followed_to_its_end);
    tcase_add_test(tc, after_a_readers_death_the_rest_of_its_message_is_skipped);
    tcase_add_test(tc, what_is_placed_is_found_in_order);
    return suite;
}
