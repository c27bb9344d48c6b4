/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "connection/ring.h"

#define SLICE ((size_t)1536)

/* Keep from the compiler how long a slice can be: it would copy it by microcode in place. */
static size_t opaque(size_t n)
{
#if defined __GNUC__
    __asm__("" : "+r"(n));
#endif
    return n;
}

void mp_ring_copy_long(void *dst, const void *src, size_t len)
{
    unsigned char *to = dst;
    const unsigned char *from = src;
    while (len > 0) {
        size_t n = opaque(len < SLICE ? len : SLICE);
        memcpy(to, from, n);
        to += n;
        from += n;
        len -= n;
    }
}
