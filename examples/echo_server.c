/* SPDX-License-Identifier: MIT */
/*
 * An echo server for many clients, in one thread and one mproc_wait() loop. A client that is
 * silent, has the wrong key or sends half a message delays nobody.
 *
 *     echo_server [ADDRESS] [--legacy-md5]
 *
 * It ends at the end of its standard input.
 */
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A client that does not take its answer within this time is dropped, seconds. */
#define SEND_TIMEOUT 5

/* What the loop waits for: standard input, the listener, then the clients. */
struct server {
    mproc_wait_item *items;
    size_t n;
    size_t room;
    mproc_listener *listener;
};

enum { STDIN_ITEM, LISTENER_ITEM, FIRST_CLIENT };

static int add_item(struct server *s, mproc_wait_item item)
{
    if (s->n == s->room) {
        size_t room = s->room > 0 ? 2 * s->room : 16;
        mproc_wait_item *items = realloc(s->items, room * sizeof *items);
        if (!items)
            return -1;
        s->items = items;
        s->room = room;
    }
    s->items[s->n++] = item;
    return 0;
}

static void accept_client(struct server *s)
{
    mproc_error err = MPROC_ERROR_INIT;
    mproc_conn *conn;
    int rc = mproc_listener_accept(s->listener, &conn, 0, &err);
    if (rc < 0) {
        fprintf(stderr, "echo_server: accept: %s\n", mproc_strerror(rc));
        return;
    }
    mproc_conn_set_timeout(conn, SEND_TIMEOUT, 0);
    mproc_conn_set_max_message(conn, (size_t)64 << 20);
    if (add_item(s, mproc_wait_conn(conn)) < 0)
        mproc_conn_close(conn);
}

static void drop_client(struct server *s, size_t i)
{
    mproc_conn_close(s->items[i].object.conn);
    s->items[i] = s->items[--s->n];
}

/* Send one message back. Nonzero when the client is to be dropped. */
static int echo(mproc_conn *conn)
{
    void *message;
    size_t len;
    int rc = mproc_conn_recv_bytes(conn, &message, &len);
    if (rc < 0)
        return rc;
    rc = mproc_conn_send_bytes(conn, message, len);
    mproc_free(message);
    return rc;
}

static void serve(struct server *s)
{
    while (mproc_wait(s->items, s->n, MPROC_FOREVER) > 0) {
        for (size_t i = s->n; i-- > FIRST_CLIENT;)
            if (s->items[i].ready && echo(s->items[i].object.conn) < 0)
                drop_client(s, i);
        if (s->items[LISTENER_ITEM].ready)
            accept_client(s);
        char ignored[256];
        if (s->items[STDIN_ITEM].ready && read(STDIN_FILENO, ignored, sizeof ignored) <= 0)
            return;
    }
}

int main(int argc, char **argv)
{
    static const char key[] = "secret password";
    const char *address = NULL;
    struct server server = {0};
    mproc_error err = MPROC_ERROR_INIT;
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = strlen(key);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--legacy-md5") == 0)
            options.flags |= MPROC_AUTH_LEGACY_MD5;
        else
            address = argv[i];
    }
    if (mproc_listener_open(&server.listener, address, &options, &err) < 0) {
        fprintf(stderr, "echo_server: %s\n", err.text);
        return 1;
    }
    printf("listening on %s\n", mproc_listener_address(server.listener));
    fflush(stdout);
    int failed = add_item(&server, mproc_wait_handle(STDIN_FILENO)) < 0 ||
                 add_item(&server, mproc_wait_listener(server.listener)) < 0;
    if (!failed)
        serve(&server);
    while (server.n > FIRST_CLIENT)
        drop_client(&server, server.n - 1);
    free(server.items);
    mproc_listener_close(server.listener);
    return failed;
}
