/* SPDX-License-Identifier: MIT */
/* Listeners: every kind of address, and options. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/dialer.h"
#include "support/suite.h"

#define KEY "secret password"

/* Addresses. */

static const char *abstract_name(void)
{
    static char name[64];
    snprintf(name, sizeof name, "@mproc-test-%ld", (long)getpid());
    return name;
}

static bool is_port_zero(const char *address)
{
    size_t len = strlen(address);
    return len >= 2 && strcmp(address + len - 2, ":0") == 0;
}

START_TEST(every_kind_of_address_serves)
{
    const char *const addresses[] = {
        "127.0.0.1:0",   "localhost:0",          ":0", "0.0.0.0:0", "[::1]:0", "[::]:0",
        abstract_name(), mp_test_path("socket"), NULL,
    };
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        mproc_listener *l = mp_listen(addresses[i], KEY);
        const char *address = mproc_listener_address(l);
        ck_assert(!is_port_zero(address));
        ck_assert_str_eq(mproc_listener_last_accepted(l), "");
        mp_check_serves(l, KEY);
        mp_check_serves(l, KEY);
        const char *last = mproc_listener_last_accepted(l);
        bool local = address[0] == '/' || address[0] == '@';
        if (local)
            ck_assert_str_eq(last, "");
        else
            ck_assert_int_eq(strncmp(last, address, strcspn(address, ".]")), 0);
        ck_assert_uint_eq(mp_counts(l).accepted, 2);
        mproc_listener_close(l);
    }
}
END_TEST

START_TEST(all_interfaces_are_both_families)
{
    mproc_listener *l = mp_listen(":0", KEY);
    const char *port = strrchr(mproc_listener_address(l), ':');
    static const char *const hosts[] = {"127.0.0.1", "[::1]", "localhost", ""};
    for (int i = 0; i < 4; i++) {
        char address[64];
        struct mp_dialer dialer;
        snprintf(address, sizeof address, "%s%s", hosts[i], port);
        mp_dial(&dialer, address, KEY);
        mproc_conn *conn = mp_accept_one(l);
        ck_assert_int_eq(mp_dialed(&dialer), 0);
        if (i < 2)
            ck_assert_int_eq(strncmp(mproc_listener_last_accepted(l), hosts[i], strlen(hosts[i])),
                             0);
        mproc_conn_close(conn);
        mproc_conn_close(dialer.conn);
    }
    mproc_listener_close(l);
}
END_TEST

/* A virtual machine need not have a way to dial itself. */
START_TEST(vsock_serves_where_the_kernel_has_it)
{
    mproc_error err = MPROC_ERROR_INIT;
    mproc_listener_options options = mp_listener_key(KEY);
    mproc_listener *l = NULL;
    int rc = mproc_listener_open(&l, "vsock:any:0", &options, &err);
    if (rc < 0) {
        printf("vsock not tested: %s\n", err.text);
        ck_assert_ptr_null(l);
        return;
    }
    mproc_client_options client = mp_client_key(KEY);
    mproc_conn *conn = NULL;
    client.timeout = 0.2;
    ck_assert_int_eq(strncmp(mproc_listener_address(l), "vsock:1:", 8), 0);
    rc = mproc_client_connect(&conn, mproc_listener_address(l), &client, &err);
    if (rc == MPROC_ENOCHALLENGE)
        mp_check_serves(l, KEY);
    else
        printf("vsock listens, but not tested further: %s\n", err.text);
    ck_assert_int_lt(rc, 0);
    mproc_listener_close(l);
}
END_TEST

