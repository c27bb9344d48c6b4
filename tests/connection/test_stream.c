/* SPDX-License-Identifier: MIT */
/* The stream transport against raw bytes: what CPython, a stranger or a cut wire may send. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "base/clock.h"
#include "connection/frame.h"
#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"

START_TEST(headers_are_cpythons)
{
    static const struct {
        uint64_t len;
        size_t size;
        unsigned char bytes[12];
    } cases[] = {
        {0, 4, {0, 0, 0, 0}},
        {1, 4, {0, 0, 0, 1}},
        {16384, 4, {0, 0, 0x40, 0}},
        {0x7fffffff, 4, {0x7f, 0xff, 0xff, 0xff}},
        {0x80000000, 12, {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0}},
        {UINT64_C(1) << 40, 12, {0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0, 0, 0, 0, 0}},
        {SSIZE_MAX, 12, {0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char header[MP_FRAME_LONG];
        size_t len = 0;
        ck_assert_uint_eq(mp_frame_encode(header, cases[i].len), cases[i].size);
        ck_assert_mem_eq(header, cases[i].bytes, cases[i].size);
        ck_assert_uint_eq(mp_frame_wanted(header, 3), MP_FRAME_SHORT);
        ck_assert_uint_eq(mp_frame_wanted(header, 4), cases[i].size);
        ck_assert_int_eq(mp_frame_decode(header, &len), 0);
        ck_assert_uint_eq(len, cases[i].len);
    }
}
END_TEST

START_TEST(impossible_headers_are_refused)
{
    static const unsigned char bad[][12] = {
        {0xff, 0xff, 0xff, 0xfe},
        {0x80, 0, 0, 0},
        {0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0},
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = 9;
        ck_assert_int_eq(mp_frame_decode(bad[i], &len), MPROC_EPROTO);
        ck_assert_uint_eq(len, 9);
    }
}
END_TEST

/* A connection whose other end is a bare descriptor. */
static mproc_conn *conn;
static int peer;

static void open_raw(unsigned flags)
{
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_conn_from_handle(&conn, fds[0], flags), 0);
    peer = fds[1];
}

static void close_raw(void)
{
    mproc_conn_close(conn);
    if (peer >= 0)
        close(peer);
}

static void hang_up(void)
{
    close(peer);
    peer = -1;
}

static void put(const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(peer, at, len);
        ck_assert_int_gt(n, 0);
        at += n;
        len -= (size_t)n;
    }
}

START_TEST(what_is_sent_is_cpythons_frame)
{
    open_raw(0);
    ck_assert_int_eq(mproc_conn_send_bytes(conn, "hello", 5), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(conn, NULL, 0), 0);
    char bytes[32];
    ck_assert_int_eq(read(peer, bytes, sizeof bytes), 13);
    ck_assert_mem_eq(bytes, "\0\0\0\5hello\0\0\0\0", 13);
    close_raw();
}
END_TEST

START_TEST(header_and_body_leave_in_one_call)
{
    open_raw(0);
    mp_fault_arm(MP_FAULT_SYSCALL, 2, EIO);
    ck_assert_int_eq(mproc_conn_send_bytes(conn, "hello", 5), 0);
    ck_assert(!mp_fault_disarm());
    close_raw();
}
END_TEST

START_TEST(many_small_messages_come_with_one_call)
{
    open_raw(0);
    for (int i = 0; i < 100; i++)
        put("\0\0\0\3abc", 7);
    char buf[4];
    mp_fault_arm(MP_FAULT_SYSCALL, 2, EIO);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 3);
    ck_assert(!mp_fault_disarm());
    close_raw();
}
END_TEST

static unsigned yields;

static void count_yield(void)
{
    yields++;
}

static void write_while_yielding(void)
{
    if (yields++ == 0)
        put("\0\0\0\3def", 7);
}

/* Messages that come several at a time. */
static void stream_in(void)
{
    char buf[4];
    put("\0\0\0\1a\0\0\0\1b\0\0\0\1c", 15);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 1);
    yields = 0;
}

START_TEST(a_busy_reader_lets_others_run_before_it_sleeps)
{
    char buf[4];
    open_raw(0);
    mp_fault_on_yield(write_while_yielding);
    stream_in();
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 3);
    ck_assert_mem_eq(buf, "def", 3);
    ck_assert_uint_gt(yields, 0);
    close_raw();
}
END_TEST

START_TEST(a_busy_reader_still_times_out_and_comes_to_the_end)
{
    char buf[4];
    open_raw(0);
    mp_fault_on_yield(count_yield);
    stream_in();
    ck_assert_int_eq(mproc_conn_set_timeout(conn, MPROC_FOREVER, 0.05), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), -ETIMEDOUT);
    ck_assert_uint_gt(yields, 0);
    hang_up();
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), MPROC_EOF);
    close_raw();
}
END_TEST

