/* SPDX-License-Identifier: MIT */
/* nng: a pair0 over its ipc transport, at an abstract address. */
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <unistd.h>

#include "../loops.h"

static char address[64];
static nng_socket sock;

static void check(int rc)
{
    if (rc != 0)
        bench_die(nng_strerror(rc));
}

static void peer_send(const unsigned char *message, size_t len)
{
    check(nng_send(sock, (void *)(uintptr_t)message, len, 0)); /* only read from */
}

static void peer_recv(unsigned char *message, size_t len)
{
    check(nng_recv(sock, message, &len, 0));
}

static void prepare_address(const struct bench_run *run)
{
    (void)run;
    snprintf(address, sizeof address, "abstract://mproc-bench-%d", (int)getpid());
}

static void dial_until_heard(void)
{
    int rc;
    while ((rc = nng_dial(sock, address, NULL, 0)) == NNG_ECONNREFUSED)
        nng_msleep(1);
    check(rc);
}

static void open_side(const struct bench_run *run, int side)
{
    (void)run;
    check(nng_pair0_open(&sock));
    check(nng_socket_set_size(sock, NNG_OPT_RECVMAXSZ, 0)); /* unlimited */
    if (side == 0)
        check(nng_listen(sock, address, NULL, 0));
    else
        dial_until_heard();
}

static void close_side(int side)
{
    (void)side;
    nng_close(sock);
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
