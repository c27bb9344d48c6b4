/* SPDX-License-Identifier: MIT */
/* Clients: every way in which a listener may disappoint, each with its own error and in time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "connection/auth.h"
#include "connection/digest.h"
#include "support/dialer.h"
#include "support/suite.h"

#define KEY "secret password"

static int connect_with(const char *address, const mproc_client_options *options, mproc_error *err)
{
    mproc_conn *conn = NULL;
    int rc = mproc_client_connect(&conn, address, options, err);
    ck_assert((rc == 0) == (conn != NULL));
    ck_assert(!err || err->code == rc);
    mproc_conn_close(conn);
    return rc;
}

static int connect_within(const char *address, const char *key, double timeout, mproc_error *err)
{
    mproc_client_options options = mp_client_key(key);
    options.timeout = timeout;
    return connect_with(address, &options, err);
}

/* A bare listening socket at a path of this test; its address. */
static int listen_bare(const char **path, int backlog)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    *path = mp_test_path("bare");
    ck_assert_uint_lt(strlen(*path), sizeof name.sun_path);
    memcpy(name.sun_path, *path, strlen(*path));
    unlink(*path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

/* Nobody there. */

START_TEST(nobody_listening_is_said_at_once)
{
    mproc_error err = MPROC_ERROR_INIT;
    const char *path = mp_test_path("none");
    ck_assert_int_eq(connect_within(path, KEY, 10, &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    mproc_listener *l = mp_listen("127.0.0.1:0", KEY);
    char address[64];
    snprintf(address, sizeof address, "%s", mproc_listener_address(l));
    mproc_listener_close(l);
    ck_assert_int_eq(connect_within(address, KEY, 10, &err), -ECONNREFUSED);
    ck_assert_int_eq(err.sys_errno, ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(err.text, "Connection refused"));
    /* A name: what it stands for is said, too. */
    char named[64];
    snprintf(named, sizeof named, "localhost%s", strrchr(address, ':'));
    ck_assert_int_eq(connect_within(named, KEY, 10, &err), -ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(err.text, named));
    close(listen_bare(&path, 1));
    ck_assert_int_eq(connect_within(path, KEY, 10, &err), -ECONNREFUSED);
}
END_TEST

START_TEST(impossible_options_are_refused)
{
    mproc_client_options o = mp_client_key(KEY);
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_int_eq(connect_with(NULL, &o, &err), MPROC_EADDRESS);
    ck_assert_int_eq(connect_with("nonsense", &o, &err), MPROC_EADDRESS);
    ck_assert_int_eq(connect_with("127.0.0.1:0", &o, &err), MPROC_EADDRESS);
    o.timeout = NAN;
    ck_assert_int_eq(connect_with("127.0.0.1:1", &o, &err), -EINVAL);
    o = mp_client_key(KEY);
    o.flags = 0x80;
    ck_assert_int_eq(connect_with("127.0.0.1:1", &o, &err), -EINVAL);
    o.size = 1;
    ck_assert_int_eq(connect_with("127.0.0.1:1", &o, &err), -EINVAL);
    ck_assert_int_eq(connect_with("127.0.0.1:1", NULL, &err), MPROC_ENOKEY);
    ck_assert_int_eq(connect_with("127.0.0.1:1", NULL, NULL), MPROC_ENOKEY);
    ck_assert_int_eq(
        connect_with("no-such-host.invalid:1",
                     &(mproc_client_options){.size = sizeof o, .authkey = "", .timeout = 1}, &err),
        MPROC_ERESOLVE);
}
END_TEST

/*
 * TCP picks the port of this end from the same range as the one dialed, on Linux the even numbers
 * of it first, bind(2) the odd ones. With nobody listening there, one in some 14000 clients is
 * connected to itself.
 */
START_TEST(a_client_is_not_its_own_listener)
{
    mproc_listener *l = mp_listen("127.0.0.1:0", NULL);
    char address[64];
    long port = strtol(strrchr(mproc_listener_address(l), ':') + 1, NULL, 10);
    snprintf(address, sizeof address, "127.0.0.1:%ld", port ^ 1);
    mproc_listener_close(l);
    for (int i = 0; i < 30000; i++)
        ck_assert_int_eq(connect_within(address, NULL, 10, NULL), -ECONNREFUSED);
}
END_TEST

START_TEST(a_full_backlog_is_waited_for_until_the_deadline)
{
    enum { MOST = 16 };
    const char *path;
    mproc_conn *conns[MOST];
    mproc_client_options options = mp_client_key(NULL);
    int fd = listen_bare(&path, 0);
    int n = 0;
    int rc = 0;
    options.timeout = 0.1;
    int64_t from = 0;
    while (n < MOST) {
        from = mp_clock_now();
        rc = mproc_client_connect(&conns[n], path, &options, NULL);
        if (rc < 0)
            break;
        n++;
    }
#if defined __linux__
    ck_assert_int_eq(rc, -ETIMEDOUT);
    ck_assert(mp_since(from) >= 0.1);
    ck_assert(mp_since(from) < 5);
    options.timeout = 0;
    ck_assert_int_eq(mproc_client_connect(&conns[n], path, &options, NULL), -ETIMEDOUT);
    /* Once there is room, it works; and sends are not limited by what limited the connecting. */
    int accepted = accept(fd, NULL, NULL);
    options.timeout = 10;
    ck_assert_int_eq(mproc_client_connect(&conns[n], path, &options, NULL), 0);
    struct timeval limit;
    socklen_t len = sizeof limit;
    ck_assert_int_eq(
        getsockopt(mproc_conn_handle(conns[n++]), SOL_SOCKET, SO_SNDTIMEO, &limit, &len), 0);
    ck_assert(limit.tv_sec == 0 && limit.tv_usec == 0);
    close(accepted);
#endif
    (void)from;
    while (n > 0)
        mproc_conn_close(conns[--n]);
    close(fd);
}
END_TEST

/* No key on the other side. */

START_TEST(a_listener_without_a_key_is_recognised_by_its_silence)
{
    mproc_listener *const listeners[] = {mp_listen("127.0.0.1:0", NULL), mp_listen(NULL, NULL)};
    for (int i = 0; i < 2; i++) {
        mproc_error err = MPROC_ERROR_INIT;
        int64_t from = mp_clock_now();
        const char *address = mproc_listener_address(listeners[i]);
        ck_assert_int_eq(connect_within(address, KEY, 0.1, &err), MPROC_ENOCHALLENGE);
        ck_assert(mp_since(from) < 5);
        ck_assert_ptr_nonnull(strstr(err.text, "no authkey"));
        ck_assert_ptr_nonnull(strstr(err.text, address));
        mproc_listener_close(listeners[i]);
    }
}
END_TEST

START_TEST(a_client_without_a_key_is_not_let_in)
{
    mproc_listener *l = mp_listen(NULL, KEY);
    mproc_client_options options = mp_client_key(NULL);
    mproc_conn *far = NULL;
    mproc_conn *near = NULL;
    char buf[100];
    ck_assert_int_eq(mproc_client_connect(&far, mproc_listener_address(l), &options, NULL), 0);
    ck_assert_int_eq(mproc_listener_accept(l, &near, 0, NULL), -ETIMEDOUT);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(far, buf, sizeof buf), 59); /* the challenge */
    ck_assert_int_eq(mproc_conn_send_bytes(far, "hello", 5), 0);
    ck_assert_int_eq(mproc_listener_accept(l, &near, 0, NULL), -ETIMEDOUT);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(far, buf, sizeof buf), 9);
    ck_assert_mem_eq(buf, "#FAILURE#", 9);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(far, buf, sizeof buf), MPROC_EOF);
    mproc_conn_close(far);
    mproc_listener_close(l);
}
END_TEST

