/* SPDX-License-Identifier: MIT */
/* Values over connections, and connections inside values. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "connection/pair.h"
#include "support/dialer.h"
#include "support/fault.h"
#include "support/suite.h"

static void expect_repr(const mproc_value *value, const char *wanted)
{
    char *repr;
    ck_assert_int_eq(mproc_value_repr(value, &repr, NULL), 0);
    ck_assert_str_eq(repr, wanted);
    mproc_free(repr);
}

static mproc_value *receive(mproc_conn *conn)
{
    mproc_error err = MPROC_ERROR_INIT;
    mproc_value *value = NULL;
    int rc = mproc_conn_recv(conn, &value, &err);
    ck_assert_msg(rc == 0, "%s: %s", mproc_error_name(rc), err.text);
    return value;
}

START_TEST(values_cross_every_transport)
{
    static const char *const literals[] = {
        "None",
        "[1, 2.5, 'text', b'bytes', (True, {'k': {1, 2}})]",
        "''",
        "[[[[]]]]",
    };
    make_pair(_i);
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        mproc_value *value;
        ck_assert_int_eq(mproc_value_parse(&value, literals[i], SIZE_MAX, NULL), 0);
        ck_assert_int_eq(mproc_conn_send(out, value, NULL), 0);
        mproc_value_free(value);
        value = receive(in);
        expect_repr(value, literals[i]);
        mproc_value_free(value);
    }
    ck_assert_int_eq(mproc_conn_send(out, NULL, NULL), 0);
    mproc_value *none = receive(in);
    expect_repr(none, "None");
    mproc_value_free(none);
    close_pair();
}
END_TEST

START_TEST(sendf_packs_and_sends)
{
    make_pair(_i);
    ck_assert_int_eq(mproc_conn_sendf(out, "(is[d])", 7, "name", 2.25), 0);
    mproc_value *value = receive(in);
    expect_repr(value, "(7, 'name', [2.25])");
    mproc_value_free(value);
    ck_assert_int_eq(mproc_conn_sendf(out, "(i", 7), MPROC_EFORMAT);
    ck_assert_int_eq(mproc_conn_sendf(out, "P", out), MPROC_EUNPICKLABLE);
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    close_pair();
}
END_TEST

START_TEST(a_message_that_is_no_pickle_is_an_error_and_gone)
{
    make_pair(_i);
    mproc_error err = MPROC_ERROR_INIT;
    mproc_value *value = NULL;
    ck_assert_int_eq(mproc_conn_send_bytes(out, "\x80\x04K\x01", 4), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, NULL, 0), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(out, "\x80\x04K\x01K\x02Q.", 8), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "i", 5), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mproc_conn_recv(in, &value, &err), MPROC_EPICKLE);
        ck_assert_ptr_null(value);
        ck_assert_ptr_nonnull(strstr(err.text, "pickle"));
    }
    value = receive(in);
    expect_repr(value, "5");
    mproc_value_free(value);
    mproc_conn_close(out);
    ck_assert_int_eq(mproc_conn_recv(in, &value, &err), MPROC_EOF);
    ck_assert_int_eq(mproc_conn_recv(NULL, &value, &err), -EINVAL);
    ck_assert_int_eq(mproc_conn_send(NULL, NULL, &err), -EINVAL);
    mproc_conn_close(in);
}
END_TEST

/* Descriptors travel over sockets of the machine, and beside rings. */
static bool can_carry(const struct mp_pair_kind *carrier)
{
    return strcmp(carrier->name, "TCP") != 0 && strcmp(carrier->name, "adopted pipe") != 0 &&
           strcmp(carrier->name, "non-blocking pipe") != 0;
}

