/* SPDX-License-Identifier: MIT */
/* Streams that several processes hold: nothing is lost to one of them, nothing comes twice. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>
#include <mproc/listener.h>
#include <mproc/process.h>

#include "connection/holders.h"
#include "process/run.h"
#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"

static mproc_conn *in;
static mproc_conn *out;

static void close_pair(void)
{
    mproc_conn_close(in);
    mproc_conn_close(out);
    in = NULL;
    out = NULL;
}

static void make_accepted(mproc_conn **first, mproc_conn **second)
{
    mproc_listener *listener;
    const char *address = mp_test_path("socket");
    ck_assert_int_eq(mproc_listener_open(&listener, address, NULL, NULL), 0);
    ck_assert_int_eq(mproc_client_connect(second, address, NULL, NULL), 0);
    ck_assert_int_eq(mproc_listener_accept(listener, first, 30, NULL), 0);
    mproc_listener_close(listener);
}

/* Kinds of the battery that are streams and read ahead, and one more. */
static const struct mp_pair_kind *streams[16];
static int streams_count;
static const struct mp_pair_kind accepted = {"accepted", true, true, false, make_accepted};

static void find_streams(void)
{
    for (int i = 0; i < mp_pair_kinds_count; i++)
        if (mp_pair_kinds[i].bytes && !mp_pair_kinds[i].shared)
            streams[streams_count++] = &mp_pair_kinds[i];
    streams[streams_count++] = &accepted;
}

static void make_stream(int i)
{
    streams[i]->make(&in, &out);
}

static void make_pipe(void)
{
    ck_assert_int_eq(mproc_pipe(&in, &out, MPROC_PIPE_STREAM), 0);
}

static void put(uint32_t number)
{
    ck_assert_int_eq(mproc_conn_send_bytes(out, &number, sizeof number), 0);
}

static void put_range(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        put(i);
}

/* The next number; also in children, where assertions are of no use. */
static uint32_t get(void)
{
    uint32_t number;
    ssize_t n = mproc_conn_recv_bytes_into(in, &number, sizeof number);
    return n == (ssize_t)sizeof number ? number : UINT32_MAX;
}

static bool gets_range(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (get() != i)
            return false;
    return true;
}

static void expect_exit(pid_t child, int code)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, code << 8);
}

/* One byte that goes to and fro between processes: to wait for each other, and to take turns. */
static int token[2];

static void open_token(void)
{
    ck_assert_int_eq(pipe(token), 0);
}

static void close_token(void)
{
    close(token[0]);
    close(token[1]);
}

static void take_token(void)
{
    char byte;
    if (read(token[0], &byte, 1) != 1)
        _exit(99);
}

static void give_token(void)
{
    if (write(token[1], "", 1) != 1)
        _exit(98);
}

enum { BATCH = 100 };

/* Are the next BATCH messages got with one system call each, or with at least two? */
static bool reads_ahead(uint32_t from)
{
    mp_fault_arm(MP_FAULT_SYSCALL, BATCH, EINTR);
    bool right = gets_range(from, from + BATCH);
    bool fired = mp_fault_disarm();
    return right && !fired;
}

static bool reads_exactly(uint32_t from)
{
    mp_fault_arm(MP_FAULT_SYSCALL, 2 * BATCH, EINTR);
    bool right = gets_range(from, from + BATCH);
    bool fired = mp_fault_disarm();
    return right && fired;
}

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

enum { CONSUMERS = 4, MESSAGES = 600, LARGE = 50000 };

/* Every so often a message is longer than what is read ahead. */
static size_t length_of(uint32_t number)
{
    if (number % 50 == 49)
        return LARGE;
    return sizeof number + number % 40;
}

static unsigned char message[LARGE];

static void put_sized(uint32_t number)
{
    memcpy(message, &number, sizeof number);
    ck_assert_int_eq(mproc_conn_send_bytes(out, message, length_of(number)), 0);
}

/* A number below MESSAGES, or something else. */
static uint32_t get_sized(void)
{
    uint32_t number;
    ssize_t n = mproc_conn_recv_bytes_into(in, message, sizeof message);
    if (n < (ssize_t)sizeof number)
        return UINT32_MAX;
    memcpy(&number, message, sizeof number);
    return number < MESSAGES && length_of(number) == (size_t)n ? number : UINT32_MAX;
}

static int results[2];

static int consume(const mproc_value *args)
{
    (void)args;
    for (;;) {
        take_token();
        mproc_conn_poll(in, 30);
        uint32_t number = get_sized();
        give_token();
        if (number == UINT32_MAX)
            return 0;
        if (write(results[1], &number, sizeof number) != sizeof number)
            return 1;
    }
}

