/* SPDX-License-Identifier: MIT */
#ifndef MP_CONNECTION_RECEIVE_H
#define MP_CONNECTION_RECEIVE_H

#include <mproc/connection.h>

#include "connection/parcel.h"

/*
 * mproc_conn_recv_bytes() that also hands out the descriptors that came with the message, into an
 * empty parcel; without one (NULL) they are closed.
 */
int mp_conn_receive(mproc_conn *conn, void **buf, size_t *len, struct mp_parcel *parcel);

#endif
