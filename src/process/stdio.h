/* SPDX-License-Identifier: MIT */
/* What becomes of stdio in a child, and of its buffers, which a fork copies with everything else.
 */
#ifndef MP_PROCESS_STDIO_H
#define MP_PROCESS_STDIO_H

#include <stdbool.h>

/* What a child's stream can be besides a descriptor of this process's. */
#define MP_STDIO_OWN (-1)  /* what it is here */
#define MP_STDIO_NULL (-2) /* /dev/null, opened in the child */

/* Write out buffered output before a fork. `alone`: no other thread can hold a stream's lock. */
void mp_stdio_flush(bool alone);

/*
 * In a child: make 0, 1 and 2 of these three, which may be 0, 1 and 2 in any order. 0 or -errno;
 * *what is then a stream's name. Safe between vfork(2) and exec.
 */
int mp_stdio_set(const int stdio[3], const char **what);

/* In a forked child that has another stdin: forget what the parent read ahead. */
void mp_stdin_forget(void);

#endif