START_TEST(connections_travel_with_their_message)
{
    make_pair(_i);
    mproc_conn *a;
    mproc_conn *b;
    ck_assert_int_eq(mproc_pipe(&a, &b, MPROC_SIMPLEX | MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "s", "before"), 0);
    int rc = mproc_conn_sendf(out, "(sC)", "write here", b);
    ck_assert_int_eq(rc, can_carry(kind) ? 0 : MPROC_ECANTPASS);
    ck_assert_int_eq(mproc_conn_sendf(out, "s", "after"), 0);
    mproc_conn_close(b);

    mproc_value *value = receive(in);
    expect_repr(value, "'before'");
    mproc_value_free(value);
    if (can_carry(kind)) {
        value = receive(in);
        mproc_conn *passed = NULL;
        const char *text;
        ck_assert_int_eq(mproc_unpack(value, "(sC)", &text, &passed), 0);
        ck_assert_int_eq(mproc_conn_readable(passed), 0);
        ck_assert_int_eq(mproc_conn_writable(passed), 1);
        ck_assert_int_eq(fcntl(mproc_conn_handle(passed), F_GETFD), FD_CLOEXEC);
        ck_assert_int_eq(mproc_conn_sendf(passed, "i", 42), 0);
        mproc_value_free(value);
        value = receive(a);
        expect_repr(value, "42");
        mproc_value_free(value);
        /* It was closed with the value that owned it. */
        ck_assert_int_eq(mproc_conn_recv(a, &value, NULL), MPROC_EOF);
    }
    value = receive(in);
    expect_repr(value, "'after'");
    mproc_value_free(value);
    mproc_conn_close(a);
    close_pair();
}
END_TEST

/* Both ways if it has both; then its end is the end. */
static void check_that_it_works(mproc_conn *first, mproc_conn *second)
{
    char buf[8];
    ck_assert_int_eq(mproc_conn_send_bytes(second, "there", 5), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(first, buf, sizeof buf), 5);
    if (mproc_conn_writable(first)) {
        ck_assert_int_eq(mproc_conn_send_bytes(first, "back", 4), 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(second, buf, sizeof buf), 4);
    }
}

static mproc_conn *pass_over(mproc_conn *from, mproc_conn *to, mproc_conn *conn)
{
    mproc_value *value;
    mproc_conn *passed = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_int_eq(mproc_pack(&value, "C", conn), 0);
    int rc = mproc_conn_send(from, value, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    mproc_value_free(value);
    value = receive(to);
    ck_assert_int_eq(mproc_unpack(value, "C", &passed), 0);
    ck_assert_int_eq(mproc_value_take_conn(value, passed), 0);
    mproc_value_free(value);
    ck_assert_int_eq(mproc_conn_readable(passed), mproc_conn_readable(conn));
    ck_assert_int_eq(mproc_conn_writable(passed), mproc_conn_writable(conn));
    return passed;
}

/* Both ends of a pair, each with a message on its way, go over `out` to `in`. */
static void pass_both_ends(const struct mp_pair_kind *carried)
{
    mproc_conn *first;
    mproc_conn *second;
    char buf[8];
    carried->make(&first, &second);
    ck_assert_int_eq(mproc_conn_send_bytes(second, "early", 5), 0);
    mproc_conn *there = pass_over(out, in, second);
    mproc_conn *here = pass_over(out, in, first);
    /* The sender's own go on working until they are closed. */
    ck_assert_int_eq(mproc_conn_send_bytes(second, "late", 4), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(here, buf, sizeof buf), 5);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(here, buf, sizeof buf), 4);
    check_that_it_works(here, there);
    mproc_conn_close(first);
    mproc_conn_close(second);
    check_that_it_works(here, there);
    mproc_conn_close(there);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(here, buf, sizeof buf), MPROC_EOF);
    mproc_conn_close(here);
}

static void pass_all_kinds(void)
{
    for (int i = 0; i < mp_pair_kinds_count; i++)
        pass_both_ends(&mp_pair_kinds[i]);
}

START_TEST(every_kind_travels_over_every_kind_that_can_carry)
{
    make_pair(_i);
    if (can_carry(kind))
        pass_all_kinds();
    close_pair();
}
END_TEST

START_TEST(every_kind_travels_over_an_accepted_connection)
{
    struct mp_dialer dialer;
    mproc_listener *listener = mp_listen(NULL, "key");
    mp_dial(&dialer, mproc_listener_address(listener), "key");
    in = mp_accept_one(listener);
    ck_assert_int_eq(mp_dialed(&dialer), 0);
    out = dialer.conn;
    pass_all_kinds();
    mproc_listener_close(listener);
    close_pair();
}
END_TEST

