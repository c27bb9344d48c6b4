/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking between the two sides of a ring. A pipe that holds at most one page, and so
 * is full as soon as it holds one byte, wakes in both directions and tells of death in both:
 *
 * - The reader of the ring sleeps until its end of the pipe is readable; the writer wakes it by a
 *   byte. A hang-up says that the last writer is gone.
 * - The writer of the ring, waiting for room, puts a byte into the pipe and sleeps until its end is
 *   writable; the reader wakes it by taking the byte out. An error says that the last reader is
 *   gone.
 *
 * A byte too many wakes somebody in vain, which is harmless. No wake-up is lost, because who goes
 * to sleep says so in shared memory and then looks again, and who has news looks for that flag
 * afterwards.
 */
#ifndef MP_CONNECTION_BELL_H
#define MP_CONNECTION_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* What a sleeper's flag says. The peer can scribble on it: any value is only a hint. */
enum mp_bell_state {
    MP_BELL_AWAKE = 0,
    MP_BELL_ASLEEP = 1,
    /* Awake in the midst of a stream, and will run a barrier in everybody before it sleeps: who
     * publishes can do without one of its own. */
    MP_BELL_STREAMING = 2,
};

/* In memory shared with the peer. */
struct mp_bell_flag {
    _Atomic uint32_t state; /* enum mp_bell_state */
    _Atomic uint32_t cpu;   /* where it was last rung from */
    _Atomic int64_t time;   /* and when */
};

/* A pipe of one page, both ends non-blocking and owned: fds[0] reads. 0 or -errno. */
int mp_bell_open(int fds[2]);

/* Say that the caller is about to sleep. Whatever was published before may then be seen, and who
 * publishes later will ring. */
void mp_bell_raise(struct mp_bell_flag *flag);

/* Note in the flag who rings and when. False if it was not up after all. */
bool mp_bell_lower(struct mp_bell_flag *flag);

/* Wake the reader: 0, -EPIPE if there is none any more, -errno. Never raises SIGPIPE. */
int mp_bell_ring(int fd);

/* Take out all bytes, which wakes the writer: 1, 0 if there was none, MPROC_EOF if moreover there
 * is no writer any more, -errno. */
int mp_bell_drain(int fd);

/* The writer's sleep: 0 woken, -ETIMEDOUT, -EPIPE if there is no reader any more, -errno. */
int mp_bell_wait_drained(int fd, mp_deadline deadline);

/* Does anybody hold the reading end? */
bool mp_bell_has_reader(int fd);

#endif
