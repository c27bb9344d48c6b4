/* SPDX-License-Identifier: MIT */
/* Messages in place and in batches, over every transport. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "connection/pair.h"
#include "support/suite.h"

static const size_t place_sizes[] = {0, 1, 64, 500, 2000, 4096, 40000, 2000000};
#define PLACE_SIZES (sizeof place_sizes / sizeof place_sizes[0])

static void *send_in_place(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < 4 * PLACE_SIZES; i++) {
        size_t len = place_sizes[i % PLACE_SIZES];
        void *room = NULL;
        if (mproc_conn_reserve(out, len + 100, &room) < 0 || !room || (uintptr_t)room % 8 != 0)
            return out;
        unsigned char *bytes = room;
        for (size_t k = 0; k < len; k++)
            bytes[k] = byte_at(k);
        if (mproc_conn_commit(out, len) < 0)
            return out;
    }
    return NULL;
}

START_TEST(messages_are_written_and_read_in_place)
{
    make_pair(_i);
    pthread_t sender;
    pthread_create(&sender, NULL, send_in_place, NULL);
    for (size_t i = 0; i < 4 * PLACE_SIZES; i++) {
        const void *message = NULL;
        ssize_t len = mproc_conn_peek(in, &message);
        ck_assert_int_eq(len, (ssize_t)place_sizes[i % PLACE_SIZES]);
        ck_assert_ptr_nonnull(message);
        ck_assert(is_pattern(message, (size_t)len));
        ck_assert_int_eq(mproc_conn_release(in), 0);
    }
    expect_thread_ok(sender);
    mproc_conn_close(out);
    const void *message = NULL;
    ck_assert_int_eq(mproc_conn_peek(in, &message), MPROC_EOF);
    ck_assert_ptr_null(message);
    mproc_conn_close(in);
}
END_TEST

static void *look_and_release(void *arg)
{
    const void *message;
    ssize_t len;
    while ((len = mproc_conn_peek(in, &message)) >= 0)
        if (mproc_conn_release(in) < 0)
            return arg;
    return len == MPROC_EOF ? NULL : arg;
}

/* Who asks is told by the thread that it is, not by what another has written meanwhile. */
START_TEST(threads_that_look_in_turns_are_told_apart)
{
    make_pair(_i);
    pthread_t readers[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, look_and_release, in);
    for (int i = 0; i < 2000; i++) {
        ck_assert_int_eq(mproc_conn_send_bytes(out, "x", 1), 0);
        ck_assert_int_ge(mproc_conn_poll(in, 0), 0);
    }
    mproc_conn_close(out);
    for (int i = 0; i < 2; i++)
        expect_thread_ok(readers[i]);
    mproc_conn_close(in);
}
END_TEST

START_TEST(a_reservation_can_be_given_up)
{
    make_pair(_i);
    void *room;
    char buf[8];
    ck_assert_int_eq(mproc_conn_commit(out, 0), -EINVAL);
    ck_assert_int_eq(mproc_conn_abort(out), -EINVAL);
    ck_assert_int_eq(mproc_conn_release(in), -EINVAL);
    ck_assert_int_eq(mproc_conn_reserve(out, 8, NULL), -EINVAL);
    ck_assert_int_eq(mproc_conn_reserve(out, 8, &room), 0);
    memcpy(room, "nothing", 8);
    ck_assert_int_eq(mproc_conn_abort(out), 0);
    ck_assert_int_eq(mproc_conn_reserve(out, 8, &room), 0);
    ck_assert_int_eq(mproc_conn_reserve(out, 8, &room), -EDEADLK);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "x", 1), -EDEADLK);
    ck_assert_int_eq(mproc_conn_commit(out, 9), -EINVAL);
    memcpy(room, "some", 4);
    ck_assert_int_eq(mproc_conn_commit(out, 4), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 4);
    ck_assert_mem_eq(buf, "some", 4);
    ck_assert_int_eq(mproc_conn_reserve(out, 8, &room), 0);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    close_pair();
}
END_TEST

START_TEST(a_message_that_is_looked_at_stays_until_released)
{
    make_pair(_i);
    const void *message;
    char buf[8];
    mproc_conn_set_timeout(in, 1, 0.01);
    ck_assert_int_eq(mproc_conn_peek(in, &message), -ETIMEDOUT);
    mproc_conn_set_timeout(in, 1, 10);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "first", 5), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "second", 6), 0);
    ck_assert_int_eq(mproc_conn_peek(in, &message), 5);
    ck_assert_int_eq(mproc_conn_peek(in, &message), -EDEADLK);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), -EDEADLK);
    ck_assert_mem_eq(message, "first", 5);
    ck_assert_int_eq(mproc_conn_release(in), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 6);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "third", 5), 0);
    ck_assert_int_eq(mproc_conn_peek(in, &message), 5);
    close_pair();
}
END_TEST

