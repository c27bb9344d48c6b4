/* SPDX-License-Identifier: MIT */
/* What only a ring has: several processes on one end, deaths at any instruction, a peer that
 * scribbles, bells that must not be missed. The battery in test_connection.c runs over it too. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "base/fd.h"
#include "connection/ring.h"
#include "connection/ring_help.h"
#include "support/suite.h"

#define HALF_RING ((size_t)32768)

static mproc_conn *in;
static mproc_conn *out;

static void close_both(void)
{
    mproc_conn_close(in);
    mproc_conn_close(out);
}

/* A message of sender `who`, its `i`th: every word of it says so. */
#define MESSAGE_MAX 40000

static size_t length_of(unsigned who, unsigned i)
{
    size_t len = (i * 7919u + who * 104729u) % (i % 16 == 0 ? MESSAGE_MAX : 300);
    return 8 + (len & ~(size_t)7);
}

static size_t fill_message(uint32_t *data, unsigned who, unsigned i)
{
    size_t len = length_of(who, i);
    for (size_t k = 0; k < len / 8; k++) {
        data[2 * k] = who;
        data[2 * k + 1] = i;
    }
    return len;
}

/* Is it a whole message? Whose and which is in data[0] and data[1]. */
static bool is_message(const uint32_t *data, size_t len)
{
    if (len < 8 || len != length_of(data[0], data[1]))
        return false;
    for (size_t k = 1; k < len / 8; k++)
        if (data[2 * k] != data[0] || data[2 * k + 1] != data[1])
            return false;
    return true;
}

static _Noreturn void send_for_ever(unsigned who, unsigned limit)
{
    static uint32_t data[MESSAGE_MAX / 4 + 4];
    for (unsigned i = 0; i < limit; i++) {
        size_t len = fill_message(data, who, i);
        int rc = mproc_conn_send_bytes(out, data, len);
        if (rc < 0)
            _exit(rc == -EPIPE ? 3 : 4);
    }
    _exit(0);
}

static pid_t fork_sender(unsigned who, unsigned limit)
{
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(in);
        send_for_ever(who, limit);
    }
    return child;
}

START_TEST(processes_take_turns_in_sending)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, _i ? 8192 : 0, -1);
    enum { SENDERS = 3, EACH = 2000 };
    pid_t children[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++)
        children[i] = fork_sender(i, EACH);
    mproc_conn_close(out);
    static uint32_t data[MESSAGE_MAX / 4 + 4];
    unsigned next[SENDERS] = {0};
    ssize_t len;
    while ((len = mproc_conn_recv_bytes_into(in, data, sizeof data)) >= 0) {
        ck_assert(is_message(data, (size_t)len));
        ck_assert_uint_lt(data[0], SENDERS);
        ck_assert_uint_eq(data[1], next[data[0]]++);
    }
    ck_assert_int_eq(len, MPROC_EOF);
    for (int i = 0; i < SENDERS; i++) {
        ck_assert_uint_eq(next[i], EACH);
        mp_expect_exit(children[i], 0);
    }
    mproc_conn_close(in);
}
END_TEST

struct tally {
    atomic_uint seen[3000];
};

static struct tally *new_tally(void)
{
    void *memory =
        mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(memory != MAP_FAILED);
    return memory;
}

static _Noreturn void receive_into_tally(struct tally *tally)
{
    static uint32_t data[MESSAGE_MAX / 4 + 4];
    for (;;) {
        ssize_t len = mproc_conn_recv_bytes_into(in, data, sizeof data);
        if (len == MPROC_EOF)
            _exit(0);
        if (len < 0 || !is_message(data, (size_t)len))
            _exit(1);
        atomic_fetch_add(&tally->seen[data[1]], 1);
    }
}

START_TEST(processes_take_turns_in_receiving)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, _i ? 8192 : 0, -1);
    struct tally *tally = new_tally();
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            mproc_conn_close(out);
            receive_into_tally(tally);
        }
    }
    mproc_conn_close(in);
    static uint32_t data[MESSAGE_MAX / 4 + 4];
    for (unsigned i = 0; i < 3000; i++) {
        size_t len = fill_message(data, 7, i);
        ck_assert_int_eq(mproc_conn_send_bytes(out, data, len), 0);
    }
    mproc_conn_close(out);
    for (int i = 0; i < 3; i++)
        mp_expect_exit(children[i], 0);
    for (unsigned i = 0; i < 3000; i++)
        ck_assert_uint_eq(atomic_load(&tally->seen[i]), 1);
    munmap(tally, sizeof *tally);
}
END_TEST

