/* SPDX-License-Identifier: MIT */
/*
 * Whether the reader of a stream should let others run for a moment before it reads again.
 *
 * While small messages stream in, a reader that waits in the system call at each message's arrival
 * has the sender pay for a wake-up, and over TCP for a segment, each time. One that yields first
 * finds several. But next to a busy program of the same scheduling group, a yield can cost a whole
 * time slice, in which the sender fills the socket and stops. So while the stream is busy, both
 * ways are tried in turn, and the one that brought more is kept for a while. No I/O and no clock
 * here.
 */
#ifndef MP_CONNECTION_PAUSE_H
#define MP_CONNECTION_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum mp_pause_phase { MP_PAUSE_TRY, MP_PAUSE_TRY_NONE, MP_PAUSE_KEEP };

/* All zero is a quiet stream. */
struct mp_pause {
    unsigned taken; /* messages since the last read */
    unsigned busy;  /* reads until the stream counts as quiet */
    bool drained;   /* the last read brought less than it asked for */

    enum mp_pause_phase phase;
    bool pausing;
    int64_t since;  /* when the phase began, nanoseconds */
    size_t bytes;   /* that were read in it */
    double rate[2]; /* bytes per nanosecond with and without pauses */
};

static inline void mp_pause_took_message(struct mp_pause *p)
{
    p->taken++;
}

/* Before a read: is a pause advised? */
bool mp_pause_advised(struct mp_pause *p, int64_t now);

/* After a read that asked for `len` and returned `n`, which may be an error. */
void mp_pause_have_read(struct mp_pause *p, ssize_t n, size_t len);

#endif
