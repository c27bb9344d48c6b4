/* SPDX-License-Identifier: MIT */
/* Ends of rings on their way between processes, and what rings carry: what is refused, what a death
 * leaves, what fails. That it works is in test_object.c, what strangers do in
 * test_ring_strangers.c. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "base/fd.h"
#include "connection/ring.h"
#include "ring_help.h"
#include "support/fault.h"
#include "support/suite.h"

static mproc_conn *in; /* the carrier: a ring unless said otherwise */
static mproc_conn *out;

static void make_carrier(bool stream)
{
    mp_make_pipe(&in, &out, stream ? MPROC_PIPE_STREAM : MPROC_PIPE_RING, 65536);
    mproc_conn_set_timeout(in, 10, 10);
    mproc_conn_set_timeout(out, 10, 10);
}

static void close_carrier(void)
{
    mproc_conn_close(in);
    mproc_conn_close(out);
}

/* ---- what is refused ---- */

START_TEST(an_end_in_use_in_place_is_not_passed)
{
    mproc_conn *a;
    mproc_conn *b;
    void *room;
    const void *message;
    make_carrier(_i);
    mp_make_pipe(&a, &b, MPROC_PIPE_RING, 0);
    ck_assert_int_eq(mproc_conn_reserve(b, 10, &room), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), -EBUSY);
    ck_assert_int_eq(mproc_conn_commit(b, 10), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_peek(a, &message), 10);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), -EBUSY);
    ck_assert_int_eq(mproc_conn_release(a), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

START_TEST(an_end_that_holds_part_of_a_message_is_not_passed)
{
    static char data[100000];
    mproc_conn *a;
    mproc_conn *b;
    make_carrier(false);
    mp_make_pipe(&a, &b, MPROC_PIPE_RING, 16384);
    pid_t child = fork();
    if (child == 0)
        _exit(mproc_conn_send_bytes(b, data, sizeof data) == 0 ? 0 : 1);
    /* It grows until it is whole, and stays here. */
    while (mproc_conn_next_size(a) != sizeof data)
        ;
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), -EBUSY);
    ck_assert_int_eq(mproc_conn_poll(a, 10), 1);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), -EBUSY);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(a, data, sizeof data), sizeof data);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    mp_expect_exit(child, 0);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