/* What came of one killed sender: a whole prefix. Returns the code that ended it. */
static ssize_t receive_prefix(void)
{
    static uint32_t data[MESSAGE_MAX / 4 + 4];
    unsigned expected = 0;
    for (;;) {
        ssize_t len = mproc_conn_recv_bytes_into(in, data, sizeof data);
        if (len < 0)
            return len;
        ck_assert(is_message(data, (size_t)len));
        ck_assert_uint_eq(data[1], expected++);
    }
}

START_TEST(a_sender_killed_anywhere_leaves_a_whole_prefix)
{
    unsigned random = (unsigned)getpid();
    for (int round = 0; round < 150; round++) {
        mp_make_ring(&in, &out, MPROC_SIMPLEX, round % 2 ? 16384 : 0, round % 3 ? -1 : 0);
        pid_t child = fork_sender(1, UINT32_MAX);
        mproc_conn_close(out);
        pid_t killer = fork();
        if (killer == 0) {
            mp_nap(mp_next_random(&random) % 3000);
            kill(child, SIGKILL);
            _exit(0);
        }
        mp_next_random(&random);
        ssize_t end = receive_prefix();
        ck_assert(end == MPROC_EOF || end == MPROC_EPROTO);
        mp_expect_killed(child);
        mp_expect_exit(killer, 0);
        mproc_conn_close(in);
    }
}
END_TEST

START_TEST(a_killed_sender_is_in_no_other_senders_way)
{
    unsigned random = (unsigned)getpid();
    for (int round = 0; round < 60; round++) {
        mp_make_ring(&in, &out, MPROC_SIMPLEX, round % 2 ? 16384 : 0, -1);
        pid_t victim = fork_sender(0, UINT32_MAX);
        pid_t survivor = fork_sender(1, 400);
        mproc_conn_close(out);
        pid_t killer = fork();
        if (killer == 0) {
            mp_nap(mp_next_random(&random) % 3000);
            kill(victim, SIGKILL);
            _exit(0);
        }
        mp_next_random(&random);
        static uint32_t data[MESSAGE_MAX / 4 + 4];
        unsigned next[2] = {0};
        ssize_t len;
        while ((len = mproc_conn_recv_bytes_into(in, data, sizeof data)) >= 0) {
            ck_assert(is_message(data, (size_t)len));
            ck_assert_uint_eq(data[1], next[data[0]]++);
        }
        mp_expect_killed(victim);
        mp_expect_exit(survivor, 0);
        mp_expect_exit(killer, 0);
        /* The victim may have been the last, inside a message. */
        ck_assert(len == MPROC_EOF || len == MPROC_EPROTO);
        ck_assert_uint_eq(next[1], 400);
        mproc_conn_close(in);
    }
}
END_TEST

/* They wait for each other all the time, and take wake-ups meant for the living with them. */
START_TEST(one_after_the_other_may_be_killed_while_all_want_to_send)
{
    enum { SENDERS = 4 };
    unsigned random = (unsigned)getpid();
    for (int round = 0; round < 100; round++) {
        mp_make_ring(&in, &out, MPROC_SIMPLEX, 4096, -1);
        mproc_conn_set_timeout(in, 1, 10);
        pid_t senders[SENDERS];
        for (unsigned i = 0; i < SENDERS; i++)
            senders[i] = fork_sender(i, UINT32_MAX);
        mproc_conn_close(out);
        static uint32_t data[MESSAGE_MAX / 4 + 4];
        ssize_t len = 0;
        for (int i = 0; i < SENDERS; i++) {
            for (unsigned n = mp_next_random(&random) % 50; n > 0 && len >= 0; n--)
                len = mproc_conn_recv_bytes_into(in, data, sizeof data);
            ck_assert_int_ge(len, 0);
            kill(senders[i], SIGKILL);
        }
        while (len >= 0)
            len = mproc_conn_recv_bytes_into(in, data, sizeof data);
        ck_assert(len == MPROC_EOF || len == MPROC_EPROTO);
        for (int i = 0; i < SENDERS; i++)
            mp_expect_killed(senders[i]);
        mproc_conn_close(in);
    }
}
END_TEST

