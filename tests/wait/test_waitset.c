/* SPDX-License-Identifier: MIT */
/* Waitsets: everything that can become ready, again and again. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/wait.h>

#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"
#include "wait/watched.h"

/* Arguments. */

START_TEST(bad_arguments_are_refused)
{
    struct watched w = watch_stream();
    mproc_wait_event event;
    mproc_wait_item none = mproc_wait_conn(NULL);
    ck_assert_int_eq(mproc_waitset_new(NULL), -EINVAL);
    ck_assert_int_eq(mproc_waitset_add(w.set, NULL, NULL), -EINVAL);
    ck_assert_int_eq(mproc_waitset_add(NULL, &none, NULL), -EINVAL);
    ck_assert_int_eq(mproc_waitset_add(w.set, &none, NULL), -EINVAL);
    none = mproc_wait_handle(-1);
    ck_assert_int_eq(mproc_waitset_add(w.set, &none, NULL), -EINVAL);
    ck_assert_int_eq(mproc_waitset_remove(w.set, &none), -ENOENT);
    none = mproc_wait_handle(1000);
    ck_assert_int_eq(mproc_waitset_add(w.set, &none, NULL), -EBADF);
    none = mproc_wait_process(mproc_current_process());
    ck_assert_int_eq(mproc_waitset_add(w.set, &none, NULL), -EINVAL);
    none.kind = 99;
    ck_assert_int_eq(mproc_waitset_add(w.set, &none, NULL), -EINVAL);
    mproc_conn *reader;
    mproc_conn *writer;
    ck_assert_int_eq(mproc_pipe(&reader, &writer, MPROC_SIMPLEX), 0);
    none = mproc_wait_conn(writer);
    ck_assert_int_eq(mproc_waitset_add(w.set, &none, NULL), MPROC_EDIRECTION);
    ck_assert_int_eq(mproc_waitset_remove(w.set, &none), -ENOENT);
    ck_assert_int_eq(mproc_waitset_remove(w.set, NULL), -EINVAL);
    ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 0, 0), -EINVAL);
    ck_assert_int_eq(mproc_waitset_wait(w.set, NULL, 1, 0), -EINVAL);
    ck_assert_int_eq(mproc_waitset_wait(NULL, &event, 1, 0), -EINVAL);
    ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, NAN), -EINVAL);
    ck_assert_int_eq(mproc_waitset_handle(NULL), -EINVAL);
    mproc_waitset_close(NULL);
    mproc_conn_close(reader);
    mproc_conn_close(writer);
    close_all(&w);
}
END_TEST

START_TEST(an_object_is_in_one_set_once)
{
    struct watched w = watch_stream();
    mproc_waitset *other = new_set();
    mproc_wait_item item = mproc_wait_conn(w.in);
    int fds[2];
    mp_raw_pair(fds);
    mproc_wait_item handle = mproc_wait_handle(fds[0]);
    ck_assert_int_eq(mproc_waitset_add(w.set, &item, NULL), -EEXIST);
    ck_assert_int_eq(mproc_waitset_add(other, &item, NULL), -EBUSY);
    ck_assert_int_eq(mproc_waitset_remove(other, &item), -ENOENT);
    add(w.set, handle, NULL);
    ck_assert_int_eq(mproc_waitset_add(w.set, &handle, NULL), -EEXIST);
    drop(w.set, handle);
    ck_assert_int_eq(mproc_waitset_remove(w.set, &handle), -ENOENT);
    drop(w.set, item);
    ck_assert_int_eq(mproc_waitset_remove(w.set, &item), -ENOENT);
    add(other, item, other);
    send_text(w.out, "x");
    expect_one(other, other);
    expect_none(w.set);
    mproc_waitset_close(other);
    add(w.set, item, &w);
    expect_one(w.set, &w);
    close_all(&w);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(nothing_ready_is_a_timeout)
{
    struct watched w = watch_stream();
    mproc_wait_event event;
    static const double timeouts[] = {0, -1, -INFINITY, 1e-9, 0.01};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++)
        ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, timeouts[i]), 0);
    mproc_conn_close(w.in);
    w.in = NULL;
    ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, 0.01), 0);
    close_all(&w);
}
END_TEST