static void expect_each_once(uint32_t from)
{
    unsigned char times[MESSAGES] = {0};
    for (uint32_t i = from; i < MESSAGES; i++) {
        uint32_t number;
        ck_assert_int_eq(read(results[0], &number, sizeof number), sizeof number);
        ck_assert_uint_eq(++times[number], 1);
    }
    for (uint32_t i = from; i < MESSAGES; i++)
        ck_assert_uint_eq(times[i], 1);
}

static void open_results(void)
{
    ck_assert_int_eq(pipe(results), 0);
    open_token();
}

static void close_results(void)
{
    close(results[0]);
    close(results[1]);
    close_token();
}

/* The messages from `sent` on are sent now, those from `taken` on have been taken already. */
static void feed_consumers(uint32_t sent, uint32_t taken)
{
    give_token();
    for (uint32_t i = sent; i < MESSAGES; i++)
        put_sized(i);
    expect_each_once(taken);
    for (int i = 0; i < CONSUMERS; i++)
        put(UINT32_MAX);
}

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
    ck_assert_int_eq(write(mproc_conn_handle(out), frame + 8 - missing, missing), (ssize_t)missing);
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

/* When is there read-ahead? */

START_TEST(an_end_is_read_ahead_only_while_nobody_else_has_it)
{
    make_stream(_i);
    open_token();
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    pid_t child = fork();
    if (child == 0) {
        take_token();
        mproc_conn_close(in);
        _exit(0);
    }
    put_range(BATCH, 2 * BATCH);
    ck_assert(reads_exactly(BATCH));
    give_token();
    expect_exit(child, 0);
    put_range(2 * BATCH, 3 * BATCH);
    ck_assert(reads_ahead(2 * BATCH));
    close_token();
    close_pair();
}
END_TEST

/* Ways in which a child loses an end without mproc_conn_close(). Then it closes or writes to its
 * standard output. */

static void end(void)
{
    _exit(0);
}

#if defined __linux__ && !defined MP_PORTABLE

static void execute(void)
{
    execl("/bin/sh", "sh", "-c", "echo; sleep 100", (char *)NULL);
}

static void close_behind_our_back(void)
{
    close(mproc_conn_handle(in));
    if (write(1, "", 1) == 1)
        pause();
}

#endif

static void (*const losses[])(void) = {
    end,
#if defined __linux__ && !defined MP_PORTABLE
    execute,
    close_behind_our_back,
#endif
};

static const int losses_count = sizeof losses / sizeof losses[0];

START_TEST(an_end_that_a_child_has_lost_is_read_ahead_again)
{
    char byte;
    int said[2];
    make_pipe();
    ck_assert_int_eq(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(said[1], 1);
        close(said[1]);
        losses[_i]();
        _exit(1);
    }
    close(said[1]);
    bool has_ended = read(said[0], &byte, 1) == 0;
    if (has_ended)
        waitpid(child, NULL, 0);
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    if (!has_ended) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(said[0]);
    close_pair();
}
END_TEST

START_TEST(an_end_that_many_children_have_is_read_ahead_once_they_have_closed)
{
    enum { CHILDREN = 2 * MP_HOLDERS_NAMED };
    pid_t children[CHILDREN];
    make_pipe();
    open_token();
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            take_token();
            mproc_conn_close(in);
            _exit(0);
        }
    }
    put_range(0, BATCH);
    ck_assert(reads_exactly(0));
    put_range(BATCH, 2 * BATCH);
    for (int i = 0; i < CHILDREN; i++) {
        if (i == CHILDREN - 1)
            ck_assert(reads_exactly(BATCH));
        give_token();
        ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
    }
    put_range(2 * BATCH, 3 * BATCH);
    ck_assert(reads_ahead(2 * BATCH));
    close_token();
    close_pair();
}
END_TEST

START_TEST(an_end_that_is_passed_on_while_others_have_it_is_never_read_ahead)
{
    mproc_conn *carrier[2];
    mproc_value *value;
    make_pipe();
    open_token();
    ck_assert_int_eq(mproc_pipe(&carrier[0], &carrier[1], MPROC_PIPE_STREAM), 0);
    pid_t child = fork();
    if (child == 0) {
        take_token();
        _exit(0);
    }
    ck_assert_int_eq(mproc_conn_sendf(carrier[0], "C", in), 0);
    ck_assert_int_eq(mproc_conn_recv(carrier[1], &value, NULL), 0);
    mproc_conn_close(in);
    in = mproc_value_conn(value);
    ck_assert_int_eq(mproc_value_take_conn(value, in), 0);
    mproc_value_free(value);
    put_range(0, BATCH);
    ck_assert(reads_exactly(0));
    give_token();
    expect_exit(child, 0);
    mproc_conn_close(carrier[0]);
    mproc_conn_close(carrier[1]);
    close_token();
    close_pair();
}
END_TEST