START_TEST(a_killed_receiver_is_in_no_other_receivers_way)
{
    unsigned random = (unsigned)getpid();
    for (int round = 0; round < 60; round++) {
        mp_make_ring(&in, &out, MPROC_SIMPLEX, round % 2 ? 16384 : 0, -1);
        struct tally *tally = new_tally();
        pid_t victim = fork();
        if (victim == 0) {
            mproc_conn_close(out);
            receive_into_tally(tally);
        }
        pid_t sender = fork_sender(1, 1000);
        mproc_conn_close(out);
        pid_t killer = fork();
        if (killer == 0) {
            mp_nap(mp_next_random(&random) % 3000);
            kill(victim, SIGKILL);
            _exit(0);
        }
        mp_next_random(&random);
        static uint32_t data[MESSAGE_MAX / 4 + 4];
        ssize_t len;
        while ((len = mproc_conn_recv_bytes_into(in, data, sizeof data)) >= 0) {
            ck_assert(is_message(data, (size_t)len));
            atomic_fetch_add(&tally->seen[data[1]], 1);
        }
        ck_assert_int_eq(len, MPROC_EOF);
        int status;
        waitpid(victim, &status, 0);
        mp_expect_exit(sender, 0);
        mp_expect_exit(killer, 0);
        unsigned lost = 0;
        for (unsigned i = 0; i < 1000; i++) {
            ck_assert_uint_le(atomic_load(&tally->seen[i]), 1);
            lost += atomic_load(&tally->seen[i]) == 0;
        }
        ck_assert_uint_le(lost, 1); /* the one that the victim had taken */
        munmap(tally, sizeof *tally);
        mproc_conn_close(in);
    }
}
END_TEST

START_TEST(a_killed_receiver_frees_a_blocked_sender)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, _i ? 4096 : 0, _i ? 0 : -1);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(out);
        char byte;
        mproc_conn_recv_bytes_into(in, &byte, 1);
        raise(SIGKILL);
    }
    mproc_conn_close(in);
    int rc;
    char data[1000] = {0};
    rc = mproc_conn_send_bytes(out, data, 1);
    while (rc == 0 && (rc = mproc_conn_send_bytes(out, data, sizeof data)) == 0)
        continue;
    ck_assert_int_eq(rc, -EPIPE);
    mp_expect_killed(child);
    mproc_conn_close(out);
}
END_TEST

START_TEST(a_reservation_dies_with_its_process)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 0, -1);
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        void *room;
        for (int i = 0; i < _i; i++) /* as the favoured thread, and by the mutex */
            mproc_conn_send_bytes(out, "before", 6);
        if (mproc_conn_reserve(out, 100, &room) == 0)
            memset(room, 'x', 100);
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    mproc_conn_set_timeout(out, 0.05, 5);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "mine", 4), -ETIMEDOUT);
    mproc_conn_set_timeout(out, 0, 5);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "mine", 4), -ETIMEDOUT);
    kill(child, SIGKILL);
    mp_expect_killed(child);
    mproc_conn_set_timeout(out, 5, 5);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "mine", 4), 0);
    char buf[10];
    for (int i = 0; i < _i; i++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 6);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 4);
    close(ready[0]);
    close(ready[1]);
    close_both();
}
END_TEST

START_TEST(a_message_looked_at_by_a_dead_process_is_there_for_the_next)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 0, -1);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "again", 5), 0);
    pid_t child = fork();
    if (child == 0) {
        const void *message;
        raise(mproc_conn_peek(in, &message) == 5 ? SIGKILL : SIGTERM);
    }
    mp_expect_killed(child);
    char buf[10];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 5);
    close_both();
}
END_TEST

START_TEST(a_long_message_begun_by_one_process_is_waited_for_by_others)
{
    mp_make_ring(&in, &out, MPROC_DUPLEX, 65536, -1);
    static char data[300000];
    mproc_conn_set_timeout(out, 0.01, 5);
    ck_assert_int_eq(mproc_conn_send_bytes(out, data, sizeof data), MPROC_ETORN);
    pid_t child = fork();
    if (child == 0) {
        /* Reads the beginning, and keeps it. */
        if (mproc_conn_poll(in, 0) == 0 && mproc_conn_send_bytes(in, "begun", 5) == 0)
            pause();
        _exit(1);
    }
    char buf[10];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(out, buf, sizeof buf), 5);
    mproc_conn_set_timeout(in, 5, 0.02);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, data, sizeof data), -ETIMEDOUT);
    kill(child, SIGKILL);
    mp_expect_killed(child);
    mproc_conn_close(out);
    mproc_conn_set_timeout(in, 5, 5);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, data, sizeof data), MPROC_EOF);
    mproc_conn_close(in);
}
END_TEST

