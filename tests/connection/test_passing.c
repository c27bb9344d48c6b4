/* SPDX-License-Identifier: MIT */
/* Ends of rings on their way between processes, and what rings carry: what is refused, what a death
 * leaves, what a stranger can do. That it works is in test_object.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "base/fd.h"
#include "connection/passing.h"
#include "connection/ring.h"
#include "support/fault.h"
#include "support/suite.h"

static mproc_conn *in; /* the carrier: a ring unless said otherwise */
static mproc_conn *out;

static void make_pipe(mproc_conn **first, mproc_conn **second, unsigned flags, size_t bytes)
{
    mproc_pipe_options options = MPROC_PIPE_OPTIONS_INIT;
    options.ring_bytes = bytes;
    ck_assert_int_eq(mproc_pipe_with(first, second, flags, &options), 0);
}

static void make_carrier(bool stream)
{
    make_pipe(&in, &out, stream ? MPROC_PIPE_STREAM : MPROC_PIPE_RING, 65536);
    mproc_conn_set_timeout(in, 10, 10);
    mproc_conn_set_timeout(out, 10, 10);
}

static void close_carrier(void)
{
    mproc_conn_close(in);
    mproc_conn_close(out);
}

static mproc_conn *receive_conn(mproc_conn *from)
{
    mproc_value *value;
    mproc_conn *conn = NULL;
    if (mproc_conn_recv(from, &value, NULL) < 0)
        return NULL;
    if (mproc_unpack(value, "C", &conn) < 0 || mproc_value_take_conn(value, conn) < 0)
        conn = NULL;
    mproc_value_free(value);
    return conn;
}

static void expect_exit(pid_t child, int code)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "status %x", (unsigned)status);
}

static void expect_killed(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x",
                  (unsigned)status);
}

static void nap(long us)
{
    const struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&ts, NULL);
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

/* ---- what is refused ---- */

