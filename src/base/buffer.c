/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

int mp_buffer_reserve(struct mp_buffer *buf, size_t more)
{
    if (buf->cap - buf->len >= more)
        return 0;
    if (more > SIZE_MAX / 2 - buf->len)
        return -ENOMEM;
    size_t cap = buf->cap > FIRST_CAPACITY / 2 ? buf->cap * 2 : FIRST_CAPACITY;
    if (cap < buf->len + more)
        cap = buf->len + more;
    unsigned char *data = realloc(buf->data, cap);
    if (!data)
        return -ENOMEM;
    buf->data = data;
    buf->cap = cap;
    return 0;
}

int mp_buffer_append(struct mp_buffer *buf, const void *data, size_t len)
{
    int rc = mp_buffer_reserve(buf, len);
    if (rc < 0)
        return rc;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return 0;
}

unsigned char *mp_buffer_take(struct mp_buffer *buf)
{
    unsigned char *data = buf->data;
    *buf = (struct mp_buffer){0};
    return data;
}

void mp_buffer_clear(struct mp_buffer *buf)
{
    free(mp_buffer_take(buf));
}
