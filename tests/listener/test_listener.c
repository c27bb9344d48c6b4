/* SPDX-License-Identifier: MIT */
/* Listeners: every kind of address, who gets in, who does not, and that nobody delays others. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/log.h>

#include "base/clock.h"
#include "listener/handshake.h"
#include "listener/listener.h"
#include "support/dialer.h"
#include "support/suite.h"

#define KEY "secret password"

static mproc_conn *accept_one(mproc_listener *l)
{
    mproc_error err = MPROC_ERROR_INIT;
    mproc_conn *conn = NULL;
    int rc = mproc_listener_accept(l, &conn, 10, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return conn;
}

static mproc_listener_counts counts_of(const mproc_listener *l)
{
    mproc_listener_counts counts = MPROC_LISTENER_COUNTS_INIT;
    ck_assert_int_eq(mproc_listener_stats(l, &counts), 0);
    return counts;
}

static void check_talk(mproc_conn *from, mproc_conn *to)
{
    char buf[16];
    ck_assert_int_eq(mproc_conn_send_bytes(from, "hello", 5), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(to, buf, sizeof buf), 5);
    ck_assert_mem_eq(buf, "hello", 5);
}

/* One honest client comes, talks and goes. */
static void check_serves(mproc_listener *l, const char *key)
{
    struct mp_dialer dialer;
    mp_dial(&dialer, mproc_listener_address(l), key);
    mproc_conn *conn = accept_one(l);
    ck_assert_msg(mp_dialed(&dialer) == 0, "%s", dialer.err.text);
    check_talk(conn, dialer.conn);
    check_talk(dialer.conn, conn);
    mproc_conn_close(conn);
    mproc_conn_close(dialer.conn);
}

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
        check_serves(l, KEY);
        check_serves(l, KEY);
        const char *last = mproc_listener_last_accepted(l);
        bool local = address[0] == '/' || address[0] == '@';
        if (local)
            ck_assert_str_eq(last, "");
        else
            ck_assert_int_eq(strncmp(last, address, strcspn(address, ".]")), 0);
        ck_assert_uint_eq(counts_of(l).accepted, 2);
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
        mproc_conn *conn = accept_one(l);
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
        check_serves(l, KEY);
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
    check_serves(l, KEY);
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
    check_serves(newer, KEY);
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
        strcat(path, "/abcdefghijklmnopqrstuvwxyz");
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
    check_serves(l, KEY);
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
        check_serves(listeners[i], KEY);
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
    check_serves(l, KEY); /* the server closes first: TIME_WAIT is on its side */
    mproc_listener_close(l);
    l = mp_listen(address, KEY);
    check_serves(l, KEY);
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
    check_serves(l, NULL);
    check_serves(l, NULL);
    mproc_listener_close(l);
    l = mp_listen(NULL, NULL);
    check_serves(l, NULL);
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
    mproc_conn *near = accept_one(l);
    check_talk(near, far);
    mproc_conn_close(near);
    mproc_conn_close(far);
    mproc_listener_close(l);
#endif
}
END_TEST

START_TEST(the_empty_key_is_a_key)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", "");
    check_serves(l, "");
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
    mproc_conn *conn = accept_one(l);
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

/* A listener with options that tests of bad clients need. */

struct rejected {
    mproc_listener *listener;
    int n;
    int reason;
    char peer[128];
};

static void note_rejected(void *user, const char *peer, int reason)
{
    struct rejected *r = user;
    r->n++;
    r->reason = reason;
    snprintf(r->peer, sizeof r->peer, "%s", peer);
    /* It may ask for the counts, which include this one. */
    if (r->listener)
        ck_assert_uint_eq(counts_of(r->listener).rejected, (unsigned)r->n);
}

static mproc_listener *listen_noting(struct rejected *r, const char *address, double timeout,
                                     size_t max_pending)
{
    mproc_listener_options options = mp_listener_key(KEY);
    options.handshake_timeout = timeout;
    options.max_pending = max_pending;
    options.on_reject = note_rejected;
    options.user = r;
    *r = (struct rejected){.n = 0};
    ck_assert_int_eq(mproc_listener_open(&r->listener, address, &options, NULL), 0);
    return r->listener;
}

