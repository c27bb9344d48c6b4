/* SPDX-License-Identifier: MIT */
/* Listeners among threads, processes and event loops: many accepters, forked copies, waiting. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "listener/listener.h"
#include "support/dialer.h"
#include "support/suite.h"

#define KEY "secret password"

/* Threads. */

#define ACCEPTERS 3
#define DIALERS 12

struct accepter {
    pthread_t thread;
    mproc_listener *listener;
    int accepted;
    int rc;
    atomic_bool *all_here; /* set when every client has been answered */
};

/* Accept until all are here and nobody waits, and greet each client. */
static void *accept_many(void *arg)
{
    struct accepter *a = arg;
    mproc_conn *conn;
    bool over = false;
    while (!over) {
        bool all_here = atomic_load(a->all_here);
        a->rc = mproc_listener_accept(a->listener, &conn, 0.05, NULL);
        over = a->rc != 0 && (all_here || a->rc != -ETIMEDOUT);
        if (a->rc != 0)
            continue;
        mproc_conn_send_bytes(conn, "welcome", 7); /* unless the client has gone already */
        a->accepted++;
        mproc_conn_close(conn);
    }
    return NULL;
}

START_TEST(several_threads_may_accept)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    struct accepter accepters[ACCEPTERS];
    struct mp_dialer dialers[DIALERS];
    atomic_bool all_here = false;
    int silent = mp_raw_connect(mproc_listener_address(l));
    for (int i = 0; i < ACCEPTERS; i++) {
        accepters[i] = (struct accepter){.listener = l, .all_here = &all_here};
        pthread_create(&accepters[i].thread, NULL, accept_many, &accepters[i]);
    }
    for (int i = 0; i < DIALERS; i++)
        mp_dial(&dialers[i], mproc_listener_address(l), i % 4 == 3 ? "wrong" : KEY);
    for (int i = 0; i < DIALERS; i++) {
        char buf[8];
        ck_assert_int_eq(mp_dialed(&dialers[i]), i % 4 == 3 ? MPROC_EAUTH : 0);
        if (dialers[i].rc == 0)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(dialers[i].conn, buf, sizeof buf), 7);
        mproc_conn_close(dialers[i].conn);
    }
    int accepted = 0;
    atomic_store(&all_here, true);
    for (int i = 0; i < ACCEPTERS; i++) {
        pthread_join(accepters[i].thread, NULL);
        ck_assert_int_eq(accepters[i].rc, -ETIMEDOUT);
        accepted += accepters[i].accepted;
    }
    ck_assert_int_eq(accepted, DIALERS * 3 / 4);
    ck_assert_uint_eq(mp_counts(l).accepted, DIALERS * 3 / 4);
    ck_assert_uint_eq(mp_counts(l).failed_auth, DIALERS / 4);
    close(silent);
    mproc_listener_close(l);
}
END_TEST

static void *accept_patiently(void *arg)
{
    struct accepter *a = arg;
    mproc_conn *conn;
    a->rc = mproc_listener_accept(a->listener, &conn, MPROC_FOREVER, NULL);
    if (a->rc == 0)
        mproc_conn_close(conn);
    return NULL;
}

START_TEST(each_accepter_has_its_own_timeout)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    struct accepter patient = {.listener = l};
    mproc_conn *conn = NULL;
    pthread_create(&patient.thread, NULL, accept_patiently, &patient);
    int64_t from = mp_clock_now();
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0.05, NULL), -ETIMEDOUT);
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    ck_assert(mp_since(from) >= 0.05);
    ck_assert(mp_since(from) < 5);
    mproc_client_options options = mp_client_key(KEY);
    ck_assert_int_eq(mproc_client_connect(&conn, mproc_listener_address(l), &options, NULL), 0);
    pthread_join(patient.thread, NULL);
    ck_assert_int_eq(patient.rc, 0);
    mproc_conn_close(conn);
    mproc_listener_close(l);
}
END_TEST

/* Processes. */

START_TEST(clients_may_be_other_processes)
{
    mproc_listener *l = mp_listen("localhost:0", KEY);
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            mproc_client_options options = mp_client_key(KEY);
            mproc_conn *conn = NULL;
            int rc = mproc_client_connect(&conn, mproc_listener_address(l), &options, NULL);
            if (rc == 0)
                rc = mproc_conn_send_bytes(conn, &i, sizeof i);
            mproc_conn_close(conn);
            mproc_listener_close(l);
            _exit(rc == 0 ? 0 : 1);
        }
    }
    int seen = 0;
    for (int i = 0; i < 4; i++) {
        mproc_conn *conn = mp_accept_one(l);
        int number = -1;
        ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, &number, sizeof number), sizeof number);
        seen |= 1 << number;
        mproc_conn_close(conn);
    }
    ck_assert_int_eq(seen, 15);
    for (int i = 0; i < 4; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    mproc_listener_close(l);
}
END_TEST

