/* SPDX-License-Identifier: MIT */
/* Every way to have two connected connections, so that one battery of tests runs over all of them.
 */
#ifndef MP_TESTS_PAIRS_H
#define MP_TESTS_PAIRS_H

#include <stdbool.h>

#include <mproc/connection.h>

struct mp_pair_kind {
    const char *name;
    bool duplex; /* both ends send and receive; else: first receives, second sends */
    bool bytes;  /* a byte stream: what is written to its descriptor must be frames */
    bool shared; /* nothing is read ahead, so that poll() tells of a message's begin, not its end */
    void (*make)(mproc_conn **first, mproc_conn **second);
};

extern const struct mp_pair_kind mp_pair_kinds[];
extern const int mp_pair_kinds_count;

/* Two connected descriptors without connections: a socket pair. The test closes them. */
void mp_raw_pair(int fds[2]);

#endif
