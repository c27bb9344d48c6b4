/* SPDX-License-Identifier: MIT */
/* Pipes through shared memory, as the rest of this room sees them. */
#ifndef MP_CONNECTION_RING_PIPE_H
#define MP_CONNECTION_RING_PIPE_H

#include <stdbool.h>
#include <stddef.h>

#include <mproc/connection.h>

#include "connection/parcel.h"

/*
 * Two connected ends. `side` is a pair of connected local stream sockets over which descriptors
 * will travel, the ends' own on success. 0, -ENOTSUP where there is no such thing, or -errno.
 */
int mp_ring_pipe(mproc_conn **first, mproc_conn **second, bool simplex,
                 const mproc_pipe_options *options, const int side[2]);

/*
 * Make an end of the descriptors from `place` on in a parcel, which are its own on success and set
 * to -1 in the parcel. Nothing about them is believed. 0, or MPROC_EPICKLE: no such end;
 * MPROC_ELOST: some are missing; MPROC_EFOREIGN: from another user or another build; -ENOMEM.
 */
int mp_ring_adopt(mproc_conn **conn, struct mp_parcel *parcel, size_t place, unsigned traits);

#endif