/* Children started by mproc_process_start(). */

/* A worker that runs has said of what it inherited that it does not need it. */
static int running[2];

static void expect_running(void)
{
    char byte;
    ck_assert_int_eq(read(running[0], &byte, 1), 1);
}

static void close_running(void)
{
    close(running[0]);
    close(running[1]);
    close_token();
}

static int wait_for_token(const mproc_value *args)
{
    (void)args;
    ssize_t n = write(running[1], "", 1);
    take_token();
    return n == 1 ? 0 : 1;
}

START_TEST(workers_that_inherit_an_end_do_not_cost_its_read_ahead)
{
    enum { WORKERS = 3 };
    mproc_process *workers[WORKERS];
    make_stream(_i);
    open_token();
    ck_assert_int_eq(pipe(running), 0);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = run_start(wait_for_token, NULL);
    for (int i = 0; i < WORKERS; i++)
        expect_running();
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    for (int i = 0; i < WORKERS; i++)
        give_token();
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(run_finish(workers[i]), 0);
    close_running();
    close_pair();
}
END_TEST

static int get_five(const mproc_value *args)
{
    (void)args;
    return gets_range(1, 6) ? 0 : 1;
}

START_TEST(a_worker_can_use_an_end_that_it_was_not_given)
{
    make_stream(_i);
    put_range(0, 3);
    ck_assert(gets_range(0, 1));
    mproc_process *worker = run_start(get_five, NULL);
    put_range(3, 7);
    ck_assert_int_eq(run_finish(worker), 0);
    ck_assert(gets_range(6, 7));
    close_pair();
}
END_TEST

static int want_busy(const mproc_value *args)
{
    char byte;
    bool right = wait_for_token(args) == 0 && mproc_conn_poll(in, 0) == 1 &&
                 mproc_conn_recv_bytes_into(in, &byte, 1) == -EBUSY &&
                 mproc_conn_recv_bytes_into(in, &byte, 1) == -EBUSY;
    return right ? 0 : 1;
}

START_TEST(a_worker_cannot_use_an_end_from_which_its_parent_has_read_ahead_since)
{
    make_stream(_i);
    open_token();
    ck_assert_int_eq(pipe(running), 0);
    mproc_process *worker = run_start(want_busy, NULL);
    expect_running();
    put_range(0, 3);
    ck_assert(gets_range(0, 1));
    give_token();
    ck_assert_int_eq(run_finish(worker), 0);
    ck_assert(gets_range(1, 3));
    close_running();
    close_pair();
}
END_TEST

static void run_workers(const char *format, bool close_here)
{
    mproc_process *workers[CONSUMERS];
    open_results();
    for (int i = 0; i < CONSUMERS; i++)
        workers[i] = run_start(consume, format, in);
    if (close_here) {
        mproc_conn_close(in);
        in = NULL;
    }
    feed_consumers(0, 0);
    for (int i = 0; i < CONSUMERS; i++)
        ck_assert_int_eq(run_finish(workers[i]), 0);
    close_results();
}

START_TEST(workers_get_each_message_of_an_end_they_were_given_once)
{
    make_stream(_i / 2);
    run_workers("C", _i % 2);
    close_pair();
}
END_TEST

START_TEST(workers_get_each_message_of_an_end_they_inherited_once)
{
    make_stream(_i / 2);
    run_workers(NULL, _i % 2);
    close_pair();
}
END_TEST

static int go_on(const mproc_value *args)
{
    (void)args;
    take_token();
    return gets_range(1, BATCH) && reads_ahead(BATCH) ? 0 : 1;
}

START_TEST(an_end_given_to_a_worker_takes_along_what_was_read_ahead)
{
    make_stream(_i);
    open_token();
    put_range(0, BATCH);
    ck_assert(gets_range(0, 1));
    mproc_process *worker = run_start(go_on, "C", in);
    mproc_conn_close(in);
    in = NULL;
    put_range(BATCH, 2 * BATCH);
    give_token();
    ck_assert_int_eq(run_finish(worker), 0);
    close_token();
    close_pair();
}
END_TEST

/* The counts themselves. */

static void ignore_fork(struct mp_hold *hold)
{
    (void)hold;
}

static void ignore_forked(struct mp_hold *hold, bool is_child)
{
    (void)hold;
    (void)is_child;
}

static const struct mp_hold_ops no_ops = {ignore_fork, ignore_forked};

