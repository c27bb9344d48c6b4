/* SPDX-License-Identifier: MIT */
/*
 * PROGRAM handshake SIZE SECONDS CPU0 CPU1 [RATE]: connections per second that a client makes one
 * after the other, over TCP with a key, to a listener in another process. Only SECONDS and the CPUs
 * count.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/listener.h>

#include "common.h"

static const char key[] = "secret password";

static void check(int rc, const mproc_error *error)
{
    if (rc < 0)
        bench_die(error->text);
}

static mproc_listener *listen_with_key(void)
{
    mproc_listener_options options = MPROC_LISTENER_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = strlen(key);
    mproc_listener *listener;
    mproc_error error;
    check(mproc_listener_open(&listener, "127.0.0.1:0", &options, &error), &error);
    return listener;
}

/* Until the parent kills us. */
static void serve(mproc_listener *listener)
{
    for (;;) {
        mproc_conn *conn;
        mproc_error error;
        check(mproc_listener_accept(listener, &conn, MPROC_FOREVER, &error), &error);
        mproc_conn_close(conn);
    }
}

/* Returns connections per second. */
static double connect_for(const char *address, double seconds)
{
    mproc_client_options options = MPROC_CLIENT_OPTIONS_INIT;
    options.authkey = key;
    options.authkey_len = strlen(key);
    unsigned count = 0;
    int64_t start = bench_now();
    int64_t until = start + (int64_t)(seconds * 1e9);
    for (; bench_now() < until; count++) {
        mproc_conn *conn;
        mproc_error error;
        check(mproc_client_connect(&conn, address, &options, &error), &error);
        mproc_conn_close(conn);
    }
    return count / ((double)(bench_now() - start) / 1e9);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        bench_die("usage: PROGRAM handshake SIZE SECONDS CPU0 CPU1");
    double seconds = strtod(argv[3], NULL);
    mproc_listener *listener = listen_with_key();
    pid_t child = fork();
    bench_check(child >= 0, "fork");
    bench_pin((int)strtol(argv[child == 0 ? 5 : 4], NULL, 10));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener);
    }
    const char *address = mproc_listener_address(listener);
    connect_for(address, seconds / 5); /* warm-up */
    printf("{\"per_s\": %.1f}\n", connect_for(address, seconds));
    kill(child, SIGKILL);
    bench_check(waitpid(child, NULL, 0) == child, "waitpid");
    mproc_listener_close(listener);
    return 0;
}