/* Long before it is short: the message goes in pieces where the carrier is a ring. */
START_TEST(connections_travel_with_long_messages)
{
    static const size_t lengths[] = {0, 100, 4000, 20000, 300000};
    make_pair(_i);
    char *text = calloc(1, 300001);
    for (size_t i = 0; can_carry(kind) && i < sizeof lengths / sizeof lengths[0]; i++) {
        mproc_conn *first;
        mproc_conn *second;
        mproc_conn *passed;
        const char *got;
        size_t len;
        memset(text, 'x', lengths[i]);
        ck_assert_int_eq(mproc_pipe(&first, &second, 0), 0);
        pid_t child = fork();
        if (child == 0)
            _exit(mproc_conn_sendf(out, "(sC)", text, second) == 0 ? 0 : 1);
        mproc_value *value = receive(in);
        ck_assert_int_eq(mproc_unpack(value, "(s#C)", &got, &len, &passed), 0);
        ck_assert_uint_eq(len, lengths[i]);
        check_that_it_works(first, passed);
        mproc_value_free(value);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        mproc_conn_close(first);
        mproc_conn_close(second);
    }
    free(text);
    close_pair();
}
END_TEST

/* Carriers of two sorts: a stream, and what mproc_pipe() gives by itself. */
static void make_local_pair(int i)
{
    ck_assert_int_eq(mproc_pipe(&in, &out, i ? 0 : MPROC_PIPE_STREAM), 0);
}

START_TEST(a_connection_can_be_taken_out_of_its_value)
{
    make_local_pair(_i);
    mproc_conn *a;
    mproc_conn *b;
    mproc_conn *passed;
    ck_assert_int_eq(mproc_pipe(&a, &b, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "[C]", b), 0);
    mproc_conn_close(b);
    mproc_value *value = receive(in);
    ck_assert_int_eq(mproc_unpack(value, "[C]", &passed), 0);
    ck_assert_ptr_eq(mproc_value_conn(mproc_value_item(value, 0)), passed);
    ck_assert_ptr_null(mproc_value_conn(value));
    ck_assert_int_eq(mproc_value_take_conn(value, passed), 0);
    ck_assert_int_eq(mproc_value_take_conn(value, passed), -ENOENT);
    mproc_value_free(value);
    ck_assert_int_eq(mproc_conn_sendf(passed, "i", 1), 0);
    value = receive(a);
    mproc_value_free(value);
    mproc_conn_close(passed);
    mproc_conn_close(a);
    close_pair();
}
END_TEST

/* Read ahead in one go, taken in several ways: each message gets its own, and nobody's are closed.
 */
START_TEST(descriptors_stay_with_the_message_they_came_with)
{
    make_local_pair(_i);
    mproc_conn *a[3];
    mproc_conn *b[3];
    int fds = mp_count_fds();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mproc_pipe(&a[i], &b[i], MPROC_SIMPLEX | MPROC_PIPE_STREAM), 0);
        ck_assert_int_eq(mproc_conn_sendf(out, "s", "filler"), 0);
        ck_assert_int_eq(mproc_conn_sendf(out, "(CC)", b[i], b[i]), 0);
        mproc_conn_close(b[i]);
    }
    for (int i = 0; i < 3; i++) {
        void *bytes;
        size_t len;
        mproc_value_free(receive(in));
        if (i == 1) {
            /* As bytes, nobody can take them: they are closed. */
            ck_assert_int_eq(mproc_conn_recv_bytes(in, &bytes, &len), 0);
            mproc_free(bytes);
        } else {
            mproc_value *value = receive(in);
            mproc_conn *passed[2];
            ck_assert_int_eq(mproc_unpack(value, "(CC)", &passed[0], &passed[1]), 0);
            ck_assert_int_eq(mproc_conn_sendf(passed[1], "i", i), 0);
            mproc_value_free(value);
            value = receive(a[i]);
            int got;
            ck_assert_int_eq(mproc_unpack(value, "i", &got), 0);
            ck_assert_int_eq(got, i);
            mproc_value_free(value);
        }
        mproc_value *nothing;
        ck_assert_int_eq(mproc_conn_recv(a[i], &nothing, NULL), MPROC_EOF);
        mproc_conn_close(a[i]);
    }
    ck_assert_int_eq(mp_count_fds(), fds);
    close_pair();
}
END_TEST