/* What is reported. */

START_TEST(every_transport_is_ready_until_it_is_read)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    char buf[8];
    expect_none(w.set);
    for (int round = 0; round < 3; round++) {
        send_text(w.out, "one");
        send_text(w.out, "two");
        expect_one(w.set, w.in);
        expect_one(w.set, w.in);
        expect_text(w.in, "one");
        expect_one(w.set, w.in);
        expect_text(w.in, "two");
        expect_none(w.set);
    }
    mproc_conn_close(w.out);
    w.out = NULL;
    for (int i = 0; i < 3; i++) {
        expect_one(w.set, w.in);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(w.in, buf, sizeof buf), MPROC_EOF);
    }
    close_all(&w);
}
END_TEST

struct later {
    mproc_conn *out;
    int go[2];
};

static void *send_when_told(void *arg)
{
    struct later *later = arg;
    char byte;
    while (read(later->go[0], &byte, 1) == 1)
        if (mproc_conn_send_bytes(later->out, "later", 5) < 0)
            break;
    return NULL;
}

/* The sender is told right before the wait, so that now it sleeps and now it does not. */
START_TEST(a_sleeping_wait_is_woken_over_every_transport)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    struct later later = {.out = w.out};
    pthread_t thread;
    ck_assert_int_eq(pipe(later.go), 0);
    pthread_create(&thread, NULL, send_when_told, &later);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(write(later.go[1], "g", 1), 1);
        expect_one(w.set, w.in);
        expect_text(w.in, "later");
        if (i % 3 == 0)
            expect_none(w.set);
    }
    close(later.go[1]);
    pthread_join(thread, NULL);
    close(later.go[0]);
    close_all(&w);
}
END_TEST

START_TEST(half_a_message_is_not_ready)
{
    mproc_conn *conn;
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_conn_from_handle(&conn, fds[0], 0), 0);
    mproc_waitset *set = new_set();
    mproc_wait_event event;
    add(set, mproc_wait_conn(conn), conn);
    ck_assert_int_eq(write(fds[1], "\0\0\0\5hel", 7), 7);
    ck_assert_int_eq(mproc_waitset_wait(set, &event, 1, 0.01), 0);
    ck_assert_int_eq(write(fds[1], "lo\0\0\0\1x\0\0", 9), 9);
    expect_one(set, conn);
    expect_text(conn, "hello");
    expect_one(set, conn);
    expect_text(conn, "x");
    ck_assert_int_eq(mproc_waitset_wait(set, &event, 1, 0.01), 0);
    close(fds[1]); /* inside a header: an error for the next receive */
    expect_one(set, conn);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, &event, 1), MPROC_EPROTO);
    mproc_conn_close(conn);
    mproc_waitset_close(set);
}
END_TEST

/* What a receive that the set knows nothing of leaves behind in memory. */
START_TEST(what_was_read_ahead_outside_is_ready)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    const void *place;
    char bytes[8];
    mproc_buffer buffer = {.data = bytes, .cap = sizeof bytes};
    expect_none(w.set);
    for (int way = 0; way < 6; way++) {
        mproc_wait_item item = mproc_wait_conn(w.in);
        mproc_wait_event event;
        for (int i = 0; i < 3; i++)
            send_text(w.out, "abc");
        switch (way) {
        case 0:
            expect_text(w.in, "abc");
            break;
        case 1:
            ck_assert_int_eq(mproc_conn_recv_many(w.in, &buffer, 1), 1);
            break;
        case 2:
            ck_assert_int_eq(mproc_conn_peek(w.in, &place), 3);
            ck_assert_int_eq(mproc_conn_release(w.in), 0);
            break;
        case 3:
            ck_assert_int_eq(mproc_conn_next_size(w.in), 3);
            break;
        case 4:
            ck_assert_int_eq(mproc_conn_poll(w.in, MPROC_FOREVER), 1);
            break;
        case 5:
            ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), 1);
            break;
        }
        for (int left = way < 3 ? 2 : 3; left > 0; left--) {
            expect_one(w.set, w.in);
            expect_text(w.in, "abc");
        }
        /* Make it cold, as it was before. */
        ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, 0.001), 0);
    }
    close_all(&w);
}
END_TEST

