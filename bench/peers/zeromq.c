/* SPDX-License-Identifier: MIT */
/* ZeroMQ: a PAIR over ipc://, at an abstract address. */
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

#include "../loops.h"

#define QUEUED_BYTES ((size_t)64 * 1024 * 1024)

static char address[64];
static void *context;
static void *sock;

static void peer_send(const unsigned char *message, size_t len)
{
    bench_check(zmq_send(sock, message, len, 0) == (int)len, "zmq_send");
}

static void peer_recv(unsigned char *message, size_t len)
{
    bench_check(zmq_recv(sock, message, len, 0) == (int)len, "zmq_recv");
}

static void prepare_address(const struct bench_run *run)
{
    (void)run;
    snprintf(address, sizeof address, "ipc://@mproc-bench-%d", (int)getpid());
}

/* The default of 1000 messages, unless those are large. */
static void limit_queue(size_t size)
{
    int messages = size * 1000 > QUEUED_BYTES ? (int)(QUEUED_BYTES / size) : 1000;
    zmq_setsockopt(sock, ZMQ_SNDHWM, &messages, sizeof messages);
    zmq_setsockopt(sock, ZMQ_RCVHWM, &messages, sizeof messages);
}

static void open_side(const struct bench_run *run, int side)
{
    context = zmq_ctx_new();
    sock = zmq_socket(context, ZMQ_PAIR);
    bench_check(sock != NULL, "zmq_socket");
    int milliseconds = 1;
    zmq_setsockopt(sock, ZMQ_RECONNECT_IVL, &milliseconds, sizeof milliseconds);
    limit_queue(run->size);
    int rc = side == 0 ? zmq_bind(sock, address) : zmq_connect(sock, address);
    bench_check(rc == 0, "zmq_bind or zmq_connect");
}

static void close_side(int side)
{
    (void)side;
    zmq_close(sock);
    zmq_ctx_term(context);
}

int main(int argc, char **argv)
{
    const struct bench_peer peer = {
        .loops = &bench_loops,
        .prepare = prepare_address,
        .open = open_side,
        .close = close_side,
    };
    return bench_main(argc, argv, &peer);
}
