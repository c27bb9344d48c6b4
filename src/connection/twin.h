/* SPDX-License-Identifier: MIT */
/*
 * The two ends of a pipe that are both open in this process know each other.
 *
 * A child that is given one end as an argument has inherited the other one too, and as long as it
 * holds that, nobody sees the end of the stream; so it closes it (mp_twin_keep_only).
 *
 * It has also inherited every other connection that the parent had open. Most children never touch
 * those, so they rest (holders.h), and the parent reads ahead on them as before.
 */
#ifndef MP_CONNECTION_TWIN_H
#define MP_CONNECTION_TWIN_H

#include <mproc/connection.h>

/* These are the two ends of one pipe. */
void mp_twin_join(mproc_conn *first, mproc_conn *second);

/* This one is about to be closed. */
void mp_twin_part(mproc_conn *conn);

/*
 * In a forked child that was given `args`: shut the inherited other end of every connection in it,
 * unless that is in it too, and rest what is not in it. The child's connection objects stay, and
 * may be closed.
 */
void mp_twin_keep_only(const mproc_value *args);

/* After fork in the child: another thread may have held the lock. */
void mp_twin_after_fork(void);

#endif
