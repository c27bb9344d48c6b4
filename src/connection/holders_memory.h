/* SPDX-License-Identifier: MIT */
/*
 * The memory that counts lie in: shared with the children that are forked later, and used again.
 * The caller sees to it that one thread at a time is in here.
 */
#ifndef MP_CONNECTION_HOLDERS_MEMORY_H
#define MP_CONNECTION_HOLDERS_MEMORY_H

#include "connection/holders.h"

/* Room for a count that nobody uses, without a pid in it. NULL with errno. */
struct mp_holders *mp_holders_take(void);

/* What mp_holders_take() gave to this process, and it no longer uses: others may still do. */
void mp_holders_give_back(struct mp_holders *holders);

/* This is a forked child: all of the memory is its parent's to use again. */
void mp_holders_leave_to_parent(void);

/* holders.c: count down those that have left their pid and are gone, as far as that is known
 * without a descriptor (-1). */
void mp_holders_strike_gone(struct mp_holders *holders, int fd);

#endif