START_TEST(a_part_is_given_up_with_its_connection)
{
    static char data[100000];
    mproc_conn *a;
    mproc_conn *b;
    make_carrier(false);
    mp_make_pipe(&a, &b, MPROC_PIPE_RING, 16384);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    mproc_conn *copy = mp_receive_conn(in);
    ck_assert_ptr_nonnull(copy);
    pid_t child = fork();
    if (child == 0) {
        int rc = mproc_conn_send_bytes(b, data, sizeof data);
        _exit(rc == 0 && mproc_conn_send_bytes(b, "next", 4) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(mproc_conn_next_size(a), sizeof data);
    /* The same end, though in the same process. */
    mproc_conn_set_timeout(copy, 0, 0.01);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(copy, data, sizeof data), -ETIMEDOUT);
    mproc_conn_close(a);
    mproc_conn_set_timeout(copy, 0, 10);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(copy, data, sizeof data), 4);
    mp_expect_exit(child, 0);
    mproc_conn_close(copy);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

START_TEST(a_message_has_room_for_so_many_ends)
{
    mproc_conn *a;
    mproc_conn *b;
    make_carrier(_i);
    mp_make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
    int fds = mp_count_fds();
    for (size_t n = 48; n <= 52; n++) {
        mproc_value *list;
        ck_assert_int_eq(mproc_pack(&list, "[]"), 0);
        for (size_t i = 0; i < n; i++) {
            mproc_value *item;
            ck_assert_int_eq(mproc_pack(&item, "C", a), 0);
            ck_assert_int_eq(mproc_value_append(list, item), 0);
        }
        mproc_error err = MPROC_ERROR_INIT;
        int rc = mproc_conn_send(out, list, &err);
        ck_assert_int_eq(rc, n <= 50 ? 0 : -E2BIG);
        ck_assert_int_eq(strstr(err.text, "too many") != NULL, n > 50);
        mproc_value_free(list);
        if (rc < 0)
            continue;
        ck_assert_int_eq(mproc_conn_recv(in, &list, NULL), 0);
        ck_assert_uint_eq(mproc_value_length(list), n);
        ck_assert_int_eq(mp_count_fds(), fds + 5 * (int)n);
        mproc_value_free(list);
        ck_assert_int_eq(mp_count_fds(), fds);
    }
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

/* ---- parcels and their messages ---- */

START_TEST(a_parcel_without_its_message_is_passed_over)
{
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    mp_make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    int fds = mp_count_fds();
    struct mp_ring *r = mp_ring_of(out);
    struct mp_parcel parcel;
    unsigned traits;
    for (int i = 0; i < 3; i++) {
        /* As a sender that died between the two leaves it. */
        mp_parcel_init(&parcel);
        ck_assert_int_eq(mp_ring_pass(a, &parcel, &traits), 0);
        ck_assert_int_eq(mp_side_send(r->side, ++r->tx->parcels, &parcel, MP_NOW), 0);
    }
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    mproc_conn *passed = mp_receive_conn(in);
    ck_assert_ptr_nonnull(passed);
    ck_assert_int_eq(mproc_conn_writable(passed), 1);
    mproc_conn_close(passed);
    ck_assert_int_eq(mp_count_fds(), fds);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

START_TEST(a_message_without_its_parcel_says_so)
{
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    mproc_value *value = NULL;
    mp_make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    /* As a receiver leaves it that died with the parcel in its hands. */
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    mp_side_claim(mp_ring_of(in)->side, 1, &parcel);
    ck_assert_uint_eq(parcel.n, 4);
    mp_parcel_clear(&parcel);
    ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), MPROC_ELOST);
    mproc_conn *passed = mp_receive_conn(in);
    ck_assert_ptr_nonnull(passed);
    mproc_conn_close(passed);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

/* In every way that does not look for connections; the one behind them gets its own. */
START_TEST(parcels_of_messages_received_as_bytes_are_closed)
{
    static char data[40000];
    char bytes[4][300];
    mproc_buffer buffers[4];
    const void *message;
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    mp_make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    int fds = mp_count_fds();
    for (int i = 0; i < 4; i++)
        buffers[i] = (mproc_buffer){.data = bytes[i], .cap = sizeof bytes[i]};
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(mproc_conn_sendf(out, "(iC)", i, b), 0);
    ck_assert_int_ge(mproc_conn_recv_bytes_into(in, bytes[0], sizeof bytes[0]), 0);
    ck_assert_int_eq(mproc_conn_recv_many(in, buffers, 4), 4);
    ck_assert_int_ge(mproc_conn_peek(in, &message), 0);
    ck_assert_int_eq(mproc_conn_release(in), 0);
    mproc_value *value;
    int number;
    mproc_conn *passed;
    ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), 0);
    ck_assert_int_eq(mproc_unpack(value, "(iC)", &number, &passed), 0);
    ck_assert_int_eq(number, 6);
    mproc_value_free(value);
    ck_assert_int_eq(mp_count_fds(), fds);
    /* A long one, which poll() gathers. */
    memset(data, 'x', 30000);
    ck_assert_int_eq(mproc_conn_sendf(out, "(sC)", data, b), 0);
    ck_assert_int_eq(mproc_conn_poll(in, 10), 1);
    ck_assert_int_gt(mproc_conn_recv_bytes_into(in, data, sizeof data), 0);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

START_TEST(many_unclaimed_parcels_hold_the_sender_up)
{
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    mp_make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    mproc_conn_set_timeout(out, 0, 0);
    int sent = 0;
    int rc;
    while ((rc = mproc_conn_sendf(out, "(iC)", sent, b)) == 0)
        sent++;
    ck_assert_int_eq(rc, -ETIMEDOUT);
    ck_assert_int_gt(sent, 20);
    /* Plain messages still go, and a child's wait ends when there is room. */
    ck_assert_int_eq(mproc_conn_sendf(out, "i", -1), 0);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_set_timeout(out, 10, 10);
        _exit(mproc_conn_sendf(out, "(iC)", sent, b) == 0 ? 0 : 1);
    }
    for (int i = 0; i <= sent; i++) {
        mproc_value *value;
        int number;
        mproc_conn *passed;
        if (i == sent) {
            ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), 0);
            mproc_value_free(value);
        }
        ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), 0);
        ck_assert_int_eq(mproc_unpack(value, "(iC)", &number, &passed), 0);
        ck_assert_int_eq(number, i);
        mproc_value_free(value);
    }
    mp_expect_exit(child, 0);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

