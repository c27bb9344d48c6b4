/* SPDX-License-Identifier: MIT */
#include "connection/frame.h"

#include <limits.h>
#include <mproc/error.h>

#define LONG_MARK UINT32_C(0xffffffff) /* -1 */
#define SHORT_MAX UINT32_C(0x7fffffff)

static void put_big_endian(unsigned char *out, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--, value >>= 8)
        out[i - 1] = (unsigned char)(value & 0xff);
}

static uint64_t get_big_endian(const unsigned char *in, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | in[i];
    return value;
}

size_t mp_frame_encode(unsigned char out[MP_FRAME_LONG], uint64_t len)
{
    if (len <= SHORT_MAX) {
        put_big_endian(out, len, MP_FRAME_SHORT);
        return MP_FRAME_SHORT;
    }
    put_big_endian(out, LONG_MARK, MP_FRAME_SHORT);
    put_big_endian(out + MP_FRAME_SHORT, len, MP_FRAME_LONG - MP_FRAME_SHORT);
    return MP_FRAME_LONG;
}

size_t mp_frame_wanted(const unsigned char *in, size_t have)
{
    if (have < MP_FRAME_SHORT)
        return MP_FRAME_SHORT;
    return get_big_endian(in, MP_FRAME_SHORT) == LONG_MARK ? MP_FRAME_LONG : MP_FRAME_SHORT;
}

int mp_frame_decode(const unsigned char *in, size_t *len)
{
    uint64_t value = get_big_endian(in, MP_FRAME_SHORT);
    if (value == LONG_MARK) {
        value = get_big_endian(in + MP_FRAME_SHORT, MP_FRAME_LONG - MP_FRAME_SHORT);
        if (value > SSIZE_MAX)
            return MPROC_EPROTO;
    } else if (value > SHORT_MAX) {
        return MPROC_EPROTO;
    }
    *len = (size_t)value;
    return 0;
}