START_TEST(nobody_pauses_in_a_poll_or_with_little_time)
{
    char buf[4];
    open_raw(0);
    mp_fault_on_yield(count_yield);
    stream_in();
    ck_assert_int_eq(mproc_conn_poll(conn, 0), 0);
    ck_assert_int_eq(mproc_conn_set_timeout(conn, MPROC_FOREVER, 0.001), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), -ETIMEDOUT);
    ck_assert_uint_eq(yields, 0);
    close_raw();
}
END_TEST

START_TEST(a_short_length_in_the_long_form_is_accepted)
{
    open_raw(0);
    put("\377\377\377\377\0\0\0\0\0\0\0\2ok", 14);
    char buf[4];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 2);
    ck_assert_mem_eq(buf, "ok", 2);
    close_raw();
}
END_TEST

static const unsigned loop_flags[] = {0, MPROC_CONN_SHARED};

START_TEST(an_impossible_header_is_a_protocol_error_for_good)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\377\377\377\376", 4}, /* -2 */
        {"\200\0\0\0", 4},
        {"\377\377\377\377\200\0\0\0\0\0\0\0", 12},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        open_raw(loop_flags[_i]);
        put(bad[i].bytes, bad[i].len);
        put("\0\0\0\2ok", 6);
        char buf[4];
        ck_assert_int_eq(mproc_conn_poll(conn, 0), 1);
        for (int k = 0; k < 2; k++) {
            ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), MPROC_EPROTO);
            ck_assert_int_eq(mproc_conn_poll(conn, 0), 1);
        }
        /* The other direction is not concerned. */
        ck_assert_int_eq(mproc_conn_send_bytes(conn, "bye", 3), 0);
        close_raw();
    }
}
END_TEST

/* Two messages and where a frame ends in them. */
static const char two_frames[] = "\0\0\0\5hello\377\377\377\377\0\0\0\0\0\0\0\3abc";
#define TWO_FRAMES (sizeof two_frames - 1)
#define FIRST_FRAME 9

static ssize_t expected_end(size_t cut)
{
    return cut == 0 || cut == FIRST_FRAME || cut == TWO_FRAMES ? MPROC_EOF : MPROC_EPROTO;
}

START_TEST(a_stream_cut_at_any_byte_is_told_from_a_clean_end)
{
    for (size_t cut = 0; cut <= TWO_FRAMES; cut++) {
        open_raw(loop_flags[_i]);
        put(two_frames, cut);
        hang_up();
        char buf[8];
        if (cut >= FIRST_FRAME)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 5);
        if (cut >= TWO_FRAMES)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 3);
        ck_assert_int_eq(mproc_conn_poll(conn, 0), 1);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), expected_end(cut));
        close_raw();
    }
}
END_TEST

START_TEST(a_stream_cut_by_a_reset_is_cut_too)
{
    for (size_t cut = 0; cut <= TWO_FRAMES; cut++) {
        open_raw(loop_flags[_i]);
        ck_assert_int_eq(mproc_conn_send_bytes(conn, "unread", 6), 0);
        put(two_frames, cut);
        hang_up();
        void *data;
        size_t len;
        int rc;
        while ((rc = mproc_conn_recv_bytes(conn, &data, &len)) == 0)
            mproc_free(data);
        ck_assert_int_eq(rc, expected_end(cut));
        close_raw();
    }
}
END_TEST

START_TEST(bytes_that_dribble_in_make_whole_messages)
{
    open_raw(loop_flags[_i]);
    mproc_conn_set_timeout(conn, 1, 0);
    char buf[8];
    for (size_t i = 0; i < TWO_FRAMES; i++) {
        put(two_frames + i, 1);
        bool complete = i + 1 == FIRST_FRAME || i + 1 == TWO_FRAMES;
        if (!(loop_flags[_i] & MPROC_CONN_SHARED))
            ck_assert_int_eq(mproc_conn_poll(conn, 0), complete);
        ssize_t n = mproc_conn_recv_bytes_into(conn, buf, sizeof buf);
        ck_assert_int_eq(n, complete ? (i + 1 == FIRST_FRAME ? 5 : 3) : -ETIMEDOUT);
    }
    ck_assert_mem_eq(buf, "abc", 3);
    close_raw();
}
END_TEST

/* A message larger than the read-ahead, in pieces, received by turns into a buffer and into memory.
 */
