/* SPDX-License-Identifier: MIT */
/* A growing byte buffer: memory follows what is appended. */
#ifndef MP_BASE_BUFFER_H
#define MP_BASE_BUFFER_H

#include <stddef.h>

/* All zero is an empty buffer. */
struct mp_buffer {
    unsigned char *data; /* malloc'd, NULL while empty */
    size_t len;          /* bytes in use */
    size_t cap;          /* bytes allocated */
};

/* Room for `more` bytes behind len; capacity at least doubles. -ENOMEM leaves the buffer as it was.
 */
int mp_buffer_reserve(struct mp_buffer *buf, size_t more);

/* Append a copy of `len` bytes; data may be NULL when len is 0. 0 or -ENOMEM. */
int mp_buffer_append(struct mp_buffer *buf, const void *data, size_t len);

/* Hand out the memory (free(3) it), leaving the buffer empty. NULL if nothing was ever allocated.
 */
unsigned char *mp_buffer_take(struct mp_buffer *buf);

/* Free the memory; the buffer is empty and usable afterwards. */
void mp_buffer_clear(struct mp_buffer *buf);

#endif