/* A listener by hand: one client, to whom it says a list of things. */

struct say {
    const char *bytes;
    size_t len;
    size_t read_before; /* of the client's bytes, before saying it */
};

#define SAY(text) text, sizeof(text) - 1

struct script {
    struct say says[3];
    bool stay; /* keep the connection until the client has gone */
    unsigned flags;
    int code;
    const char *text; /* part of the error's text */
};

struct actor {
    int listening;
    const struct script *script;
};

static void *act(void *arg)
{
    const struct actor *actor = arg;
    char buf[512];
    int fd = accept(actor->listening, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        const struct say *say = &actor->script->says[i];
        if (!mp_raw_read(fd, buf, say->read_before))
            break;
        ssize_t n = send(fd, say->bytes, say->len, MSG_NOSIGNAL);
        (void)n;
    }
    if (actor->script->stay)
        mp_raw_read(fd, buf, sizeof buf);
    close(fd);
    return NULL;
}

static int play(const struct script *script, mproc_error *err)
{
    const char *path;
    struct actor actor = {listen_bare(&path, 1), script};
    mproc_client_options options = mp_client_key(KEY);
    pthread_t thread;
    options.timeout = 10;
    options.flags = script->flags;
    pthread_create(&thread, NULL, act, &actor);
    int rc = connect_with(path, &options, err);
    pthread_join(thread, NULL);
    close(actor.listening);
    return rc;
}

#define X20 "01234567890123456789"
#define CHALLENGE "\0\0\0\x3b#CHALLENGE#{sha256}" X20 X20