START_TEST(an_end_in_use_in_place_is_not_passed)
{
    mproc_conn *a;
    mproc_conn *b;
    void *room;
    const void *message;
    make_carrier(_i);
    make_pipe(&a, &b, MPROC_PIPE_RING, 0);
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
    make_pipe(&a, &b, MPROC_PIPE_RING, 16384);
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
    expect_exit(child, 0);
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
    make_pipe(&a, &b, MPROC_PIPE_RING, 16384);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    mproc_conn *copy = receive_conn(in);
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
    expect_exit(child, 0);
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
    make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
    int fds = mp_count_fds();
    for (size_t n = 48; n <= 52; n++) {
        mproc_value *list;
        ck_assert_int_eq(mproc_pack(&list, "[]"), 0);
        for (size_t i = 0; i < n; i++) {
            mproc_value *item;
            ck_assert_int_eq(mproc_pack(&item, "C", a), 0);
            ck_assert_int_eq(mproc_value_append(list, item), 0);
        }
        int rc = mproc_conn_send(out, list, NULL);
        ck_assert_int_eq(rc, n <= 50 ? 0 : -E2BIG);
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

/* ---- what a stranger sends ---- */

/* Descriptors of an end as they lie in a message; `copy` gets duplicates. */
static unsigned take_apart(mproc_conn *end, struct mp_parcel *copy)
{
    struct mp_parcel own;
    unsigned traits = 0;
    mp_parcel_init(&own);
    mp_parcel_init(copy);
    ck_assert_int_eq(mp_ring_pass(end, &own, &traits), 0);
    for (size_t i = 0; i < own.n; i++) {
        copy->fds[copy->n] = mp_fd_own(dup(own.fds[i]));
        ck_assert_int_gt(copy->fds[copy->n++], 2);
    }
    return traits;
}

static int put_together(struct mp_parcel *parcel, unsigned traits)
{
    mproc_conn *conn = NULL;
    int fds = mp_count_fds();
    int rc = mp_ring_adopt(&conn, parcel, 0, traits);
    ck_assert_int_eq(rc == 0, conn != NULL);
    ck_assert_int_eq(mp_count_fds(), fds);
    mproc_conn_close(conn);
    mp_parcel_clear(parcel);
    return rc;
}

static int other_file(int i)
{
    int fds[2];
    int fd = -1;
    switch (i) {
    case 0:
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    case 1:
        fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        ck_assert_int_eq(ftruncate(fd, 65536), 0);
        return fd;
    case 2:
        fd = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
        return fd;
    case 3:
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        close(fds[1]);
        return fds[0];
    case 4:
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        close(fds[1]);
        return fds[0];
    case 5:
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        close(fds[0]);
        return fds[1];
    case 6:
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    default:
        return -1;
    }
}

START_TEST(descriptors_of_another_sort_are_no_end)
{
    mproc_conn *a;
    mproc_conn *b;
    make_pipe(&a, &b, (_i ? MPROC_SIMPLEX : MPROC_DUPLEX) | MPROC_PIPE_RING, 4096);
    mproc_conn *const ends[] = {a, b};
    for (int k = 0; k < 2; k++) {
        struct mp_parcel parcel;
        unsigned traits = take_apart(ends[k], &parcel);
        size_t n = parcel.n;
        ck_assert_int_eq(put_together(&parcel, traits), 0);
        for (size_t place = 0; place < n; place++) {
            for (int i = 0; i < 8; i++) {
                take_apart(ends[k], &parcel);
                mp_fd_close(&parcel.fds[place]);
                parcel.fds[place] = other_file(i);
                ck_assert_int_eq(put_together(&parcel, traits), MPROC_EPICKLE);
            }
            /* One of its own in the wrong place. */
            take_apart(ends[k], &parcel);
            int first = parcel.fds[0];
            parcel.fds[0] = parcel.fds[place];
            parcel.fds[place] = first;
            ck_assert_int_eq(put_together(&parcel, traits), place == 0 ? 0 : MPROC_EPICKLE);
        }
        for (unsigned other = 0; other < 4; other++) {
            take_apart(ends[k], &parcel);
            unsigned claimed = MP_PASS_RING | other;
            ck_assert_int_eq(put_together(&parcel, claimed), claimed == traits ? 0 : MPROC_EPICKLE);
        }
    }
    mproc_conn_close(a);
    mproc_conn_close(b);
}
END_TEST

START_TEST(missing_descriptors_are_no_end)
{
    mproc_conn *a;
    mproc_conn *b;
    make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
    for (size_t n = 0; n < 5; n++) {
        struct mp_parcel parcel;
        unsigned traits = take_apart(a, &parcel);
        while (parcel.n > n)
            mp_fd_close(&parcel.fds[--parcel.n]);
        parcel.lost = n % 2;
        ck_assert_int_eq(put_together(&parcel, traits), n % 2 ? MPROC_ELOST : MPROC_EPICKLE);
    }
    mproc_conn_close(a);
    mproc_conn_close(b);
}
END_TEST

START_TEST(a_state_that_makes_no_sense_is_no_end)
{
    const struct {
        size_t at;
        uint64_t value;
        int rc;
    } cases[] = {
        {offsetof(struct mp_end_state, magic), 0, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, layout), MP_END_LAYOUT + 1, MPROC_EFOREIGN},
        {offsetof(struct mp_end_state, layout), 0, MPROC_EFOREIGN},
        {offsetof(struct mp_end_state, ring_size), 0, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, ring_size), 2048, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, ring_size), 4097, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, ring_size), 8192, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, ring_size), UINT64_C(1) << 31, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, ring_size), UINT64_C(1) << 63, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, first), 2, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, first), UINT64_C(2) << 32 | 1, MPROC_EPICKLE},
        {offsetof(struct mp_end_state, first), 1, MPROC_EPICKLE}, /* simplex */
    };
    mproc_conn *a;
    mproc_conn *b;
    make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mp_parcel parcel;
        unsigned traits = take_apart(a, &parcel);
        unsigned char *at = (unsigned char *)mp_ring_of(a)->state + cases[i].at;
        uint64_t before;
        memcpy(&before, at, sizeof before);
        memcpy(at, &cases[i].value, sizeof before);
        int rc = put_together(&parcel, traits);
        ck_assert_msg(rc == cases[i].rc, "case %zu: %s", i, mproc_error_name(rc));
        memcpy(at, &before, sizeof before);
    }
    mproc_conn_close(a);
    mproc_conn_close(b);
}
END_TEST