static int sleep_for_ever(const mproc_value *args)
{
    (void)args;
    while (pause() < 0)
        continue;
    return 0;
}

static mproc_process *start_sleeper(void)
{
    mproc_process *process;
    ck_assert_int_eq(mproc_process_start(&process, sleep_for_ever, NULL, NULL, NULL), 0);
    return process;
}

static void end(mproc_process *process)
{
    mproc_process_kill(process);
    ck_assert_int_eq(mproc_process_join(process, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_close(process), 0);
}

/* Wait until `n` are ready at once, each of which has one of these tags. */
static void expect_all(mproc_waitset *set, void *const *tags, int n)
{
    mproc_wait_event events[16];
    int got;
    do {
        got = mproc_waitset_wait(set, events, 16, MPROC_FOREVER);
        ck_assert_int_gt(got, 0);
        ck_assert_int_le(got, n);
    } while (got < n);
    for (int i = 0; i < n; i++) {
        int times = 0;
        for (int k = 0; k < n; k++)
            times += events[k].tag == tags[i];
        ck_assert_int_eq(times, 1);
    }
}

START_TEST(all_that_are_ready_are_reported_whatever_they_are)
{
    mproc_conn *in[2];
    mproc_conn *out[2];
    mproc_conn *client;
    mproc_conn *accepted;
    mproc_listener *listener;
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_pipe(&in[0], &out[0], 0), 0);
    make_stream(&in[1], &out[1]);
    ck_assert_int_eq(mproc_listener_open(&listener, NULL, NULL, NULL), 0);
    mproc_process *process = start_sleeper();
    mproc_waitset *set = new_set();
    add(set, mproc_wait_conn(in[0]), in[0]);
    add(set, mproc_wait_conn(in[1]), in[1]);
    add(set, mproc_wait_listener(listener), listener);
    add(set, mproc_wait_process(process), process);
    add(set, mproc_wait_handle(fds[0]), fds);
    expect_none(set);

    ck_assert_int_eq(write(fds[1], "y", 1), 1);
    expect_one(set, fds);
    send_text(out[0], "x");
    send_text(out[1], "x");
    ck_assert_int_eq(mproc_client_connect(&client, mproc_listener_address(listener), NULL, NULL),
                     0);
    mproc_process_kill(process);
    expect_all(set, (void *[]){in[0], in[1], listener, process, fds}, 5);
    expect_all(set, (void *[]){in[0], in[1], listener, process, fds}, 5);

    ck_assert_int_eq(mproc_listener_accept(listener, &accepted, MPROC_FOREVER, NULL), 0);
    expect_text(in[0], "x");
    drop(set, mproc_wait_handle(fds[0]));
    expect_all(set, (void *[]){in[1], process}, 2);
    ck_assert_int_eq(mproc_process_join(process, 0), 0);
    expect_all(set, (void *[]){in[1], process}, 2);
    ck_assert_int_eq(mproc_process_close(process), 0);
    expect_one(set, in[1]);

    mproc_conn_close(accepted);
    mproc_conn_close(client);
    mproc_listener_close(listener);
    for (int i = 0; i < 2; i++) {
        mproc_conn_close(in[i]);
        mproc_conn_close(out[i]);
    }
    expect_none(set);
    mproc_waitset_close(set);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* Clients that were let in together while one was accepted: the listener's socket is silent. */
START_TEST(clients_that_wait_inside_the_listener_are_ready)
{
    enum { CLIENTS = 5 };
    mproc_conn *clients[CLIENTS];
    mproc_conn *accepted;
    mproc_listener *listener;
    ck_assert_int_eq(mproc_listener_open(&listener, NULL, NULL, NULL), 0);
    mproc_waitset *set = new_set();
    add(set, mproc_wait_listener(listener), listener);
    expect_none(set);
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(
            mproc_client_connect(&clients[i], mproc_listener_address(listener), NULL, NULL), 0);
    for (int i = 0; i < CLIENTS; i++) {
        if (i > 0)
            expect_one(set, listener);
        ck_assert_int_eq(mproc_listener_accept(listener, &accepted, MPROC_FOREVER, NULL), 0);
        mproc_conn_close(accepted);
        mproc_conn_close(clients[i]);
    }
    expect_none(set);
    mproc_listener_close(listener);
    mproc_waitset_close(set);
}
END_TEST

START_TEST(a_regular_file_is_always_ready)
{
    mproc_waitset *set = new_set();
    int fd = open(mp_test_path("file"), O_RDWR | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    add(set, mproc_wait_handle(fd), &fd);
    for (int i = 0; i < 10; i++)
        expect_one(set, &fd);
    drop(set, mproc_wait_handle(fd));
    expect_none(set);
    close(fd);
    mproc_waitset_close(set);
}
END_TEST

/* Fairness. */

enum { CROWD = 300 };

static mproc_conn *crowd_in[CROWD];
static mproc_conn *crowd_out[CROWD];

static void make_crowd(mproc_waitset *set)
{
    for (int i = 0; i < CROWD; i++) {
        make_stream(&crowd_in[i], &crowd_out[i]);
        add(set, mproc_wait_conn(crowd_in[i]), &crowd_in[i]);
    }
}

static void close_crowd(void)
{
    for (int i = 0; i < CROWD; i++) {
        mproc_conn_close(crowd_in[i]);
        mproc_conn_close(crowd_out[i]);
    }
}

static size_t crowd_index(const mproc_wait_event *event)
{
    return (size_t)((mproc_conn **)event->tag - crowd_in);
}

START_TEST(everyone_gets_a_turn)
{
    mproc_waitset *set = new_set();
    mproc_wait_event events[7];
    unsigned turns[CROWD] = {0};
    make_crowd(set);
    expect_none(set);
    for (int i = 0; i < CROWD; i++)
        send_text(crowd_out[i], "x");
    /* Nobody reads: after so many waits each has been reported as often as the others. */
    for (int i = 0; i < 3 * CROWD; i++) {
        ck_assert_int_eq(mproc_waitset_wait(set, events, 7, MPROC_FOREVER), 7);
        for (int k = 0; k < 7; k++)
            turns[crowd_index(&events[k])]++;
    }
    for (int i = 0; i < CROWD; i++) {
        ck_assert_uint_ge(turns[i], 3 * 7 - 1);
        ck_assert_uint_le(turns[i], 3 * 7 + 1);
    }
    close_crowd();
    mproc_waitset_close(set);
}
END_TEST

START_TEST(all_of_a_crowd_are_reported_at_once)
{
    static mproc_wait_event events[CROWD];
    mproc_waitset *set = new_set();
    make_crowd(set);
    for (int round = 0; round < 3; round++) {
        bool seen[CROWD] = {false};
        for (int i = 0; i < CROWD; i++)
            send_text(crowd_out[i], "x");
        ck_assert_int_eq(mproc_waitset_wait(set, events, CROWD, 0), CROWD);
        for (int i = 0; i < CROWD; i++) {
            size_t who = crowd_index(&events[i]);
            ck_assert(!seen[who]);
            seen[who] = true;
            if (round > 0)
                expect_text(crowd_in[who], "x");
        }
    }
    close_crowd();
    mproc_waitset_close(set);
}
END_TEST

/* One that is always ready does not hide those whose handles have just spoken. */
START_TEST(a_busy_one_does_not_starve_the_others)
{
    struct watched w = watch_stream();
    mproc_conn *in;
    mproc_conn *out;
    mproc_wait_event event;
    make_stream(&in, &out);
    add(w.set, mproc_wait_conn(in), in);
    send_text(w.out, "busy");
    expect_one(w.set, w.in);
    send_text(out, "x");
    unsigned turns = 0;
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, 0), 1);
        turns += event.tag == in;
    }
    ck_assert_uint_ge(turns, 4);
    mproc_conn_close(in);
    mproc_conn_close(out);
    close_all(&w);
}
END_TEST