START_TEST(each_disappointment_has_its_error)
{
    static const struct script scripts[] = {
        {{{SAY(""), 0}}, false, 0, MPROC_EOF, "hung up"},
        {{{SAY("\0\0"), 0}}, false, 0, MPROC_EPROTO, "inside a message"},
        {{{SAY("\0\0\0\x3b#CHALLENGE#"), 0}}, false, 0, MPROC_EPROTO, "inside a message"},
        {{{SAY("\xff\xff\xff\xfe"), 0}}, true, 0, MPROC_EPROTO, "header"},
        {{{SAY("\0\0\0\x05hello"), 0}}, true, 0, MPROC_ENOCHALLENGE, "no authkey"},
        {{{SAY("\0\0\0\0"), 0}}, true, 0, MPROC_ENOCHALLENGE, "no authkey"},
        {{{SAY("\0\x10\0\0"), 0}}, true, 0, MPROC_ENOCHALLENGE, "no authkey"},
        {{{SAY("SSH-2.0-OpenSSH"), 0}}, true, 0, MPROC_ENOCHALLENGE, "no authkey"},
        {{{SAY("\0\0\0\x0b#CHALLENGE#"), 0}}, true, 0, MPROC_EAUTH, "too short"},
        {{{SAY("\0\0\0\x1f#CHALLENGE#" X20), 0}}, true, 0, MPROC_EAUTH, "LEGACY_MD5"},
        {{{SAY("\0\0\0\x38#CHALLENGE#{md5}" X20 X20), 0}}, true, 0, MPROC_EAUTH, "LEGACY_MD5"},
        {{{SAY("\0\0\0\x3b#CHALLENGE#{sha384}" X20 X20), 0}}, true, 0, MPROC_EAUTH, "digest"},
        {{{SAY(CHALLENGE), 0}}, false, 0, MPROC_EOF, "hung up"},
        {{{SAY(CHALLENGE), 0}, {SAY("\0\0\0\x09#FAILURE#"), 44}},
         false,
         0,
         MPROC_EAUTH,
         "rejected"},
        {{{SAY(CHALLENGE), 0}, {SAY("\0\0\0\x09#FAIL"), 44}}, false, 0, MPROC_EPROTO, "inside"},
        {{{SAY(CHALLENGE), 0}, {SAY("\0\0\x02\0"), 44}}, true, 0, MPROC_EPROTO, "longer"},
        {{{SAY(CHALLENGE), 0}, {SAY("\0\0\0\x09#WELCOME#"), 44}}, false, 0, MPROC_EOF, "hung up"},
        {{{SAY(CHALLENGE), 0},
          {SAY("\0\0\0\x09#WELCOME#"), 44},
          {SAY("\0\0\0\x28{sha256}" X20 "012345678901"), 63}},
         true,
         0,
         MPROC_EAUTH,
         "our authkey"},
        {{{SAY(CHALLENGE), 0},
          {SAY("\0\0\0\x09#WELCOME#"), 44},
          {SAY("\0\0\0\x10"
               "0123456789012345"),
           63}},
         true,
         0,
         MPROC_EAUTH,
         "LEGACY_MD5"},
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        mproc_error err = MPROC_ERROR_INIT;
        int rc = play(&scripts[i], &err);
        ck_assert_msg(rc == scripts[i].code, "script %zu: %s", i, err.text);
        ck_assert_msg(strstr(err.text, scripts[i].text) != NULL, "script %zu: %s", i, err.text);
    }
}
END_TEST

START_TEST(md5_is_answered_when_asked_for)
{
    static const struct script script = {
        {{SAY("\0\0\0\x1f#CHALLENGE#" X20), 0}, {SAY("\0\0\0\x09#FAILURE#"), 20}},
        true,
        MPROC_AUTH_LEGACY_MD5,
        MPROC_EAUTH,
        "rejected"};
    mproc_error err = MPROC_ERROR_INIT;
    if (mp_md5_available()) {
        ck_assert_int_eq(play(&script, &err), MPROC_EAUTH);
        ck_assert_ptr_nonnull(strstr(err.text, "rejected"));
        return;
    }
    mproc_client_options options = mp_client_key(KEY);
    options.flags = MPROC_AUTH_LEGACY_MD5;
    ck_assert_int_eq(connect_with(mp_test_path("none"), &options, &err), -ENOTSUP);
    ck_assert_ptr_nonnull(strstr(err.text, "without MD5"));
}
END_TEST