/* See ETOOMANYREFS in unix(7): so many on their way as the user may have open. */
START_TEST(too_many_descriptors_on_their_way_are_told)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which has a limit on descriptors of its own */
        return;
    pid_t child = fork();
    if (child == 0) {
        make_carrier(false);
        mproc_conn *a;
        mproc_conn *b;
        mp_make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
        if (geteuid() == 0 && setuid(65533) < 0)
            _exit(1);
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64});
        int rc = 0;
        int sent = 0;
        while (sent < 100 && (rc = mproc_conn_sendf(out, "C", b)) == 0)
            sent++;
        if (rc != -ETOOMANYREFS)
            _exit(2);
        for (int i = 0; i < sent; i++) {
            mproc_conn *passed = mp_receive_conn(in);
            if (!passed)
                _exit(3);
            mproc_conn_close(passed);
        }
        if (mproc_conn_poll(in, 0) != 0 || mproc_conn_sendf(out, "C", b) < 0)
            _exit(4);
        _exit(0);
    }
    mp_expect_exit(child, 0);
}
END_TEST

START_TEST(nobody_at_the_other_side_is_told)
{
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    mp_make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    mproc_conn_close(in);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), -EPIPE);
    mproc_conn_close(out);
    mproc_conn_close(a);
    mproc_conn_close(b);
}
END_TEST

START_TEST(what_was_sent_before_the_end_still_comes)
{
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    mp_make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    ck_assert_int_eq(mproc_conn_sendf(in, "C", b), 0); /* never read: the socket is reset */
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    mproc_conn_close(out);
    for (int i = 0; i < 2; i++) {
        mproc_conn *passed = mp_receive_conn(in);
        ck_assert_ptr_nonnull(passed);
        mproc_conn_close(passed);
    }
    mproc_value *value;
    ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), MPROC_EOF);
    mproc_conn_close(in);
    mproc_conn_close(a);
    mproc_conn_close(b);
}
END_TEST

/* ---- deaths ---- */

/* Give what comes back, with what came over it. */
static _Noreturn void play_back(void)
{
    for (;;) {
        mproc_conn *conn = mp_receive_conn(out);
        unsigned number;
        if (!conn)
            _exit(0);
        if (mproc_conn_recv_bytes_into(conn, &number, sizeof number) != sizeof number ||
            mproc_conn_send_bytes(conn, &number, sizeof number) < 0 ||
            mproc_conn_sendf(out, "C", conn) < 0)
            _exit(1);
        mproc_conn_close(conn);
    }
}

/* One end goes to and fro while messages pass over it. False when the other side is gone. */
static bool play(mproc_conn *first, mproc_conn **second, unsigned i)
{
    unsigned number;
    if (mproc_conn_send_bytes(first, &i, sizeof i) < 0 || mproc_conn_sendf(in, "C", *second) < 0)
        return false;
    mproc_conn *back = mp_receive_conn(in);
    if (!back)
        return false;
    ck_assert_int_eq(mproc_conn_recv_bytes_into(first, &number, sizeof number), sizeof number);
    ck_assert_uint_eq(number, i);
    mproc_conn_close(*second);
    *second = back;
    return true;
}

