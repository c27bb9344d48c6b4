/* SPDX-License-Identifier: MIT */
/* One battery over every transport: what a connection promises whatever carries it. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "connection/pair.h"
#include "support/fault.h"
#include "support/suite.h"

static const size_t sizes[] = {0,     1,     2,     63,    64,    4095,   4096,    16384,
                               16385, 32756, 32764, 32768, 32769, 200000, 1 << 20, 5000001};
#define SIZES (sizeof sizes / sizeof sizes[0])

static void *send_all_sizes(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *data = pattern(sizes[i]);
        int rc = mproc_conn_send_bytes(out, data, sizes[i]);
        free(data);
        if (rc < 0)
            return (void *)(intptr_t)rc;
    }
    return NULL;
}

START_TEST(messages_of_any_size_arrive_whole_and_in_order)
{
    make_pair(_i);
    pthread_t sender;
    pthread_create(&sender, NULL, send_all_sizes, NULL);
    unsigned char *buf = malloc(sizes[SIZES - 1]);
    for (size_t i = 0; i < SIZES; i++) {
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizes[i]), (ssize_t)sizes[i]);
        ck_assert(is_pattern(buf, sizes[i]));
    }
    free(buf);
    expect_thread_ok(sender);
    close_pair();
}
END_TEST

START_TEST(the_library_allocates_for_recv_bytes)
{
    make_pair(_i);
    pthread_t sender;
    pthread_create(&sender, NULL, send_all_sizes, NULL);
    for (size_t i = 0; i < SIZES; i++) {
        void *buf = NULL;
        size_t len = 77;
        ck_assert_int_eq(mproc_conn_recv_bytes(in, &buf, &len), 0);
        ck_assert_uint_eq(len, sizes[i]);
        ck_assert_ptr_nonnull(buf);
        ck_assert(is_pattern(buf, len));
        mproc_free(buf);
    }
    expect_thread_ok(sender);
    close_pair();
}
END_TEST

START_TEST(a_deadline_that_does_not_strike_changes_nothing)
{
    make_pair(_i);
    ck_assert_int_eq(mproc_conn_set_timeout(in, 60, 60), 0);
    ck_assert_int_eq(mproc_conn_set_timeout(out, 60, 60), 0);
    pthread_t sender;
    pthread_create(&sender, NULL, send_all_sizes, NULL);
    unsigned char *buf = malloc(sizes[SIZES - 1]);
    for (size_t i = 0; i < SIZES; i++) {
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizes[SIZES - 1]), (ssize_t)sizes[i]);
        ck_assert(is_pattern(buf, sizes[i]));
    }
    free(buf);
    expect_thread_ok(sender);
    close_pair();
}
END_TEST

START_TEST(calls_outlive_interruptions)
{
    make_pair(_i);
    pthread_t sender;
    pthread_create(&sender, NULL, send_all_sizes, NULL);
    mp_fault_interrupt_all();
    unsigned char *buf = malloc(sizes[SIZES - 1]);
    for (size_t i = 0; i < SIZES; i++) {
        ck_assert_int_eq(mproc_conn_poll(in, MPROC_FOREVER), 1);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizes[SIZES - 1]), (ssize_t)sizes[i]);
        ck_assert(is_pattern(buf, sizes[i]));
    }
    free(buf);
    mp_fault_disarm();
    expect_thread_ok(sender);
    close_pair();
}
END_TEST

START_TEST(sends_outlive_interruptions)
{
    make_pair(_i);
    mproc_conn_set_timeout(out, 5, MPROC_FOREVER);
    mp_fault_interrupt_all();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(mproc_conn_send_bytes(out, "interrupted", 11), 0);
    mp_fault_disarm();
    char buf[16];
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 11);
    close_pair();
}
END_TEST

START_TEST(a_short_buffer_loses_nothing)
{
    make_pair(_i);
    char buf[100];
    ck_assert_int_eq(mproc_conn_send_bytes(out, "0123456789", 10), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "next", 4), 0);
    for (size_t cap = 0; cap < 10; cap++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, cap > 0 ? buf : NULL, cap), MPROC_EBUFSIZE);
    ck_assert_int_eq(mproc_conn_next_size(in), 10);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, 10), 10);
    ck_assert_mem_eq(buf, "0123456789", 10);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, 10), 4);
    ck_assert_mem_eq(buf, "next", 4);
    close_pair();
}
END_TEST

START_TEST(a_message_beyond_the_limit_stays_queued)
{
    make_pair(_i);
    char buf[100];
    void *data = NULL;
    size_t len = 5;
    ck_assert_int_eq(mproc_conn_set_max_message(in, 9), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "0123456789", 10), 0);
    ck_assert_int_eq(mproc_conn_poll(in, 10), 1);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), MPROC_ETOOBIG);
    ck_assert_int_eq(mproc_conn_recv_bytes(in, &data, &len), MPROC_ETOOBIG);
    ck_assert_ptr_null(data);
    ck_assert_uint_eq(len, 5);
    ck_assert_int_eq(mproc_conn_set_max_message(in, 10), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 10);
    close_pair();
}
END_TEST

START_TEST(the_end_of_the_stream_comes_after_the_last_message_and_stays)
{
    make_pair(_i);
    char buf[10];
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "last", 4), 0);
    mproc_conn_close(out);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 4);
    ck_assert_int_eq(mproc_conn_poll(in, MPROC_FOREVER), 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), MPROC_EOF);
        ck_assert_int_eq(mproc_conn_next_size(in), MPROC_EOF);
        ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    }
    mproc_conn_close(in);
}
END_TEST

/* Over AF_UNIX the kernel tells the survivor of a peer that left messages unread by a reset. */
START_TEST(a_peer_that_left_messages_unread_is_an_end_like_any_other)
{
    make_pair(_i);
    if (kind->duplex && strcmp(kind->name, "TCP") != 0) {
        char buf[10];
        ck_assert_int_eq(mproc_conn_send_bytes(out, "answer", 6), 0);
        ck_assert_int_eq(mproc_conn_send_bytes(in, "unread", 6), 0);
        mproc_conn_close(out);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 6);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), MPROC_EOF);
        mproc_conn_close(in);
        return;
    }
    close_pair();
}
END_TEST

