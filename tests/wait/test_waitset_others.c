/* SPDX-License-Identifier: MIT */
/* Waitsets among others: forked children, threads, foreign event loops. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>

#include "support/dialer.h"
#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"
#include "wait/watched.h"

/* Forks. */

static int check_in_child(struct watched *w)
{
    mproc_wait_event event;
    mproc_wait_item item = mproc_wait_conn(w->in);
    if (mproc_waitset_wait(w->set, &event, 1, 0) != MPROC_EINHERITED ||
        mproc_waitset_add(w->set, &item, NULL) != MPROC_EINHERITED ||
        mproc_waitset_remove(w->set, &item) != MPROC_EINHERITED ||
        mproc_waitset_handle(w->set) != MPROC_EINHERITED)
        return 1;
    /* Receiving does not disturb the parent's set, and the object may join another. */
    char buf[8];
    if (mproc_conn_recv_bytes_into(w->in, buf, sizeof buf) != 3)
        return 2;
    mproc_waitset *own;
    if (mproc_waitset_new(&own) < 0 || mproc_waitset_add(own, &item, &own) < 0)
        return 3;
    if (mproc_waitset_wait(own, &event, 1, 0) != 0)
        return 4;
    if (mproc_conn_send_bytes(w->out, "from child", 10) < 0 ||
        mproc_waitset_wait(own, &event, 1, MPROC_FOREVER) != 1 || event.tag != &own)
        return 5;
    mproc_waitset_close(own);
    mproc_conn_close(w->in);
    mproc_waitset_close(w->set);
    return 0;
}

/* With sharing, as two processes receive from one end here. */
static void make_fork_pair(mproc_conn **in, mproc_conn **out)
{
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_conn_from_handle(in, fds[0], MPROC_CONN_SHARED), 0);
    ck_assert_int_eq(mproc_conn_from_handle(out, fds[1], 0), 0);
}

static void make_any_pipe(mproc_conn **in, mproc_conn **out)
{
    ck_assert_int_eq(mproc_pipe(in, out, HAS_EPOLL ? MPROC_PIPE_RING : 0), 0);
}

START_TEST(a_childs_copy_is_closed_without_disturbing_the_parent)
{
    struct watched w = watch_pair(_i == 0 ? make_fork_pair : make_any_pipe);
    expect_none(w.set);
    mproc_wait_event event;
    ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, 0.001), 0);
    send_text(w.out, "abc");
    pid_t child = fork();
    if (child == 0)
        _exit(check_in_child(&w));
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    expect_one(w.set, w.in);
    expect_text(w.in, "from child");
    ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, 0.001), 0);
    send_text(w.out, "more");
    expect_one(w.set, w.in);
    close_all(&w);
}
END_TEST

/* Threads. */

struct stage {
    mproc_waitset *set;
    mproc_conn *in;
    mproc_conn *out;
    atomic_int messages;
    atomic_bool over;
};

static void *wait_for_one(void *arg)
{
    struct stage *stage = arg;
    mproc_wait_event event;
    int rc = mproc_waitset_wait(stage->set, &event, 1, MPROC_FOREVER);
    return rc == 1 ? event.tag : NULL;
}

/* The waiter may be asleep already or not yet: both must end well. */
START_TEST(what_is_added_by_another_thread_is_waited_for)
{
    for (int i = 0; i < 50; i++) {
        struct stage stage = {.set = new_set()};
        pthread_t thread;
        void *tag;
        pthread_create(&thread, NULL, wait_for_one, &stage);
        mp_pair_kinds[i % mp_pair_kinds_count].make(&stage.in, &stage.out);
        if (i % 2)
            send_text(stage.out, "x");
        add(stage.set, mproc_wait_conn(stage.in), stage.in);
        if (i % 2 == 0)
            send_text(stage.out, "x");
        pthread_join(thread, &tag);
        ck_assert_ptr_eq(tag, stage.in);
        mproc_conn_close(stage.in);
        mproc_conn_close(stage.out);
        mproc_waitset_close(stage.set);
    }
}
END_TEST

static void *take_all(void *arg)
{
    struct stage *stage = arg;
    mproc_wait_event events[3];
    char buf[8];
    while (!atomic_load(&stage->over)) {
        int n = mproc_waitset_wait(stage->set, events, 3, 0.05);
        for (int i = 0; i < n; i++)
            if (mproc_conn_recv_bytes_into(events[i].tag, buf, sizeof buf) >= 0)
                atomic_fetch_add(&stage->messages, 1);
    }
    return NULL;
}

