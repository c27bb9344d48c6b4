/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that travel beside the bytes of a local socket (SCM_RIGHTS, unix(7)), and to which
 * message they belong.
 *
 * The sender attaches them to the first byte of their message. A read never goes beyond bytes that
 * had descriptors attached, so the last byte of the read that brought them lies in their message.
 */
#ifndef MP_CONNECTION_PARCEL_H
#define MP_CONNECTION_PARCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SCM_MAX_FD of Linux: the kernel refuses more with one message. */
#define MP_PARCEL_MAX 253

/* What may wait to be taken: the parcels of the message that is being read and of the one that the
 * last read began. A peer that attaches descriptors to every byte gets no further. */
#define MP_ARRIVALS_MAX ((size_t)2 * (MP_PARCEL_MAX + 1))

/* Descriptors of one message. */
struct mp_parcel {
    int fds[MP_PARCEL_MAX];
    size_t n;
    bool lost;   /* some did not arrive: no room in the descriptor table, or too many */
    int carrier; /* the socket that brought them, not owned; -1: from this process's own family */
};

/* Only what counts: the array is a kilobyte. */
static inline void mp_parcel_init(struct mp_parcel *parcel)
{
    parcel->n = 0;
    parcel->lost = false;
    parcel->carrier = -1;
}

/* A parcel that came, waiting for its message to be taken. */
struct mp_arrival {
    struct mp_arrival *next;
    uint64_t at;   /* position in the stream behind the read that brought it, bytes */
    size_t weight; /* descriptors that it came with, and one for itself */
    struct mp_parcel parcel;
};

/* Oldest first. All zero is empty. */
struct mp_arrivals {
    struct mp_arrival *first;
    struct mp_arrival *last;
    size_t weight; /* of all */
};

/* Keep a parcel, which is emptied. Its descriptors are closed without memory (-ENOMEM), and if more
 * wait than may (MPROC_ELOST). */
int mp_arrivals_add(struct mp_arrivals *arrivals, struct mp_parcel *parcel, uint64_t at);

/* Move what belongs to the message that ends at `end` into `parcel`, which must be empty. */
void mp_arrivals_claim(struct mp_arrivals *arrivals, uint64_t end, struct mp_parcel *parcel);

/* Close all descriptors and forget them. */
void mp_arrivals_clear(struct mp_arrivals *arrivals);
void mp_parcel_clear(struct mp_parcel *parcel);

#endif