START_TEST(a_receive_that_times_out_loses_nothing)
{
    make_pair(_i);
    char buf[10];
    static const double polls[] = {0.01, 0, -1, -INFINITY};
    for (size_t i = 0; i < sizeof polls / sizeof polls[0]; i++) {
        ck_assert_int_eq(mproc_conn_set_timeout(in, 1, polls[i]), 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), -ETIMEDOUT);
        ck_assert_int_eq(mproc_conn_next_size(in), -ETIMEDOUT);
    }
    ck_assert_int_eq(mproc_conn_send_bytes(out, "late", 4), 0);
    ck_assert_int_eq(mproc_conn_poll(in, 10), 1);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 4);
    ck_assert_int_eq(mproc_conn_set_timeout(in, NAN, 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_set_timeout(in, 1, NAN), -EINVAL);
    ck_assert_int_eq(mproc_conn_poll(in, NAN), -EINVAL);
    close_pair();
}
END_TEST

START_TEST(a_send_that_times_out_is_whole_or_torn)
{
    make_pair(_i);
    mproc_conn_set_timeout(out, 0.02, 1);
    unsigned char *data = pattern(8 << 20);
    int rc = 0;
    int sent = 0;
    while ((rc = mproc_conn_send_bytes(out, data, 100)) == 0)
        sent++;
    ck_assert_int_gt(sent, 10);
    ck_assert(rc == -ETIMEDOUT || rc == MPROC_ETORN);
    if (rc == -ETIMEDOUT) {
        /* Nothing of the message was gone: what was sent before arrives, and then the next. */
        unsigned char buf[100];
        for (int i = 0; i < sent; i++)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 100);
        mproc_conn_set_timeout(in, 1, 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), -ETIMEDOUT);
        ck_assert_int_eq(mproc_conn_send_bytes(out, data, 100), 0);
        ck_assert_int_eq(mproc_conn_poll(in, 10), 1);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 100);
        rc = mproc_conn_send_bytes(out, data, 8 << 20);
        ck_assert_int_eq(rc, MPROC_ETORN);
    }
    ck_assert_int_eq(mproc_conn_send_bytes(out, "more", 4), MPROC_ETORN);
    free(data);
    close_pair();
}
END_TEST

START_TEST(sending_to_a_peer_that_is_gone_is_an_error_not_a_signal)
{
    make_pair(_i);
    signal(SIGPIPE, SIG_DFL);
    mproc_conn_close(in);
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++)
        rc = mproc_conn_send_bytes(out, "anyone?", 7);
    ck_assert_int_eq(rc, -EPIPE);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "anyone?", 7), -EPIPE);
    sigset_t pending;
    sigpending(&pending);
    ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
    mproc_conn_close(out);
}
END_TEST

static void *close_in_a_while(void *arg)
{
    char buf[8];
    mproc_conn_recv_bytes_into(arg, buf, 0);
    mproc_conn_close(arg);
    return NULL;
}