static void check_child(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "child: status 0x%x", (unsigned)status);
}

START_TEST(closing_a_forked_copy_takes_nothing_from_the_parent)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    mproc_conn *conn = NULL;
    int pending = mp_raw_connect(mproc_listener_address(l));
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    pid_t child = fork();
    if (child == 0) {
        mproc_listener_close(l);
        _exit(0);
    }
    check_child(child);
    ck_assert_uint_eq(mp_counts(l).pending, 1);
    close(pending);
    /* The handshake that was pending is still watched: its end is noticed. */
    ck_assert_int_eq(mp_pollable_wait_one(mp_listener_pollable(l), mp_clock_now() + 50000000), 0);
    ck_assert_uint_eq(mp_counts(l).hung_up, 1);
    mp_check_serves(l, KEY);
    mproc_listener_close(l);
}
END_TEST

/* The child uses its copy, and keeps it open while the parent goes on with its own. */
START_TEST(a_forked_copy_accepts_for_itself)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    char address[64];
    snprintf(address, sizeof address, "%s", mproc_listener_address(l));
    mproc_conn *conn = NULL;
    int pending = mp_raw_connect(address);
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    int done[2];
    ck_assert_int_eq(mp_fd_pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn *mine = NULL;
        close(pending);
        int rc = mproc_listener_accept(l, &mine, 10, NULL);
        mproc_listener_counts counts = MPROC_LISTENER_COUNTS_INIT;
        mproc_listener_stats(l, &counts);
        bool good = rc == 0 && counts.accepted == 1 && counts.pending == 0;
        mproc_conn_close(mine);
        char byte;
        mp_fd_close(&done[1]);
        ssize_t n = read(done[0], &byte, 1);
        mproc_listener_close(l);
        _exit(good && n == 0 ? 0 : 1);
    }
    mproc_client_options options = mp_client_key(KEY);
    ck_assert_int_eq(mproc_client_connect(&conn, address, &options, NULL), 0);
    mproc_conn_close(conn);
    close(pending);
    ck_assert_int_eq(mp_pollable_wait_one(mp_listener_pollable(l), mp_clock_now() + 50000000), 0);
    ck_assert_uint_eq(mp_counts(l).accepted, 0);
    ck_assert_uint_eq(mp_counts(l).hung_up, 1);
    mp_fd_close(&done[0]);
    mp_fd_close(&done[1]);
    check_child(child);
    mp_check_serves(l, KEY);
    mproc_listener_close(l);
}
END_TEST

/* Another process with a copy of a client's socket must not keep it open once it is rejected. */
START_TEST(a_rejected_client_is_told_although_a_child_holds_its_socket)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    mproc_conn *conn = NULL;
    int fd = mp_raw_connect(mproc_listener_address(l));
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    int done[2];
    ck_assert_int_eq(mp_fd_pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        mp_fd_close(&done[1]);
        ssize_t n = read(done[0], &byte, 1);
        mproc_listener_close(l);
        _exit(n == 0 ? 0 : 1);
    }
    mp_raw_write(fd, "\xff\xff\xff\x00", 4);
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    ck_assert_uint_eq(mp_counts(l).bad_protocol, 1);
    char challenge[64];
    ck_assert_int_eq(mp_raw_read(fd, challenge, 63), 1);
    ck_assert_int_eq(mp_raw_read(fd, challenge, 1), 0);
    mp_fd_close(&done[0]);
    mp_fd_close(&done[1]);
    check_child(child);
    close(fd);
    mproc_listener_close(l);
}
END_TEST

/* Waiting. */

