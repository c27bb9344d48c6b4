/* SPDX-License-Identifier: MIT */
/* The stream transport: CPython's frames over a descriptor. */
#ifndef MP_CONNECTION_STREAM_H
#define MP_CONNECTION_STREAM_H

#include <mproc/connection.h>

/*
 * Make a connection over `fd`, which it owns on success. Flags as of mproc_conn_from_handle().
 * 0, -EBADF, -EINVAL, -EPROTOTYPE, -ENOMEM.
 */
int mp_stream_new(mproc_conn **conn, int fd, unsigned flags);

#endif