START_TEST(a_peer_that_leaves_frees_a_blocked_sender)
{
    make_pair(_i);
    pthread_t closer;
    pthread_create(&closer, NULL, close_in_a_while, in);
    unsigned char *data = pattern(32 << 20);
    ck_assert_int_eq(mproc_conn_send_bytes(out, data, 32 << 20), -EPIPE);
    free(data);
    pthread_join(closer, NULL);
    mproc_conn_close(out);
}
END_TEST

START_TEST(each_end_keeps_to_its_direction)
{
    make_pair(_i);
    ck_assert_int_eq(mproc_conn_readable(in), 1);
    ck_assert_int_eq(mproc_conn_writable(out), 1);
    ck_assert_int_eq(mproc_conn_writable(in), kind->duplex);
    ck_assert_int_eq(mproc_conn_readable(out), kind->duplex);
    if (!kind->duplex) {
        char buf[4];
        void *data;
        size_t len;
        ck_assert_int_eq(mproc_conn_send_bytes(in, "x", 1), MPROC_EDIRECTION);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(out, buf, 4), MPROC_EDIRECTION);
        ck_assert_int_eq(mproc_conn_recv_bytes(out, &data, &len), MPROC_EDIRECTION);
        ck_assert_int_eq(mproc_conn_next_size(out), MPROC_EDIRECTION);
        ck_assert_int_eq(mproc_conn_poll(out, 0), MPROC_EDIRECTION);
    }
    close_pair();
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    make_pair(_i);
    char buf[4];
    ck_assert_int_eq(mproc_conn_send_bytes(out, NULL, 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_send_bytes(out, buf, (size_t)SSIZE_MAX + 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_send_bytes(NULL, buf, 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, NULL, 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_recv_bytes(in, NULL, NULL), -EINVAL);
    ck_assert_int_eq(mproc_conn_poll(NULL, 0), -EINVAL);
    ck_assert_int_eq(mproc_conn_set_max_message(NULL, 1), -EINVAL);
    ck_assert_int_eq(mproc_conn_handle(NULL), MPROC_INVALID_HANDLE);
    ck_assert_int_eq(mproc_conn_readable(NULL), 0);
    mproc_conn_close(NULL);
    ck_assert_int_eq(mproc_conn_send_bytes(out, NULL, 0), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, NULL, 0), 0);
    close_pair();
}
END_TEST

/* Messages of concurrent senders: a thread's number and its count, at a length of their own. */
#define SENDERS 4
#define EACH 300

static size_t length_of(unsigned sender, unsigned i)
{
    return 2 + (i * 7919u + sender * 104729u) % (i % 50 == 0 ? 100000 : 500);
}

static void *send_numbered(void *arg)
{
    unsigned sender = (unsigned)(uintptr_t)arg;
    unsigned char *data = malloc(100002);
    unsigned sent = 0;
    for (unsigned i = 0; i < EACH; i++) {
        size_t len = length_of(sender, i);
        memset(data, (int)(sender * 16 + i % 16), len);
        if (mproc_conn_send_bytes(out, data, len) < 0)
            break;
        sent++;
    }
    free(data);
    return sent == EACH ? NULL : arg;
}

START_TEST(messages_of_concurrent_senders_never_mix)
{
    make_pair(_i);
    pthread_t senders[SENDERS];
    for (uintptr_t i = 0; i < SENDERS; i++)
        pthread_create(&senders[i], NULL, send_numbered, (void *)i);
    unsigned count[SENDERS] = {0};
    for (unsigned n = 0; n < SENDERS * EACH; n++) {
        void *buf;
        size_t len;
        ck_assert_int_eq(mproc_conn_recv_bytes(in, &buf, &len), 0);
        const unsigned char *data = buf;
        unsigned sender = data[0] / 16;
        ck_assert_uint_lt(sender, SENDERS);
        ck_assert_uint_eq(data[0] % 16, count[sender] % 16);
        ck_assert_uint_eq(len, length_of(sender, count[sender]));
        for (size_t i = 1; i < len; i++)
            if (data[i] != data[0])
                ck_abort_msg("mixed at %zu of %zu", i, len);
        count[sender]++;
        mproc_free(buf);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i], NULL);
    close_pair();
}
END_TEST

static void *receive_numbers(void *arg)
{
    unsigned *sum = arg;
    for (;;) {
        unsigned value;
        ssize_t n = mproc_conn_recv_bytes_into(in, &value, sizeof value);
        if (n == MPROC_EOF)
            return NULL;
        if (n != sizeof value)
            return arg;
        *sum += value;
    }
}