START_TEST(unclaimed_descriptors_are_closed_with_the_connection)
{
    make_local_pair(_i);
    mproc_conn *a;
    mproc_conn *b;
    ck_assert_int_eq(mproc_pipe(&a, &b, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_poll(in, 10), 1);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_pair();
}
END_TEST

START_TEST(a_connection_with_messages_read_ahead_is_refused)
{
    make_local_pair(_i);
    mproc_conn *a;
    mproc_conn *b;
    ck_assert_int_eq(mproc_pipe(&a, &b, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_conn_sendf(a, "i", 1), 0);
    ck_assert_int_eq(mproc_conn_sendf(a, "i", 2), 0);
    mproc_value_free(receive(b));
    mproc_error err = MPROC_ERROR_INIT;
    mproc_value *value;
    ck_assert_int_eq(mproc_pack(&value, "C", b), 0);
    ck_assert_int_eq(mproc_conn_send(out, value, &err), -EBUSY);
    ck_assert_str_ne(err.text, "");
    mproc_value_free(receive(b));
    ck_assert_int_eq(mproc_conn_send(out, value, &err), 0);
    mproc_value_free(value);
    mproc_conn_close(a);
    mproc_conn_close(b);
    close_pair();
}
END_TEST

START_TEST(a_connection_that_finds_no_room_is_reported_lost)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which has a limit on descriptors of its own */
        return;
    make_local_pair(_i);
    mproc_conn *a;
    mproc_conn *b;
    ck_assert_int_eq(mproc_pipe(&a, &b, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "C", b), 0);
    ck_assert_int_eq(mproc_conn_sendf(out, "i", 3), 0);
    mproc_conn_close(a);
    mproc_conn_close(b);
    /* No descriptor above the highest open one. */
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    int highest = mproc_conn_handle(in) > mproc_conn_handle(out) ? mproc_conn_handle(in)
                                                                 : mproc_conn_handle(out);
    int filler[64];
    int n = 0;
    while (n < 64 && (filler[n] = dup(0)) >= 0 && filler[n] < highest)
        n++;
    if (n < 64 && filler[n] >= 0)
        close(filler[n]);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)highest + 1, before.rlim_max});
    mproc_value *value = NULL;
    ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), MPROC_ELOST);
    ck_assert_ptr_null(value);
    setrlimit(RLIMIT_NOFILE, &before);
    while (n > 0)
        close(filler[--n]);
    value = receive(in);
    expect_repr(value, "3");
    mproc_value_free(value);
    close_pair();
}
END_TEST

/* A peer that makes up its own: ids without descriptors, descriptors without ids, one id twice. */
START_TEST(a_stranger_cannot_confuse_the_descriptors)
{
    static const char *const pickles[] = {
        "\x80\x04M\x03\x00Q.",         /* id of a descriptor that did not come */
        "\x80\x04K\xffQ.",             /* unknown traits */
        "\x80\x04J\xff\xff\xff\xffQ.", /* -1 */
        "\x80\x04\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fQ.",
        "\x80\x04Nq\x00Q.", /* no number */
    };
    static const size_t lens[] = {7, 6, 9, 14, 7};
    make_local_pair(_i);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        mproc_value *value = NULL;
        ck_assert_int_eq(mproc_conn_send_bytes(out, pickles[i], lens[i]), 0);
        ck_assert_int_eq(mproc_conn_recv(in, &value, NULL), MPROC_EPICKLE);
        ck_assert_ptr_null(value);
    }
    close_pair();
}
END_TEST

#define ATTACHED 100