START_TEST(an_end_goes_to_and_fro)
{
    make_carrier(_i == 1);
    mproc_conn *first;
    mproc_conn *second;
    mp_make_pipe(&first, &second, MPROC_PIPE_RING, _i == 2 ? 4096 : 0);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(in);
        mproc_conn_close(first);
        mproc_conn_close(second);
        play_back();
    }
    mproc_conn_close(out);
    ck_assert(play(first, &second, 0));
    int fds = mp_count_fds();
    for (unsigned i = 1; i < 500; i += mp_stride(10))
        ck_assert(play(first, &second, i));
    ck_assert_int_eq(mp_count_fds(), fds);
    mproc_conn_close(in);
    mp_expect_exit(child, 0);
    mproc_conn_close(first);
    mproc_conn_close(second);
}
END_TEST

START_TEST(a_death_while_ends_are_passed_hangs_nobody)
{
    unsigned random = (unsigned)getpid();
    for (int round = 0; round < 100; round += (int)mp_stride(10)) {
        make_carrier(round % 2);
        mproc_conn *first;
        mproc_conn *second;
        mp_make_pipe(&first, &second, MPROC_PIPE_RING, round % 3 ? 0 : 4096);
        pid_t child = fork();
        if (child == 0) {
            mproc_conn_close(in);
            mproc_conn_close(first);
            mproc_conn_close(second);
            play_back();
        }
        mproc_conn_close(out);
        pid_t killer = fork();
        if (killer == 0) {
            mp_nap(mp_next_random(&random) % 3000);
            kill(child, SIGKILL);
            _exit(0);
        }
        mp_next_random(&random);
        unsigned i = 0;
        while (play(first, &second, i))
            i++;
        mp_expect_killed(child);
        mp_expect_exit(killer, 0);
        /* What the victim held is free, and the pipe of the two goes on. */
        char left[8];
        mproc_conn_set_timeout(first, 10, 10);
        mproc_conn_set_timeout(second, 10, 0);
        while (mproc_conn_recv_bytes_into(second, left, sizeof left) >= 0)
            ;
        mproc_conn_set_timeout(first, 10, 0);
        while (mproc_conn_recv_bytes_into(first, left, sizeof left) >= 0)
            ;
        mproc_conn_set_timeout(first, 10, 10);
        ck_assert_int_eq(mproc_conn_send_bytes(second, "alive", 5), 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(first, left, sizeof left), 5);
        mproc_conn_close(in);
        mproc_conn_close(first);
        mproc_conn_close(second);
    }
}
END_TEST

START_TEST(one_killed_asleep_in_a_wait_is_found_out)
{
    make_carrier(false);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_poll(in, 60);
        _exit(1);
    }
    struct mp_armed *armed = &mp_ring_of(in)->rx->armed;
    while (mp_armed_count(armed) == 0)
        mp_nap(100);
    kill(child, SIGKILL);
    mp_expect_killed(child);
    ck_assert_uint_eq(mp_armed_count(armed), 1);
    mproc_conn_set_timeout(in, 10, 0.01);
    char buf[8];
    do /* the first time it may be the lock that the victim left */
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), -ETIMEDOUT);
    while (mp_armed_count(armed) > 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "x", 1), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 1);
    close_carrier();
}
END_TEST

START_TEST(waiters_are_counted_by_process)
{
    struct mp_armed *armed =
        mmap(NULL, sizeof *armed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(mp_self_init(), 0);
    for (int i = 0; i < 1500; i++) /* more than a word counts */
        mp_armed_add(armed);
    ck_assert_uint_eq(mp_armed_count(armed), 1500);
    for (int i = 0; i < 20; i++) { /* more than there are words */
        pid_t child = fork();
        if (child == 0) {
            mp_armed_add(armed);
            _exit(0);
        }
        mp_expect_exit(child, 0);
    }
    ck_assert_uint_eq(mp_armed_count(armed), 1520);
    ck_assert_uint_lt(mp_armed_count_living(armed), 1520);
    for (int i = 0; i < 1500; i++)
        mp_armed_remove(armed);
    ck_assert_uint_lt(mp_armed_count(armed), 10);
    munmap(armed, sizeof *armed);
}
END_TEST

/* ---- pid namespaces ---- */

/*
 * A child in a pid namespace of its own, by way of another one, which ends as expected if that is
 * killed. Returns in the caller with *go_between, -1 where namespaces are not to be had; in the
 * child it returns 0.
 */
static pid_t fork_into_namespace(pid_t *go_between)
{
    int fds[2];
    pid_t child = -1;
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    *go_between = fork();
    if (*go_between == 0) {
        int status;
        child = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
        if (child == 0) {
            mp_fd_close(&fds[0]);
            mp_fd_close(&fds[1]);
            return 0;
        }
        if (write(fds[1], &child, sizeof child) != sizeof child || child < 0)
            _exit(1);
        waitpid(child, &status, 0);
        _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 1);
    }
    ck_assert_int_eq(read(fds[0], &child, sizeof child), sizeof child);
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
    return child;
}

