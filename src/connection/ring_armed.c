/* SPDX-License-Identifier: MIT */
/* Who sleeps on a bell, see struct mp_armed. */
#include "connection/ring_memory.h"

#define COUNT_MASK ((UINT64_C(1) << MP_ARMED_BITS) - 1)

static bool change(_Atomic uint64_t *word, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong(word, &from, to);
}

/* Count one more in this word, if it is of process `name` and there is room. */
static bool add_to(_Atomic uint64_t *word, uint64_t name, bool take_free)
{
    for (;;) {
        uint64_t now = atomic_load(word);
        uint64_t next = now + 1;
        if (now == 0 && take_free)
            next = name << MP_ARMED_BITS | 1;
        else if (now >> MP_ARMED_BITS != name || (now & COUNT_MASK) == COUNT_MASK)
            return false;
        if (change(word, now, next))
            return true;
    }
}

void mp_armed_add(struct mp_armed *armed)
{
    uint64_t name = mp_self_name();
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < MP_ARMED_PROCESSES; i++)
            if (add_to(&armed->by[i], name, pass == 1))
                return;
    atomic_fetch_add(&armed->others, 1);
}

void mp_armed_remove(struct mp_armed *armed)
{
    uint64_t name = mp_self_name();
    for (size_t i = 0; i < MP_ARMED_PROCESSES; i++) {
        uint64_t now = atomic_load(&armed->by[i]);
        while (now >> MP_ARMED_BITS == name) {
            uint64_t next = (now & COUNT_MASK) > 1 ? now - 1 : 0;
            if (change(&armed->by[i], now, next))
                return;
            now = atomic_load(&armed->by[i]);
        }
    }
    unsigned others = atomic_load(&armed->others);
    while (others > 0 && !atomic_compare_exchange_weak(&armed->others, &others, others - 1))
        ;
}

unsigned mp_armed_count(const struct mp_armed *armed)
{
    unsigned n = atomic_load(&armed->others);
    for (size_t i = 0; i < MP_ARMED_PROCESSES; i++)
        n += (unsigned)(atomic_load(&armed->by[i]) & COUNT_MASK);
    return n;
}

unsigned mp_armed_count_living(struct mp_armed *armed)
{
    uint64_t self = mp_self_name();
    for (size_t i = 0; i < MP_ARMED_PROCESSES; i++) {
        uint64_t now = atomic_load(&armed->by[i]);
        uint64_t name = now >> MP_ARMED_BITS;
        if (now != 0 && name != self && mp_self_is_gone(name))
            change(&armed->by[i], now, 0);
    }
    return mp_armed_count(armed);
}