START_TEST(concurrent_receivers_get_each_message_once)
{
    make_pair(_i);
    pthread_t receivers[3];
    unsigned sums[3] = {0};
    for (int i = 0; i < 3; i++)
        pthread_create(&receivers[i], NULL, receive_numbers, &sums[i]);
    for (unsigned i = 1; i <= 3000; i++)
        ck_assert_int_eq(mproc_conn_send_bytes(out, &i, sizeof i), 0);
    mproc_conn_close(out);
    for (int i = 0; i < 3; i++)
        expect_thread_ok(receivers[i]);
    ck_assert_uint_eq(sums[0] + sums[1] + sums[2], 3000 * 3001 / 2);
    mproc_conn_close(in);
}
END_TEST

START_TEST(a_receiver_in_the_way_does_not_stretch_a_deadline)
{
    make_pair(_i);
    mproc_conn_set_timeout(in, 1, MPROC_FOREVER);
    unsigned sum = 0;
    pthread_t receiver;
    pthread_create(&receiver, NULL, receive_numbers, &sum);
    ck_assert_int_eq(mproc_conn_poll(in, 0.02), 0);
    unsigned value = 3;
    ck_assert_int_eq(mproc_conn_send_bytes(out, &value, sizeof value), 0);
    mproc_conn_close(out);
    expect_thread_ok(receiver);
    ck_assert_uint_eq(sum, 3);
    mproc_conn_close(in);
}
END_TEST

static void *echo_until_end(void *arg)
{
    (void)arg;
    for (;;) {
        void *buf;
        size_t len;
        int rc = mproc_conn_recv_bytes(out, &buf, &len);
        if (rc == MPROC_EOF)
            return NULL;
        if (rc < 0 || mproc_conn_send_bytes(out, buf, len) < 0)
            return out;
        mproc_free(buf);
    }
}

static void *send_to_echo(void *arg)
{
    for (size_t i = 0; i < SIZES; i++)
        if (mproc_conn_send_bytes(in, arg, sizes[i]) < 0)
            return arg;
    return NULL;
}

START_TEST(both_directions_run_side_by_side)
{
    make_pair(_i);
    if (!kind->duplex) {
        close_pair();
        return;
    }
    pthread_t echo;
    pthread_t sender;
    unsigned char *data = pattern(sizes[SIZES - 1]);
    unsigned char *buf = malloc(sizes[SIZES - 1]);
    pthread_create(&echo, NULL, echo_until_end, NULL);
    pthread_create(&sender, NULL, send_to_echo, data);
    for (size_t i = 0; i < SIZES; i++) {
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizes[SIZES - 1]), (ssize_t)sizes[i]);
        ck_assert(is_pattern(buf, sizes[i]));
    }
    expect_thread_ok(sender);
    mproc_conn_close(in);
    expect_thread_ok(echo);
    mproc_conn_close(out);
    free(data);
    free(buf);
}
END_TEST

static void expect_exit(pid_t child, int code)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), code);
}

START_TEST(a_forked_child_has_the_other_end)
{
    make_pair(_i);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(in);
        for (unsigned i = 0; i < 100; i++)
            if (mproc_conn_send_bytes(out, &i, sizeof i) < 0)
                _exit(1);
        _exit(7);
    }
    mproc_conn_close(out);
    unsigned value;
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, &value, sizeof value), sizeof value);
        ck_assert_uint_eq(value, i);
    }
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, &value, sizeof value), MPROC_EOF);
    expect_exit(child, 7);
    mproc_conn_close(in);
}
END_TEST

START_TEST(a_killed_sender_leaves_whole_messages_and_an_end)
{
    make_pair(_i);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(in);
        unsigned char *data = pattern(70000);
        for (size_t i = 0;; i++)
            if (mproc_conn_send_bytes(out, data, i * 37 % 70000) < 0)
                _exit(1);
    }
    mproc_conn_close(out);
    unsigned char *buf = malloc(70000);
    size_t i = 0;
    for (; i < 200; i++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, 70000), (ssize_t)(i * 37 % 70000));
    kill(child, SIGKILL);
    ssize_t n;
    while ((n = mproc_conn_recv_bytes_into(in, buf, 70000)) >= 0) {
        ck_assert_int_eq(n, (ssize_t)(i++ * 37 % 70000));
        ck_assert(is_pattern(buf, (size_t)n));
    }
    ck_assert(n == MPROC_EOF || n == MPROC_EPROTO);
    int status;
    waitpid(child, &status, 0);
    ck_assert(WIFSIGNALED(status));
    free(buf);
    mproc_conn_close(in);
}
END_TEST

