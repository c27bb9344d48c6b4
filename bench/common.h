/* SPDX-License-Identifier: MIT */
/*
 * What every benchmark program shares. A program measures one way of passing messages between two
 * processes: side 0 is the parent, side 1 its forked child. It includes loops.h, defines what that
 * declares, and calls bench_main().
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Exit status of a program that cannot do what it was asked, such as messages of this size. */
#define BENCH_UNSUPPORTED 77

/* Bytes that a message buffer has in front, so that a frame's header fits there and the payload is
 * still aligned. */
#define BENCH_HEADROOM 64

enum bench_mark { BENCH_STOP, BENCH_GO }; /* first byte of each message */

struct bench_run {
    size_t size;        /* bytes in a message */
    double seconds;     /* for the measured phase */
    int cpu[2];         /* where each side runs */
    double rate;        /* messages per second for "paced"; 0 is idle */
    unsigned char *buf; /* one message */
    int64_t until;      /* when this phase ends */
    unsigned burst;     /* messages, or round trips, between two looks at the clock */
    uint64_t messages;  /* sent in this phase */
    int64_t pacing;     /* nanoseconds of CPU time spent on keeping the pace */
    int64_t *times;     /* of single messages or round trips, nanoseconds */
    size_t n_times;
};

/* Both sides of each measurement, compiled into the program by loops.h. */
struct bench_loops {
    void (*ping)(struct bench_run *run);
    void (*echo)(struct bench_run *run);
    void (*stream)(struct bench_run *run);
    void (*drain)(struct bench_run *run);
    void (*post)(struct bench_run *run);
    void (*take)(struct bench_run *run);
    void (*finish)(struct bench_run *run);
    void (*answer)(struct bench_run *run);
};

/* What a program brings. Each function but those marked may be NULL. */
struct bench_peer {
    const struct bench_loops *loops; /* never NULL */

    /* Decide which side this process is, instead of fork(2). */
    int (*launch)(int *argc, char ***argv);

    /* Before the fork. */
    void (*prepare)(const struct bench_run *run);

    /* After it, on each side. Never NULL. */
    void (*open)(const struct bench_run *run, int side);

    void (*close)(int side);

    /* The descriptor under a stream of CPython frames, for "capacity". */
    int (*fd)(void);
};

int bench_main(int argc, char **argv, const struct bench_peer *peer);

/* Nanoseconds on CLOCK_MONOTONIC. */
int64_t bench_now(void);

/* Run this process on one CPU. */
void bench_pin(int cpu);

/* Keep the time that `burst` round trips took. */
void bench_record(struct bench_run *run, int64_t nanoseconds);

/* Write the time into the message; how long ago that was. One clock holds for all processes. */
void bench_stamp(struct bench_run *run);
int64_t bench_age(const struct bench_run *run);

/* Print to stderr and exit; die_errno adds what errno says. */
void bench_die(const char *what) __attribute__((noreturn));
void bench_die_errno(const char *what) __attribute__((noreturn));
void bench_unsupported(const char *why) __attribute__((noreturn));

/* Stop unless `ok`; `what` names the call that failed and left errno. */
static inline void bench_check(int ok, const char *what)
{
    if (!ok)
        bench_die_errno(what);
}

#ifdef __cplusplus
}
#endif

#endif