static unsigned char half[HALF_RING];

/* From wherever the ring stands: what does not fit is refused whole, and can be sent again. */
START_TEST(a_time_limit_does_not_tear_what_fits)
{
    static const size_t lengths[] = {HALF_RING, HALF_RING / 2 + 1, HALF_RING / 3};
    size_t len = lengths[_i];
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 2 * HALF_RING, -1);
    mproc_conn_set_timeout(out, 0, 0);
    mproc_conn_set_timeout(in, 0, 0);
    for (size_t before = 0; before < 64; before++) {
        for (size_t i = 0; i < before; i++) {
            ck_assert_int_eq(mproc_conn_send_bytes(out, half, 1 + i * 37 % 1000), 0);
            ck_assert_int_ge(mproc_conn_recv_bytes_into(in, half, sizeof half), 1);
        }
        size_t sent = 0;
        int rc;
        while ((rc = mproc_conn_send_bytes(out, half, len)) == 0)
            sent++;
        ck_assert_int_eq(rc, -ETIMEDOUT);
        ck_assert_uint_ge(sent, 1);
        for (; sent > 0; sent--)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(in, half, sizeof half), (ssize_t)len);
        ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    }
    close_both();
}
END_TEST

START_TEST(the_end_comes_when_the_last_holder_of_the_other_end_is_gone)
{
    mp_make_ring(&in, &out, MPROC_DUPLEX, 0, -1);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(in);
        char buf[4];
        mproc_conn_recv_bytes_into(out, buf, sizeof buf);
        mproc_conn_send_bytes(out, "last", 4);
        _exit(0);
    }
    mproc_conn_close(out);
    ck_assert_int_eq(mproc_conn_poll(in, 0.02), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(in, "go", 2), 0);
    char buf[4];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 4);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), MPROC_EOF);
    mp_expect_exit(child, 0);
    mproc_conn_close(in);
}
END_TEST

static bool is_readable(mproc_conn *conn, int ms)
{
    struct pollfd one = {.fd = mproc_conn_handle(conn), .events = POLLIN};
    return poll(&one, 1, ms) > 0;
}

START_TEST(a_foreign_loop_is_woken_after_it_was_told_that_there_is_nothing)
{
    mp_make_ring(&in, &out, MPROC_DUPLEX, 0, -1);
    for (int round = 0; round < 50; round++) {
        char buf[8];
        while (mproc_conn_poll(in, 0) == 1)
            ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 5);
        ck_assert(!is_readable(in, 0));
        for (int i = 0; i <= round % 3; i++)
            ck_assert_int_eq(mproc_conn_send_bytes(out, "hello", 5), 0);
        ck_assert(is_readable(in, 10000));
        ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    }
    char buf[8];
    while (mproc_conn_poll(in, 0) == 1)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 5);
    mproc_conn_close(out);
    ck_assert(is_readable(in, 10000));
    ck_assert_int_eq(mproc_conn_poll(in, 0), 1);
    mproc_conn_close(in);
}
END_TEST

static void *echo(void *arg)
{
    unsigned value;
    while (mproc_conn_recv_bytes_into(out, &value, sizeof value) == sizeof value)
        if (mproc_conn_send_bytes(out, &value, sizeof value) < 0)
            return arg;
    return NULL;
}

START_TEST(no_wake_up_is_missed)
{
    static const double spins[] = {0, 1, 5, 100};
    mp_make_ring(&in, &out, MPROC_DUPLEX, 4096, spins[_i]);
    pthread_t thread;
    pthread_create(&thread, NULL, echo, NULL);
    unsigned random = 1;
    for (unsigned i = 0; i < 4000; i++) {
        unsigned value;
        ck_assert_int_eq(mproc_conn_send_bytes(in, &i, sizeof i), 0);
        if (i % 3 == 0)
            ck_assert_int_eq(mproc_conn_poll(in, MPROC_FOREVER), 1);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, &value, sizeof value), sizeof value);
        ck_assert_uint_eq(value, i);
        for (unsigned k = mp_next_random(&random) % 3000; i % 8 == 0 && k > 0; k--)
            mp_spin_pause();
    }
    mproc_conn_close(in);
    void *result;
    pthread_join(thread, &result);
    ck_assert_ptr_null(result);
    mproc_conn_close(out);
}
END_TEST

