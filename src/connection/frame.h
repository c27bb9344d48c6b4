/* SPDX-License-Identifier: MIT */
/*
 * CPython's frame, multiprocessing/connection.py Connection._send_bytes: a big-endian int32 length,
 * or -1 and a big-endian uint64 length for what does not fit. No I/O here.
 */
#ifndef MP_CONNECTION_FRAME_H
#define MP_CONNECTION_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define MP_FRAME_SHORT 4
#define MP_FRAME_LONG 12

/* Write the header for a payload of `len` bytes; returns its size, MP_FRAME_SHORT or MP_FRAME_LONG.
 */
size_t mp_frame_encode(unsigned char out[MP_FRAME_LONG], uint64_t len);

/* How many header bytes are needed, judged by the `have` first ones. */
size_t mp_frame_wanted(const unsigned char *in, size_t have);

/*
 * Read a complete header, of mp_frame_wanted() bytes. A short length in the long form is accepted,
 * as CPython does. 0, or MPROC_EPROTO for a length below -1 or above SSIZE_MAX.
 */
int mp_frame_decode(const unsigned char *in, size_t *len);

#endif