START_TEST(running_out_of_memory_loses_no_message)
{
    make_pair(_i);
    unsigned failures = 0;
    if (strncmp(kind->name, "tiny", 4) == 0) { /* has no room for the message */
        close_pair();
        return;
    }
    for (unsigned n = 1; n < 50; n++) {
        unsigned char *data = pattern(60000);
        ck_assert_int_eq(mproc_conn_send_bytes(out, data, 60000), 0);
        free(data);
        void *buf = NULL;
        size_t len = 0;
        mp_fault_arm(MP_FAULT_ALLOC, n, 0);
        int rc = mproc_conn_recv_bytes(in, &buf, &len);
        bool fired = mp_fault_disarm();
        if (rc == -ENOMEM) {
            ck_assert(fired);
            ck_assert_ptr_null(buf);
            failures++;
            rc = mproc_conn_recv_bytes(in, &buf, &len);
        }
        ck_assert_int_eq(rc, 0);
        ck_assert_uint_eq(len, 60000);
        ck_assert(is_pattern(buf, len));
        mproc_free(buf);
        if (!fired)
            break;
    }
    ck_assert_uint_gt(failures, 0);
    close_pair();
}
END_TEST

/* Both calls to make a pair, with each call inside them failing in turn. */
static void sweep_pipe(enum mp_fault_kind fault, int error, unsigned flags)
{
    for (unsigned n = 1;; n++) {
        ck_assert_uint_lt(n, 100);
        mproc_conn *a = NULL;
        mproc_conn *b = NULL;
        int fds = mp_count_fds();
        mp_fault_arm(fault, n, error);
        int rc = mproc_pipe(&a, &b, flags);
        bool fired = mp_fault_disarm();
        if (rc < 0) {
            ck_assert(fired);
            ck_assert_int_eq(rc, -error);
            ck_assert(!a && !b);
            ck_assert_int_eq(mp_count_fds(), fds);
            continue;
        }
        mproc_conn_close(a);
        mproc_conn_close(b);
        if (!fired)
            return;
    }
}

START_TEST(a_pipe_that_cannot_be_made_leaves_nothing_behind)
{
    static const unsigned flags[] = {0, MPROC_SIMPLEX, MPROC_DUPLEX | MPROC_PIPE_STREAM};
    sweep_pipe(MP_FAULT_ALLOC, ENOMEM, flags[_i]);
    sweep_pipe(MP_FAULT_SYSCALL, EMFILE, flags[_i]);
}
END_TEST

START_TEST(contradictory_pipe_flags_are_refused)
{
    mproc_conn *a;
    mproc_conn *b;
    ck_assert_int_eq(mproc_pipe(&a, &b, MPROC_DUPLEX | MPROC_SIMPLEX), -EINVAL);
    ck_assert_int_eq(mproc_pipe(&a, &b, 0x100), -EINVAL);
    ck_assert_int_eq(mproc_pipe(NULL, &b, 0), -EINVAL);
    ck_assert_int_eq(mproc_pipe(&a, NULL, 0), -EINVAL);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("connection");
    TCase *tc = mp_case(suite, "battery", 30);
    const TTest *battery[] = {
        messages_of_any_size_arrive_whole_and_in_order,
        the_library_allocates_for_recv_bytes,
        a_deadline_that_does_not_strike_changes_nothing,
        calls_outlive_interruptions,
        sends_outlive_interruptions,
        a_short_buffer_loses_nothing,
        a_message_beyond_the_limit_stays_queued,
        the_end_of_the_stream_comes_after_the_last_message_and_stays,
        a_peer_that_left_messages_unread_is_an_end_like_any_other,
        a_receive_that_times_out_loses_nothing,
        a_send_that_times_out_is_whole_or_torn,
        sending_to_a_peer_that_is_gone_is_an_error_not_a_signal,
        a_peer_that_leaves_frees_a_blocked_sender,
        each_end_keeps_to_its_direction,
        bad_arguments_are_refused,
        messages_of_concurrent_senders_never_mix,
        concurrent_receivers_get_each_message_once,
        a_receiver_in_the_way_does_not_stretch_a_deadline,
        both_directions_run_side_by_side,
        a_forked_child_has_the_other_end,
        a_killed_sender_leaves_whole_messages_and_an_end,
        running_out_of_memory_loses_no_message,
    };
    for (size_t i = 0; i < sizeof battery / sizeof battery[0]; i++)
        tcase_add_loop_test(tc, battery[i], 0, mp_pair_kinds_count);
    TCase *making = mp_case(suite, "making pipes", 30);
    tcase_add_loop_test(making, a_pipe_that_cannot_be_made_leaves_nothing_behind, 0, 3);
    tcase_add_test(making, contradictory_pipe_flags_are_refused);
    return suite;
}