START_TEST(an_arbitrary_address_is_private_and_leaves_nothing)
{
    char parent[256];
    snprintf(parent, sizeof parent, "%s", mp_test_path("tmp"));
    ck_assert_int_eq(mkdir(parent, 0700), 0);
    setenv("TMPDIR", parent, 1);
    mproc_listener *l = mp_listen(NULL, KEY);
    char directory[512];
    struct stat st;
    snprintf(directory, sizeof directory, "%s", mproc_listener_address(l));
    ck_assert_int_eq(strncmp(directory, parent, strlen(parent)), 0);
    ck_assert_int_eq(stat(directory, &st), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    *strrchr(directory, '/') = '\0';
    ck_assert_int_eq(stat(directory, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    mproc_listener *other = mp_listen(NULL, KEY);
    ck_assert_str_ne(mproc_listener_address(l), mproc_listener_address(other));
    mproc_listener_close(l);
    mproc_listener_close(other);
    ck_assert_int_eq(rmdir(parent), 0); /* empty */
    setenv("TMPDIR", "not/absolute", 1);
    l = mp_listen(NULL, KEY);
    ck_assert_int_eq(strncmp(mproc_listener_address(l), "/tmp/", 5), 0);
    mproc_listener_close(l);
}
END_TEST

START_TEST(a_socket_file_goes_with_its_listener_also_after_chdir)
{
    char directory[256];
    snprintf(directory, sizeof directory, "%s", mp_test_path("."));
    ck_assert_int_eq(chdir(directory), 0);
    mproc_listener *l = mp_listen("unix:relative", KEY);
    ck_assert_str_eq(mproc_listener_address(l), "unix:relative");
    mp_check_serves(l, KEY);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(access(mp_test_path("relative"), F_OK), 0);
    mproc_listener_close(l);
    ck_assert_int_eq(access(mp_test_path("relative"), F_OK), -1);
}
END_TEST

START_TEST(somebody_elses_file_at_the_path_is_left_alone)
{
    char path[256];
    snprintf(path, sizeof path, "%s", mp_test_path("socket"));
    mproc_listener *l = mp_listen(path, KEY);
    ck_assert_int_eq(unlink(path), 0);
    mproc_listener *newer = mp_listen(path, KEY);
    mproc_listener_close(l);
    mp_check_serves(newer, KEY);
    mproc_listener_close(newer);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(a_long_path_works_or_says_so)
{
    char path[512];
    snprintf(path, sizeof path, "%s", mp_test_path("a"));
    for (int depth = 0; depth < 8; depth++) {
        ck_assert_int_eq(mkdir(path, 0700), 0);
        size_t len = strlen(path);
        snprintf(path + len, sizeof path - len, "/abcdefghijklmnopqrstuvwxyz");
    }
    mproc_listener_options options = mp_listener_key(KEY);
    mproc_error err = MPROC_ERROR_INIT;
    mproc_listener *l = NULL;
    int rc = mproc_listener_open(&l, path, &options, &err);
#if defined MP_PORTABLE || !defined __linux__
    ck_assert_int_eq(rc, -ENAMETOOLONG);
    ck_assert_ptr_nonnull(strstr(err.text, "path"));
#else
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_str_eq(mproc_listener_address(l), path);
    mp_check_serves(l, KEY);
    mproc_listener_close(l);
    ck_assert_int_eq(access(path, F_OK), -1);
#endif
}
END_TEST

START_TEST(an_address_in_use_is_said_to_be)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    mproc_listener *other = mp_listen(mp_test_path("socket"), KEY);
    mproc_listener *const listeners[] = {l, other};
    for (int i = 0; i < 2; i++) {
        mproc_listener_options options = mp_listener_key(KEY);
        mproc_error err = MPROC_ERROR_INIT;
        mproc_listener *second = NULL;
        const char *address = mproc_listener_address(listeners[i]);
        ck_assert_int_eq(mproc_listener_open(&second, address, &options, &err), -EADDRINUSE);
        ck_assert_ptr_null(second);
        ck_assert_ptr_nonnull(strstr(err.text, address));
        mp_check_serves(listeners[i], KEY);
    }
    mproc_listener_close(l);
    mproc_listener_close(other);
}
END_TEST

START_TEST(a_port_can_be_taken_again_at_once)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    char address[64];
    snprintf(address, sizeof address, "%s", mproc_listener_address(l));
    mp_check_serves(l, KEY); /* the server closes first: TIME_WAIT is on its side */
    mproc_listener_close(l);
    l = mp_listen(address, KEY);
    mp_check_serves(l, KEY);
    mproc_listener_close(l);
}
END_TEST

/* Options. */

static int open_with(const char *address, const mproc_listener_options *options)
{
    mproc_listener *l = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_listener_open(&l, address, options, &err);
    ck_assert_int_eq(err.code, rc);
    ck_assert((rc == 0) == (l != NULL));
    mproc_listener_close(l);
    return rc;
}

START_TEST(impossible_options_are_refused)
{
    mproc_listener_options o = mp_listener_key(KEY);
    o.flags = 0x80;
    ck_assert_int_eq(open_with(NULL, &o), -EINVAL);
    o = mp_listener_key(KEY);
    o.handshake_timeout = NAN;
    ck_assert_int_eq(open_with(NULL, &o), -EINVAL);
    o.handshake_timeout = 0;
    ck_assert_int_eq(open_with(NULL, &o), -EINVAL);
    o.handshake_timeout = MPROC_FOREVER;
    ck_assert_int_eq(open_with(NULL, &o), 0);
    o.backlog = -1;
    ck_assert_int_eq(open_with(NULL, &o), -EINVAL);
    o.backlog = 1;
    o.max_pending = 1;
    ck_assert_int_eq(open_with(NULL, &o), 0);
    o.size = 0;
    ck_assert_int_eq(open_with(NULL, &o), -EINVAL);
    o = mp_listener_key(KEY);
    ck_assert_int_eq(open_with("nonsense", &o), MPROC_EADDRESS);
    ck_assert_int_eq(open_with("/no/such/directory/socket", &o), -ENOENT);
    ck_assert_int_eq(open_with("192.0.2.1:0", &o), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(null_for_what_is_needed_is_invalid)
{
    mproc_error err;
    mproc_conn *conn;
    mproc_listener_counts counts = MPROC_LISTENER_COUNTS_INIT;
    ck_assert_int_eq(mproc_listener_open(NULL, NULL, NULL, &err), -EINVAL);
    ck_assert_int_eq(err.code, -EINVAL);
    ck_assert_int_eq(mproc_client_connect(NULL, "127.0.0.1:1", NULL, &err), -EINVAL);
    ck_assert_int_eq(err.code, -EINVAL);
    ck_assert_int_eq(mproc_client_connect(&conn, NULL, NULL, NULL), MPROC_EADDRESS);
    ck_assert_int_eq(mproc_listener_accept(NULL, &conn, 0, &err), -EINVAL);
    ck_assert_int_eq(err.code, -EINVAL);
    ck_assert_int_eq(mproc_listener_stats(NULL, &counts), -EINVAL);
    mproc_listener *l = mp_listen(NULL, KEY);
    ck_assert_int_eq(mproc_listener_accept(l, NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(mproc_listener_stats(l, NULL), -EINVAL);
    mproc_listener_close(l);
    mproc_listener_close(NULL);
}
END_TEST

START_TEST(a_network_address_needs_a_key_or_an_explicit_no)
{
    mproc_listener_options none = MPROC_LISTENER_OPTIONS_INIT;
    ck_assert_int_eq(open_with("127.0.0.1:0", NULL), MPROC_ENOKEY);
    ck_assert_int_eq(open_with("[::1]:0", &none), MPROC_ENOKEY);
    ck_assert_int_eq(open_with("vsock:any:0", &none), MPROC_ENOKEY);
    ck_assert_int_eq(open_with(NULL, NULL), 0);
    ck_assert_int_eq(open_with(mp_test_path("socket"), NULL), 0);
    none.flags = MPROC_NO_AUTH;
    ck_assert_int_eq(open_with("127.0.0.1:0", &none), 0);
    mproc_listener_options empty = MPROC_LISTENER_OPTIONS_INIT;
    empty.authkey = "";
    ck_assert_int_eq(open_with("127.0.0.1:0", &empty), 0);
}
END_TEST

START_TEST(without_keys_everybody_gets_in_where_that_was_asked_for)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", NULL);
    mp_check_serves(l, NULL);
    mp_check_serves(l, NULL);
    mproc_listener_close(l);
    l = mp_listen(NULL, NULL);
    mp_check_serves(l, NULL);
    mproc_listener_close(l);
}
END_TEST

/* Without a key, an abstract name's peers are known by their credentials: we are the same user. */
START_TEST(an_abstract_name_without_a_key_is_for_this_user)
{
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    mproc_client_options client = MPROC_CLIENT_OPTIONS_INIT;
    mproc_conn *far = NULL;
#if defined MP_PORTABLE || !defined __linux__
    ck_assert_int_eq(open_with(abstract_name(), &options), MPROC_ENOKEY);
    ck_assert_int_eq(mproc_client_connect(&far, abstract_name(), &client, NULL), MPROC_ENOKEY);
#else
    mproc_listener *l = NULL;
    ck_assert_int_eq(mproc_listener_open(&l, abstract_name(), &options, NULL), 0);
    ck_assert_int_eq(mproc_client_connect(&far, abstract_name(), &client, NULL), 0);
    mproc_conn *near = mp_accept_one(l);
    mp_check_talk(near, far);
    mproc_conn_close(near);
    mproc_conn_close(far);
    mproc_listener_close(l);
#endif
}
END_TEST

START_TEST(the_empty_key_is_a_key)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", "");
    mp_check_serves(l, "");
    struct mp_dialer dialer;
    mproc_conn *conn = NULL;
    mp_dial(&dialer, mproc_listener_address(l), "x");
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0.2, NULL), -ETIMEDOUT);
    ck_assert_int_eq(mp_dialed(&dialer), MPROC_EAUTH);
    mproc_listener_close(l);
}
END_TEST

static int int_option(int fd, int level, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

START_TEST(sockets_are_set_up_for_messages)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    struct mp_dialer dialer;
    mp_dial(&dialer, mproc_listener_address(l), KEY);
    mproc_conn *conn = mp_accept_one(l);
    ck_assert_int_eq(mp_dialed(&dialer), 0);
    const int ends[] = {mproc_conn_handle(conn), mproc_conn_handle(dialer.conn)};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_ne(int_option(ends[i], IPPROTO_TCP, TCP_NODELAY), 0);
        ck_assert_int_ne(int_option(ends[i], SOL_SOCKET, SO_KEEPALIVE), 0);
        ck_assert_int_gt(ends[i], 2);
        ck_assert(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
        ck_assert(!(fcntl(ends[i], F_GETFL) & O_NONBLOCK));
    }
    ck_assert(fcntl(mproc_listener_handle(l), F_GETFD) & FD_CLOEXEC);
    mproc_conn_close(conn);
    mproc_conn_close(dialer.conn);
    mproc_listener_close(l);
}
END_TEST

/* A client that waits for that before it goes on writing, as CPython's does, waits for nothing. */
START_TEST(the_last_word_of_a_handshake_is_acknowledged_at_once)
{
#if defined TCP_QUICKACK
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    struct mp_dialer dialer;
    mp_dial(&dialer, mproc_listener_address(l), KEY);
    mproc_conn *conn = mp_accept_one(l);
    ck_assert_int_ne(int_option(mproc_conn_handle(conn), IPPROTO_TCP, TCP_QUICKACK), 0);
    ck_assert_int_eq(mp_dialed(&dialer), 0);
    mproc_conn_close(conn);
    mproc_conn_close(dialer.conn);
    mproc_listener_close(l);
#endif
}
END_TEST

/* Timeouts. */

START_TEST(accept_waits_no_longer_than_it_is_told)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    mproc_error err = MPROC_ERROR_INIT;
    mproc_conn *conn = NULL;
    int64_t from = mp_clock_now();
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, &err), -ETIMEDOUT);
    ck_assert_int_eq(mproc_listener_accept(l, &conn, -1, &err), -ETIMEDOUT);
    ck_assert_int_eq(mproc_listener_accept(l, &conn, NAN, &err), -EINVAL);
    ck_assert_int_eq(err.code, -EINVAL);
    ck_assert(mp_since(from) < 1);
    from = mp_clock_now();
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0.05, NULL), -ETIMEDOUT);
    ck_assert(mp_since(from) >= 0.05);
    ck_assert_ptr_null(conn);
    mproc_listener_close(l);
    mproc_listener_close(NULL);
    ck_assert_ptr_null(mproc_listener_address(NULL));
    ck_assert_ptr_null(mproc_listener_last_accepted(NULL));
    ck_assert_int_eq(mproc_listener_handle(NULL), MPROC_INVALID_HANDLE);
}
END_TEST