static void *send_much(void *arg)
{
    static char data[3000000];
    (void)arg;
    return mproc_conn_send_bytes(in, data, sizeof data) == 0 ? NULL : data;
}

START_TEST(a_blocked_sender_and_a_blocked_receiver_of_one_end_both_get_on)
{
    mp_make_ring(&in, &out, MPROC_DUPLEX, 65536, _i ? -1 : 0);
    pthread_t sender;
    pthread_create(&sender, NULL, send_much, NULL);
    pid_t child = fork();
    if (child == 0) {
        void *data;
        size_t len;
        mp_nap(20000);
        for (unsigned i = 0; i < 100; i++)
            if (mproc_conn_send_bytes(out, &i, sizeof i) < 0)
                _exit(1);
        if (mproc_conn_recv_bytes(out, &data, &len) < 0 || len != 3000000)
            _exit(2);
        _exit(mproc_conn_send_bytes(out, "done", 4) == 0 ? 0 : 3);
    }
    for (unsigned i = 0; i < 100; i++) {
        unsigned value;
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, &value, sizeof value), sizeof value);
        ck_assert_uint_eq(value, i);
    }
    char done[4];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, done, 4), 4);
    void *result;
    pthread_join(sender, &result);
    ck_assert_ptr_null(result);
    mp_expect_exit(child, 0);
    close_both();
}
END_TEST

static void *wait_for_something(void *arg)
{
    return mproc_conn_poll(in, 10) == 1 ? NULL : arg;
}

START_TEST(several_that_wait_all_learn_of_the_end)
{
    enum { WAITERS = 3 };
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 0, -1);
    pthread_t threads[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        pthread_create(&threads[i], NULL, wait_for_something, in);
    while (mp_armed_count(&mp_ring_of(in)->rx->armed) < WAITERS)
        mp_nap(100);
    mproc_conn_close(out);
    for (int i = 0; i < WAITERS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        ck_assert_ptr_null(failure);
    }
    mproc_conn_close(in);
}
END_TEST

/* Its bell cannot be rung any more: what went before is counted, and comes first. */
START_TEST(a_batch_that_nobody_is_woken_for_has_been_sent)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 0, -1);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    int unwritable = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(unwritable, 0);
    ck_assert_int_ge(dup3(unwritable, mproc_conn_handle(out), O_CLOEXEC), 0);
    close(unwritable);
    const mproc_bytes messages[] = {{"one", 3}, {"two", 3}};
    ck_assert_int_eq(mproc_conn_send_many(out, messages, 2), 2);
    ck_assert_int_eq(mproc_conn_send_many(out, messages, 2), -EBADF);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "more", 4), -EBADF);
    char buf[8];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 3);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), MPROC_EOF);
    close_both();
}
END_TEST

START_TEST(waiting_takes_no_processor_time)
{
    mp_make_ring(&in, &out, MPROC_DUPLEX, 0, -1);
    pid_t child = fork();
    if (child == 0) {
        mproc_conn_close(in);
        char buf[8];
        for (int i = 0; i < 100; i++) /* teaches it to look */
            if (mproc_conn_recv_bytes_into(out, buf, sizeof buf) < 0)
                _exit(1);
        struct rusage before;
        struct rusage after;
        getrusage(RUSAGE_SELF, &before);
        if (mproc_conn_recv_bytes_into(out, buf, sizeof buf) < 0)
            _exit(2);
        getrusage(RUSAGE_SELF, &after);
        long us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000L +
                  after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                  (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000L +
                  after.ru_stime.tv_usec - before.ru_stime.tv_usec;
        _exit(us < 50000 ? 0 : 3);
    }
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(mproc_conn_send_bytes(in, "now", 3), 0);
    mp_nap(400000);
    ck_assert_int_eq(mproc_conn_send_bytes(in, "later", 5), 0);
    mp_expect_exit(child, 0);
    close_both();
}
END_TEST

static long memory_of(mproc_conn *conn)
{
    struct stat st;
    ck_assert_int_eq(fstat(mp_ring_of(conn)->memory->fd, &st), 0);
    return (long)st.st_blocks * 512;
}

START_TEST(memory_grows_with_what_queues_up)
{
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 0, -1);
    char data[1000] = {0};
    ck_assert_int_le(memory_of(in), 4096);
    for (int i = 0; i < 20000; i++) {
        ck_assert_int_eq(mproc_conn_send_bytes(out, data, sizeof data), 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(in, data, sizeof data), sizeof data);
        ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    }
    ck_assert_int_le(memory_of(in), 264 * 1024);
    close_both();
    mp_make_ring(&in, &out, MPROC_SIMPLEX, 0, -1);
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(mproc_conn_send_bytes(out, data, sizeof data), 0);
    ck_assert_int_ge(memory_of(in), 2000 * 1000);
    close_both();
}
END_TEST