START_TEST(a_large_message_survives_timeouts_polls_and_short_buffers)
{
    open_raw(loop_flags[_i]);
    mproc_conn_set_timeout(conn, 1, 0);
    const size_t len = 300000;
    unsigned char *data = malloc(len);
    unsigned char *buf = malloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)(i * 7 + i / 256);
    put("\0\4\223\340", 4);
    for (size_t at = 0, k = 0; at < len; k++) {
        size_t n = len - at < 7001 ? len - at : 7001;
        void *memory = NULL;
        size_t got;
        if (k % 4 == 0)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, len), -ETIMEDOUT);
        else if (k % 4 == 1)
            ck_assert_int_eq(mproc_conn_recv_bytes(conn, &memory, &got), -ETIMEDOUT);
        else if (k % 4 == 2)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, 100), MPROC_EBUFSIZE);
        else if (!(loop_flags[_i] & MPROC_CONN_SHARED))
            ck_assert_int_eq(mproc_conn_poll(conn, 0), 0);
        put(data + at, n);
        at += n;
    }
    put("\0\0\0\1x", 5);
    ck_assert_int_eq(mproc_conn_poll(conn, 0), 1);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, len), (ssize_t)len);
    ck_assert_mem_eq(buf, data, len);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, len), 1);
    free(data);
    free(buf);
    close_raw();
}
END_TEST

/* Reads frames of 1 to `max` bytes, with as little left in the read-ahead as each step allows. */
START_TEST(frames_lie_across_the_edge_of_the_read_ahead)
{
    open_raw(0);
    for (size_t len = 32700; len < 32800; len++) {
        unsigned char *data = calloc(1, len);
        unsigned char header[MP_FRAME_LONG];
        data[len - 1] = (unsigned char)len;
        put("\0\0\0\3abc", 7);
        put(header, mp_frame_encode(header, len));
        put(data, len);
        char small[4];
        ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, small, sizeof small), 3);
        memset(data, 0xee, len);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, data, len), (ssize_t)len);
        ck_assert_uint_eq(data[len - 1], (unsigned char)len);
        ck_assert_uint_eq(data[0], 0);
        free(data);
    }
    close_raw();
}
END_TEST

START_TEST(memory_grows_with_what_comes_not_with_what_is_claimed)
{
    open_raw(0);
    struct rlimit before;
    getrlimit(RLIMIT_AS, &before);
    /* Far less than the 1 TiB claimed; sanitizers reserve address space and cannot be limited so.
     */
    if (!getenv("MPROC_TEST_NO_RLIMIT"))
        setrlimit(RLIMIT_AS, &(struct rlimit){UINT64_C(1) << 32, before.rlim_max});
    put("\377\377\377\377\0\0\1\0\0\0\0\0", 12);
    put(two_frames, TWO_FRAMES);
    void *data;
    size_t len;
    mproc_conn_set_timeout(conn, 1, 0);
    ck_assert_int_eq(mproc_conn_recv_bytes(conn, &data, &len), -ETIMEDOUT);
    ck_assert_int_eq(mproc_conn_next_size(conn), (ssize_t)1 << 40);
    ck_assert_int_eq(mproc_conn_poll(conn, 0), 0);
    hang_up();
    ck_assert_int_eq(mproc_conn_recv_bytes(conn, &data, &len), MPROC_EPROTO);
    setrlimit(RLIMIT_AS, &before);
    close_raw();
}
END_TEST

START_TEST(a_shared_descriptor_is_not_read_ahead)
{
    open_raw(MPROC_CONN_SHARED);
    mproc_conn *other;
    int copy = dup(mproc_conn_handle(conn));
    ck_assert_int_eq(mproc_conn_from_handle(&other, copy, MPROC_CONN_SHARED), 0);
    for (int i = 0; i < 3; i++)
        put("\0\0\0\3abc\0\0\0\0\377\377\377\377\0\0\0\0\0\0\0\2de", 25);
    char buf[4];
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mproc_conn_recv_bytes_into(i % 2 ? conn : other, buf, sizeof buf), 3);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(i % 2 ? other : conn, buf, sizeof buf), 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(i % 2 ? conn : other, buf, sizeof buf), 2);
    }
    ck_assert_int_eq(mproc_conn_poll(conn, 0), 0);
    mproc_conn_close(other);
    close_raw();
}
END_TEST

