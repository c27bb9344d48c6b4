/* SPDX-License-Identifier: MIT */
#include "connection/pause.h"

/* So many reads that brought one message or less, and the stream counts as quiet. */
#define BUSY_READS 16

/* Time slices are 3 or 4 ms on common kernels: try for several. */
#define TRY_NS 20000000
#define KEEP_NS 400000000

/* Where it matters, pauses bring a fifth of what is brought without them, or less. Anything near is
 * chance: other programs run too. */
#define CLEARLY_WORSE 0.7

static bool note_activity(struct mp_pause *p)
{
    if (p->taken > 1)
        p->busy = BUSY_READS;
    else if (p->busy > 0)
        p->busy--;
    p->taken = 0;
    return p->busy > 0;
}

static bool are_pauses_good(const struct mp_pause *p)
{
    return p->rate[MP_PAUSE_TRY] > CLEARLY_WORSE * p->rate[MP_PAUSE_TRY_NONE];
}

static void enter(struct mp_pause *p, enum mp_pause_phase phase, int64_t now)
{
    p->phase = phase;
    p->pausing = phase == MP_PAUSE_TRY || (phase == MP_PAUSE_KEEP && are_pauses_good(p));
    p->since = now;
    p->bytes = 0;
}

/* Go to the next phase when this one is over. One with a long silence in it says nothing. */
static void advance_phase(struct mp_pause *p, int64_t now)
{
    int64_t took = now - p->since;
    int64_t length = p->phase == MP_PAUSE_KEEP ? KEEP_NS : TRY_NS;
    if (p->since == 0 || took > 2 * length) {
        enter(p, MP_PAUSE_TRY, now);
        return;
    }
    if (took < length)
        return;
    if (p->phase == MP_PAUSE_KEEP) {
        enter(p, MP_PAUSE_TRY, now);
        return;
    }
    double rate = (double)p->bytes / (double)took;
    double before = p->rate[p->phase];
    p->rate[p->phase] = before > 0 ? (before + rate) / 2 : rate;
    enter(p, p->phase == MP_PAUSE_TRY ? MP_PAUSE_TRY_NONE : MP_PAUSE_KEEP, now);
}

bool mp_pause_advised(struct mp_pause *p, int64_t now)
{
    if (!note_activity(p))
        return false;
    advance_phase(p, now);
    return p->pausing && p->drained;
}

void mp_pause_have_read(struct mp_pause *p, ssize_t n, size_t len)
{
    p->drained = n < (ssize_t)len;
    if (n > 0)
        p->bytes += (size_t)n;
}
