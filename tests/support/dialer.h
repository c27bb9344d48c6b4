/* SPDX-License-Identifier: MIT */
/* Clients for tests of listeners: honest ones in a thread of their own, and bare sockets. */
#ifndef MP_TESTS_DIALER_H
#define MP_TESTS_DIALER_H

#include <pthread.h>

#include <mproc/listener.h>

/* One mproc_client_connect() in a thread. */
struct mp_dialer {
    pthread_t thread;
    char address[512];
    mproc_client_options options;
    mproc_conn *conn; /* NULL unless rc is 0 */
    int rc;
    mproc_error err;
};

/* `key` NULL: none, with MPROC_NO_AUTH. */
void mp_dial(struct mp_dialer *dialer, const char *address, const char *key);

/* Wait for it; the caller closes dialer->conn. Returns dialer->rc. */
int mp_dialed(struct mp_dialer *dialer);

/* Options with a key, which must outlive them; NULL is none, with MPROC_NO_AUTH. */
mproc_listener_options mp_listener_key(const char *key);
mproc_client_options mp_client_key(const char *key);

/* Open a listener or fail the test. */
mproc_listener *mp_listen(const char *address, const char *key);

/* Accept within a generous time, or fail the test. */
mproc_conn *mp_accept_one(mproc_listener *listener);

mproc_listener_counts mp_counts(const mproc_listener *listener);

/* A message gets from one end to the other. */
void mp_check_talk(mproc_conn *from, mproc_conn *to);

/* One honest client comes, talks and goes. */
void mp_check_serves(mproc_listener *listener, const char *key);

/* A bare socket, blocking, connected to an address; the test closes it. */
int mp_raw_connect(const char *address);

/* Write all, or fail the test. */
void mp_raw_write(int fd, const void *bytes, size_t len);

/* Read exactly `len` bytes: 1, or 0 at the end of the stream. */
int mp_raw_read(int fd, void *bytes, size_t len);

/* Seconds since `from`, which is of mp_clock_now(). */
double mp_since(int64_t from);

#endif
