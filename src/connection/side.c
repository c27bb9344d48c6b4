/* SPDX-License-Identifier: MIT */
#include "connection/side.h"

#include <sys/socket.h>

#include "connection/stream_io.h"

static struct mp_stream_fd socket_of(int fd)
{
    return (struct mp_stream_fd){.fd = fd, .is_socket = true, .is_local = true};
}

int mp_side_send(int fd, uint64_t number, const struct mp_parcel *parcel, mp_deadline deadline)
{
    const struct mp_stream_fd io = socket_of(fd);
    struct iovec part = {.iov_base = &number, .iov_len = sizeof number};
    /* A message so small is queued whole or not at all. */
    ssize_t sent = mp_stream_write(&io, &part, 1, parcel, deadline);
    return sent < 0 ? (int)sent : 0;
}

/* Number of the parcel that is next, 0 if there is none. */
static uint64_t next_number(int fd)
{
    uint64_t number = 0;
    return recv(fd, &number, sizeof number, MSG_PEEK | MSG_DONTWAIT) == sizeof number ? number : 0;
}

void mp_side_claim(int fd, uint64_t number, struct mp_parcel *parcel)
{
    const struct mp_stream_fd io = socket_of(fd);
    uint64_t next = next_number(fd);
    while (next > 0 && next <= number) {
        ssize_t n = mp_stream_read(&io, &next, sizeof next, parcel, MP_NOW);
        if (n == sizeof next && next == number) {
            parcel->carrier = fd;
            return;
        }
        mp_parcel_clear(parcel);
        next = n > 0 ? next_number(fd) : 0;
    }
    parcel->lost = true;
}
