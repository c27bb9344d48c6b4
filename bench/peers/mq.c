/* SPDX-License-Identifier: MIT */
/* Two POSIX message queues, with the system's default depth. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>

#include "../loops.h"

static mqd_t queues[2];
static mqd_t in;
static mqd_t out;

static void peer_send(const unsigned char *message, size_t len)
{
    bench_check(mq_send(out, (const char *)message, len, 0) == 0, "mq_send");
}

static void peer_recv(unsigned char *message, size_t len)
{
    bench_check(mq_receive(in, (char *)message, len, NULL) == (ssize_t)len, "mq_receive");
}

static mqd_t open_queue(size_t size, int number)
{
    char name[64];
    snprintf(name, sizeof name, "/mproc-bench-%d-%d", (int)getpid(), number);
    struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = (long)size};
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    mq_unlink(name);
    if (queue < 0 && (errno == EINVAL || errno == EMFILE))
        bench_unsupported("the system limits POSIX messages to less");
    bench_check(queue >= 0, "mq_open");
    return queue;
}

static void prepare_queues(const struct bench_run *run)
{
    if (run->size > 8192) /* the default of fs.mqueue.msgsize_max; root may exceed it, others not */
        bench_unsupported("the system limits POSIX messages to 8 KiB");
    queues[0] = open_queue(run->size, 0);
    queues[1] = open_queue(run->size, 1);
}

static void open_side(const struct bench_run *run, int side)
{
    (void)run;
    in = queues[side];
    out = queues[!side];
}

int main(int argc, char **argv)
{
    const struct bench_peer peer = {
        .loops = &bench_loops,
        .prepare = prepare_queues,
        .open = open_side,
    };
    return bench_main(argc, argv, &peer);
}
