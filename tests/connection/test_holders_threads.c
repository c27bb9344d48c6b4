/* SPDX-License-Identifier: MIT */
/* Forks beside threads that use streams, and beside handlers that do. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "connection/sharing.h"
#include "connection/transport.h"
#include "support/suite.h"

/* The address sanitizer's allocator is locked for ever in the child of a process with threads, now
 * and then. */
#if defined MP_UNDER_ASAN
#define IS_ALLOCATOR_SAFE false
#else
#define IS_ALLOCATOR_SAFE true
#endif

static void *open_and_close(void *stop)
{
    while (!atomic_load((atomic_bool *)stop)) {
        mproc_conn *a;
        mproc_conn *b;
        if (mproc_pipe(&a, &b, MPROC_PIPE_STREAM) < 0)
            return stop;
        mproc_conn_close(a);
        mproc_conn_close(b);
    }
    return NULL;
}

/* Talk over a connection that is new, and over one that is not. */
static int talk_in_child(void)
{
    if (!gets_range(0, 1))
        return 1;
    close_pair();
    if (mproc_pipe(&in, &out, MPROC_PIPE_STREAM) < 0 || mproc_conn_send_bytes(out, "abcd", 4) < 0)
        return 2;
    return get() == UINT32_MAX ? 3 : 0;
}

START_TEST(forks_beside_threads_that_open_and_close)
{
    atomic_bool stop = false;
    pthread_t threads[2];
    if (getenv("MPROC_TEST_VALGRIND")) /* to which what they had in hand at the fork is a leak */
        return;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, &stop), 0);
    for (unsigned i = 0; i < 100; i += mp_stride(20)) {
        make_pipe();
        put(0);
        pid_t child = fork();
        if (child == 0)
            _exit(IS_ALLOCATOR_SAFE ? talk_in_child() : 0);
        expect_exit(child, 0);
        close_pair();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

static void *get_one(void *number)
{
    *(uint32_t *)number = get();
    return NULL;
}

START_TEST(an_end_that_a_thread_is_receiving_from_is_of_no_use_in_a_child)
{
    pthread_t thread;
    uint32_t number = 0;
    make_stream(_i);
    ck_assert_int_eq(pthread_create(&thread, NULL, get_one, &number), 0);
    while (atomic_load(&in->receiving.state) == 0)
        sched_yield();
    pid_t child = fork();
    if (child == 0) {
        char byte;
        if (mproc_conn_poll(in, 0) != 1 || mproc_conn_recv_bytes_into(in, &byte, 1) != -EBUSY)
            _exit(1);
        mproc_conn_close(in);
        _exit(0);
    }
    expect_exit(child, 0);
    put(7);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(number, 7);
    close_pair();
}
END_TEST

/* More than any pipe or socket takes. */
static void *send_much(void *unused)
{
    static char much[32 * 1024 * 1024];
    (void)unused;
    return mproc_conn_send_bytes(out, much, sizeof much) == 0 ? NULL : out;
}

START_TEST(an_end_that_a_thread_is_sending_on_is_of_no_use_in_a_child)
{
    pthread_t thread;
    void *failed;
    void *got;
    size_t len;
    make_stream(_i);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_much, NULL), 0);
    while (atomic_load(&out->sending.state) == 0)
        sched_yield();
    pid_t child = fork();
    if (child == 0) {
        if (mproc_conn_send_bytes(out, "", 1) != -EBUSY || mproc_conn_sendf(out, "i", 1) != -EBUSY)
            _exit(1);
        mproc_conn_close(out);
        _exit(0);
    }
    expect_exit(child, 0);
    ck_assert_int_eq(mproc_conn_recv_bytes(in, &got, &len), 0);
    mproc_free(got);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
    put(1);
    ck_assert(gets_range(1, 2));
    close_pair();
}
END_TEST

/* What a thread does between our own handlers and the fork: those of the program that were there
 * first run last. */

static void (*meanwhile)(void);
static pthread_t meanwhile_thread;
static bool is_receiving;

static void do_meanwhile(void)
{
    if (meanwhile)
        meanwhile();
    meanwhile = NULL;
}