START_TEST(a_wait_makes_the_handshakes_progress)
{
    static const char *const addresses[] = {"127.0.0.1:0", NULL};
    for (int k = 0; k < 2; k++) {
        mproc_listener *l = mp_listen(addresses[k], KEY);
        struct mp_pollable *pollable = mp_listener_pollable(l);
        ck_assert_int_eq(mp_pollable_wait_one(pollable, MP_NOW), 0);
        struct mp_dialer dialers[3];
        for (int i = 0; i < 3; i++)
            mp_dial(&dialers[i], mproc_listener_address(l), KEY);
        for (int i = 0; i < 3; i++) {
            mproc_conn *conn = NULL;
            ck_assert_int_eq(mp_pollable_wait_one(pollable, MP_NEVER), 1);
            ck_assert_int_eq(mp_pollable_wait_one(pollable, MP_NOW), 1); /* stays so */
            ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), 0);
            mproc_conn_close(conn);
        }
        ck_assert_int_eq(mp_pollable_wait_one(pollable, MP_NOW), 0);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(mp_dialed(&dialers[i]), 0);
            mproc_conn_close(dialers[i].conn);
        }
        mproc_listener_close(l);
    }
}
END_TEST

START_TEST(a_wait_turns_late_clients_away)
{
    mproc_listener_options options = mp_listener_key(KEY);
    mproc_listener *l = NULL;
    options.handshake_timeout = 0.05;
    ck_assert_int_eq(mproc_listener_open(&l, NULL, &options, NULL), 0);
    int silent = mp_raw_connect(mproc_listener_address(l));
    mp_deadline deadline = mp_clock_now() + 500000000;
    while (mp_counts(l).timed_out == 0 && !mp_deadline_passed(deadline))
        ck_assert_int_eq(mp_pollable_wait_one(mp_listener_pollable(l), mp_clock_now() + 20000000),
                         0);
    ck_assert_uint_eq(mp_counts(l).timed_out, 1);
    close(silent);
    mproc_listener_close(l);
}
END_TEST

/* A waiter in one thread, an accepter in another. */
START_TEST(a_wait_beside_an_accepter_sees_no_false_alarm)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    atomic_bool all_here = false;
    struct accepter accepter = {.listener = l, .all_here = &all_here};
    struct mp_dialer dialers[4];
    pthread_create(&accepter.thread, NULL, accept_many, &accepter);
    for (int i = 0; i < 4; i++)
        mp_dial(&dialers[i], mproc_listener_address(l), KEY);
    for (int i = 0; i < 50; i++)
        ck_assert_int_ge(mp_pollable_wait_one(mp_listener_pollable(l), mp_clock_now() + 5000000),
                         0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(mp_dialed(&dialers[i]), 0);
        mproc_conn_close(dialers[i].conn);
    }
    atomic_store(&all_here, true);
    pthread_join(accepter.thread, NULL);
    ck_assert_int_eq(accepter.accepted, 4);
    mproc_listener_close(l);
}
END_TEST

struct leaver {
    mproc_listener *listener;
    int client;
    struct mp_dialer dialer;
    bool seen;
};

/* Begin a handshake and leave it to others: do they see its end? */
static void *leave_a_handshake(void *arg)
{
    struct leaver *leaver = arg;
    mproc_conn *conn;
    mproc_listener_accept(leaver->listener, &conn, 0.05, NULL);
    close(leaver->client);
    mp_deadline deadline = mp_clock_now() + INT64_C(5000000000);
    while (mp_counts(leaver->listener).hung_up == 0 && !mp_deadline_passed(deadline))
        mp_poll(NULL, 0, mp_clock_now() + 1000000);
    leaver->seen = mp_counts(leaver->listener).hung_up == 1;
    mp_dial(&leaver->dialer, mproc_listener_address(leaver->listener), KEY);
    return NULL;
}

START_TEST(a_wait_takes_over_what_an_accepter_leaves)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    struct leaver leaver = {.listener = l, .client = mp_raw_connect(mproc_listener_address(l))};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, leave_a_handshake, &leaver), 0);
    while (mp_counts(l).pending == 0) /* now the other one is at it */
        mp_poll(NULL, 0, mp_clock_now() + 1000000);
    ck_assert_int_eq(mp_pollable_wait_one(mp_listener_pollable(l), MP_NEVER), 1);
    pthread_join(thread, NULL);
    ck_assert(leaver.seen);
    mproc_conn_close(mp_accept_one(l));
    ck_assert_int_eq(mp_dialed(&leaver.dialer), 0);
    mproc_conn_close(leaver.dialer.conn);
    mproc_listener_close(l);
}
END_TEST

