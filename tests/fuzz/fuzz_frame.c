/* SPDX-License-Identifier: MIT */
/*
 * Frames from a stranger: arbitrary bytes, cut into arbitrary reads, received in arbitrary ways.
 * What comes out must be what a straightforward reading of the same bytes says.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>

#include "connection/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reference: next message at *at. Its length, MPROC_EOF or MPROC_EPROTO. */
static ssize_t expected(const uint8_t *data, size_t size, size_t *at)
{
    size_t left = size - *at;
    size_t len = 0;
    if (left == 0)
        return MPROC_EOF;
    if (left < MP_FRAME_SHORT || left < mp_frame_wanted(data + *at, left))
        return MPROC_EPROTO;
    size_t header = mp_frame_wanted(data + *at, left);
    if (mp_frame_decode(data + *at, &len) < 0 || len > left - header)
        return MPROC_EPROTO;
    *at += header;
    return (ssize_t)len;
}

static void require(int holds)
{
    if (!holds)
        abort();
}

static ssize_t receive(mproc_conn *conn, unsigned how, const uint8_t *wanted)
{
    static unsigned char buf[1 << 16];
    void *memory;
    size_t len;
    if (how & 1)
        mproc_conn_poll(conn, 0);
    if (how & 2) {
        ssize_t n = mproc_conn_recv_bytes_into(conn, buf, sizeof buf);
        require(n < 0 || memcmp(buf, wanted, (size_t)n) == 0);
        if (n != MPROC_EBUFSIZE)
            return n;
    }
    int rc = mproc_conn_recv_bytes(conn, &memory, &len);
    if (rc < 0)
        return rc;
    require(memcmp(memory, wanted, len) == 0);
    mproc_free(memory);
    return (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 40000)
        return 0;
    unsigned how = data[0];
    size_t piece = (size_t)data[1] * 64 + 1;
    data += 2;
    size -= 2;
    int fds[2];
    mproc_conn *conn;
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    require(mproc_conn_from_handle(&conn, fds[0], how & 4 ? MPROC_CONN_SHARED : 0) == 0);
    mproc_conn_set_timeout(conn, 0, 0);
    size_t written = 0;
    size_t at = 0;
    for (;;) {
        size_t before = at;
        ssize_t want = expected(data, size, &at);
        ssize_t got = receive(conn, how >> 3, data + at);
        if (got == -ETIMEDOUT) {
            size_t n = size - written < piece ? size - written : piece;
            require(write(fds[1], data + written, n) == (ssize_t)n);
            written += n;
            if (n == 0)
                shutdown(fds[1], SHUT_WR);
            at = before;
            continue;
        }
        require(got == want);
        if (got < 0)
            break;
        at += (size_t)got;
    }
    mproc_conn_close(conn);
    close(fds[1]);
    return 0;
}
