/* SPDX-License-Identifier: MIT */
/* mproc_wait over everything that can become ready, mixed. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/wait.h>

#include "base/pollable.h"
#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"

START_TEST(nothing_ready_is_a_timeout)
{
    mproc_conn *in;
    mproc_conn *out;
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_pipe(&in, &out, 0), 0);
    mproc_wait_item items[] = {mproc_wait_conn(in), mproc_wait_handle(fds[0])};
    static const double timeouts[] = {0, -1, -INFINITY, 0.01};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        items[0].ready = 1;
        ck_assert_int_eq(mproc_wait(items, 2, timeouts[i]), 0);
        ck_assert_int_eq(items[0].ready, 0);
        ck_assert_int_eq(items[1].ready, 0);
    }
    ck_assert_int_eq(mproc_wait(NULL, 0, 0.01), 0);
    mproc_conn_close(in);
    mproc_conn_close(out);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(bad_items_are_refused)
{
    mproc_wait_item item = mproc_wait_conn(NULL);
    ck_assert_int_eq(mproc_wait(&item, 1, 0), -EINVAL);
    item = mproc_wait_listener(NULL);
    ck_assert_int_eq(mproc_wait(&item, 1, 0), -EINVAL);
    item = mproc_wait_process(NULL);
    ck_assert_int_eq(mproc_wait(&item, 1, 0), -EINVAL);
    item = mproc_wait_handle(-1);
    ck_assert_int_eq(mproc_wait(&item, 1, 0), -EINVAL);
    item = mproc_wait_handle(1000);
    ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), -EBADF);
    item.kind = 99;
    ck_assert_int_eq(mproc_wait(&item, 1, 0), -EINVAL);
    item = mproc_wait_process(mproc_current_process());
    ck_assert_int_eq(mproc_wait(&item, 1, 0), -EINVAL);
    ck_assert_int_eq(mproc_wait(NULL, 1, 0), -EINVAL);
    ck_assert_int_eq(mproc_wait(&item, 1, NAN), -EINVAL);
    ck_assert_int_eq(mproc_wait(NULL, 0, MPROC_FOREVER), -EINVAL);
}
END_TEST

/* An object with two handles. The pollable comes first: a pointer to one is one to the other. */
struct several {
    struct mp_pollable pollable;
    int fds[2];
    int asked;
};

static int several_ready_now(struct mp_pollable *pollable, bool woken)
{
    struct several *several = (struct several *)(void *)pollable;
    several->asked += woken;
    return several->asked == 3;
}

static size_t several_handles(struct mp_pollable *pollable, struct pollfd *out, size_t room)
{
    const struct several *several = (const struct several *)(void *)pollable;
    for (size_t i = 0; i < room && i < 2; i++)
        out[i] = (struct pollfd){.fd = several->fds[i], .events = POLLIN};
    return 2;
}

START_TEST(only_an_objects_own_handle_has_to_stay_open)
{
    static const struct mp_pollable_ops ops = {.ready_now = several_ready_now,
                                               .handles = several_handles};
    int fds[2];
    mp_raw_pair(fds);
    struct several several = {.pollable = {.ops = &ops}, .fds = {fds[0], 1000}};
    ck_assert_int_eq(mp_pollable_wait_one(&several.pollable, MP_NEVER), 1);
    ck_assert_int_eq(several.asked, 3);
    several = (struct several){.pollable = {.ops = &ops}, .fds = {1000, fds[0]}};
    ck_assert_int_eq(mp_pollable_wait_one(&several.pollable, MP_NEVER), -EBADF);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(every_transport_can_be_waited_for)
{
    mproc_conn *in;
    mproc_conn *out;
    char buf[8];
    mp_pair_kinds[_i].make(&in, &out);
    mproc_wait_item item = mproc_wait_conn(in);
    ck_assert_int_eq(mproc_wait(&item, 1, 0), 0);
    /* Two messages: the second is read ahead with the first and is ready all the same. */
    mproc_conn_send_bytes(out, "one", 3);
    mproc_conn_send_bytes(out, "two", 3);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), 1);
        ck_assert_int_eq(item.ready, 1);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 3);
    }
    ck_assert_int_eq(mproc_wait(&item, 1, 0), 0);
    mproc_conn_close(out);
    ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), 1);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), MPROC_EOF);
    ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), 1);
    mproc_conn_close(in);
}
END_TEST

START_TEST(half_a_message_is_not_ready)
{
    mproc_conn *conn;
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_conn_from_handle(&conn, fds[0], 0), 0);
    mproc_wait_item item = mproc_wait_conn(conn);
    ck_assert_int_eq(write(fds[1], "\0\0\0\5hel", 7), 7);
    ck_assert_int_eq(mproc_wait(&item, 1, 0.01), 0);
    ck_assert_int_eq(write(fds[1], "lo", 2), 2);
    ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), 1);
    mproc_conn_close(conn);
    close(fds[1]);
}
END_TEST

