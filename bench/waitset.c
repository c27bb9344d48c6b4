/* SPDX-License-Identifier: MIT */
/*
 * PROGRAM waitset IDLE SECONDS CPU0 CPU1 [RATE]: nanoseconds for a wait and the receive of a short
 * message, beside so many idle descriptors. The message is there when the wait begins, and sending
 * it is not part of the time. Only IDLE, SECONDS and CPU0 count.
 *
 * KIND, compiled in: raw epoll_wait(2) and read(2); the same with the recvmsg(2) that it takes to
 * receive descriptors along, which mproc's streams do; an mproc waitset with a stream; one with a
 * ring. The idle ones are copies of one socket, which costs the same as many sockets; for the ring,
 * the first thousand of them are rings.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/wait.h>

#include "common.h"

/* NOLINTBEGIN(misc-redundant-expression): KIND is the same at each place, and that is the point */

enum kind { RAW, RAW_MESSAGE, STREAM, RING };

#define IS_RAW (KIND == RAW || KIND == RAW_MESSAGE)

#define MESSAGE 64
#define FRAME (4 + MESSAGE)
#define ROOM 32768 /* a reader does not know how much has come */
#define GROUP 64   /* rounds that are taken together */
#define MOST_GROUPS 65536
#define MOST_EVENTS 16
#define IDLE_RINGS 1000

static const unsigned char frame[FRAME] = {0, 0, 0, MESSAGE};
static int active[2];
static int epoll = -1;
static mproc_waitset *set;
static mproc_conn *in;
static mproc_conn *out;

static int check(int rc)
{
    if (rc < 0)
        bench_die(mproc_strerror(rc));
    return rc;
}

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    bench_check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void add(mproc_conn *conn)
{
    mproc_wait_item item = mproc_wait_conn(conn);
    check(mproc_waitset_add(set, &item, conn));
}

static mproc_conn *adopt(int fd)
{
    mproc_conn *conn;
    check(mproc_conn_from_handle(&conn, fd, 0));
    return conn;
}

static void add_idle_ring(void)
{
    mproc_conn *reader;
    mproc_conn *writer;
    check(mproc_pipe(&reader, &writer, MPROC_SIMPLEX | MPROC_PIPE_RING));
    add(reader);
}

/* They are left open to the end of the process. */
static void add_idle(size_t n)
{
    int idle[2];
    bench_check(socketpair(AF_UNIX, SOCK_STREAM, 0, idle) == 0, "socketpair");
    for (size_t i = 0; i < n; i++) {
        if (KIND == RING && i < IDLE_RINGS) {
            add_idle_ring();
            continue;
        }
        int fd = dup(idle[0]);
        bench_check(fd >= 0, "dup");
        if (IS_RAW)
            watch(fd);
        else
            add(adopt(fd));
    }
}

static void add_active(void)
{
    bench_check(socketpair(AF_UNIX, SOCK_STREAM, 0, active) == 0, "socketpair");
    if (IS_RAW)
        watch(active[0]);
    else if (KIND == STREAM)
        in = adopt(active[0]);
    else
        check(mproc_pipe(&in, &out, MPROC_SIMPLEX | MPROC_PIPE_RING));
    if (in)
        add(in);
}

static void send_one(void)
{
    if (KIND == RING)
        check(mproc_conn_send_bytes(out, frame, MESSAGE));
    else
        bench_check(write(active[1], frame, FRAME) == FRAME, "write");
}

/* With room for four descriptors. */
static ssize_t read_message(int fd, unsigned char *buf, size_t len)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = buf, .iov_len = len};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    return recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
}

static void take_one(void)
{
    static unsigned char message[ROOM];
    if (IS_RAW) {
        struct epoll_event events[MOST_EVENTS];
        bench_check(epoll_wait(epoll, events, MOST_EVENTS, -1) == 1, "epoll_wait");
        int fd = events[0].data.fd;
        ssize_t n = KIND == RAW ? read(fd, message, ROOM) : read_message(fd, message, ROOM);
        bench_check(n == FRAME, "read");
    } else {
        mproc_wait_event events[MOST_EVENTS];
        check(mproc_waitset_wait(set, events, MOST_EVENTS, MPROC_FOREVER));
        check((int)mproc_conn_recv_bytes_into(events[0].tag, message, MESSAGE));
    }
}

/* What GROUP pairs of looks at the clock cost by themselves. */
static int64_t clock_cost(void)
{
    int64_t spent = 0;
    for (int i = 0; i < GROUP; i++) {
        int64_t before = bench_now();
        spent += bench_now() - before;
    }
    return spent;
}

static int64_t time_group(void)
{
    int64_t spent = -clock_cost();
    for (int i = 0; i < GROUP; i++) {
        send_one();
        int64_t before = bench_now();
        take_one();
        spent += bench_now() - before;
    }
    return spent;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Median of the groups, nanoseconds for each round. */
static double measure(double seconds)
{
    static int64_t groups[MOST_GROUPS];
    size_t n = 0;
    int64_t until = bench_now() + (int64_t)(seconds * 1e9);
    do
        groups[n++] = time_group();
    while (n < MOST_GROUPS && bench_now() < until);
    qsort(groups, n, sizeof *groups, ascending);
    size_t middle = n / 2;
    return (double)groups[middle] / GROUP;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        bench_die("usage: PROGRAM waitset IDLE SECONDS CPU0 CPU1");
    size_t idle = strtoul(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    size_t rings = KIND == RING ? (idle < IDLE_RINGS ? idle : IDLE_RINGS) : 0;
    if (limit.rlim_cur < idle + 4 * rings + 50)
        bench_unsupported("too few descriptors are allowed");
    bench_pin((int)strtol(argv[4], NULL, 10));
    epoll = epoll_create1(0);
    bench_check(epoll >= 0, "epoll_create1");
    check(mproc_waitset_new(&set));
    add_idle(idle);
    add_active();
    measure(seconds / 5); /* warm-up */
    printf("{\"wait_ns\": %.1f}\n", measure(seconds));
    return 0;
}

/* NOLINTEND(misc-redundant-expression) */