/* Give the listener its turn until it has rejected `n` clients; nobody gets in. */
static void accept_until_rejected(struct rejected *r, int n)
{
    mproc_conn *conn = NULL;
    int64_t from = mp_clock_now();
    while (r->n < n && mp_since(from) < 10)
        ck_assert_int_eq(mproc_listener_accept(r->listener, &conn, 0.005, NULL), -ETIMEDOUT);
    ck_assert_int_eq(r->n, n);
}

START_TEST(a_wrong_key_is_told_counted_and_reported)
{
    struct rejected r;
    mproc_listener *l = listen_noting(&r, "127.0.0.1:0", 10, 0);
    struct mp_dialer dialer;
    mp_dial(&dialer, mproc_listener_address(l), "wrong");
    accept_until_rejected(&r, 1);
    ck_assert_int_eq(mp_dialed(&dialer), MPROC_EAUTH);
    ck_assert_ptr_nonnull(strstr(dialer.err.text, mproc_listener_address(l)));
    ck_assert_ptr_null(strstr(dialer.err.text, "wrong"));
    ck_assert_int_eq(r.reason, MPROC_EAUTH);
    ck_assert_int_eq(strncmp(r.peer, "127.0.0.1:", 10), 0);
    mproc_listener_counts counts = counts_of(l);
    ck_assert_uint_eq(counts.failed_auth, 1);
    ck_assert_uint_eq(counts.rejected, 1);
    ck_assert_uint_eq(counts.accepted, 0);
    ck_assert_uint_eq(counts.pending, 0);
    check_serves(l, KEY);
    mproc_listener_close(l);
}
END_TEST

static char logged[512];

static void keep_log(void *user, int level, const char *process, const char *message)
{
    (void)user;
    (void)process;
    if (level == MPROC_LOG_INFO)
        snprintf(logged, sizeof logged, "%s", message);
}

START_TEST(who_is_turned_away_is_logged)
{
    struct rejected r;
    mproc_listener *l = listen_noting(&r, NULL, 10, 0);
    mproc_log_set(keep_log, NULL, MPROC_LOG_INFO);
    int fd = mp_raw_connect(mproc_listener_address(l));
    close(fd);
    accept_until_rejected(&r, 1);
    ck_assert_ptr_nonnull(strstr(logged, "local client"));
    ck_assert_ptr_nonnull(strstr(logged, "MPROC_EOF"));
    ck_assert_str_eq(r.peer, "");
    mproc_log_set(NULL, NULL, 0);
    mproc_listener_close(l);
}
END_TEST

/* Bad clients. */

struct noise {
    const char *bytes;
    size_t len;
    bool hang_up; /* behind them */
    int reason;
};

#define NOISE(text) text, sizeof(text) - 1

