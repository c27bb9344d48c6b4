/* SPDX-License-Identifier: MIT */
/* What a wait does, counted: the same for ten idle connections and for ten thousand. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "connection/transport.h"
#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"
#include "wait/watched.h"

#if HAS_EPOLL

enum { FEW = 10, ROUNDS = 200 };

/* Descriptors that the test has for idle connections. */
static size_t many(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > 10100 ? 10000 : (size_t)limit.rlim_cur - 100;
}

/* Idle connections count how often anything is asked of them. */
static unsigned long asked;
static const struct mp_pollable_ops *real_ops;

static int counted_ready_now(struct mp_pollable *pollable, bool woken)
{
    asked++;
    return real_ops->ready_now(pollable, woken);
}

static size_t counted_handles(struct mp_pollable *pollable, struct pollfd *out, size_t room)
{
    asked++;
    return real_ops->handles(pollable, out, room);
}

static mp_deadline counted_wake_at(struct mp_pollable *pollable)
{
    asked++;
    return real_ops->wake_at(pollable);
}

static int counted_arm(struct mp_pollable *pollable)
{
    asked++;
    return real_ops->arm(pollable);
}

static void counted_disarm(struct mp_pollable *pollable)
{
    asked++;
    real_ops->disarm(pollable);
}

static const struct mp_pollable_ops counted_ops = {
    .ready_now = counted_ready_now,
    .handles = counted_handles,
    .wake_at = counted_wake_at,
    .arm = counted_arm,
    .disarm = counted_disarm,
};

/* A crowd of connections on copies of one socket, at which nothing ever arrives. */
struct crowd {
    mproc_conn **idle;
    size_t n;
    int fds[2];
};

static void make_crowd(struct crowd *crowd, mproc_waitset *set, size_t n)
{
    crowd->idle = calloc(n, sizeof(mproc_conn *));
    crowd->n = n;
    mp_raw_pair(crowd->fds);
    for (size_t i = 0; i < n; i++) {
        int fd = fcntl(crowd->fds[0], F_DUPFD_CLOEXEC, 3);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(mproc_conn_from_handle(&crowd->idle[i], fd, MPROC_CONN_READONLY), 0);
        real_ops = crowd->idle[i]->pollable.ops;
        crowd->idle[i]->pollable.ops = &counted_ops;
        add(set, mproc_wait_conn(crowd->idle[i]), crowd->idle[i]);
    }
    mproc_wait_event event;
    ck_assert_int_eq(mproc_waitset_wait(set, &event, 1, 0.001), 0);
    ck_assert_uint_gt(asked, 0);
    asked = 0;
}

static void close_crowd(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->n; i++)
        mproc_conn_close(crowd->idle[i]);
    free(crowd->idle);
    close(crowd->fds[0]);
    close(crowd->fds[1]);
}

/* System calls of so many rounds of send, wait and receive, beside `n` idle connections. */
static unsigned long calls_beside(size_t n, int kind)
{
    struct watched w = watch_pair(mp_pair_kinds[kind].make);
    struct crowd crowd;
    make_crowd(&crowd, w.set, n);
    unsigned long before = mp_fault_system_calls();
    for (int i = 0; i < ROUNDS; i++) {
        send_text(w.out, "x");
        expect_one(w.set, w.in);
        expect_text(w.in, "x");
    }
    unsigned long calls = mp_fault_system_calls() - before;
    ck_assert_uint_eq(asked, 0);
    close_crowd(&crowd);
    close_all(&w);
    return calls;
}

START_TEST(idle_ones_cost_nothing)
{
    size_t n = many() / mp_stride(20);
    unsigned long beside_few = calls_beside(FEW, _i);
    /* How long a process looks before it sleeps is a matter of time, and so of a call or two. */
    ck_assert_uint_le(calls_beside(n, _i), beside_few + 10);
    /* Of one round: send, wait, read; the fourth and fifth are where a send asks whether there is
     * room, and what remains of the first rounds. */
    ck_assert_uint_le(beside_few, 4 * ROUNDS + 20);
}
END_TEST

static void *echo(void *arg)
{
    mproc_conn *conn = arg;
    char buf[8];
    ssize_t n;
    while ((n = mproc_conn_recv_bytes_into(conn, buf, sizeof buf)) >= 0)
        if (mproc_conn_send_bytes(conn, buf, (size_t)n) < 0)
            break;
    return NULL;
}

/* The wait that sleeps, too. */
START_TEST(idle_ones_cost_a_sleeping_wait_nothing)
{
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    struct crowd crowd;
    pthread_t thread;
    make_crowd(&crowd, w.set, many() / mp_stride(20));
    pthread_create(&thread, NULL, echo, w.out);
    for (int i = 0; i < ROUNDS; i++) {
        send_text(w.in, "x");
        expect_one(w.set, w.in);
        expect_text(w.in, "x");
    }
    ck_assert_uint_eq(asked, 0);
    close_crowd(&crowd);
    mproc_conn_close(w.in);
    pthread_join(thread, NULL);
    w.in = NULL;
    close_all(&w);
}
END_TEST

/* Those that once spoke are soon as cheap as those that never did. */
START_TEST(who_falls_silent_is_left_alone)
{
    enum { SPEAKERS = 50 };
    struct watched w = watch_pair(mp_pair_kinds[_i].make);
    mproc_conn *in[SPEAKERS];
    mproc_conn *out[SPEAKERS];
    mproc_wait_event events[SPEAKERS];
    for (int i = 0; i < SPEAKERS; i++) {
        mp_pair_kinds[_i].make(&in[i], &out[i]);
        add(w.set, mproc_wait_conn(in[i]), in[i]);
        send_text(out[i], "x");
    }
    ck_assert_int_eq(mproc_waitset_wait(w.set, events, SPEAKERS, 0), SPEAKERS);
    for (int i = 0; i < SPEAKERS; i++) {
        expect_text(in[i], "x");
        real_ops = in[i]->pollable.ops;
        in[i]->pollable.ops = &counted_ops;
    }
    for (int i = 0; i < 10; i++)
        expect_none(w.set);
    asked = 0;
    for (int i = 0; i < 20; i++) {
        send_text(w.out, "x");
        expect_one(w.set, w.in);
        expect_text(w.in, "x");
    }
    ck_assert_uint_eq(asked, 0);
    for (int i = 0; i < SPEAKERS; i++) {
        mproc_conn_close(in[i]);
        mproc_conn_close(out[i]);
    }
    close_all(&w);
}
END_TEST

#endif

Suite *mp_suite(void)
{
    Suite *suite = suite_create("waitset_cost");
    TCase *tc = mp_case(suite, "waitset_cost", 60);
#if HAS_EPOLL
    tcase_add_loop_test(tc, idle_ones_cost_nothing, 0, mp_pair_kinds_count);
    for (int i = 0; i < mp_pair_kinds_count; i++) {
        if (mp_pair_kinds[i].duplex)
            tcase_add_loop_test(tc, idle_ones_cost_a_sleeping_wait_nothing, i, i + 1);
        if (!mp_pair_kinds[i].shared)
            tcase_add_loop_test(tc, who_falls_silent_is_left_alone, i, i + 1);
    }
#else
    (void)tc; /* poll(2) has no such thing to show */
#endif
    return suite;
}
