/* SPDX-License-Identifier: MIT */
#include "wait/watched.h"

#include <string.h>

mproc_waitset *new_set(void)
{
    mproc_waitset *set;
    ck_assert_int_eq(mproc_waitset_new(&set), 0);
    return set;
}

void add(mproc_waitset *set, mproc_wait_item item, void *tag)
{
    ck_assert_int_eq(mproc_waitset_add(set, &item, tag), 0);
}

void drop(mproc_waitset *set, mproc_wait_item item)
{
    ck_assert_int_eq(mproc_waitset_remove(set, &item), 0);
}

void expect_one(mproc_waitset *set, const void *tag)
{
    mproc_wait_event events[4];
    ck_assert_int_eq(mproc_waitset_wait(set, events, 4, MPROC_FOREVER), 1);
    ck_assert_ptr_eq(events[0].tag, tag);
    ck_assert_int_eq(events[0].item.ready, 1);
}

void expect_none(mproc_waitset *set)
{
    mproc_wait_event events[4];
    ck_assert_int_eq(mproc_waitset_wait(set, events, 4, 0), 0);
}

void send_text(mproc_conn *conn, const char *text)
{
    ck_assert_int_eq(mproc_conn_send_bytes(conn, text, strlen(text)), 0);
}

void expect_text(mproc_conn *conn, const char *text)
{
    char buf[64];
    ck_assert_int_eq(mproc_conn_recv_bytes_into(conn, buf, sizeof buf), (ssize_t)strlen(text));
    ck_assert_mem_eq(buf, text, strlen(text));
}

struct watched watch_pair(void (*make)(mproc_conn **, mproc_conn **))
{
    struct watched w = {.set = new_set()};
    make(&w.in, &w.out);
    add(w.set, mproc_wait_conn(w.in), w.in);
    return w;
}

void make_stream(mproc_conn **in, mproc_conn **out)
{
    ck_assert_int_eq(mproc_pipe(in, out, MPROC_PIPE_STREAM), 0);
}

struct watched watch_stream(void)
{
    return watch_pair(make_stream);
}

void close_all(struct watched *w)
{
    mproc_conn_close(w->in);
    mproc_conn_close(w->out);
    mproc_waitset_close(w->set);
}
