/* SPDX-License-Identifier: MIT */
/*
 * Parcels that travel beside a ring: over a local stream socket, each with its number, which the
 * ring announces before the message. Numbers grow. A parcel whose number was passed over has lost
 * its message: its sender died before it could send that, or its receiver before it came to this.
 */
#ifndef MP_CONNECTION_SIDE_H
#define MP_CONNECTION_SIDE_H

#include <stdint.h>

#include "base/clock.h"
#include "connection/parcel.h"

/*
 * Send a copy of each descriptor in the parcel. When too many parcels lie unclaimed, wait. 0, or
 * with nothing sent: -ETIMEDOUT, -ETOOMANYREFS (unix(7)), -EPIPE, -errno.
 */
int mp_side_send(int fd, uint64_t number, const struct mp_parcel *parcel, mp_deadline deadline);

/* Take the parcel of this number into an empty one; those before it are closed. If it is not there,
 * the parcel is marked as lost. Never blocks: it was sent before it was announced. */
void mp_side_claim(int fd, uint64_t number, struct mp_parcel *parcel);

#endif