static void send_byte_with_descriptors(int socket, char byte)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(ATTACHED * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    message.msg_controllen = sizeof control.bytes;
    memset(&control, 0, sizeof control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(ATTACHED * sizeof(int));
    for (size_t i = 0; i < ATTACHED; i++)
        memcpy(CMSG_DATA(c) + i * sizeof(int), &socket, sizeof socket);
    ck_assert_int_eq(sendmsg(socket, &message, 0), 1);
}

/* Each byte has its own, as no honest peer sends them: from the header on, and inside a message. */
START_TEST(a_stranger_cannot_fill_the_descriptor_table)
{
    static const char message[] = {0, 0, 0, 20, 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x'};
    int sockets[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    ck_assert_int_eq(mproc_conn_from_handle(&in, sockets[0], 0), 0);
    int fds = mp_count_fds();
    for (size_t i = 0; i < sizeof message; i++) {
        send_byte_with_descriptors(sockets[1], message[i]);
        ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    }
    ck_assert_int_le(mp_count_fds() - fds, 2 * 253);
    ck_assert_int_eq(write(sockets[1], "xxxxxxxxxxxx\0\0\0\2N.", 18), 18);
    char buf[20];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(in, buf, sizeof buf), 20);
    ck_assert_int_eq(mp_count_fds(), fds);
    mproc_value_free(receive(in));
    send_byte_with_descriptors(sockets[1], 0); /* there is room again */
    ck_assert_int_eq(mproc_conn_poll(in, 0), 0);
    ck_assert_int_eq(mp_count_fds(), fds + ATTACHED);
    mproc_conn_close(in);
    close(sockets[1]);
}
END_TEST

START_TEST(failing_allocations_leak_no_descriptor)
{
    make_local_pair(_i);
    bool failed = true;
    for (unsigned n = 1; failed; n++) {
        ck_assert_uint_lt(n, 100);
        mproc_conn *a;
        mproc_conn *b;
        ck_assert_int_eq(mproc_pipe(&a, &b, MPROC_PIPE_STREAM), 0);
        mp_fault_arm(MP_FAULT_ALLOC, n, 0);
        int sent = mproc_conn_sendf(out, "(sC)", "x", b);
        mproc_value *value = NULL;
        int got = sent == 0 ? mproc_conn_recv(in, &value, NULL) : 0;
        failed = mp_fault_disarm();
        ck_assert(sent == 0 || sent == -ENOMEM);
        ck_assert(got == 0 || got == -ENOMEM || got == MPROC_EPICKLE || got == MPROC_ELOST);
        mproc_value_free(value);
        mproc_conn_close(a);
        mproc_conn_close(b);
        /* What a failed receive left queued. */
        mproc_conn_set_timeout(in, 1, 0);
        while (mproc_conn_recv(in, &value, NULL) != -ETIMEDOUT)
            mproc_value_free(value);
    }
    close_pair();
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("object");
    TCase *tc = mp_case(suite, "object", 20);
    tcase_add_loop_test(tc, values_cross_every_transport, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, sendf_packs_and_sends, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, a_message_that_is_no_pickle_is_an_error_and_gone, 0,
                        mp_pair_kinds_count);
    tcase_add_loop_test(tc, connections_travel_with_their_message, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, every_kind_travels_over_every_kind_that_can_carry, 0,
                        mp_pair_kinds_count);
    tcase_add_test(tc, every_kind_travels_over_an_accepted_connection);
    tcase_add_loop_test(tc, connections_travel_with_long_messages, 0, mp_pair_kinds_count);
    tcase_add_loop_test(tc, a_connection_can_be_taken_out_of_its_value, 0, 2);
    tcase_add_loop_test(tc, descriptors_stay_with_the_message_they_came_with, 0, 2);
    tcase_add_loop_test(tc, unclaimed_descriptors_are_closed_with_the_connection, 0, 2);
    tcase_add_loop_test(tc, a_connection_with_messages_read_ahead_is_refused, 0, 2);
    tcase_add_loop_test(tc, a_connection_that_finds_no_room_is_reported_lost, 0, 2);
    tcase_add_loop_test(tc, a_stranger_cannot_confuse_the_descriptors, 0, 2);
    tcase_add_test(tc, a_stranger_cannot_fill_the_descriptor_table);
    tcase_add_loop_test(tc, failing_allocations_leak_no_descriptor, 0, 2);
    return suite;
}
