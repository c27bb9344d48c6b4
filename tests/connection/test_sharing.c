/* SPDX-License-Identifier: MIT */
/* Streams that several processes hold: nothing is lost to one of them, nothing comes twice. */
#include <string.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "connection/sharing.h"
#include "support/suite.h"

START_TEST(a_poll_in_a_child_takes_nothing)
{
    make_stream(_i);
    open_token();
    pid_t child = fork();
    if (child == 0) {
        give_token();
        _exit(mproc_conn_poll(in, 30) == 1 ? 0 : 1);
    }
    take_token();
    put_range(0, 2);
    expect_exit(child, 0);
    ck_assert(gets_range(0, 2));
    close_token();
    close_pair();
}
END_TEST

/* Consumers under a lock. */

static void run_consumers(uint32_t sent, uint32_t taken)
{
    pid_t children[CONSUMERS];
    open_results();
    for (int i = 0; i < CONSUMERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(consume(NULL));
    }
    feed_consumers(sent, taken);
    for (int i = 0; i < CONSUMERS; i++)
        expect_exit(children[i], 0);
    close_results();
}

START_TEST(consumers_get_each_message_once)
{
    make_stream(_i);
    run_consumers(0, 0);
    close_pair();
}
END_TEST

START_TEST(consumers_get_what_was_read_ahead_before_them_once)
{
    make_stream(_i);
    for (uint32_t i = 0; i < 40; i++)
        put_sized(i);
    ck_assert_uint_eq(get_sized(), 0);
    run_consumers(40, 1);
    close_pair();
}
END_TEST

/* What was read ahead before a fork. */

START_TEST(what_a_child_only_polls_for_stays_with_the_parent)
{
    make_stream(_i);
    put_range(0, 3);
    ck_assert(gets_range(0, 1));
    pid_t child = fork();
    if (child == 0)
        _exit(mproc_conn_poll(in, 0));
    expect_exit(child, 1);
    ck_assert(gets_range(1, 3));
    close_pair();
}
END_TEST

START_TEST(what_was_read_ahead_goes_to_whom_asks_first)
{
    make_stream(_i);
    put_range(0, 6);
    ck_assert(gets_range(0, 1));
    pid_t child = fork();
    if (child == 0)
        _exit(gets_range(1, 3) ? 0 : 1);
    expect_exit(child, 0);
    ck_assert(gets_range(3, 4));
    child = fork();
    if (child == 0)
        _exit(gets_range(4, 6) ? 0 : 1);
    expect_exit(child, 0);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    put(6);
    ck_assert(gets_range(6, 7));
    close_pair();
}
END_TEST

START_TEST(a_child_goes_on_where_its_parent_stopped)
{
    make_stream(_i);
    open_token();
    put_range(0, BATCH);
    ck_assert(gets_range(0, 1));
    pid_t child = fork();
    if (child == 0) {
        take_token();
        _exit(gets_range(1, BATCH) && reads_ahead(BATCH) ? 0 : 1);
    }
    mproc_conn_close(in);
    in = NULL;
    put_range(BATCH, 2 * BATCH);
    give_token();
    expect_exit(child, 0);
    close_token();
    close_pair();
}
END_TEST

/* The last `missing` bytes of a frame of `number` wait until later. */
static void put_cut(uint32_t number, unsigned char frame[8], size_t missing)
{
    memcpy(frame, "\0\0\0\4", 4);
    memcpy(frame + 4, &number, sizeof number);
    size_t len = 8 - missing;
    ck_assert_int_eq(write(mproc_conn_handle(out), frame, len), (ssize_t)len);
}

static void put_rest(const unsigned char frame[8], size_t missing)
{
    ck_assert_int_eq(write(mproc_conn_handle(out), frame + (8 - missing), missing),
                     (ssize_t)missing);
}

/* Read ahead three messages and most of a fourth, and fork. */
static pid_t fork_inside_a_message(unsigned char frame[8], size_t missing)
{
    make_pipe();
    open_token();
    put_range(0, 3);
    put_cut(3, frame, missing);
    ck_assert(gets_range(0, 1));
    return fork();
}

START_TEST(a_message_that_was_read_in_part_goes_to_the_parent)
{
    unsigned char frame[8];
    size_t missing = (size_t)_i;
    pid_t child = fork_inside_a_message(frame, missing);
    if (child == 0) {
        take_token();
        _exit(gets_range(4, 5) ? 0 : 1);
    }
    put_rest(frame, missing);
    put(4);
    ck_assert(gets_range(1, 4));
    give_token();
    expect_exit(child, 0);
    close_token();
    close_pair();
}
END_TEST

START_TEST(a_message_that_was_read_in_part_goes_to_the_child)
{
    unsigned char frame[8];
    size_t missing = (size_t)_i;
    pid_t child = fork_inside_a_message(frame, missing);
    if (child == 0)
        _exit(gets_range(1, 4) ? 0 : 1);
    put_rest(frame, missing);
    put(4);
    expect_exit(child, 0);
    ck_assert(gets_range(4, 5));
    close_token();
    close_pair();
}
END_TEST

START_TEST(a_poll_does_not_take_the_rest_of_a_message_that_was_read_in_part)
{
    unsigned char frame[8];
    size_t missing = (size_t)_i;
    pid_t child = fork_inside_a_message(frame, missing);
    if (child == 0) {
        take_token();
        _exit(gets_range(1, 3) && mproc_conn_poll(in, 30) == 1 ? 0 : 1);
    }
    put_rest(frame, missing);
    put(4);
    give_token();
    expect_exit(child, 0);
    ck_assert(gets_range(3, 5));
    close_token();
    close_pair();
}
END_TEST