START_TEST(counts_fit_shorter_and_longer_structs)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    mp_check_serves(l, KEY);
    struct {
        mproc_listener_counts counts;
        uint64_t later;
    } longer = {MPROC_LISTENER_COUNTS_INIT, 7};
    longer.counts.size = sizeof longer;
    ck_assert_int_eq(mproc_listener_stats(l, &longer.counts), 0);
    ck_assert_uint_eq(longer.counts.accepted, 1);
    ck_assert_uint_eq(longer.later, 0);
    mproc_listener_counts counts;
    memset(&counts, 0x55, sizeof counts);
    counts.size = offsetof(mproc_listener_counts, accepted);
    ck_assert_int_eq(mproc_listener_stats(l, &counts), 0);
    ck_assert_uint_eq(counts.pending, 0);
    ck_assert_uint_eq(counts.accepted, UINT64_C(0x5555555555555555));
    counts.size = 0;
    ck_assert_int_eq(mproc_listener_stats(l, &counts), -EINVAL);
    mproc_listener_close(l);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("listener");
    TCase *tc = mp_case(suite, "addresses", 20);
    tcase_add_test(tc, every_kind_of_address_serves);
    tcase_add_test(tc, all_interfaces_are_both_families);
    tcase_add_test(tc, vsock_serves_where_the_kernel_has_it);
    tcase_add_test(tc, an_arbitrary_address_is_private_and_leaves_nothing);
    tcase_add_test(tc, a_socket_file_goes_with_its_listener_also_after_chdir);
    tcase_add_test(tc, somebody_elses_file_at_the_path_is_left_alone);
    tcase_add_test(tc, a_long_path_works_or_says_so);
    tcase_add_test(tc, an_address_in_use_is_said_to_be);
    tcase_add_test(tc, a_port_can_be_taken_again_at_once);
    tc = mp_case(suite, "options", 20);
    tcase_add_test(tc, impossible_options_are_refused);
    tcase_add_test(tc, null_for_what_is_needed_is_invalid);
    tcase_add_test(tc, a_network_address_needs_a_key_or_an_explicit_no);
    tcase_add_test(tc, without_keys_everybody_gets_in_where_that_was_asked_for);
    tcase_add_test(tc, an_abstract_name_without_a_key_is_for_this_user);
    tcase_add_test(tc, the_empty_key_is_a_key);
    tcase_add_test(tc, sockets_are_set_up_for_messages);
    tcase_add_test(tc, the_last_word_of_a_handshake_is_acknowledged_at_once);
    tcase_add_test(tc, accept_waits_no_longer_than_it_is_told);
    tcase_add_test(tc, counts_fit_shorter_and_longer_structs);
    return suite;
}