/* The very first thing done at an end, before anything is known of its threads. */
START_TEST(whoever_works_in_place_first_is_alone)
{
    make_pair(_i);
    void *room;
    const void *message;
    char buf[8];
    ck_assert_int_eq(mproc_conn_reserve(out, 8, &room), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "x", 1), -EDEADLK);
    memcpy(room, "first", 5);
    ck_assert_int_eq(mproc_conn_commit(out, 5), 0);
    ck_assert_int_eq(mproc_conn_peek(in, &message), 5);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), -EDEADLK);
    ck_assert_mem_eq(message, "first", 5);
    ck_assert_int_eq(mproc_conn_release(in), 0);
    close_pair();
}
END_TEST

#define MANY 1000

static void *send_in_batches(void *arg)
{
    unsigned char *data = arg;
    mproc_bytes messages[MANY];
    for (size_t i = 0; i < MANY; i++)
        messages[i] = (mproc_bytes){.data = data, .len = i % 100 == 7 ? 60000 : i % 300};
    for (size_t at = 0; at < MANY;) {
        size_t n = MANY - at < 77 ? MANY - at : 77;
        ssize_t sent = mproc_conn_send_many(out, messages + at, n);
        if (sent < 1 || (size_t)sent > n)
            return arg;
        at += (size_t)sent;
    }
    return NULL;
}

START_TEST(many_messages_go_in_one_call)
{
    make_pair(_i);
    unsigned char *data = pattern(60000);
    unsigned char *room = malloc(20 * 60000);
    pthread_t sender;
    pthread_create(&sender, NULL, send_in_batches, data);
    mproc_buffer buffers[20];
    for (size_t i = 0; i < 20; i++)
        buffers[i] = (mproc_buffer){.data = room + i * 60000, .cap = 60000};
    for (size_t at = 0; at < MANY;) {
        ssize_t n = mproc_conn_recv_many(in, buffers, 20);
        ck_assert_int_ge(n, 1);
        for (size_t i = 0; i < (size_t)n; i++, at++) {
            ck_assert_uint_eq(buffers[i].len, at % 100 == 7 ? 60000 : at % 300);
            ck_assert(is_pattern(buffers[i].data, buffers[i].len));
        }
    }
    expect_thread_ok(sender);
    close_pair();
    free(data);
    free(room);
}
END_TEST

START_TEST(a_batch_stops_before_what_cannot_be_received)
{
    make_pair(_i);
    char room[3][8];
    mproc_buffer buffers[3] = {{room[0], 8, 0}, {room[1], 2, 99}, {room[2], 8, 0}};
    mproc_bytes messages[3] = {{"one", 3}, {"two", 3}, {NULL, 0}};
    ck_assert_int_eq(mproc_conn_send_many(out, NULL, 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_send_many(out, NULL, 0), 0);
    ck_assert_int_eq(mproc_conn_recv_many(in, NULL, 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_recv_many(in, buffers, 0), 0);
    ck_assert_int_eq(mproc_conn_send_many(out, messages, 3), 3);
    ck_assert_int_eq(mproc_conn_poll(in, 10), 1);
    ck_assert_int_eq(mproc_conn_recv_many(in, buffers, 2), 1);
    ck_assert_uint_eq(buffers[0].len, 3);
    ck_assert_uint_eq(buffers[1].len, 99);
    ck_assert_int_eq(mproc_conn_recv_many(in, buffers + 1, 1), MPROC_EBUFSIZE);
    buffers[1].cap = 8;
    for (size_t got = 0; got < 2;) {
        ssize_t n = mproc_conn_recv_many(in, buffers + 1 + got, 2 - got);
        ck_assert_int_ge(n, 1);
        got += (size_t)n;
    }
    ck_assert_mem_eq(room[1], "two", 3);
    ck_assert_uint_eq(buffers[2].len, 0);
    mproc_conn_close(out);
    ck_assert_int_eq(mproc_conn_recv_many(in, buffers, 3), MPROC_EOF);
    mproc_conn_close(in);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("in_place");
    TCase *tc = mp_case(suite, "battery", 30);
    const TTest *battery[] = {
        messages_are_written_and_read_in_place,
        a_reservation_can_be_given_up,
        a_message_that_is_looked_at_stays_until_released,
        many_messages_go_in_one_call,
        a_batch_stops_before_what_cannot_be_received,
        threads_that_look_in_turns_are_told_apart,
        whoever_works_in_place_first_is_alone,
    };
    for (size_t i = 0; i < sizeof battery / sizeof battery[0]; i++)
        tcase_add_loop_test(tc, battery[i], 0, mp_pair_kinds_count);
    return suite;
}