START_TEST(noise_is_no_handshake)
{
    static const struct noise table[] = {
        {NOISE(""), true, MPROC_EOF},
        {NOISE("\0"), true, MPROC_EPROTO},
        {NOISE("\0\0\0"), true, MPROC_EPROTO},
        {NOISE("\0\0\0\x28{sha256}"), true, MPROC_EPROTO},
        {NOISE("GET / HTTP/1.0\r\n\r\n"), false, MPROC_EPROTO},
        {NOISE("\x16\x03\x01\x02\0\x01\0\x01"), false, MPROC_EPROTO},
        {NOISE("\xff\xff\xff\xfe"), false, MPROC_EPROTO}, /* -2 */
        {NOISE("\x80\0\0\0"), false, MPROC_EPROTO},
        {NOISE("\x7f\xff\xff\xff"), false, MPROC_EPROTO},
        {NOISE("\0\0\x01\x01"), false, MPROC_EPROTO},                       /* 257 */
        {NOISE("\xff\xff\xff\xff\0\0\0\x01\0\0\0\0"), false, MPROC_EPROTO}, /* 4 GiB */
        {NOISE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), false, MPROC_EPROTO},
        {NOISE("\xff\xff\xff\xff\0\0\0"), true, MPROC_EPROTO},
        {NOISE("\xff\xff\xff\xff\0\0\0\0\0\0\0\x01x"), false, MPROC_EAUTH}, /* the long form */
        {NOISE("\0\0\0\0"), false, MPROC_EAUTH},
        {NOISE("\0\0\0\x10"
               "0123456789abcdef"),
         false, MPROC_EAUTH},
        {NOISE("\0\0\0\x09#WELCOME#"), false, MPROC_EAUTH},
    };
    static const char *const addresses[] = {"127.0.0.1:0", NULL};
    for (int k = 0; k < 2; k++) {
        struct rejected r;
        mproc_listener *l = listen_noting(&r, addresses[k], 10, 0);
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            int fd = mp_raw_connect(mproc_listener_address(l));
            mp_raw_write(fd, table[i].bytes, table[i].len);
            if (table[i].hang_up)
                shutdown(fd, SHUT_WR);
            accept_until_rejected(&r, (int)i + 1);
            ck_assert_msg(r.reason == table[i].reason, "noise %zu: %s", i,
                          mproc_error_name(r.reason));
            close(fd);
        }
        mproc_listener_counts counts = counts_of(l);
        ck_assert_uint_eq(counts.hung_up, 1);
        ck_assert_uint_eq(counts.failed_auth, 4);
        ck_assert_uint_eq(counts.bad_protocol, (unsigned)r.n - 5);
        check_serves(l, KEY);
        mproc_listener_close(l);
    }
}
END_TEST

START_TEST(a_silent_client_delays_nobody_and_is_sent_away)
{
    struct rejected r;
    mproc_listener *l = listen_noting(&r, "127.0.0.1:0", 0.3, 0);
    int silent = mp_raw_connect(mproc_listener_address(l));
    int64_t from = mp_clock_now();
    for (int i = 0; i < 5; i++)
        check_serves(l, KEY);
    if (mp_since(from) < 0.2) {
        ck_assert_int_eq(r.n, 0);
        ck_assert_uint_eq(counts_of(l).pending, 1);
    }
    accept_until_rejected(&r, 1);
    ck_assert(mp_since(from) >= 0.3);
    ck_assert_int_eq(r.reason, -ETIMEDOUT);
    ck_assert_uint_eq(counts_of(l).timed_out, 1);
    ck_assert_uint_eq(counts_of(l).pending, 0);
    char challenge[63];
    ck_assert_int_eq(mp_raw_read(silent, challenge, sizeof challenge), 1);
    ck_assert_int_eq(mp_raw_read(silent, challenge, 1), 0); /* hung up on */
    close(silent);
    mproc_listener_close(l);
}
END_TEST

START_TEST(a_flood_of_silent_clients_keeps_no_honest_one_out)
{
    enum { FLOOD = 100, ROOM = 8 };
    struct rejected r;
    mproc_listener *l = listen_noting(&r, NULL, 60, ROOM);
    int silent[FLOOD];
    for (int i = 0; i < FLOOD; i++)
        silent[i] = mp_raw_connect(mproc_listener_address(l));
    check_serves(l, KEY);
    mproc_listener_counts counts = counts_of(l);
    ck_assert_uint_eq(counts.accepted, 1);
    ck_assert_uint_ge(counts.pushed_out, FLOOD - ROOM);
    ck_assert_uint_le(counts.pending, ROOM);
    ck_assert_int_eq(r.reason, MPROC_EBUSY);
    for (int i = 0; i < FLOOD; i++)
        close(silent[i]);
    mproc_listener_close(l);
}
END_TEST

/* All that a client sends in a handshake, for this challenge of the listener's; the answers go in
 * before they are asked for, which a listener cannot tell from a fast client. */
