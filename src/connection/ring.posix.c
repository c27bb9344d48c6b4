/* SPDX-License-Identifier: MIT */
/* POSIX has no memory without a name and no word of a process's death: pipes are streams. */
#include <errno.h>

#include <mproc/error.h>

#include "connection/ring_pipe.h"

int mp_ring_pipe(mproc_conn **first, mproc_conn **second, bool simplex,
                 const mproc_pipe_options *options, const int side[2])
{
    (void)first;
    (void)second;
    (void)simplex;
    (void)options;
    (void)side;
    return -ENOTSUP;
}

int mp_ring_adopt(mproc_conn **conn, struct mp_parcel *parcel, size_t place, unsigned traits)
{
    (void)conn;
    (void)parcel;
    (void)place;
    (void)traits;
    return MPROC_EFOREIGN;
}
