/* SPDX-License-Identifier: MIT */
/*
 * How to wait for the other side: look again and again for a while, give the processor away, or go
 * to sleep at once. Learnt from what earlier waits were like. No I/O.
 *
 * A wake-up across processors costs more than most answers take, so looking pays if the answer
 * comes soon. It never pays if the other side needs this very processor to give its answer.
 */
#ifndef MP_CONNECTION_SPIN_H
#define MP_CONNECTION_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "connection/bell.h"

struct mp_spin {
    int64_t limit;   /* longest look, ns; 0 never looks */
    int64_t budget;  /* how long to look next time, ns */
    bool same_cpu;   /* the other side was last seen on this processor: yield, then sleep */
    unsigned grudge; /* so many waits without a yield: the last one came back late, */
    unsigned resent; /* and so many it was that time; 0: it did not */
    int64_t began;   /* when the present wait began, 0: not noted */
};

/* Longest look unless said otherwise. Much below the 50 us that two wake-ups take, both sides would
 * sleep for ever. */
#define MP_SPIN_LIMIT_US 100

/* A limit as options give it, in whole nanoseconds and within bounds; negative stays so. */
int64_t mp_spin_limit_ns(double limit_us);

/* `limit_ns` negative: MP_SPIN_LIMIT_US or what the environment's MPROC_SPIN_US says. */
void mp_spin_init(struct mp_spin *spin, int64_t limit_ns);

/* A sleep has ended: the bell was rung `waited` ns after the wait began, from this processor or
 * another. */
void mp_spin_learn(struct mp_spin *spin, int64_t waited, bool same_cpu);

/* A sleep that ended with the flag's bell: learn from its stamp, unless it is an older one. */
void mp_spin_learn_from(struct mp_spin *spin, const struct mp_bell_flag *flag);

/* A yield took this long, ns. */
void mp_spin_yielded(struct mp_spin *spin, int64_t took);

/* May this wait begin with a yield? */
bool mp_spin_may_yield(struct mp_spin *spin);

/* One look's pause: a few tens of nanoseconds in which a sibling may run. */
static inline void mp_spin_pause(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__ || defined __arm__
    __asm__ volatile("yield");
#endif
}

#endif
