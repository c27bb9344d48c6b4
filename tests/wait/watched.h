/* SPDX-License-Identifier: MIT */
/* What tests of waitsets share. All of it fails the test if something goes wrong. */
#ifndef MP_TESTS_WATCHED_H
#define MP_TESTS_WATCHED_H

#include <check.h>

#include <mproc/wait.h>

#if defined __linux__ && !defined MP_PORTABLE
#define HAS_EPOLL 1
#else
#define HAS_EPOLL 0
#endif

mproc_waitset *new_set(void);
void add(mproc_waitset *set, mproc_wait_item item, void *tag);
void drop(mproc_waitset *set, mproc_wait_item item);

/* One event, and it is this one's. */
void expect_one(mproc_waitset *set, const void *tag);
void expect_none(mproc_waitset *set);

void send_text(mproc_conn *conn, const char *text);
void expect_text(mproc_conn *conn, const char *text);

/* Both ends of a connection, the first one in a new set, with itself as tag. */
struct watched {
    mproc_waitset *set;
    mproc_conn *in;
    mproc_conn *out;
};

void make_stream(mproc_conn **in, mproc_conn **out);
struct watched watch_pair(void (*make)(mproc_conn **, mproc_conn **));
struct watched watch_stream(void);
void close_all(struct watched *w);

#endif