static int sleep_for_ever(const mproc_value *args)
{
    (void)args;
    while (pause() < 0)
        continue;
    return 0;
}

static int return_at_once(const mproc_value *args)
{
    (void)args;
    return 5;
}

static mproc_process *start(mproc_target target)
{
    mproc_process *process;
    ck_assert_int_eq(mproc_process_start(&process, target, NULL, NULL, NULL), 0);
    return process;
}

START_TEST(all_that_are_ready_are_reported_whatever_they_are)
{
    mproc_conn *in;
    mproc_conn *out;
    mproc_conn *client;
    mproc_listener *listener;
    int fds[2];
    mp_raw_pair(fds);
    ck_assert_int_eq(mproc_pipe(&in, &out, 0), 0);
    ck_assert_int_eq(mproc_listener_open(&listener, NULL, NULL, NULL), 0);
    mproc_process *running = start(sleep_for_ever);
    mproc_process *ended = start(return_at_once);
    mproc_wait_item items[] = {
        mproc_wait_process(running), mproc_wait_conn(in),       mproc_wait_listener(listener),
        mproc_wait_process(ended),   mproc_wait_handle(fds[0]),
    };
    ck_assert_int_eq(mproc_wait(&items[3], 1, MPROC_FOREVER), 1);
    ck_assert_int_eq(mproc_wait(items, 5, 0), 1);
    ck_assert_int_eq(items[3].ready, 1);

    ck_assert_int_eq(mproc_conn_send_bytes(out, "x", 1), 0);
    ck_assert_int_eq(write(fds[1], "y", 1), 1);
    ck_assert_int_eq(mproc_client_connect(&client, mproc_listener_address(listener), NULL, NULL),
                     0);
    ck_assert_int_eq(mproc_wait(items, 5, MPROC_FOREVER), 4);
    ck_assert_int_eq(items[0].ready, 0);

    mproc_process_kill(running);
    ck_assert_int_eq(mproc_wait(items, 1, MPROC_FOREVER), 1);
    ck_assert_int_eq(mproc_wait(items, 5, MPROC_FOREVER), 5);
    int code;
    ck_assert_int_eq(mproc_process_exitcode(running, &code), 0);
    ck_assert_int_eq(code, -SIGKILL);
    ck_assert_int_eq(mproc_process_exitcode(ended, &code), 0);
    ck_assert_int_eq(code, 5);
    mproc_process_close(running);
    mproc_process_close(ended);
    mproc_conn_close(client);
    mproc_listener_close(listener);
    mproc_conn_close(in);
    mproc_conn_close(out);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

static int wait_for_parent(const mproc_value *args)
{
    mproc_conn *out;
    if (mproc_unpack(args, "C", &out) < 0)
        return 1;
    mproc_wait_item item = mproc_wait_process(mproc_parent_process());
    if (mproc_wait(&item, 1, 0) != 0 || mproc_conn_send_bytes(out, "waiting", 7) < 0)
        return 1;
    if (mproc_wait(&item, 1, MPROC_FOREVER) != 1)
        return 1;
    mproc_conn_send_bytes(out, "orphan", 6);
    return 0;
}

/* A parent of its own, which is killed: what its child then says comes through the pipe. */
START_TEST(a_child_can_wait_for_its_parents_end)
{
    mproc_conn *in;
    mproc_conn *out;
    char buf[16];
    ck_assert_int_eq(mproc_pipe(&in, &out, 0), 0);
    pid_t parent = fork();
    if (parent == 0) {
        mproc_process *process;
        mproc_value *args;
        mproc_conn_close(in);
        if (mproc_pack(&args, "C", out) < 0 ||
            mproc_process_start(&process, wait_for_parent, args, NULL, NULL) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    mproc_conn_close(out);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 7);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 6);
    ck_assert_mem_eq(buf, "orphan", 6);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), MPROC_EOF);
    mproc_conn_close(in);
}
END_TEST

START_TEST(there_is_no_limit_of_1024)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    enum { MANY = 1500 };
    ck_assert_uint_gt(limit.rlim_cur, 2 * MANY + 50);
    static mproc_conn *in[MANY];
    static mproc_conn *out[MANY];
    static mproc_wait_item items[MANY];
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(mproc_pipe(&in[i], &out[i], MPROC_PIPE_STREAM), 0);
        items[i] = mproc_wait_conn(in[i]);
    }
    ck_assert_int_eq(mproc_wait(items, MANY, 0), 0);
    for (int i = 3; i < MANY; i += 7)
        ck_assert_int_eq(mproc_conn_send_bytes(out[i], "x", 1), 0);
    ck_assert_int_eq(mproc_wait(items, MANY, MPROC_FOREVER), (MANY - 3 + 6) / 7);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(items[i].ready, i % 7 == 3);
        mproc_conn_close(in[i]);
        mproc_conn_close(out[i]);
    }
}
END_TEST