/* Leaving. */

START_TEST(what_is_removed_while_ready_is_not_reported)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    for (int i = 0; i < 3; i++) {
        send_text(w.out, "x");
        if (i > 0)
            expect_one(w.set, w.in);
        drop(w.set, mproc_wait_conn(w.in));
        expect_none(w.set);
        add(w.set, mproc_wait_conn(w.in), w.in);
        expect_one(w.set, w.in);
        expect_text(w.in, "x");
        expect_none(w.set);
    }
    close_all(&w);
}
END_TEST

START_TEST(what_is_closed_leaves_by_itself)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    mproc_conn *in;
    mproc_conn *out;
    send_text(w.out, "x");
    expect_one(w.set, w.in);
    mproc_conn_close(w.in);
    expect_none(w.set);
    /* The next one gets its place, and perhaps its descriptor. */
    mp_pair_kinds[_i].make(&in, &out);
    add(w.set, mproc_wait_conn(in), in);
    expect_none(w.set);
    send_text(out, "y");
    expect_one(w.set, in);
    mproc_conn_close(in);
    mproc_conn_close(out);
    w.in = NULL;
    close_all(&w);
}
END_TEST

START_TEST(listeners_and_processes_leave_by_themselves)
{
    mproc_waitset *set = new_set();
    mproc_listener *listener;
    ck_assert_int_eq(mproc_listener_open(&listener, NULL, NULL, NULL), 0);
    mproc_process *process = start_sleeper();
    add(set, mproc_wait_listener(listener), listener);
    add(set, mproc_wait_process(process), process);
    expect_none(set);
    mproc_listener_close(listener);
    mproc_process_kill(process);
    expect_one(set, process);
    end(process);
    expect_none(set);
    mproc_waitset_close(set);
}
END_TEST