/* Beside the set, as if there were none. */
static void *take_directly(void *arg)
{
    struct stage *stage = arg;
    char buf[8];
    while (!atomic_load(&stage->over))
        if (mproc_conn_poll(stage->in, 0.002) == 1 &&
            mproc_conn_recv_bytes_into(stage->in, buf, sizeof buf) >= 0)
            atomic_fetch_add(&stage->messages, 1);
    return NULL;
}

START_TEST(several_threads_may_wait_on_one_set)
{
    enum { THREADS = 3, PIPES = 6, MESSAGES = 600 };
    struct stage stage = {.set = new_set()};
    mproc_conn *in[PIPES];
    mproc_conn *out[PIPES];
    pthread_t threads[THREADS + 1];
    for (int i = 0; i < PIPES; i++) {
        mp_pair_kinds[(i + _i) % mp_pair_kinds_count].make(&in[i], &out[i]);
        mproc_conn_set_timeout(in[i], MPROC_FOREVER, 0);
        add(stage.set, mproc_wait_conn(in[i]), in[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, take_all, &stage);
    stage.in = in[1];
    pthread_create(&threads[THREADS], NULL, take_directly, &stage);
    for (int i = 0; i < MESSAGES; i++) {
        send_text(out[i % PIPES], "x");
        /* One pipe comes and goes meanwhile. */
        if (i % 50 == 0)
            drop(stage.set, mproc_wait_conn(in[0]));
        if (i % 50 == 49)
            add(stage.set, mproc_wait_conn(in[0]), in[0]);
    }
    while (atomic_load(&stage.messages) < MESSAGES)
        poll(NULL, 0, 1);
    atomic_store(&stage.over, true);
    for (int i = 0; i < THREADS + 1; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&stage.messages), MESSAGES);
    for (int i = 0; i < PIPES; i++) {
        mproc_conn_close(in[i]);
        mproc_conn_close(out[i]);
    }
    mproc_waitset_close(stage.set);
}
END_TEST

static void *receive_all(void *arg)
{
    char buf[8];
    while (mproc_conn_recv_bytes_into(arg, buf, sizeof buf) >= 0)
        continue;
    return NULL;
}

START_TEST(a_connection_that_another_thread_receives_from_does_not_block)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    mproc_wait_event event;
    pthread_t thread;
    pthread_create(&thread, NULL, receive_all, w.in);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(mproc_waitset_wait(w.set, &event, 1, 0.005), 0);
        send_text(w.out, "x");
    }
    mproc_conn_close(w.out);
    w.out = NULL;
    pthread_join(thread, NULL);
    expect_one(w.set, w.in);
    close_all(&w);
}
END_TEST

/* Takes one of two messages that came in one piece, after the other thread fell asleep or before.
 */
static void *take_one(void *arg)
{
    char buf[8];
    return mproc_conn_recv_bytes_into(arg, buf, sizeof buf) == 1 ? arg : NULL;
}

START_TEST(what_another_thread_reads_ahead_wakes_the_sleeper)
{
    mproc_conn *in;
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_conn_from_handle(&in, fds[0], 0), 0);
    mproc_waitset *set = new_set();
    add(set, mproc_wait_conn(in), in);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        void *ok;
        pthread_create(&thread, NULL, take_one, in);
        ck_assert_int_eq(write(fds[1], "\0\0\0\1a\0\0\0\1b", 10), 10);
        expect_one(set, in);
        pthread_join(thread, &ok);
        ck_assert_ptr_eq(ok, in);
        expect_one(set, in);
        expect_text(in, "b");
        expect_none(set);
    }
    mproc_conn_close(in);
    close(fds[1]);
    mproc_waitset_close(set);
}
END_TEST

/* In a foreign event loop. */

#if HAS_EPOLL

struct later {
    mproc_conn *conn;
    int fds[4]; /* two pipes */
};

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

/* Follow the rule until the handle is silent. Returns how often something was reported. */
static int follow_the_rule(mproc_waitset *set, int handle)
{
    mproc_wait_event event;
    int reported = 0;
    for (int i = 0; is_readable(handle); i++) {
        ck_assert_int_lt(i, 50);
        int n = mproc_waitset_wait(set, &event, 1, 0);
        ck_assert_int_ge(n, 0);
        reported += n;
        if (n > 0)
            expect_text(event.tag, "x");
    }
    return reported;
}

