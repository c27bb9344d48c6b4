/* SPDX-License-Identifier: MIT */
/*
 * Connections that leave this process and enter another: descriptors in a parcel, and an id that
 * stands for the connection in the pickle beside it.
 *
 * The two functions are the hooks of struct mp_pickle_hooks, with a struct mp_parcel as `user`.
 * What carries the parcel, a socket or an exec, is the caller's business.
 */
#ifndef MP_CONNECTION_PASSING_H
#define MP_CONNECTION_PASSING_H

#include <stdint.h>

#include "connection/parcel.h"

/*
 * Append the descriptors of a connection to the parcel; they stay the connection's own. 0,
 * MPROC_ECANTPASS, -EBUSY (see struct mp_transport), -E2BIG: no more room.
 */
int mp_passing_leave(void *parcel, void *connection, uint64_t *id);

/*
 * Make the connection that an id stands for; what it uses of the parcel's descriptors is its own
 * then, and set to -1 there. The caller clears the parcel at the end, in any case. 0, MPROC_EPICKLE
 * for ids and descriptors that make no sense, MPROC_ELOST, MPROC_EFOREIGN, -ENOMEM.
 */
int mp_passing_arrive(void *parcel, uint64_t id, void **connection, void (**drop)(void *));

#endif