START_TEST(a_count_is_used_again_once_everybody_has_closed)
{
    struct mp_hold hold;
    ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
    struct mp_holders *first = hold.holders;
    open_token();
    pid_t child = fork();
    if (child == 0) {
        take_token();
        mp_hold_close(&hold);
        _exit(0);
    }
    mp_hold_close(&hold);
    mp_hold_close(&hold);
    ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
    ck_assert_ptr_ne(hold.holders, first);
    ck_assert_uint_eq(atomic_load(&first->all), 1);
    mp_hold_close(&hold);
    give_token();
    expect_exit(child, 0);
    ck_assert_uint_eq(atomic_load(&first->all), 0);
    struct mp_hold two[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(mp_hold_open(&two[i], -1, &no_ops), 0);
    ck_assert(two[0].holders == first || two[1].holders == first);
    for (int i = 0; i < 2; i++)
        mp_hold_close(&two[i]);
    close_token();
}
END_TEST

/* Whether children close, or end without. */
START_TEST(thousands_of_connections_take_little_memory)
{
    struct mp_hold kept;
    struct mp_hold hold;
    ck_assert_int_eq(mp_hold_open(&kept, -1, &no_ops), 0);
    ptrdiff_t most = 0;
    for (unsigned i = 0; i < 20000; i += mp_stride(20)) {
        ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
        ptrdiff_t distance = hold.holders - kept.holders;
        most = distance > most ? distance : most;
        pid_t child = i % 200 == 0 ? fork() : -1;
        if (child == 0) {
            if (_i == 0)
                mp_hold_close(&hold);
            _exit(0);
        }
        mp_hold_close(&hold);
        if (child > 0)
            expect_exit(child, 0);
    }
    ck_assert_int_lt(most, 8);
    mp_hold_close(&kept);
}
END_TEST

#if defined __linux__

START_TEST(a_copy_made_behind_our_back_is_not_counted_down)
{
    struct mp_hold hold;
    ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        mp_hold_close(&hold);
        _exit(0);
    }
    expect_exit(child, 0);
    ck_assert_uint_eq(atomic_load(&hold.holders->all), 1);
    mp_hold_close(&hold);
}
END_TEST

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
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, &stop), 0);
    for (unsigned i = 0; i < 100; i += mp_stride(20)) {
        make_pipe();
        put(0);
        pid_t child = fork();
        if (child == 0)
            _exit(talk_in_child());
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

START_TEST(without_memory_for_a_count_there_is_no_connection)
{
    int fds[2];
    mp_raw_pair(fds);
    int rc = -1;
    bool no_memory = false;
    for (unsigned n = 1; rc < 0; n++) {
        mp_fault_arm(MP_FAULT_SYSCALL, n, EAGAIN);
        rc = mproc_conn_from_handle(&in, fds[0], 0);
        mp_fault_disarm();
        no_memory = no_memory || rc == -ENOMEM;
        ck_assert(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
    }
    ck_assert(no_memory);
    mproc_conn_close(in);
    close(fds[1]);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("holders");
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

    tc = mp_case(suite, "alone", 30);
    tcase_add_loop_test(tc, an_end_is_read_ahead_only_while_nobody_else_has_it, 0, streams_count);
    tcase_add_loop_test(tc, an_end_that_a_child_has_lost_is_read_ahead_again, 0, losses_count);
    tcase_add_test(tc, an_end_that_many_children_have_is_read_ahead_once_they_have_closed);
    tcase_add_test(tc, an_end_that_is_passed_on_while_others_have_it_is_never_read_ahead);

    tc = mp_case(suite, "workers", 60);
    tcase_add_loop_test(tc, workers_that_inherit_an_end_do_not_cost_its_read_ahead, 0,
                        streams_count);
    tcase_add_loop_test(tc, a_worker_can_use_an_end_that_it_was_not_given, 0, streams_count);
    tcase_add_loop_test(tc, a_worker_cannot_use_an_end_from_which_its_parent_has_read_ahead_since,
                        0, streams_count);
    tcase_add_loop_test(tc, workers_get_each_message_of_an_end_they_were_given_once, 0,
                        2 * streams_count);
    tcase_add_loop_test(tc, workers_get_each_message_of_an_end_they_inherited_once, 0,
                        2 * streams_count);
    tcase_add_loop_test(tc, an_end_given_to_a_worker_takes_along_what_was_read_ahead, 0,
                        streams_count);

    tc = mp_case(suite, "counts", 60);
    tcase_add_test(tc, a_count_is_used_again_once_everybody_has_closed);
    tcase_add_loop_test(tc, thousands_of_connections_take_little_memory, 0, 2);
#if defined __linux__
    tcase_add_test(tc, a_copy_made_behind_our_back_is_not_counted_down);
#endif
    tcase_add_test(tc, forks_beside_threads_that_open_and_close);
    tcase_add_test(tc, without_memory_for_a_count_there_is_no_connection);
    return suite;
}