START_TEST(a_closed_set_lets_its_objects_go)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    expect_none(w.set);
    mproc_waitset_close(w.set);
    send_text(w.out, "one");
    send_text(w.out, "two");
    expect_text(w.in, "one");
    w.set = new_set();
    add(w.set, mproc_wait_conn(w.in), w.in);
    expect_one(w.set, w.in);
    expect_text(w.in, "two");
    close_all(&w);
}
END_TEST

/* Death, signals, failures. */

static int kill_a_sender(mproc_conn *in, mproc_conn *out)
{
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(in);
        mproc_conn_send_bytes(out, "alive", 5);
        for (;;)
            pause();
    }
    mproc_conn_close(out);
    return child;
}

START_TEST(a_killed_peer_is_an_end_of_file)
{
    struct watched w = {.set = new_set()};
    char buf[8];
    mp_pair_kinds[_i].make(&w.in, &w.out);
    pid_t child = kill_a_sender(w.in, w.out);
    w.out = NULL;
    add(w.set, mproc_wait_conn(w.in), w.in);
    expect_one(w.set, w.in);
    expect_text(w.in, "alive");
    expect_none(w.set);
    kill(child, SIGKILL);
    expect_one(w.set, w.in);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(w.in, buf, sizeof buf), MPROC_EOF);
    waitpid(child, NULL, 0);
    close_all(&w);
}
END_TEST