START_TEST(ends_come_from_the_same_user)
{
    if (geteuid() != 0) /* nobody else can be had */
        return;
    int fds[2];
    ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(mproc_conn_from_handle(&in, fds[0], 0), 0);
    ck_assert_int_eq(mproc_conn_from_handle(&out, fds[1], 0), 0);
    mproc_conn *a;
    mproc_conn *b;
    mproc_value *value = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
    int before = mp_count_fds();
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    ck_assert_int_eq(mproc_conn_recv(in, &value, &err), MPROC_EFOREIGN);
    ck_assert_ptr_nonnull(strstr(err.text, "another user"));
    ck_assert_int_eq(mp_count_fds(), before);
    close_carrier();
    /* Root's are taken by everybody. */
    make_pipe(&in, &out, MPROC_PIPE_STREAM, 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    ck_assert_int_eq(seteuid(65534), 0);
    mproc_conn *passed = receive_conn(in);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_ptr_nonnull(passed);
    mproc_conn_close(passed);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

/* ---- scribbling ---- */

/* All of a state but its locks, which are believed, and what tells that it is one. */
static void scribble_state(struct mp_end_state *state, unsigned *random)
{
    const struct {
        unsigned char *from;
        size_t len;
    } areas[] = {
        {(unsigned char *)&state->ring_size,
         offsetof(struct mp_end_state, tx) - offsetof(struct mp_end_state, ring_size)},
        {(unsigned char *)&state->tx.writer,
         sizeof state->tx - offsetof(struct mp_ring_tx, writer)},
        {(unsigned char *)&state->rx.reader,
         sizeof state->rx - offsetof(struct mp_ring_rx, reader)},
    };
    unsigned area = next_random(random) % 8;
    area = area < 1 ? 0 : 1 + area % 2;
    size_t at = next_random(random) % (areas[area].len / 8) * 8;
    uint64_t value = (uint64_t)next_random(random) << next_random(random) % 48;
    if (next_random(random) % 4 == 0)
        value = ~value;
    /* The words are read as they are, by plain loads. */
    *(volatile uint64_t *)(void *)(areas[area].from + at) = value;
}

static _Noreturn void scribble_for_ever(unsigned seed)
{
    struct mp_ring *r = mp_ring_of(out);
    unsigned random = seed;
    for (;;) {
        scribble_state(mp_ring_of(in)->state, &random);
        size_t at = next_random(&random) % 1024;
        uint64_t header = mp_record_header((enum mp_record_kind)(next_random(&random) % 8),
                                           next_random(&random) % 3000);
        atomic_store_explicit((_Atomic uint64_t *)(void *)r->memory->base + at, header,
                              memory_order_relaxed);
        if (next_random(&random) % 64 == 0)
            nap(50);
    }
}

/* Use an end, both ways and in every manner; what comes of it does not matter. */
static void use(mproc_conn *conn)
{
    static char data[9000];
    void *bytes;
    size_t len;
    void *room;
    const void *message;
    mproc_value *value;
    mproc_conn_set_timeout(conn, 0, 0);
    mproc_conn_set_max_message(conn, 100000);
    for (unsigned i = 0; i < 20; i++) {
        mproc_conn_send_bytes(conn, data, i * 450);
        mproc_conn_sendf(conn, "C", in);
        if (mproc_conn_reserve(conn, i * 100, &room) == 0) {
            memset(room, 1, i * 100);
            mproc_conn_commit(conn, i * 100);
        }
        mproc_conn_poll(conn, 0);
        mproc_conn_recv_bytes_into(conn, data, sizeof data);
        if (mproc_conn_recv_bytes(conn, &bytes, &len) == 0)
            mproc_free(bytes);
        if (mproc_conn_recv(conn, &value, NULL) == 0)
            mproc_value_free(value);
        if (mproc_conn_peek(conn, &message) >= 0)
            mproc_conn_release(conn);
    }
}

START_TEST(scribbling_leads_to_errors_at_most)
{
    for (unsigned round = 0; round < 40; round++) {
        make_pipe(&in, &out, MPROC_DUPLEX | MPROC_PIPE_RING, round % 2 ? 4096 : 65536);
        pid_t child = fork();
        if (child == 0)
            scribble_for_ever(round + 1);
        for (int i = 0; i < 10; i++) {
            struct mp_parcel parcel;
            mproc_conn *conn;
            mp_parcel_init(&parcel);
            parcel.n = 0;
            unsigned traits = MP_PASS_RING | MP_PASS_READABLE | MP_PASS_WRITABLE;
            const struct mp_ring *r = mp_ring_of(in);
            const int fds[] = {r->memory->fd, r->state_fd, r->side, r->bell_in, r->bell_out};
            for (size_t k = 0; k < 5; k++)
                parcel.fds[parcel.n++] = mp_fd_own(dup(fds[k]));
            if (mp_ring_adopt(&conn, &parcel, 0, traits) == 0) {
                use(conn);
                mproc_conn_close(conn);
            }
            mp_parcel_clear(&parcel);
        }
        kill(child, SIGKILL);
        expect_killed(child);
        close_carrier();
    }
}
END_TEST

/* ---- parcels and their messages ---- */

START_TEST(a_parcel_without_its_message_is_passed_over)
{
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
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
    mproc_conn *passed = receive_conn(in);
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
    make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    /* As a receiver leaves it that died with the parcel in its hands. */
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    mp_side_claim(mp_ring_of(in)->side, 1, &parcel);
    ck_assert_uint_eq(parcel.n, 4);
    mp_parcel_clear(&parcel);
    ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), MPROC_ELOST);
    mproc_conn *passed = receive_conn(in);
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
    make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    int fds = mp_count_fds();
    for (int i = 0; i < 4; i++)
        buffers[i] = (mproc_buffer){.data = bytes[i], .cap = sizeof bytes[i]};
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(mproc_conn_sendf(out, i == 6 ? "(iC)" : "(iC)", i, b), 0);
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
    memset(data, 'x', sizeof data - 1);
    ck_assert_int_eq(mproc_conn_sendf(out, "(sC)", data, b), 0);
    ck_assert_int_eq(mproc_conn_poll(in, 10), 1);
    ck_assert_int_gt(mproc_conn_recv_bytes_into(in, data, sizeof data + 0), -6000);
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
    make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
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
    expect_exit(child, 0);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_carrier();
}
END_TEST

