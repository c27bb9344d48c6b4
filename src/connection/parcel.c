/* SPDX-License-Identifier: MIT */
#include "connection/parcel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>

#include "base/fd.h"

void mp_parcel_clear(struct mp_parcel *parcel)
{
    for (size_t i = 0; i < parcel->n; i++)
        mp_fd_close(&parcel->fds[i]);
    parcel->n = 0;
    parcel->lost = false;
}

/* Append `from` to `to` and empty it; what is too much for one message is closed. */
static void merge(struct mp_parcel *to, struct mp_parcel *from)
{
    size_t room = MP_PARCEL_MAX - to->n;
    size_t n = from->n < room ? from->n : room;
    memcpy(to->fds + to->n, from->fds, n * sizeof *to->fds);
    to->n += n;
    to->lost = to->lost || from->lost || n < from->n;
    memmove(from->fds, from->fds + n, (from->n - n) * sizeof *from->fds);
    from->n -= n;
    mp_parcel_clear(from);
}

int mp_arrivals_add(struct mp_arrivals *arrivals, struct mp_parcel *parcel, uint64_t at)
{
    size_t weight = parcel->n + 1;
    if (arrivals->weight + weight > MP_ARRIVALS_MAX) {
        mp_parcel_clear(parcel);
        arrivals->last->parcel.lost = true;
        return MPROC_ELOST;
    }
    struct mp_arrival *arrival = malloc(sizeof *arrival);
    if (!arrival) {
        mp_parcel_clear(parcel);
        return -ENOMEM;
    }
    arrival->next = NULL;
    arrival->at = at;
    arrival->weight = weight;
    arrivals->weight += weight;
    mp_parcel_init(&arrival->parcel);
    merge(&arrival->parcel, parcel);
    if (arrivals->last)
        arrivals->last->next = arrival;
    else
        arrivals->first = arrival;
    arrivals->last = arrival;
    return 0;
}

static void drop_first(struct mp_arrivals *arrivals)
{
    struct mp_arrival *first = arrivals->first;
    arrivals->weight -= first->weight;
    arrivals->first = first->next;
    if (!arrivals->first)
        arrivals->last = NULL;
    free(first);
}

void mp_arrivals_claim(struct mp_arrivals *arrivals, uint64_t end, struct mp_parcel *parcel)
{
    while (arrivals->first && arrivals->first->at <= end) {
        merge(parcel, &arrivals->first->parcel);
        drop_first(arrivals);
    }
}

void mp_arrivals_clear(struct mp_arrivals *arrivals)
{
    while (arrivals->first) {
        mp_parcel_clear(&arrivals->first->parcel);
        drop_first(arrivals);
    }
}
