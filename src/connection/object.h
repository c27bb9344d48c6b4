/* SPDX-License-Identifier: MIT */
/* Sending a value in two steps: what may fail for its own sake, and what waits for the peer. */
#ifndef MP_CONNECTION_OBJECT_H
#define MP_CONNECTION_OBJECT_H

#include <mproc/connection.h>

#include "base/buffer.h"
#include "connection/parcel.h"

/*
 * Append the pickle of `value`, NULL for None, to an empty buffer; the descriptors of the
 * connections in it, still theirs, go into an empty parcel. 0 or a negative code.
 */
int mp_object_pickle(const mproc_value *value, struct mp_buffer *pickle, struct mp_parcel *parcel,
                     mproc_error *err);

/* As mproc_conn_send() of what was pickled. */
int mp_object_send(mproc_conn *conn, const struct mp_buffer *pickle,
                   const struct mp_parcel *parcel);

#endif
