/* SPDX-License-Identifier: MIT */
#include "support/dialer.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "listener/endpoint.h"

static void *run(void *arg)
{
    struct mp_dialer *d = arg;
    d->rc = mproc_client_connect(&d->conn, d->address, &d->options, &d->err);
    return NULL;
}

mproc_listener_options mp_listener_key(const char *key)
{
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = key ? strlen(key) : 0;
    options.flags = key ? 0 : MPROC_NO_AUTH;
    return options;
}

mproc_client_options mp_client_key(const char *key)
{
    mproc_client_options options = MPROC_CLIENT_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = key ? strlen(key) : 0;
    options.flags = key ? 0 : MPROC_NO_AUTH;
    return options;
}

void mp_dial(struct mp_dialer *dialer, const char *address, const char *key)
{
    memset(dialer, 0, sizeof *dialer);
    snprintf(dialer->address, sizeof dialer->address, "%s", address);
    dialer->options = mp_client_key(key);
    ck_assert_int_eq(pthread_create(&dialer->thread, NULL, run, dialer), 0);
}

int mp_dialed(struct mp_dialer *dialer)
{
    pthread_join(dialer->thread, NULL);
    return dialer->rc;
}

mproc_listener *mp_listen(const char *address, const char *key)
{
    mproc_listener_options options = mp_listener_key(key);
    mproc_error err = MPROC_ERROR_INIT;
    mproc_listener *listener = NULL;
    int rc = mproc_listener_open(&listener, address, &options, &err);
    ck_assert_msg(rc == 0, "%s: %s", address ? address : "NULL", err.text);
    return listener;
}

mproc_conn *mp_accept_one(mproc_listener *listener)
{
    mproc_error err = MPROC_ERROR_INIT;
    mproc_conn *conn = NULL;
    int rc = mproc_listener_accept(listener, &conn, 10, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return conn;
}

mproc_listener_counts mp_counts(const mproc_listener *listener)
{
    mproc_listener_counts counts = MPROC_LISTENER_COUNTS_INIT;
    ck_assert_int_eq(mproc_listener_stats(listener, &counts), 0);
    return counts;
}

void mp_check_talk(mproc_conn *from, mproc_conn *to)
{
    char buf[16];
    ck_assert_int_eq(mproc_conn_send_bytes(from, "hello", 5), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(to, buf, sizeof buf), 5);
    ck_assert_mem_eq(buf, "hello", 5);
}

void mp_check_serves(mproc_listener *listener, const char *key)
{
    struct mp_dialer dialer;
    mp_dial(&dialer, mproc_listener_address(listener), key);
    mproc_conn *conn = mp_accept_one(listener);
    ck_assert_msg(mp_dialed(&dialer) == 0, "%s", dialer.err.text);
    mp_check_talk(conn, dialer.conn);
    mp_check_talk(dialer.conn, conn);
    mproc_conn_close(conn);
    mproc_conn_close(dialer.conn);
}

int mp_raw_connect(const char *address)
{
    struct mp_address parsed;
    struct mp_endpoints found;
    ck_assert_int_eq(mp_address_parse(&parsed, address, MP_TO_CONNECT, NULL), 0);
    ck_assert_int_eq(mp_endpoints_find(&found, &parsed, MP_TO_CONNECT, NULL), 0);
    int fd = socket(found.list[0].addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&found.list[0].addr, found.list[0].len), 0);
    mp_endpoints_release(&found);
    return fd;
}

void mp_raw_write(int fd, const void *bytes, size_t len)
{
    ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

int mp_raw_read(int fd, void *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t n = read(fd, (char *)bytes + at, len - at);
        if (n <= 0)
            return 0;
        at += (size_t)n;
    }
    return 1;
}

double mp_since(int64_t from)
{
    return (double)(mp_clock_now() - from) / 1e9;
}
