/* SPDX-License-Identifier: MIT */
/* When a stream's reader pauses, with made-up clocks and reads. */
#include <errno.h>

#include "connection/pause.h"
#include "support/suite.h"

#define MS INT64_C(1000000)

static struct mp_pause p;
static int64_t now = 1000 * MS;

/* One read of `n` out of `len` bytes that holds so many messages; was a pause advised before? */
static bool read_some(unsigned messages, ssize_t n, size_t len)
{
    bool advised = mp_pause_advised(&p, now);
    mp_pause_have_read(&p, n, len);
    for (unsigned i = 0; i < messages; i++)
        mp_pause_took_message(&p);
    return advised;
}

/* A busy stream for so long, one read per millisecond; how many of them had a pause before? */
static int stream_for(int milliseconds, ssize_t bytes)
{
    int pauses = 0;
    for (int i = 0; i < milliseconds; i++) {
        now += MS;
        pauses += read_some(5, bytes, 100000);
    }
    return pauses;
}

/* As stream_for(), with a sender that is that fast when there are pauses and when there are none.
 */
static int adapt_for(int milliseconds, ssize_t with, ssize_t without)
{
    int pauses = 0;
    for (int i = 0; i < milliseconds; i++) {
        now += MS;
        bool advised = mp_pause_advised(&p, now);
        mp_pause_have_read(&p, advised ? with : without, 100000);
        mp_pause_took_message(&p);
        mp_pause_took_message(&p);
        pauses += advised;
    }
    return pauses;
}

static void start_busy(void)
{
    p = (struct mp_pause){0};
    ck_assert(!read_some(2, 100, 1000));
}

START_TEST(single_messages_have_no_pause)
{
    p = (struct mp_pause){0};
    for (int i = 0; i < 100; i++) {
        now += MS;
        ck_assert(!read_some(1, 100, 1000));
    }
}
END_TEST

START_TEST(a_busy_stream_has_pauses)
{
    start_busy();
    ck_assert(read_some(1, 100, 1000));
}
END_TEST

START_TEST(a_busy_stream_becomes_quiet)
{
    start_busy();
    int pauses = 0;
    for (int i = 0; i < 100; i++)
        pauses += read_some(1, 100, 1000);
    ck_assert_int_gt(pauses, 4);
    ck_assert_int_lt(pauses, 50);
    ck_assert(!read_some(1, 100, 1000));
}
END_TEST

START_TEST(there_is_no_pause_while_more_is_waiting)
{
    start_busy();
    ck_assert(read_some(5, 1000, 1000));
    ck_assert(!read_some(5, 1000, 1000));
    ck_assert(!read_some(5, 999, 1000));
    ck_assert(read_some(5, 999, 1000));
}
END_TEST

START_TEST(an_error_counts_as_nothing_read)
{
    start_busy();
    ck_assert(read_some(5, 10, 1000));
    size_t before = p.bytes;
    ck_assert(read_some(5, -ETIMEDOUT, 1000));
    ck_assert_uint_eq(p.bytes, before);
    ck_assert(read_some(5, 10, 1000));
}
END_TEST

START_TEST(both_ways_are_tried)
{
    start_busy();
    int pauses = stream_for(40, 1000);
    ck_assert_int_gt(pauses, 15);
    ck_assert_int_lt(pauses, 25);
}
END_TEST

START_TEST(pauses_are_kept_where_they_bring_more)
{
    start_busy();
    ck_assert_int_gt(adapt_for(2000, 2000, 1000), 1800);
}
END_TEST

START_TEST(pauses_are_left_out_where_they_bring_less)
{
    start_busy();
    ck_assert_int_lt(adapt_for(2000, 1000, 5000), 200);
}
END_TEST

START_TEST(pauses_are_kept_where_they_make_little_difference)
{
    start_busy();
    ck_assert_int_gt(adapt_for(2000, 900, 1000), 1800);
}
END_TEST

START_TEST(a_change_is_noticed)
{
    start_busy();
    adapt_for(2000, 1000, 5000);
    adapt_for(2000, 5000, 1000);
    ck_assert_int_gt(adapt_for(2000, 5000, 1000), 1800);
    adapt_for(2000, 1000, 5000);
    ck_assert_int_lt(adapt_for(2000, 1000, 5000), 200);
}
END_TEST

START_TEST(after_a_silence_trying_begins_anew)
{
    start_busy();
    adapt_for(300, 1000, 5000);
    ck_assert(!mp_pause_advised(&p, now));
    now += 10000 * MS;
    read_some(5, 100, 1000);
    ck_assert(read_some(5, 100, 1000));
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("pause");
    TCase *tc = mp_case(suite, "pause", 10);
    tcase_add_test(tc, single_messages_have_no_pause);
    tcase_add_test(tc, a_busy_stream_has_pauses);
    tcase_add_test(tc, a_busy_stream_becomes_quiet);
    tcase_add_test(tc, there_is_no_pause_while_more_is_waiting);
    tcase_add_test(tc, an_error_counts_as_nothing_read);
    tcase_add_test(tc, both_ways_are_tried);
    tcase_add_test(tc, pauses_are_kept_where_they_bring_more);
    tcase_add_test(tc, pauses_are_left_out_where_they_bring_less);
    tcase_add_test(tc, pauses_are_kept_where_they_make_little_difference);
    tcase_add_test(tc, a_change_is_noticed);
    tcase_add_test(tc, after_a_silence_trying_begins_anew);
    suite_add_tcase(suite, tc);
    return suite;
}