static size_t client_half(const unsigned char *challenge, unsigned char *out,
                          struct mp_auth *client)
{
    const struct mp_auth_config config = {.key = KEY, .key_len = sizeof KEY - 1};
    struct mp_auth_message message;
    size_t at = 0;
    mp_auth_begin(client, MP_AUTH_CLIENT, &config, &message);
    ck_assert_int_eq(mp_auth_feed(client, challenge, 59, &message), 0);
    unsigned char header[MP_FRAME_LONG];
    for (int i = 0; i < 2; i++) {
        mp_frame_encode(header, message.len);
        memcpy(out + at, header, 4);
        memcpy(out + at + 4, message.bytes, message.len);
        at += 4 + message.len;
        if (i == 0)
            ck_assert_int_eq(mp_auth_feed(client, "#WELCOME#", 9, &message), 0);
    }
    memcpy(out + at, "\0\0\0\x09#WELCOME#", 13);
    return at + 13;
}

#define CLIENT_HALF (4 + 40 + 4 + 59 + 4 + 9)

/* Connect, let the listener send its challenge, and make the client's half of the handshake. */
static int raw_client(mproc_listener *l, unsigned char half[CLIENT_HALF])
{
    unsigned char challenge[63];
    struct mp_auth client;
    mproc_conn *conn = NULL;
    int fd = mp_raw_connect(mproc_listener_address(l));
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    ck_assert_int_eq(mp_raw_read(fd, challenge, sizeof challenge), 1);
    ck_assert_uint_eq(client_half(challenge + 4, half, &client), CLIENT_HALF);
    return fd;
}

static void check_cut(struct rejected *r, size_t n)
{
    unsigned char half[CLIENT_HALF];
    int before = r->n;
    int fd = raw_client(r->listener, half);
    mp_raw_write(fd, half, n);
    close(fd);
    accept_until_rejected(r, before + 1);
    bool between = n == 0 || n == 44 || n == 107;
    ck_assert_msg(r->reason == (between ? MPROC_EOF : MPROC_EPROTO) || r->reason == MPROC_EOF,
                  "cut at %zu: %s", n, mproc_error_name(r->reason));
}

START_TEST(a_client_that_vanishes_at_any_byte_harms_nobody)
{
    static const char *const addresses[] = {"127.0.0.1:0", NULL};
    for (int k = 0; k < 2; k++) {
        struct rejected r;
        mproc_listener *l = listen_noting(&r, addresses[k], 20, 0);
        for (size_t n = 0; n < CLIENT_HALF; n++)
            check_cut(&r, n);
        ck_assert_uint_eq(counts_of(l).hung_up + counts_of(l).bad_protocol, CLIENT_HALF);
        ck_assert_uint_eq(counts_of(l).pending, 0);
        check_serves(l, KEY);
        mproc_listener_close(l);
    }
}
END_TEST

START_TEST(an_honest_client_may_be_slow)
{
    struct rejected r;
    unsigned char half[CLIENT_HALF];
    mproc_listener *l = listen_noting(&r, "127.0.0.1:0", 60, 0);
    mproc_conn *conn = NULL;
    int fd = raw_client(l, half);
    for (size_t n = 0; n < CLIENT_HALF; n++) {
        ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
        mp_raw_write(fd, half + n, 1);
    }
    conn = accept_one(l);
    mproc_conn_close(conn);
    close(fd);
    ck_assert_int_eq(r.n, 0);
    mproc_listener_close(l);
}
END_TEST

START_TEST(a_client_that_drips_bytes_runs_out_of_time)
{
    struct rejected r;
    unsigned char half[CLIENT_HALF];
    mproc_listener *l = listen_noting(&r, NULL, 0.2, 0);
    mproc_conn *conn = NULL;
    int fd = raw_client(l, half);
    for (size_t n = 0; n < CLIENT_HALF && r.n == 0; n++) {
        mp_raw_write(fd, half + n, 1);
        ck_assert_int_eq(mproc_listener_accept(l, &conn, 0.02, NULL), -ETIMEDOUT);
    }
    ck_assert_int_eq(r.n, 1);
    ck_assert_int_eq(r.reason, -ETIMEDOUT);
    close(fd);
    mproc_listener_close(l);
}
END_TEST