START_TEST(processes_of_several_pid_namespaces_share_an_end)
{
    char buf[8];
    mp_make_pipe(&in, &out, MPROC_SIMPLEX | MPROC_PIPE_RING, 1 << 20);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "mine", 4), 0);
    int ready[2];
    ck_assert_int_eq(mp_fd_socketpair(ready), 0);
    pid_t go_between;
    pid_t child = fork_into_namespace(&go_between);
    if (child == 0) {
        for (int i = 0; i < 3000; i++)
            if (mproc_conn_send_bytes(out, "other", 5) < 0)
                _exit(1);
        /* Killed with the lock held: its pid means nothing outside, the kernel frees the mutex. */
        void *room;
        if (read(ready[1], buf, 1) != 1 || mproc_conn_reserve(out, 100, &room) < 0 ||
            write(ready[1], buf, 1) != 1)
            _exit(2);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (child < 0) {
        mp_expect_exit(go_between, 1);
        close(ready[0]);
        close_carrier();
        return;
    }
    unsigned others = 0;
    while (others < 3000) {
        ssize_t len = mproc_conn_recv_bytes_into(in, buf, sizeof buf);
        ck_assert_int_ge(len, 4);
        others += len == 5;
        if (others % 8 == 0 && others < 2500 && len == 5)
            ck_assert_int_eq(mproc_conn_send_bytes(out, "mine", 4), 0);
    }
    const struct mp_end_lock *lock = &mp_ring_of(out)->tx->lock;
    ck_assert(lock->mixed);
    ck_assert_int_eq(write(ready[0], buf, 1), 1);
    ck_assert_int_eq(read(ready[0], buf, 1), 1);
    kill(child, SIGKILL);
    mp_expect_exit(go_between, 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "mine", 4), 0);
    ck_assert_uint_le(atomic_load(&lock->favoured), MP_LOCK_SHARED);
    close(ready[0]);
    close_carrier();
}
END_TEST

/* ---- faults ---- */

START_TEST(what_fails_while_an_end_is_passed_leaks_nothing)
{
    make_carrier(_i & 1);
    enum mp_fault_kind kind = _i & 2 ? MP_FAULT_SYSCALL : MP_FAULT_ALLOC;
    bool failed = true;
    for (unsigned n = 1; failed; n++) {
        mproc_conn *a;
        mproc_conn *b;
        mproc_value *value = NULL;
        mp_make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
        ck_assert_uint_lt(n, 200);
        mp_fault_arm(kind, n, EIO);
        int sent = mproc_conn_sendf(out, "(sC)", "x", b);
        int got = sent == 0 ? mproc_conn_recv(in, &value, NULL) : 0;
        failed = mp_fault_disarm();
        ck_assert_msg(failed || (sent == 0 && got == 0), "%d %d", sent, got);
        mproc_value_free(value);
        mproc_conn_close(a);
        mproc_conn_close(b);
        if (kind == MP_FAULT_SYSCALL) { /* which may have been the end of the carrier */
            close_carrier();
            make_carrier(_i & 1);
        }
        mproc_conn_set_timeout(in, 1, 0);
        while (mproc_conn_recv(in, &value, NULL) == 0)
            mproc_value_free(value);
        mproc_conn_set_timeout(in, 1, 10);
    }
    close_carrier();
}
END_TEST