START_TEST(a_listener_that_falls_silent_is_not_waited_for)
{
    static const char *const says[] = {CHALLENGE, "\0\0"};
    static const size_t lengths[] = {sizeof CHALLENGE - 1, 2};
    for (int i = 0; i < 2; i++) {
        const char *path;
        int fd = listen_bare(&path, 1);
        struct mp_dialer dialer;
        mp_dial(&dialer, path, KEY);
        int peer = accept(fd, NULL, NULL);
        mp_raw_write(peer, says[i], lengths[i]);
        ck_assert_int_eq(connect_within(path, KEY, 0.05, NULL), MPROC_ENOCHALLENGE);
        close(peer);
        ck_assert_int_eq(mp_dialed(&dialer), i == 0 ? MPROC_EOF : MPROC_EPROTO);
        close(fd);
    }
}
END_TEST

START_TEST(a_handshake_that_does_not_end_times_out)
{
    static const struct script script = {{{SAY(CHALLENGE), 0}}, true, 0, -ETIMEDOUT, "timed out"};
    const char *path;
    struct actor actor = {listen_bare(&path, 1), &script};
    pthread_t thread;
    mproc_error err = MPROC_ERROR_INIT;
    pthread_create(&thread, NULL, act, &actor);
    int64_t from = mp_clock_now();
    ck_assert_int_eq(connect_within(path, KEY, 1, &err), -ETIMEDOUT);
    ck_assert(mp_since(from) >= 1);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    pthread_join(thread, NULL);
    close(actor.listening);
}
END_TEST

/* A listener's half of the handshake, cut at any byte. */

struct cut {
    int listening;
    size_t n; /* bytes sent before hanging up */
};

static size_t listener_half(struct mp_auth *auth, int fd, size_t left, struct mp_auth_message *out)
{
    unsigned char frame[4 + MP_AUTH_MESSAGE] = {0, 0, 0, (unsigned char)out->len};
    memcpy(frame + 4, out->bytes, out->len);
    size_t len = 4 + out->len < left ? 4 + out->len : left;
    ssize_t n = send(fd, frame, len, MSG_NOSIGNAL);
    (void)n;
    if (len < 4 + out->len || auth->phase == MP_AUTH_OVER)
        return 0;
    return left - len;
}

static void *act_until_cut(void *arg)
{
    const struct cut *cut = arg;
    const struct mp_auth_config config = {.key = KEY, .key_len = sizeof KEY - 1};
    struct mp_auth auth;
    struct mp_auth_message message;
    unsigned char in[4 + MP_AUTH_MESSAGE];
    int fd = accept(cut->listening, NULL, NULL);
    mp_auth_begin(&auth, MP_AUTH_LISTENER, &config, &message);
    size_t left = listener_half(&auth, fd, cut->n, &message);
    while (left > 0 && mp_raw_read(fd, in, 4) && mp_raw_read(fd, in + 4, in[3])) {
        if (mp_auth_feed(&auth, in + 4, in[3], &message) < 0)
            break;
        if (message.len > 0)
            left = listener_half(&auth, fd, left, &message);
    }
    close(fd);
    return NULL;
}

START_TEST(a_listener_that_vanishes_at_any_byte_is_an_error)
{
    enum { ALL = 63 + 13 + 44 };
    for (size_t n = 0; n < ALL; n++) {
        const char *path;
        struct cut cut = {listen_bare(&path, 1), n};
        pthread_t thread;
        mproc_error err = MPROC_ERROR_INIT;
        pthread_create(&thread, NULL, act_until_cut, &cut);
        int rc = connect_within(path, KEY, 10, &err);
        pthread_join(thread, NULL);
        close(cut.listening);
        bool between = n == 0 || n == 63 || n == 76;
        ck_assert_msg(rc == (between ? MPROC_EOF : MPROC_EPROTO), "cut at %zu: %s", n, err.text);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("client");
    TCase *tc = mp_case(suite, "client", 30);
    tcase_add_test(tc, nobody_listening_is_said_at_once);
    tcase_add_test(tc, impossible_options_are_refused);
    tcase_add_test(tc, a_client_is_not_its_own_listener);
    tcase_add_test(tc, a_full_backlog_is_waited_for_until_the_deadline);
    tcase_add_test(tc, a_listener_without_a_key_is_recognised_by_its_silence);
    tcase_add_test(tc, a_client_without_a_key_is_not_let_in);
    tcase_add_test(tc, each_disappointment_has_its_error);
    tcase_add_test(tc, md5_is_answered_when_asked_for);
    tcase_add_test(tc, a_listener_that_falls_silent_is_not_waited_for);
    tcase_add_test(tc, a_handshake_that_does_not_end_times_out);
    tcase_add_test(tc, a_listener_that_vanishes_at_any_byte_is_an_error);
    return suite;
}