START_TEST(a_wait_outlives_interruptions)
{
    struct watched w = watch_stream();
    mproc_wait_event event;
    mp_fault_interrupt_all();
    ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, 0.02), 0);
    send_text(w.out, "x");
    ck_assert_int_eq(mproc_waitset_wait(w.set, &event, 1, MPROC_FOREVER), 1);
    ck_assert(mp_fault_disarm());
    close_all(&w);
}
END_TEST

/* Make a set, fill and use it; 0 or the first error. Outputs of what failed are not looked at. */
static int use_a_set(mproc_conn *const *in, int fd)
{
    mproc_waitset *set = NULL;
    mproc_wait_event events[4];
    mproc_wait_item items[] = {mproc_wait_handle(fd), mproc_wait_conn(in[0]),
                               mproc_wait_conn(in[1])};
    int rc = mproc_waitset_new(&set);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = mproc_waitset_add(set, &items[i], NULL);
    if (rc == 0)
        rc = mproc_waitset_wait(set, events, 4, 0.001);
    if (rc >= 0 && HAS_EPOLL)
        rc = mproc_waitset_handle(set);
    mproc_waitset_close(set);
    return rc < 0 ? rc : 0;
}

static void sweep(enum mp_fault_kind kind, int error)
{
    mproc_conn *in[2];
    mproc_conn *out[2];
    int fds[2];
    mp_raw_pair(fds);
    make_stream(&in[0], &out[0]);
    ck_assert_int_eq(mproc_pipe(&in[1], &out[1], 0), 0);
    for (unsigned n = 1;; n++) {
        ck_assert_uint_lt(n, 60);
        mp_fault_arm(kind, n, error);
        int rc = use_a_set(in, fds[0]);
        bool fired = mp_fault_disarm();
        if (!fired)
            ck_assert_int_eq(rc, 0);
        else
            ck_assert_msg(rc == 0 || rc == -error, "call %u: %d", n, rc);
        ck_assert_int_eq(use_a_set(in, fds[0]), 0);
        if (!fired)
            break;
    }
    for (int i = 0; i < 2; i++) {
        mproc_conn_close(in[i]);
        mproc_conn_close(out[i]);
    }
    close(fds[0]);
    close(fds[1]);
}

START_TEST(failures_inside_surface_and_break_nothing)
{
    sweep(MP_FAULT_ALLOC, ENOMEM);
    sweep(MP_FAULT_SYSCALL, EIO);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("waitset");
    TCase *tc = mp_case(suite, "waitset", 20);
    tcase_add_test(tc, bad_arguments_are_refused);
    tcase_add_test(tc, an_object_is_in_one_set_once);
    tcase_add_test(tc, nothing_ready_is_a_timeout);
    tcase_add_loop_test(tc, every_transport_is_ready_until_it_is_read, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, a_sleeping_wait_is_woken_over_every_transport, 0, mp_pair_kinds_count);
    tcase_add_test(tc, half_a_message_is_not_ready);
    tcase_add_loop_test(tc, what_was_read_ahead_outside_is_ready, 0, mp_pair_kinds_count);
    tcase_add_test(tc, all_that_are_ready_are_reported_whatever_they_are);
    tcase_add_test(tc, clients_that_wait_inside_the_listener_are_ready);
    tcase_add_test(tc, a_regular_file_is_always_ready);
    tcase_add_test(tc, everyone_gets_a_turn);
    tcase_add_test(tc, all_of_a_crowd_are_reported_at_once);
    tcase_add_test(tc, a_busy_one_does_not_starve_the_others);
    tcase_add_loop_test(tc, what_is_removed_while_ready_is_not_reported, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, what_is_closed_leaves_by_itself, 0, mp_pair_kinds_count);
    tcase_add_test(tc, listeners_and_processes_leave_by_themselves);
    tcase_add_loop_test(tc, a_closed_set_lets_its_objects_go, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, a_killed_peer_is_an_end_of_file, 0, mp_pair_kinds_count);
    tcase_add_test(tc, a_wait_outlives_interruptions);
    tcase_add_test(tc, failures_inside_surface_and_break_nothing);
    return suite;
}