#if !defined MP_PORTABLE && defined __linux__
/* Nothing but poll(2) on the handle, and accepts that do not wait. */
START_TEST(the_handle_serves_a_foreign_event_loop)
{
    mproc_listener_options options = mp_listener_key(KEY);
    mproc_listener *l = NULL;
    options.handshake_timeout = 0.2;
    ck_assert_int_eq(mproc_listener_open(&l, "127.0.0.1:0", &options, NULL), 0);
    int silent = mp_raw_connect(mproc_listener_address(l));
    struct mp_dialer dialers[6];
    for (int i = 0; i < 6; i++)
        mp_dial(&dialers[i], mproc_listener_address(l), KEY);
    int accepted = 0;
    while (accepted < 6 || mp_counts(l).timed_out < 1) {
        mproc_conn *conn = NULL;
        ck_assert_int_eq(mp_fd_wait(mproc_listener_handle(l), POLLIN, mp_clock_now() + 5000000000),
                         0);
        /* One only: who else has finished keeps the handle readable. */
        if (mproc_listener_accept(l, &conn, 0, NULL) == 0) {
            accepted++;
            mproc_conn_close(conn);
        }
    }
    ck_assert_int_eq(mp_fd_wait(mproc_listener_handle(l), POLLIN, MP_NOW), -ETIMEDOUT);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(mp_dialed(&dialers[i]), 0);
        mproc_conn_close(dialers[i].conn);
    }
    close(silent);
    mproc_listener_close(l);
}
END_TEST

START_TEST(an_idle_listener_does_not_wake_anybody)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    for (int i = 0; i < 3; i++) {
        mp_check_serves(l, KEY);
        ck_assert_int_eq(mp_fd_wait(mproc_listener_handle(l), POLLIN, MP_NOW), -ETIMEDOUT);
    }
    mproc_listener_close(l);
}
END_TEST
#endif

/* Descriptors running out. */

static int fill_descriptors(int *fds, int max)
{
    int n = 0;
    while (n < max && (fds[n] = dup(0)) >= 0)
        n++;
    return n;
}

START_TEST(out_of_descriptors_the_oldest_pending_makes_room)
{
    struct rlimit before;
    struct rlimit limit;
    int fds[256] = {0};
    mproc_conn *conn = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    /* Its accept(2) takes the connection before it finds that no descriptor is left. */
    if (getenv("MPROC_TEST_VALGRIND"))
        return;
    mproc_listener *l = mp_listen(NULL, KEY);
    int silent = mp_raw_connect(mproc_listener_address(l));
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    ck_assert_uint_eq(mp_counts(l).pending, 1);
    int newcomer = mp_raw_connect(mproc_listener_address(l));
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = 128;
    setrlimit(RLIMIT_NOFILE, &limit);
    int n = fill_descriptors(fds, 256);
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, &err), -ETIMEDOUT);
    ck_assert_uint_eq(mp_counts(l).pushed_out, 1);
    ck_assert_uint_eq(mp_counts(l).pending, 1);
    close(silent);
    close(newcomer);
    n += fill_descriptors(fds + n, 256 - n);
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, &err), -ETIMEDOUT); /* it hung up */
    n += fill_descriptors(fds + n, 256 - n);
    close(fds[--n]);
    newcomer = mp_raw_connect(mproc_listener_address(l));
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 1, &err), -EMFILE);
    ck_assert_int_eq(err.sys_errno, EMFILE);
    ck_assert_int_eq(mp_pollable_wait_one(mp_listener_pollable(l), MP_NOW), 1);
    while (n > 0)
        close(fds[--n]);
    setrlimit(RLIMIT_NOFILE, &before);
    close(newcomer);
    mp_check_serves(l, KEY);
    mproc_listener_close(l);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("crowd");
    TCase *tc = mp_case(suite, "crowd", 30);
    tcase_add_test(tc, several_threads_may_accept);
    tcase_add_test(tc, each_accepter_has_its_own_timeout);
    tcase_add_test(tc, clients_may_be_other_processes);
    tcase_add_test(tc, closing_a_forked_copy_takes_nothing_from_the_parent);
    tcase_add_test(tc, a_forked_copy_accepts_for_itself);
    tcase_add_test(tc, a_rejected_client_is_told_although_a_child_holds_its_socket);
    tcase_add_test(tc, a_wait_makes_the_handshakes_progress);
    tcase_add_test(tc, a_wait_turns_late_clients_away);
    tcase_add_test(tc, a_wait_beside_an_accepter_sees_no_false_alarm);
    tcase_add_test(tc, a_wait_takes_over_what_an_accepter_leaves);
#if !defined MP_PORTABLE && defined __linux__
    tcase_add_test(tc, the_handle_serves_a_foreign_event_loop);
    tcase_add_test(tc, an_idle_listener_does_not_wake_anybody);
#endif
    tcase_add_test(tc, out_of_descriptors_the_oldest_pending_makes_room);
    return suite;
}
