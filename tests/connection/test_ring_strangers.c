/* SPDX-License-Identifier: MIT */
/* Ends of rings that a stranger made up, spoiled, or goes on writing to. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "base/fd.h"
#include "connection/ring.h"
#include "ring_help.h"
#include "support/suite.h"

static mproc_conn *in;
static mproc_conn *out;

static void close_carrier(void)
{
    mproc_conn_close(in);
    mproc_conn_close(out);
}

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
    mp_make_pipe(&a, &b, (_i ? MPROC_SIMPLEX : MPROC_DUPLEX) | MPROC_PIPE_RING, 4096);
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
    mp_make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
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
    mp_make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
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
    mp_make_pipe(&a, &b, MPROC_PIPE_RING, 4096);
    int before = mp_count_fds();
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    ck_assert_int_eq(mproc_conn_recv(in, &value, &err), MPROC_EFOREIGN);
    ck_assert_ptr_nonnull(strstr(err.text, "another user"));
    ck_assert_int_eq(mp_count_fds(), before);
    close_carrier();
    /* Root's are taken by everybody. */
    mp_make_pipe(&in, &out, MPROC_PIPE_STREAM, 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", a), 0);
    ck_assert_int_eq(seteuid(65534), 0);
    mproc_conn *passed = mp_receive_conn(in);
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
    unsigned area = mp_next_random(random) % 8;
    area = area < 1 ? 0 : 1 + area % 2;
    size_t at = mp_next_random(random) % (areas[area].len / 8) * 8;
    uint64_t value = (uint64_t)mp_next_random(random) << mp_next_random(random) % 48;
    if (mp_next_random(random) % 4 == 0)
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
        size_t at = mp_next_random(&random) % 1024;
        uint64_t header = mp_record_header((enum mp_record_kind)(mp_next_random(&random) % 8),
                                           mp_next_random(&random) % 3000);
        atomic_store_explicit((_Atomic uint64_t *)(void *)r->memory->base + at, header,
                              memory_order_relaxed);
        if (mp_next_random(&random) % 64 == 0)
            mp_nap(50);
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
    for (unsigned round = 0; round < 40; round += mp_stride(10)) {
        mp_make_pipe(&in, &out, MPROC_DUPLEX | MPROC_PIPE_RING, round % 2 ? 4096 : 65536);
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
        mp_expect_killed(child);
        close_carrier();
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("ring_strangers");
    TCase *strangers = mp_case(suite, "strangers", 60);
    tcase_add_loop_test(strangers, descriptors_of_another_sort_are_no_end, 0, 2);
    tcase_add_test(strangers, missing_descriptors_are_no_end);
    tcase_add_test(strangers, a_state_that_makes_no_sense_is_no_end);
    tcase_add_test(strangers, ends_come_from_the_same_user);
    tcase_add_test(strangers, scribbling_leads_to_errors_at_most);
    return suite;
}