START_TEST(a_wait_outlives_interruptions)
{
    mproc_conn *in;
    mproc_conn *out;
    ck_assert_int_eq(mproc_pipe(&in, &out, MPROC_PIPE_STREAM), 0);
    mproc_wait_item item = mproc_wait_conn(in);
    mp_fault_interrupt_all();
    ck_assert_int_eq(mproc_wait(&item, 1, 0.02), 0);
    mproc_conn_send_bytes(out, "x", 1);
    ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), 1);
    ck_assert(mp_fault_disarm());
    mproc_conn_close(in);
    mproc_conn_close(out);
}
END_TEST

/* More items than fit on the stack, with each allocation and each system call failing in turn. */
static void sweep(enum mp_fault_kind kind, int error)
{
    enum { MANY = 70 };
    mproc_wait_item items[MANY];
    int fds[2];
    mp_raw_pair(fds);
    for (int i = 0; i < MANY; i++)
        items[i] = mproc_wait_handle(fds[0]);
    for (unsigned n = 1;; n++) {
        ck_assert_uint_lt(n, 20);
        mp_fault_arm(kind, n, error);
        int rc = mproc_wait(items, MANY, 0);
        bool fired = mp_fault_disarm();
        ck_assert_int_eq(rc, fired ? -error : 0);
        if (!fired)
            break;
    }
    close(fds[0]);
    close(fds[1]);
}

START_TEST(failures_inside_surface)
{
    sweep(MP_FAULT_ALLOC, ENOMEM);
    sweep(MP_FAULT_SYSCALL, EIO);
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
    mproc_conn *in;
    mproc_conn *out;
    pthread_t thread;
    ck_assert_int_eq(mproc_pipe(&in, &out, 0), 0);
    pthread_create(&thread, NULL, receive_all, in);
    mproc_wait_item item = mproc_wait_conn(in);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(mproc_wait(&item, 1, 0.01), 0);
        ck_assert_int_eq(mproc_conn_send_bytes(out, "x", 1), 0);
    }
    mproc_conn_close(out);
    pthread_join(thread, NULL);
    mproc_conn_close(in);
}
END_TEST

/* Counts how often it is armed; ready from the start or never. */
struct armed {
    struct mp_pollable pollable;
    int ready;
    int count;
};

static int armed_ready_now(struct mp_pollable *pollable, bool woken)
{
    (void)woken;
    return ((struct armed *)(void *)pollable)->ready;
}

static size_t armed_handles(struct mp_pollable *pollable, struct pollfd *out, size_t room)
{
    (void)pollable;
    (void)out;
    (void)room;
    return 0;
}

static int armed_arm(struct mp_pollable *pollable)
{
    ((struct armed *)(void *)pollable)->count++;
    return 0;
}

static void armed_disarm(struct mp_pollable *pollable)
{
    ((struct armed *)(void *)pollable)->count--;
}

START_TEST(only_what_was_armed_is_disarmed)
{
    static const struct mp_pollable_ops ops = {.ready_now = armed_ready_now,
                                               .handles = armed_handles,
                                               .arm = armed_arm,
                                               .disarm = armed_disarm};
    struct armed things[] = {{.pollable.ops = &ops, .ready = 1},
                             {.pollable.ops = &ops},
                             {.pollable.ops = &ops, .ready = 1}};
    struct mp_pollable *items[] = {&things[0].pollable, &things[1].pollable, &things[2].pollable};
    unsigned char ready[3];
    ck_assert_int_eq(mp_pollable_wait(items, ready, 3, MP_NOW), 2);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ready[i], things[i].ready);
        ck_assert_int_eq(things[i].count, 0);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("wait");
    TCase *tc = mp_case(suite, "wait", 20);
    tcase_add_test(tc, nothing_ready_is_a_timeout);
    tcase_add_test(tc, bad_items_are_refused);
    tcase_add_test(tc, only_an_objects_own_handle_has_to_stay_open);
    tcase_add_loop_test(tc, every_transport_can_be_waited_for, 0, mp_pair_kinds_count);
    tcase_add_test(tc, half_a_message_is_not_ready);
    tcase_add_test(tc, all_that_are_ready_are_reported_whatever_they_are);
    tcase_add_test(tc, a_child_can_wait_for_its_parents_end);
    tcase_add_test(tc, there_is_no_limit_of_1024);
    tcase_add_test(tc, a_wait_outlives_interruptions);
    tcase_add_test(tc, failures_inside_surface);
    tcase_add_test(tc, a_connection_that_another_thread_receives_from_does_not_block);
    tcase_add_test(tc, only_what_was_armed_is_disarmed);
    return suite;
}
