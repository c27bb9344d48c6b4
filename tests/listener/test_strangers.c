/* SPDX-License-Identifier: MIT */
/* Clients that do not get into a listener, each with its reason, and that delay nobody. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/log.h>

#include "base/clock.h"
#include "connection/auth.h"
#include "connection/frame.h"
#include "listener/listener.h"
#include "support/dialer.h"
#include "support/suite.h"

#define KEY "secret password"

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
        ck_assert_uint_eq(mp_counts(r->listener).rejected, (unsigned)r->n);
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
    mproc_listener_counts counts = mp_counts(l);
    ck_assert_uint_eq(counts.failed_auth, 1);
    ck_assert_uint_eq(counts.rejected, 1);
    ck_assert_uint_eq(counts.accepted, 0);
    ck_assert_uint_eq(counts.pending, 0);
    mp_check_serves(l, KEY);
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
        mproc_listener_counts counts = mp_counts(l);
        ck_assert_uint_eq(counts.hung_up, 1);
        ck_assert_uint_eq(counts.failed_auth, 4);
        ck_assert_uint_eq(counts.bad_protocol, (unsigned)r.n - 5);
        mp_check_serves(l, KEY);
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
        mp_check_serves(l, KEY);
    if (mp_since(from) < 0.2) {
        ck_assert_int_eq(r.n, 0);
        ck_assert_uint_eq(mp_counts(l).pending, 1);
    }
    accept_until_rejected(&r, 1);
    ck_assert(mp_since(from) >= 0.3);
    ck_assert_int_eq(r.reason, -ETIMEDOUT);
    ck_assert_uint_eq(mp_counts(l).timed_out, 1);
    ck_assert_uint_eq(mp_counts(l).pending, 0);
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
    mp_check_serves(l, KEY);
    mproc_listener_counts counts = mp_counts(l);
    ck_assert_uint_eq(counts.accepted, 1);
    ck_assert_uint_ge(counts.pushed_out, FLOOD - ROOM);
    ck_assert_uint_le(counts.pending, ROOM);
    ck_assert_int_eq(r.reason, MPROC_EBUSY);
    for (int i = 0; i < FLOOD; i++)
        close(silent[i]);
    mproc_listener_close(l);
}
END_TEST

static size_t put_frame(unsigned char *out, const struct mp_auth_message *message)
{
    unsigned char header[MP_FRAME_LONG];
    size_t len = mp_frame_encode(header, message->len);
    memcpy(out, header, len);
    memcpy(out + len, message->bytes, message->len);
    return len + message->len;
}

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
    for (int i = 0; i < 2; i++) {
        at += put_frame(out + at, &message);
        if (i == 0)
            ck_assert_int_eq(mp_auth_feed(client, "#WELCOME#", 9, &message), 0);
    }
    static const struct mp_auth_message welcome = {.bytes = "#WELCOME#", .len = 9};
    return at + put_frame(out + at, &welcome);
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
        ck_assert_uint_eq(mp_counts(l).hung_up + mp_counts(l).bad_protocol, CLIENT_HALF);
        ck_assert_uint_eq(mp_counts(l).pending, 0);
        mp_check_serves(l, KEY);
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
    conn = mp_accept_one(l);
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
    static const struct mp_auth_message hello = {.bytes = "hello", .len = 5};
    static const struct mp_auth_message empty = {.len = 0};
    unsigned char all[CLIENT_HALF + 9 + 4];
    struct rejected r;
    mproc_listener *l = listen_noting(&r, "127.0.0.1:0", 20, 0);
    int fd = raw_client(l, all);
    put_frame(all + CLIENT_HALF, &hello);
    put_frame(all + CLIENT_HALF + 9, &empty);
    mp_raw_write(fd, all, sizeof all);
    mproc_conn *conn = mp_accept_one(l);
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
    conn = mp_accept_one(l);
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

Suite *mp_suite(void)
{
    Suite *suite = suite_create("strangers");
    TCase *tc = mp_case(suite, "strangers", 30);
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