/* See ETOOMANYREFS in unix(7): so many on their way as the user may have open. */
START_TEST(too_many_descriptors_on_their_way_are_told)
{
    pid_t child = fork();
    if (child == 0) {
        make_carrier(false);
        mproc_conn *a;
        mproc_conn *b;
        make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
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
            mproc_conn *passed = receive_conn(in);
            if (!passed)
                _exit(3);
            mproc_conn_close(passed);
        }
        if (mproc_conn_poll(in, 0) != 0 || mproc_conn_sendf(out, "C", b) < 0)
            _exit(4);
        _exit(0);
    }
    expect_exit(child, 0);
}
END_TEST

START_TEST(nobody_at_the_other_side_is_told)
{
    make_carrier(false);
    mproc_conn *a;
    mproc_conn *b;
    make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
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
    make_pipe(&a, &b, MPROC_SIMPLEX, 4096);
    ck_assert_int_eq(mproc_conn_sendf(in, "C", b), 0); /* never read: the socket is reset */
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    mproc_conn_close(out);
    for (int i = 0; i < 2; i++) {
        mproc_conn *passed = receive_conn(in);
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
        mproc_conn *conn = receive_conn(out);
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
    mproc_conn *back = receive_conn(in);
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
    make_pipe(&first, &second, MPROC_PIPE_RING, _i == 2 ? 4096 : 0);
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
    for (unsigned i = 1; i < 500; i++)
        ck_assert(play(first, &second, i));
    ck_assert_int_eq(mp_count_fds(), fds);
    mproc_conn_close(in);
    expect_exit(child, 0);
    mproc_conn_close(first);
    mproc_conn_close(second);
}
END_TEST

START_TEST(a_death_while_ends_are_passed_hangs_nobody)
{
    unsigned random = (unsigned)getpid();
    for (int round = 0; round < 100; round++) {
        make_carrier(round % 2);
        mproc_conn *first;
        mproc_conn *second;
        make_pipe(&first, &second, MPROC_PIPE_RING, round % 3 ? 0 : 4096);
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
            nap(next_random(&random) % 3000);
            kill(child, SIGKILL);
            _exit(0);
        }
        next_random(&random);
        unsigned i = 0;
        while (play(first, &second, i))
            i++;
        expect_killed(child);
        expect_exit(killer, 0);
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
        nap(100);
    kill(child, SIGKILL);
    expect_killed(child);
    ck_assert_uint_eq(mp_armed_count(armed), 1);
    mproc_conn_set_timeout(in, 10, 0.01);
    char buf[8];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), -ETIMEDOUT);
    ck_assert_uint_eq(mp_armed_count(armed), 0);
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
        expect_exit(child, 0);
    }
    ck_assert_uint_eq(mp_armed_count(armed), 1520);
    ck_assert_uint_lt(mp_armed_count_living(armed), 1520);
    for (int i = 0; i < 1500; i++)
        mp_armed_remove(armed);
    ck_assert_uint_lt(mp_armed_count(armed), 10);
    munmap(armed, sizeof *armed);
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
        make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
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
    TCase *strangers = mp_case(suite, "strangers", 60);
    tcase_add_loop_test(strangers, descriptors_of_another_sort_are_no_end, 0, 2);
    tcase_add_test(strangers, missing_descriptors_are_no_end);
    tcase_add_test(strangers, a_state_that_makes_no_sense_is_no_end);
    tcase_add_test(strangers, ends_come_from_the_same_user);
    tcase_add_test(strangers, scribbling_leads_to_errors_at_most);
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
    TCase *faults = mp_case(suite, "faults", 60);
    tcase_add_loop_test(faults, what_fails_while_an_end_is_passed_leaks_nothing, 0, 4);
    tcase_add_loop_test(faults, where_there_is_no_ring_a_pipe_is_a_stream, 0, 4);
    tcase_add_test(faults, streams_are_made_when_descriptors_are_scarce);
    return suite;
}
