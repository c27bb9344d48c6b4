/* SPDX-License-Identifier: MIT */
#include "connection/holders_memory.h"

#include <stddef.h>
#include <sys/mman.h>

/* POSIX has anonymous shared memory since Issue 8; every system had it long before. */
#if !defined MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

/* Shared memory is taken in pieces of so many bytes, and never given back. */
#define PIECE_BYTES ((size_t)64 * 1024)
#define PIECE_HOLDERS (PIECE_BYTES / sizeof(struct mp_holders))

/* How many of those that others still held are looked at for each that is taken. */
#define LOOKS 4

static struct mp_holders *piece;
static size_t used; /* of it */

/* A ring of those given back, named by its last one. First come those that nobody uses. */
static struct mp_holders *given_last;

static bool is_free(const struct mp_holders *holders)
{
    return atomic_load(&holders->all) == 0;
}

void mp_holders_give_back(struct mp_holders *holders)
{
    struct mp_holders *last = given_last ? given_last : holders;
    if (given_last)
        holders->next = last->next;
    last->next = holders;
    given_last = is_free(holders) ? last : holders;
}

static struct mp_holders *take_given(void)
{
    struct mp_holders *first = given_last->next;
    given_last->next = first->next;
    if (first == given_last)
        given_last = NULL;
    return first;
}

static struct mp_holders *take_fresh(void)
{
    if (!piece || used == PIECE_HOLDERS) {
        void *fresh =
            mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED)
            return NULL;
        piece = fresh;
        used = 0;
    }
    return &piece[used++];
}

struct mp_holders *mp_holders_take(void)
{
    for (int i = 0; i < LOOKS && given_last; i++) {
        struct mp_holders *holders = take_given();
        mp_holders_strike_gone(holders, -1);
        if (is_free(holders))
            return holders;
        mp_holders_give_back(holders);
    }
    return take_fresh();
}

void mp_holders_leave_to_parent(void)
{
    piece = NULL;
    given_last = NULL;
}