START_TEST(the_handle_is_readable_while_something_is_ready)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    int handle = mproc_waitset_handle(w.set);
    ck_assert_int_ge(handle, 0);
    ck_assert_int_eq(mproc_waitset_handle(w.set), handle);
    ck_assert_int_eq(follow_the_rule(w.set, handle), 0);
    for (int round = 0; round < 5; round++) {
        int n = round + 1;
        for (int i = 0; i < n; i++)
            send_text(w.out, "x");
        ck_assert(is_readable(handle));
        ck_assert_int_eq(follow_the_rule(w.set, handle), n);
    }
    /* Reported, but not read. */
    send_text(w.out, "x");
    for (int i = 0; i < 3; i++) {
        ck_assert(is_readable(handle));
        expect_one(w.set, w.in);
    }
    ck_assert_int_eq(follow_the_rule(w.set, handle), 1);
    /* Read ahead by a receive that the loop did not ask for. */
    send_text(w.out, "x");
    send_text(w.out, "x");
    expect_text(w.in, "x");
    ck_assert(is_readable(handle));
    ck_assert_int_eq(follow_the_rule(w.set, handle), 1);
    /* Added while ready. */
    drop(w.set, mproc_wait_conn(w.in));
    ck_assert_int_eq(follow_the_rule(w.set, handle), 0);
    send_text(w.out, "x");
    add(w.set, mproc_wait_conn(w.in), w.in);
    ck_assert(is_readable(handle));
    ck_assert_int_eq(follow_the_rule(w.set, handle), 1);
    close_all(&w);
}
END_TEST

/* Who has it reads a message in place, for a while. */
static void *hold_in_place(void *arg)
{
    struct later *later = arg;
    const void *message;
    char byte;
    if (mproc_conn_peek(later->conn, &message) != 1 || write(later->fds[1], "h", 1) != 1 ||
        read(later->fds[2], &byte, 1) != 1 || mproc_conn_release(later->conn) < 0)
        return NULL;
    return later;
}

/* Nothing can be said of it meanwhile; as soon as it is free, the handle speaks, and a little more
 * often. */
START_TEST(the_handle_speaks_when_another_thread_has_finished)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    struct later later = {.conn = w.in};
    mproc_wait_event event;
    pthread_t thread;
    void *ok;
    char byte;
    int handle = mproc_waitset_handle(w.set);
    ck_assert_int_eq(pipe(later.fds), 0);
    ck_assert_int_eq(pipe(later.fds + 2), 0);
    send_text(w.out, "x");
    send_text(w.out, "y");
    pthread_create(&thread, NULL, hold_in_place, &later);
    ck_assert_int_eq(read(later.fds[0], &byte, 1), 1);
    struct pollfd one = {.fd = handle, .events = POLLIN};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(poll(&one, 1, -1), 1);
        ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, 0), 0);
    }
    ck_assert_int_eq(write(later.fds[3], "g", 1), 1);
    int n;
    do {
        ck_assert_int_eq(poll(&one, 1, -1), 1);
        n = mproc_waitset_wait(w.set, &event, 1, 0);
    } while (n == 0);
    ck_assert_int_eq(n, 1);
    expect_text(w.in, "y");
    pthread_join(thread, &ok);
    ck_assert_ptr_eq(ok, &later);
    for (int i = 0; i < 4; i++)
        close(later.fds[i]);
    close_all(&w);
}
END_TEST

static int return_when_told(const mproc_value *args)
{
    mproc_conn *conn;
    char buf[1];
    if (mproc_unpack(args, "(C)", &conn) < 0)
        return 1;
    return mproc_conn_recv_bytes_into(conn, buf, 1) != MPROC_EOF;
}

/* As where the system has no pidfds: one call of the start fails, and it is that one if the start
 * succeeds with another kind of sentinel. */