static void begin_receiving(void)
{
    static uint32_t number;
    is_receiving = pthread_create(&meanwhile_thread, NULL, get_one, &number) == 0;
    while (is_receiving && atomic_load(&in->receiving.state) == 0)
        sched_yield();
}

static void *poll_now(void *unused)
{
    (void)unused;
    return mproc_conn_next_size(in) == 4 ? NULL : in;
}

/* The header is taken, and the body remains. */
static void begin_message(void)
{
    if (pthread_create(&meanwhile_thread, NULL, poll_now, NULL) == 0)
        pthread_join(meanwhile_thread, NULL);
}

static void (*const beginnings[])(void) = {begin_receiving, begin_message};

START_TEST(an_end_that_a_thread_begins_to_receive_from_late_is_of_no_use_in_a_child)
{
    ck_assert_int_eq(pthread_atfork(do_meanwhile, NULL, NULL), 0);
    make_pipe();
    if (beginnings[_i] == begin_message)
        put(7);
    meanwhile = beginnings[_i];
    pid_t child = fork();
    if (child == 0) {
        char byte;
        bool right = mproc_conn_recv_bytes_into(in, &byte, 1) == -EBUSY;
        mproc_conn_close(in);
        _exit(right ? 0 : 1);
    }
    expect_exit(child, 0);
    if (is_receiving) {
        put(7);
        pthread_join(meanwhile_thread, NULL);
    } else {
        ck_assert(gets_range(7, 8));
    }
    put(8);
    ck_assert(gets_range(8, 9));
    close_pair();
}
END_TEST

static void close_here(void)
{
    close_pair();
}

/* A waiter that another thread was in the way of looks again later, and must not be misled. */
START_TEST(a_poll_that_was_put_off_is_not_a_message)
{
    make_stream(_i);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    ck_assert(mp_gate_try(&in->receiving));
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    mp_gate_leave(&in->receiving);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    ck_assert_int_eq(mproc_conn_poll(in, 0.01), 0);
    put(0);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close_pair();
}
END_TEST

/* Handlers in the child run in the order of registration: this one is the first. */
START_TEST(a_handler_of_the_program_may_close_what_a_child_inherits)
{
    ck_assert_int_eq(pthread_atfork(NULL, NULL, close_here), 0);
    make_stream(_i);
    pid_t child = fork();
    if (child == 0) {
        make_pipe();
        put_range(0, 2);
        _exit(gets_range(0, 2) ? 0 : 1);
    }
    expect_exit(child, 0);
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    close_pair();
}
END_TEST

/* Two would receive from it else, neither of which knew of the other. */
START_TEST(an_end_that_a_thread_is_using_is_not_passed_on)
{
    pthread_t thread;
    uint32_t number = 0;
    mproc_conn *carrier[2];
    make_stream(_i);
    ck_assert_int_eq(mproc_pipe(&carrier[0], &carrier[1], MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, get_one, &number), 0);
    while (atomic_load(&in->receiving.state) == 0)
        sched_yield();
    ck_assert_int_eq(mproc_conn_sendf(carrier[0], "C", in), -EBUSY);
    put(7);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(number, 7);
    ck_assert_int_eq(mproc_conn_sendf(carrier[0], "C", in), 0);
    mproc_conn_close(carrier[0]);
    mproc_conn_close(carrier[1]);
    close_pair();
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("holders_threads");
    find_streams();

    TCase *tc = mp_case(suite, "threads", 60);
    tcase_add_test(tc, forks_beside_threads_that_open_and_close);
    tcase_add_loop_test(tc, an_end_that_a_thread_is_receiving_from_is_of_no_use_in_a_child, 0,
                        streams_count);
    tcase_add_loop_test(tc, an_end_that_a_thread_is_sending_on_is_of_no_use_in_a_child, 0,
                        streams_count);
    tcase_add_loop_test(
        tc, an_end_that_a_thread_begins_to_receive_from_late_is_of_no_use_in_a_child, 0, 2);
    tcase_add_loop_test(tc, a_poll_that_was_put_off_is_not_a_message, 0, streams_count);
    tcase_add_loop_test(tc, a_handler_of_the_program_may_close_what_a_child_inherits, 0,
                        streams_count);
    tcase_add_loop_test(tc, an_end_that_a_thread_is_using_is_not_passed_on, 0, streams_count);
    return suite;
}
