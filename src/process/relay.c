/* SPDX-License-Identifier: MIT */
#include "process/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <mproc/error.h>

#include "base/fd.h"
#include "connection/stream_io.h"

static struct mp_stream_fd io_of(int relay)
{
    return (struct mp_stream_fd){.fd = relay, .is_socket = true, .is_local = true};
}

static int send_record(int relay, const void *record, size_t len, const struct mp_parcel *parcel)
{
    const struct mp_stream_fd io = io_of(relay);
    struct iovec part = {.iov_base = (void *)(uintptr_t)record, .iov_len = len};
    ssize_t n = mp_stream_write(&io, &part, 1, parcel, MP_NOW);
    if (n < 0)
        return (int)n;
    return (size_t)n == len ? 0 : -ENOBUFS;
}

int mp_relay_send_birth(int relay, const struct mp_birth *birth, int pidfd)
{
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    if (pidfd >= 0)
        parcel.fds[parcel.n++] = pidfd;
    return send_record(relay, birth, sizeof *birth, &parcel);
}

int mp_relay_send_death(int relay, const struct mp_death *death)
{
    return send_record(relay, death, sizeof *death, NULL);
}

int mp_relay_receive_birth(int relay, struct mp_birth *birth, int *pidfd, mp_deadline deadline)
{
    const struct mp_stream_fd io = io_of(relay);
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    ssize_t n = mp_stream_read(&io, birth, sizeof *birth, &parcel, deadline);
    int rc = n < 0 ? (int)n : 0;
    if (n >= 0 && (size_t)n != sizeof *birth)
        rc = MPROC_EOF;
    if (rc == 0 && (parcel.lost || parcel.n != (birth->pidfd ? 1U : 0U)))
        rc = -EMFILE;
    if (rc == 0) {
        *pidfd = parcel.n > 0 ? parcel.fds[0] : -1;
        parcel.n = 0;
    }
    mp_parcel_clear(&parcel);
    return rc;
}

enum mp_relay_news mp_relay_receive_death(int relay, struct mp_death *death)
{
    const struct mp_stream_fd io = io_of(relay);
    struct mp_parcel parcel;
    mp_parcel_init(&parcel);
    ssize_t n = mp_stream_read(&io, death, sizeof *death, &parcel, MP_NOW);
    mp_parcel_clear(&parcel);
    if (n == -ETIMEDOUT)
        return MP_RELAY_SILENT;
    if (n != sizeof *death)
        return MP_RELAY_LOST;
    /* Other threads may be waiting for this one message: let them see end of file for ever. */
    shutdown(relay, SHUT_RD);
    return MP_RELAY_SPOKE;
}
