/* SPDX-License-Identifier: MIT */
/*
 * mproc in somebody else's event loop, here plain epoll(7): a server that answers each message in
 * capitals, which a worker process makes of it. The loop watches descriptors of its own, a timer
 * and standard input, and beside them one descriptor for everything of mproc's: the waitset's.
 *
 *     event_loop [ADDRESS] [--legacy-md5]
 *
 * At the end of its standard input it sends the worker home, and ends with it.
 */
#include <ctype.h>
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Who has said nothing for so many seconds is dropped. */
#define MOST_SILENT 300

#define MOST_CLIENTS 1000

struct client {
    mproc_conn *conn; /* NULL: nobody */
    unsigned silent;  /* seconds */
};

struct server {
    mproc_waitset *set;
    mproc_listener *listener;
    mproc_conn *worker;
    mproc_process *process;
    struct client clients[MOST_CLIENTS];
    int worker_status; /* -1 while it runs */
};

/* The worker: pairs of a client's number and its message come, and go back in capitals. */

static int answer(mproc_conn *conn, const mproc_value *question)
{
    int who;
    const void *bytes;
    size_t len;
    if (mproc_unpack(question, "(iy#)", &who, &bytes, &len) < 0)
        return -1;
    char *capitals = malloc(len > 0 ? len : 1);
    if (!capitals)
        return -1;
    for (size_t i = 0; i < len; i++)
        capitals[i] = (char)toupper(((const unsigned char *)bytes)[i]);
    int rc = mproc_conn_sendf(conn, "(iy#)", who, capitals, len);
    free(capitals);
    return rc;
}

static int work(const mproc_value *args)
{
    mproc_conn *conn;
    mproc_value *question;
    int rc = mproc_unpack(args, "(C)", &conn);
    while (rc == 0 && (rc = mproc_conn_recv(conn, &question, NULL)) == 0) {
        rc = answer(conn, question);
        mproc_value_free(question);
    }
    return rc != MPROC_EOF;
}

static int start_worker(struct server *s)
{
    mproc_conn *theirs;
    mproc_value *args;
    int rc = mproc_pipe(&s->worker, &theirs, MPROC_DUPLEX);
    if (rc < 0)
        return rc;
    rc = mproc_pack(&args, "(C)", theirs);
    if (rc == 0) {
        rc = mproc_process_start(&s->process, work, args, NULL, NULL);
        mproc_value_free(args);
    }
    mproc_conn_close(theirs);
    return rc;
}

/* What can happen. */

static void drop_client(struct client *client)
{
    mproc_conn_close(client->conn); /* which also takes it out of the waitset */
    client->conn = NULL;
}

static int add(struct server *s, mproc_wait_item item, void *tag)
{
    return mproc_waitset_add(s->set, &item, tag);
}

static void on_listener(struct server *s)
{
    mproc_conn *conn;
    if (mproc_listener_accept(s->listener, &conn, 0, NULL) < 0)
        return;
    for (size_t i = 0; i < MOST_CLIENTS; i++) {
        struct client *client = &s->clients[i];
        if (client->conn)
            continue;
        *client = (struct client){.conn = conn};
        mproc_conn_set_max_message(conn, (size_t)1 << 20);
        if (add(s, mproc_wait_conn(conn), client) < 0)
            drop_client(client);
        return;
    }
    mproc_conn_close(conn);
}

/* One message: if there are more, the waitset says so again. */
static void on_client(struct server *s, struct client *client)
{
    void *message;
    size_t len;
    if (mproc_conn_recv_bytes(client->conn, &message, &len) < 0) {
        drop_client(client);
        return;
    }
    client->silent = 0;
    if (mproc_conn_sendf(s->worker, "(iy#)", (int)(client - s->clients), message, len) < 0)
        drop_client(client);
    mproc_free(message);
}