static void expect_owned(int fd)
{
    ck_assert_int_gt(fd, 2);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

START_TEST(descriptors_are_sealed_and_do_not_outlive_an_exec)
{
    mp_make_ring(&in, &out, MPROC_DUPLEX, 0, -1);
    const struct mp_ring *r = mp_ring_of(in);
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    ck_assert_int_eq(fcntl(r->memory->fd, F_GET_SEALS), seals);
    ck_assert_int_eq(fcntl(r->state_fd, F_GET_SEALS), seals);
    expect_owned(r->memory->fd);
    expect_owned(r->state_fd);
    expect_owned(r->bell_in);
    expect_owned(r->bell_out);
    close_both();
}
END_TEST

START_TEST(options_are_checked)
{
    mproc_pipe_options options = MPROC_PIPE_OPTIONS_INIT;
    options.spin_us = NAN;
    ck_assert_int_eq(mproc_pipe_with(&in, &out, 0, &options), -EINVAL);
    options.size = 0;
    ck_assert_int_eq(mproc_pipe_with(&in, &out, 0, &options), -EINVAL);
    mp_make_ring(&in, &out, MPROC_DUPLEX, 5000, 0);
    ck_assert_uint_eq(mp_ring_of(in)->memory->ring_size, 8192);
    close_both();
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("ring");
    TCase *tc = mp_case(suite, "processes", 60);
    tcase_add_loop_test(tc, processes_take_turns_in_sending, 0, 2);
    tcase_add_loop_test(tc, processes_take_turns_in_receiving, 0, 2);
    tcase_add_loop_test(tc, a_reservation_dies_with_its_process, 0, 2);
    tcase_add_test(tc, a_message_looked_at_by_a_dead_process_is_there_for_the_next);
    tcase_add_test(tc, a_long_message_begun_by_one_process_is_waited_for_by_others);
    tcase_add_test(tc, the_end_comes_when_the_last_holder_of_the_other_end_is_gone);
    tcase_add_loop_test(tc, a_killed_receiver_frees_a_blocked_sender, 0, 2);
    TCase *deaths = mp_case(suite, "deaths", 60);
    tcase_add_test(deaths, a_sender_killed_anywhere_leaves_a_whole_prefix);
    tcase_add_test(deaths, a_killed_sender_is_in_no_other_senders_way);
    tcase_add_test(deaths, one_after_the_other_may_be_killed_while_all_want_to_send);
    tcase_add_test(deaths, a_killed_receiver_is_in_no_other_receivers_way);
    TCase *waiting = mp_case(suite, "waiting", 60);
    tcase_add_test(waiting, a_foreign_loop_is_woken_after_it_was_told_that_there_is_nothing);
    tcase_add_loop_test(waiting, no_wake_up_is_missed, 0, 4);
    tcase_add_loop_test(waiting, a_blocked_sender_and_a_blocked_receiver_of_one_end_both_get_on, 0,
                        2);
    tcase_add_test(waiting, waiting_takes_no_processor_time);
    tcase_add_test(waiting, several_that_wait_all_learn_of_the_end);
    tcase_add_test(waiting, a_batch_that_nobody_is_woken_for_has_been_sent);
    tcase_add_loop_test(waiting, a_time_limit_does_not_tear_what_fits, 0, 3);
    TCase *memory = mp_case(suite, "memory", 60);
    tcase_add_test(memory, memory_grows_with_what_queues_up);
    tcase_add_test(memory, descriptors_are_sealed_and_do_not_outlive_an_exec);
    tcase_add_test(memory, options_are_checked);
    return suite;
}