START_TEST(what_comes_right_behind_the_handshake_is_the_first_message)
{
    unsigned char all[CLIENT_HALF + 9 + 4];
    struct rejected r;
    mproc_listener *l = listen_noting(&r, "127.0.0.1:0", 20, 0);
    int fd = raw_client(l, all);
    memcpy(all + CLIENT_HALF, "\0\0\0\x05hello\0\0\0\0", 13);
    mp_raw_write(fd, all, sizeof all);
    mproc_conn *conn = accept_one(l);
    char buf[8];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 5);
    ck_assert_mem_eq(buf, "hello", 5);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), 0);
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), MPROC_EOF);
    close(fd);
    mproc_conn_close(conn);
    mproc_listener_close(l);
}
END_TEST

START_TEST(clients_do_not_pay_for_a_listener_that_was_away)
{
    struct rejected r;
    unsigned char half[CLIENT_HALF];
    mproc_listener *l = listen_noting(&r, NULL, 0.1, 0);
    int fd = raw_client(l, half);
    int silent = mp_raw_connect(mproc_listener_address(l));
    mproc_conn *conn = NULL;
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    mp_raw_write(fd, half, 44);
    poll(NULL, 0, 150); /* the time limit passes meanwhile */
    ck_assert_int_eq(mproc_listener_accept(l, &conn, 0, NULL), -ETIMEDOUT);
    ck_assert_int_eq(r.n, 1); /* the silent one */
    mp_raw_write(fd, half + 44, CLIENT_HALF - 44);
    conn = accept_one(l);
    mproc_conn_close(conn);
    close(fd);
    close(silent);
    mproc_listener_close(l);
}
END_TEST

START_TEST(closing_hangs_up_on_who_is_waiting)
{
    struct rejected r;
    unsigned char half[CLIENT_HALF];
    mproc_listener *l = listen_noting(&r, NULL, 20, 0);
    char byte;
    int pending = raw_client(l, half);
    int finished = raw_client(l, half);
    mp_raw_write(finished, half, CLIENT_HALF);
    struct mp_pollable *pollable = mp_listener_pollable(l);
    ck_assert_int_eq(mp_pollable_wait_one(pollable, MP_NEVER), 1);
    int waiting = mp_raw_connect(mproc_listener_address(l));
    mproc_listener_close(l);
    ck_assert_int_eq(mp_raw_read(pending, &byte, 1), 0);
    ck_assert_int_eq(mp_raw_read(waiting, &byte, 1), 0);
    char replies[13 + 44];
    ck_assert_int_eq(mp_raw_read(finished, replies, sizeof replies), 1);
    ck_assert_int_eq(mp_raw_read(finished, &byte, 1), 0);
    close(pending);
    close(finished);
    close(waiting);
    ck_assert_int_eq(r.n, 0);
}
END_TEST

START_TEST(counts_fit_shorter_and_longer_structs)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    check_serves(l, KEY);
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
    tcase_add_test(tc, a_network_address_needs_a_key_or_an_explicit_no);
    tcase_add_test(tc, without_keys_everybody_gets_in_where_that_was_asked_for);
    tcase_add_test(tc, an_abstract_name_without_a_key_is_for_this_user);
    tcase_add_test(tc, the_empty_key_is_a_key);
    tcase_add_test(tc, sockets_are_set_up_for_messages);
    tcase_add_test(tc, accept_waits_no_longer_than_it_is_told);
    tcase_add_test(tc, counts_fit_shorter_and_longer_structs);
    tc = mp_case(suite, "bad clients", 30);
    tcase_add_test(tc, a_wrong_key_is_told_counted_and_reported);
    tcase_add_test(tc, who_is_turned_away_is_logged);
    tcase_add_test(tc, noise_is_no_handshake);
    tcase_add_test(tc, a_silent_client_delays_nobody_and_is_sent_away);
    tcase_add_test(tc, a_flood_of_silent_clients_keeps_no_honest_one_out);
    tcase_add_test(tc, a_client_that_vanishes_at_any_byte_harms_nobody);
    tcase_add_test(tc, an_honest_client_may_be_slow);
    tcase_add_test(tc, a_client_that_drips_bytes_runs_out_of_time);
    tcase_add_test(tc, what_comes_right_behind_the_handshake_is_the_first_message);
    tcase_add_test(tc, clients_do_not_pay_for_a_listener_that_was_away);
    tcase_add_test(tc, closing_hangs_up_on_who_is_waiting);
    return suite;
}
