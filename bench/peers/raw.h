/* SPDX-License-Identifier: MIT */
/*
 * The floor under mproc's streams: CPython's frame, one system call to send it, and a reader that
 * knows the length and reads header and body in one piece.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "../loops.h"

#define HEADER 4

static int in_fd;
static int out_fd;

static inline void read_all(unsigned char *to, size_t len)
{
    while (len > 0) {
        ssize_t n = read(in_fd, to, len);
        bench_check(n > 0, "read");
        to += n;
        len -= (size_t)n;
    }
}

static inline void write_all(const unsigned char *from, size_t len)
{
    while (len > 0) {
        ssize_t n = write(out_fd, from, len);
        bench_check(n > 0, "write");
        from += n;
        len -= (size_t)n;
    }
}

/* The header goes into the headroom of `message`. */
static inline void send_frame(const unsigned char *message, size_t len)
{
    uint32_t header = htonl((uint32_t)len);
    unsigned char *frame = (unsigned char *)(uintptr_t)message - HEADER;
    memcpy(frame, &header, HEADER);
    write_all(frame, HEADER + len);
}

static inline void recv_frame(unsigned char *message, size_t len)
{
    read_all(message - HEADER, HEADER + len);
}

#endif