START_TEST(adopting_checks_the_descriptor_and_leaves_it_on_failure)
{
    mproc_conn *c = NULL;
    int fds[2];
    ck_assert_int_eq(mproc_conn_from_handle(&c, -1, 0), -EBADF);
    ck_assert_int_eq(mproc_conn_from_handle(&c, 1000, 0), -EBADF);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
    ck_assert_int_eq(mproc_conn_from_handle(&c, fds[0], 0), -EPROTOTYPE);
    close(fds[0]);
    close(fds[1]);
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(mproc_conn_from_handle(&c, fds[0], MPROC_CONN_WRITEONLY), -EINVAL);
    ck_assert_int_eq(mproc_conn_from_handle(&c, fds[1], MPROC_CONN_READONLY), -EINVAL);
    ck_assert_int_eq(mproc_conn_from_handle(&c, fds[1], MPROC_CONN_READONLY | MPROC_CONN_WRITEONLY),
                     -EINVAL);
    ck_assert_int_eq(mproc_conn_from_handle(&c, fds[1], 0x80), -EINVAL);
    ck_assert_int_eq(mproc_conn_from_handle(NULL, fds[1], 0), -EINVAL);
    mp_fault_arm(MP_FAULT_ALLOC, 1, 0);
    ck_assert_int_eq(mproc_conn_from_handle(&c, fds[1], 0), -ENOMEM);
    mp_fault_disarm();
    ck_assert_ptr_null(c);
    ck_assert_int_eq(fcntl(fds[1], F_GETFD), 0);
    ck_assert_int_eq(mproc_conn_from_handle(&c, fds[1], 0), 0);
    ck_assert_int_eq(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(mproc_conn_handle(c), fds[1]);
    mproc_conn_close(c);
    ck_assert_int_eq(fcntl(fds[1], F_GETFD), -1);
    close(fds[0]);
}
END_TEST

START_TEST(a_descriptors_blocking_mode_is_left_alone)
{
    open_raw(0);
    int flags = fcntl(peer, F_GETFL);
    mproc_conn_set_timeout(conn, 0, 0);
    char buf[4];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), -ETIMEDOUT);
    ck_assert_int_eq(fcntl(mproc_conn_handle(conn), F_GETFL), flags);
    close_raw();
}
END_TEST

/* Every system call in a receive and a send fails once: an error comes out, and never a wrong
 * message. */
START_TEST(failing_system_calls_surface)
{
    for (unsigned n = 1;; n++) {
        ck_assert_uint_lt(n, 50);
        open_raw(0);
        mproc_conn_set_timeout(conn, 5, 5);
        put("\0\0\0\3abc", 7);
        char buf[4];
        mp_fault_arm(MP_FAULT_SYSCALL, n, EIO);
        ssize_t got = mproc_conn_recv_bytes_into(conn, buf, sizeof buf);
        int sent = mproc_conn_send_bytes(conn, "xyz", 3);
        int polled = mproc_conn_poll(conn, 0);
        bool fired = mp_fault_disarm();
        ck_assert(got == 3 || got == -EIO);
        ck_assert(sent == 0 || sent == -EIO);
        ck_assert(polled == 0 || polled == 1 || polled == -EIO);
        ck_assert(fired == (got < 0 || sent < 0 || polled != 0));
        close_raw();
        if (!fired)
            return;
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *frame = mp_case(suite, "frame", 10);
    tcase_add_test(frame, headers_are_cpythons);
    tcase_add_test(frame, impossible_headers_are_refused);
    TCase *tc = mp_case(suite, "stream", 20);
    tcase_add_test(tc, what_is_sent_is_cpythons_frame);
    tcase_add_test(tc, header_and_body_leave_in_one_call);
    tcase_add_test(tc, many_small_messages_come_with_one_call);
    tcase_add_test(tc, a_busy_reader_lets_others_run_before_it_sleeps);
    tcase_add_test(tc, a_busy_reader_still_times_out_and_comes_to_the_end);
    tcase_add_test(tc, nobody_pauses_in_a_poll_or_with_little_time);
    tcase_add_test(tc, a_short_length_in_the_long_form_is_accepted);
    tcase_add_loop_test(tc, an_impossible_header_is_a_protocol_error_for_good, 0, 2);
    tcase_add_loop_test(tc, a_stream_cut_at_any_byte_is_told_from_a_clean_end, 0, 2);
    tcase_add_loop_test(tc, a_stream_cut_by_a_reset_is_cut_too, 0, 2);
    tcase_add_loop_test(tc, bytes_that_dribble_in_make_whole_messages, 0, 2);
    tcase_add_loop_test(tc, a_large_message_survives_timeouts_polls_and_short_buffers, 0, 2);
    tcase_add_test(tc, frames_lie_across_the_edge_of_the_read_ahead);
    tcase_add_test(tc, memory_grows_with_what_comes_not_with_what_is_claimed);
    tcase_add_test(tc, a_shared_descriptor_is_not_read_ahead);
    tcase_add_test(tc, adopting_checks_the_descriptor_and_leaves_it_on_failure);
    tcase_add_test(tc, a_descriptors_blocking_mode_is_left_alone);
    tcase_add_test(tc, failing_system_calls_surface);
    return suite;
}