static void on_answer(struct server *s)
{
    mproc_value *value;
    int who;
    const void *bytes;
    size_t len;
    if (mproc_conn_recv(s->worker, &value, NULL) < 0) {
        /* It is gone, and so is its end of the pipe: the process itself says more. */
        mproc_wait_item item = mproc_wait_conn(s->worker);
        mproc_waitset_remove(s->set, &item);
        return;
    }
    if (mproc_unpack(value, "(iy#)", &who, &bytes, &len) == 0 && who >= 0 && who < MOST_CLIENTS &&
        s->clients[who].conn) {
        /* A client that takes no answer is not dropped here: it may be among the events that are
         * still to be handled. */
        mproc_conn_send_bytes(s->clients[who].conn, bytes, len);
    }
    mproc_value_free(value);
}

static void on_worker_end(struct server *s)
{
    int code = 1;
    mproc_process_exitcode(s->process, &code);
    s->worker_status = code != 0;
}

/* The waitset's descriptor is readable. That is all there is to the rule: ask it without waiting,
 * and handle what it says. */
static void on_waitset(struct server *s)
{
    mproc_wait_event events[16];
    int n = mproc_waitset_wait(s->set, events, 16, 0);
    for (int i = 0; i < n; i++) {
        if (events[i].item.kind == MPROC_WAIT_LISTENER)
            on_listener(s);
        else if (events[i].item.kind == MPROC_WAIT_PROCESS)
            on_worker_end(s);
        else if (events[i].item.object.conn == s->worker)
            on_answer(s);
        else
            on_client(s, events[i].tag);
    }
}

static void on_timer(struct server *s, int timer)
{
    uint64_t seconds;
    if (read(timer, &seconds, sizeof seconds) != (ssize_t)sizeof seconds)
        return;
    for (size_t i = 0; i < MOST_CLIENTS; i++)
        if (s->clients[i].conn && ++s->clients[i].silent > MOST_SILENT)
            drop_client(&s->clients[i]);
}

/* True at its end. */
static int on_input(void)
{
    char ignored[256];
    return read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
}

/* The loop. */

static int watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void loop(struct server *s, int epoll, int timer, int set)
{
    struct epoll_event event;
    while (s->worker_status < 0 && epoll_wait(epoll, &event, 1, -1) >= 0) {
        if (event.data.fd == set) {
            on_waitset(s);
        } else if (event.data.fd == timer) {
            on_timer(s, timer);
        } else if (on_input()) {
            epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
            mproc_conn_close(s->worker); /* its end of file */
            s->worker = NULL;
        }
    }
}

static int run(struct server *s)
{
    int set = mproc_waitset_handle(s->set);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec second = {.it_interval = {1, 0}, .it_value = {1, 0}};
    timerfd_settime(timer, 0, &second, NULL);
    if (set >= 0 && watch(epoll, set) == 0 && watch(epoll, timer) == 0 &&
        watch(epoll, STDIN_FILENO) == 0)
        loop(s, epoll, timer, set);
    close(timer);
    close(epoll);
    return s->worker_status;
}

static int open_server(struct server *s, const char *address, mproc_listener_options *options)
{
    mproc_error err = MPROC_ERROR_INIT;
    if (mproc_listener_open(&s->listener, address, options, &err) < 0) {
        fprintf(stderr, "event_loop: %s\n", err.text);
        return -1;
    }
    if (mproc_waitset_new(&s->set) < 0 || start_worker(s) < 0 ||
        add(s, mproc_wait_listener(s->listener), NULL) < 0 ||
        add(s, mproc_wait_conn(s->worker), NULL) < 0 ||
        add(s, mproc_wait_process(s->process), NULL) < 0)
        return -1;
    printf("listening on %s\n", mproc_listener_address(s->listener));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static struct server server = {.worker_status = -1};
    static const char key[] = "secret password";
    const char *address = NULL;
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = strlen(key);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--legacy-md5") == 0)
            options.flags |= MPROC_AUTH_LEGACY_MD5;
        else
            address = argv[i];
    }
    int failed = open_server(&server, address, &options) < 0 || run(&server) != 0;
    for (size_t i = 0; i < MOST_CLIENTS; i++)
        drop_client(&server.clients[i]);
    mproc_conn_close(server.worker);
    mproc_listener_close(server.listener);
    mproc_process_join(server.process, MPROC_FOREVER);
    mproc_process_close(server.process);
    mproc_waitset_close(server.set);
    return failed;
}