START_TEST(where_there_is_no_ring_a_pipe_is_a_stream)
{
    bool failed = true;
    unsigned streams = 0;
    for (unsigned n = 1; failed; n++) {
        ck_assert_uint_lt(n, 200);
        mp_fault_arm(_i & 1 ? MP_FAULT_SYSCALL : MP_FAULT_ALLOC, n, ENOSYS);
        int rc = mproc_pipe(&in, &out, _i & 2 ? MPROC_PIPE_RING : 0);
        failed = mp_fault_disarm();
        if (rc < 0) {
            ck_assert(failed && (rc == -ENOSYS || rc == -ENOMEM));
            continue;
        }
        streams += in->transport->pass != mp_ring_pass;
        ck_assert_int_eq(mproc_conn_sendf(out, "i", 1), 0);
        mproc_value *value;
        ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), 0);
        mproc_value_free(value);
        close_carrier();
    }
    ck_assert_int_eq(streams > 0, !(_i & 2));
}
END_TEST

START_TEST(streams_are_made_when_descriptors_are_scarce)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which has a limit on descriptors of its own */
        return;
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){100, before.rlim_max});
    mproc_conn *a[50];
    mproc_conn *b[50];
    int n = 0;
    int rings = 0;
    int rc;
    while ((rc = mproc_pipe(&a[n], &b[n], 0)) == 0) {
        rings += a[n++]->transport->pass == mp_ring_pass;
        ck_assert_int_lt(n, 50);
    }
    ck_assert_int_eq(rc, -EMFILE);
    ck_assert_int_ge(rings, 3);
    ck_assert_int_ge(n - rings, 15);
    ck_assert_int_eq(mproc_pipe(&a[n], &b[n], MPROC_PIPE_RING), -EMFILE);
    while (n > 0) {
        mproc_conn_close(a[--n]);
        mproc_conn_close(b[n]);
    }
    setrlimit(RLIMIT_NOFILE, &before);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("passing");
    TCase *tc = mp_case(suite, "refused", 60);
    tcase_add_loop_test(tc, an_end_in_use_in_place_is_not_passed, 0, 2);
    tcase_add_test(tc, an_end_that_holds_part_of_a_message_is_not_passed);
    tcase_add_test(tc, a_part_is_given_up_with_its_connection);
    tcase_add_loop_test(tc, a_message_has_room_for_so_many_ends, 0, 2);
    TCase *parcels = mp_case(suite, "parcels", 60);
    tcase_add_test(parcels, a_parcel_without_its_message_is_passed_over);
    tcase_add_test(parcels, a_message_without_its_parcel_says_so);
    tcase_add_test(parcels, parcels_of_messages_received_as_bytes_are_closed);
    tcase_add_test(parcels, many_unclaimed_parcels_hold_the_sender_up);
    tcase_add_test(parcels, too_many_descriptors_on_their_way_are_told);
    tcase_add_test(parcels, nobody_at_the_other_side_is_told);
    tcase_add_test(parcels, what_was_sent_before_the_end_still_comes);
    TCase *deaths = mp_case(suite, "deaths", 60);
    tcase_add_loop_test(deaths, an_end_goes_to_and_fro, 0, 3);
    tcase_add_test(deaths, a_death_while_ends_are_passed_hangs_nobody);
    tcase_add_test(deaths, one_killed_asleep_in_a_wait_is_found_out);
    tcase_add_test(deaths, waiters_are_counted_by_process);
    tcase_add_test(deaths, processes_of_several_pid_namespaces_share_an_end);
    TCase *faults = mp_case(suite, "faults", 60);
    tcase_add_loop_test(faults, what_fails_while_an_end_is_passed_leaks_nothing, 0, 4);
    tcase_add_loop_test(faults, where_there_is_no_ring_a_pipe_is_a_stream, 0, 4);
    tcase_add_test(faults, streams_are_made_when_descriptors_are_scarce);
    return suite;
}