static mproc_process *start_without_pidfd(const mproc_value *args)
{
    for (unsigned n = 1; n < 100; n++) {
        mproc_process *process;
        struct stat st;
        mp_fault_arm(MP_FAULT_SYSCALL, n, ENOSYS);
        int rc = mproc_process_start(&process, return_when_told, args, NULL, NULL);
        mp_fault_disarm();
        if (rc < 0)
            continue;
        ck_assert_int_eq(fstat(mproc_process_sentinel(process), &st), 0);
        if (S_ISFIFO(st.st_mode))
            return process;
        mproc_process_kill(process);
        mproc_process_join(process, MPROC_FOREVER);
        mproc_process_close(process);
    }
    ck_abort_msg("always a pidfd");
    return NULL;
}

START_TEST(a_sentinel_that_is_a_pipe_is_also_asked_by_the_clock)
{
    mproc_conn *theirs;
    mproc_conn *ours;
    mproc_value *args;
    mproc_wait_event event;
    mproc_waitset *set = new_set();
    ck_assert_int_eq(mproc_pipe(&theirs, &ours, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_pack(&args, "(C)", theirs), 0);
    mproc_process *process = start_without_pidfd(args);
    mproc_value_free(args);
    mproc_conn_close(theirs);
    add(set, mproc_wait_process(process), process);
    int handle = mproc_waitset_handle(set);
    ck_assert_int_eq(mproc_waitset_wait(set, &event, 1, 0.12), 0);
    /* Silent, and asked all the same. */
    struct pollfd one = {.fd = handle, .events = POLLIN};
    ck_assert_int_eq(poll(&one, 1, -1), 1);
    ck_assert_int_eq(mproc_waitset_wait(set, &event, 1, 0), 0);
    mproc_conn_close(ours);
    if (_i == 0) {
        expect_one(set, process);
    } else {
        int n;
        do {
            ck_assert_int_eq(poll(&one, 1, -1), 1);
            n = mproc_waitset_wait(set, &event, 1, 0);
        } while (n == 0);
        ck_assert_ptr_eq(event.tag, process);
    }
    int code;
    ck_assert_int_eq(mproc_process_exitcode(process, &code), 0);
    ck_assert_int_eq(code, 0);
    ck_assert_int_eq(mproc_process_close(process), 0);
    mproc_waitset_close(set);
}
END_TEST

/* A client that says nothing: only the time limit of its handshake can make the handle speak. */
START_TEST(the_handle_speaks_when_time_is_up)
{
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    options.authkey = "key";
    options.authkey_len = 3;
    options.handshake_timeout = 0.02;
    mproc_listener *listener;
    mproc_listener_counts counts = MPROC_LISTENER_COUNTS_INIT;
    ck_assert_int_eq(mproc_listener_open(&listener, NULL, &options, NULL), 0);
    mproc_waitset *set = new_set();
    mproc_wait_event event;
    add(set, mproc_wait_listener(listener), listener);
    int handle = mproc_waitset_handle(set);
    int client = mp_raw_connect(mproc_listener_address(listener));
    struct pollfd one = {.fd = handle, .events = POLLIN};
    do {
        ck_assert_int_eq(poll(&one, 1, -1), 1);
        ck_assert_int_eq(mproc_waitset_wait(set, &event, 1, 0), 0);
        ck_assert_int_eq(mproc_listener_stats(listener, &counts), 0);
    } while (counts.timed_out == 0);
    close(client);
    mproc_listener_close(listener);
    mproc_waitset_close(set);
}
END_TEST

#endif

Suite *mp_suite(void)
{
    Suite *suite = suite_create("waitset_others");
    TCase *tc = mp_case(suite, "waitset_others", 20);
    tcase_add_loop_test(tc, a_childs_copy_is_closed_without_disturbing_the_parent, 0, 2);
    tcase_add_test(tc, what_is_added_by_another_thread_is_waited_for);
    tcase_add_loop_test(tc, several_threads_may_wait_on_one_set, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, a_connection_that_another_thread_receives_from_does_not_block, 0,
                        mp_pair_kinds_count);
    tcase_add_test(tc, what_another_thread_reads_ahead_wakes_the_sleeper);
#if HAS_EPOLL
    tcase_add_loop_test(tc, the_handle_is_readable_while_something_is_ready, 0,
                        mp_pair_kinds_count);
    tcase_add_test(tc, the_handle_speaks_when_time_is_up);
    tcase_add_loop_test(tc, the_handle_speaks_when_another_thread_has_finished, 0,
                        mp_pair_kinds_count);
    tcase_add_loop_test(tc, a_sentinel_that_is_a_pipe_is_also_asked_by_the_clock, 0, 2);
#endif
    return suite;
}