START_TEST(a_large_message_gathered_in_part_is_delivered_once)
{
    unsigned char header[4] = {0, 0, LARGE >> 8, LARGE & 0xff};
    make_pipe();
    put(0);
    int fd = mproc_conn_handle(out);
    ck_assert_int_eq(write(fd, header, 4), 4);
    ck_assert_int_eq(write(fd, message, LARGE / 2), LARGE / 2);
    ck_assert(gets_range(0, 1));
    ck_assert_int_eq(mproc_conn_poll(in, 0.01), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(mproc_conn_recv_bytes_into(in, message, LARGE) == LARGE ? 0 : 1);
    ck_assert_int_eq(write(fd, message, LARGE / 2), LARGE / 2);
    expect_exit(child, 0);
    put(1);
    ck_assert(gets_range(1, 2));
    close_pair();
}
END_TEST

START_TEST(a_gathered_message_another_process_got_is_skipped)
{
    make_pipe();
    put_range(0, 1);
    ck_assert_int_eq(mproc_conn_send_bytes(out, message, LARGE), 0);
    put_range(1, 2);
    ck_assert(gets_range(0, 1));
    ck_assert_int_eq(mproc_conn_next_size(in), LARGE);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    pid_t child = fork();
    if (child == 0)
        _exit(mproc_conn_recv_bytes_into(in, message, LARGE) == LARGE ? 0 : 1);
    expect_exit(child, 0);
    ck_assert(gets_range(1, 2));
    close_pair();
}
END_TEST

START_TEST(descriptors_that_were_read_ahead_are_delivered_once)
{
    mproc_conn *passed[2];
    make_pipe();
    ck_assert_int_eq(mproc_pipe(&passed[0], &passed[1], MPROC_PIPE_STREAM), 0);
    put(0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", passed[0]), 0);
    put(1);
    ck_assert(gets_range(0, 1));
    ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    pid_t child = fork();
    if (child == 0) {
        mproc_value *value;
        _exit(mproc_conn_recv(in, &value, NULL) == 0 && mproc_value_conn(value) ? 0 : 1);
    }
    expect_exit(child, 0);
    ck_assert(gets_range(1, 2));
    mproc_conn_close(passed[0]);
    mproc_conn_close(passed[1]);
    close_pair();
}
END_TEST

START_TEST(a_fork_beside_a_message_that_is_looked_at_leaves_the_next_ones)
{
    const void *first;
    make_pipe();
    put_range(0, 4);
    ck_assert_int_eq(mproc_conn_peek(in, &first), sizeof(uint32_t));
    pid_t child = fork();
    if (child == 0)
        _exit(mproc_conn_release(in) == 0 && gets_range(1, 3) ? 0 : 1);
    expect_exit(child, 0);
    ck_assert_int_eq(mproc_conn_release(in), 0);
    ck_assert(gets_range(3, 4));
    close_pair();
}
END_TEST

/* A timeout in the middle of a message leaves it to who has begun it, also through a fork. */
START_TEST(a_message_that_one_process_has_begun_is_its_own)
{
    unsigned char frame[8];
    pid_t child = fork_inside_a_message(frame, 2);
    if (child == 0) {
        take_token();
        _exit(gets_range(4, 5) ? 0 : 1);
    }
    ck_assert(gets_range(1, 3));
    ck_assert_int_eq(mproc_conn_set_timeout(in, MPROC_FOREVER, 0.01), 0);
    ck_assert_uint_eq(get(), UINT32_MAX);
    pid_t second = fork();
    if (second == 0)
        _exit(mproc_conn_poll(in, 0));
    expect_exit(second, 0);
    put_rest(frame, 2);
    put(4);
    ck_assert(gets_range(3, 4));
    give_token();
    expect_exit(child, 0);
    close_token();
    close_pair();
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("sharing");
    find_streams();

    TCase *tc = mp_case(suite, "shared", 60);
    tcase_add_loop_test(tc, a_poll_in_a_child_takes_nothing, 0, streams_count);
    tcase_add_loop_test(tc, consumers_get_each_message_once, 0, streams_count);
    tcase_add_loop_test(tc, consumers_get_what_was_read_ahead_before_them_once, 0, streams_count);

    tc = mp_case(suite, "copies", 30);
    tcase_add_loop_test(tc, what_a_child_only_polls_for_stays_with_the_parent, 0, streams_count);
    tcase_add_loop_test(tc, what_was_read_ahead_goes_to_whom_asks_first, 0, streams_count);
    tcase_add_loop_test(tc, a_child_goes_on_where_its_parent_stopped, 0, streams_count);
    tcase_add_loop_test(tc, a_message_that_was_read_in_part_goes_to_the_parent, 1, 8);
    tcase_add_loop_test(tc, a_message_that_was_read_in_part_goes_to_the_child, 1, 8);
    tcase_add_loop_test(tc, a_poll_does_not_take_the_rest_of_a_message_that_was_read_in_part, 1, 8);
    tcase_add_test(tc, a_large_message_gathered_in_part_is_delivered_once);
    tcase_add_test(tc, a_gathered_message_another_process_got_is_skipped);
    tcase_add_test(tc, descriptors_that_were_read_ahead_are_delivered_once);
    tcase_add_test(tc, a_fork_beside_a_message_that_is_looked_at_leaves_the_next_ones);
    tcase_add_test(tc, a_message_that_one_process_has_begun_is_its_own);
    return suite;
}
