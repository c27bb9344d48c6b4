/* SPDX-License-Identifier: MIT */
/* For tests of rings that are handed about between processes. */
#ifndef MP_TESTS_RING_HELP_H
#define MP_TESTS_RING_HELP_H

#include <sys/types.h>

#include <mproc/connection.h>

/* A pipe as of mproc_pipe_with(), or the test fails. */
void mp_make_pipe(mproc_conn **first, mproc_conn **second, unsigned flags, size_t ring_bytes);

/* The same through shared memory in any case, with the spinning that is wanted. */
void mp_make_ring(mproc_conn **first, mproc_conn **second, unsigned flags, size_t ring_bytes,
                  double spin_us);

/* The connection that comes next over `from`, the caller's; NULL if none did. */
mproc_conn *mp_receive_conn(mproc_conn *from);

void mp_expect_exit(pid_t child, int code);
void mp_expect_killed(pid_t child);

/* Let others run for so long. */
void mp_nap(long us);

unsigned mp_next_random(unsigned *state);

#endif
