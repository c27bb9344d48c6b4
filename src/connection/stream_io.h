/* SPDX-License-Identifier: MIT */
/* Bytes over a descriptor with a deadline, whatever it is and whichever its blocking mode. */
#ifndef MP_CONNECTION_STREAM_IO_H
#define MP_CONNECTION_STREAM_IO_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "connection/parcel.h"

struct mp_stream_fd {
    int fd;
    bool is_socket; /* recvmsg/sendmsg take flags for one call; elsewhere poll(2) must come first */
    bool is_local;  /* AF_UNIX: descriptors can travel along, and a reset loses nothing that was
                       sent,  so that it is an end of file */
};

/*
 * Find out what `fd` is, and whether it can be read and written. Nothing is changed.
 * 0, -EBADF, -EPROTOTYPE for a socket that is no stream.
 */
int mp_stream_fd_init(struct mp_stream_fd *io, int fd, bool *readable, bool *writable);

/*
 * Read at least one byte. Bytes read, 0 at the end of the stream, -ETIMEDOUT, -errno. With MP_NOW
 * it never blocks. Descriptors that came along go to `parcel`, which must be empty.
 */
ssize_t mp_stream_read(const struct mp_stream_fd *io, void *buf, size_t len,
                       struct mp_parcel *parcel, mp_deadline deadline);

/*
 * Write at least one byte of the two parts, with a copy of each descriptor in `parcel`, if any,
 * beside the first. Bytes written, -ETIMEDOUT, -EPIPE, -errno.
 */
ssize_t mp_stream_write(const struct mp_stream_fd *io, struct iovec *parts, size_t n,
                        const struct mp_parcel *parcel, mp_deadline deadline);

#endif
