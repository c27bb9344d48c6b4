/* SPDX-License-Identifier: MIT */
/*
 * The loops that are timed. They are compiled into each program, so that no call through a pointer
 * is part of what a message costs.
 */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <string.h>

#include "common.h"

/* The program defines these, for whole messages of a length that both sides know. */
static void peer_send(const unsigned char *message, size_t len);
static void peer_recv(unsigned char *message, size_t len);

/* Round trips until the time is over, one burst at least. */
static void loop_ping(struct bench_run *run)
{
    int64_t before = bench_now();
    do {
        for (unsigned i = 0; i < run->burst; i++) {
            run->buf[0] = BENCH_GO;
            peer_send(run->buf, run->size);
            peer_recv(run->buf, run->size);
        }
        int64_t after = bench_now();
        bench_record(run, after - before);
        before = after;
    } while (before < run->until);
}

static void loop_echo(struct bench_run *run)
{
    for (;;) {
        peer_recv(run->buf, run->size);
        if (run->buf[0] == BENCH_STOP)
            return;
        peer_send(run->buf, run->size);
    }
}

/* Messages one way until the time is over. */
static void loop_stream(struct bench_run *run)
{
    run->buf[0] = BENCH_GO;
    while (bench_now() < run->until) {
        for (unsigned i = 0; i < run->burst; i++)
            peer_send(run->buf, run->size);
        run->messages += run->burst;
    }
}

static void loop_drain(struct bench_run *run)
{
    do
        peer_recv(run->buf, run->size);
    while (run->buf[0] != BENCH_STOP);
}

/* One message that tells when it left, and the side that takes the time it was on its way. */
static void loop_post(struct bench_run *run)
{
    run->buf[0] = BENCH_GO;
    bench_stamp(run);
    peer_send(run->buf, run->size);
    run->messages++;
}

static void loop_take(struct bench_run *run)
{
    for (;;) {
        peer_recv(run->buf, run->size);
        if (run->buf[0] == BENCH_STOP)
            return;
        bench_record(run, bench_age(run));
    }
}

/* End a phase: tell the other side, and wait until it has received everything. */
static void loop_finish(struct bench_run *run)
{
    run->buf[0] = BENCH_STOP;
    peer_send(run->buf, run->size);
    peer_recv(run->buf, run->size);
}

static void loop_answer(struct bench_run *run)
{
    peer_send(run->buf, run->size);
}

static const struct bench_loops bench_loops = {loop_ping, loop_echo, loop_stream, loop_drain,
                                               loop_post, loop_take, loop_finish, loop_answer};

#endif
