/* SPDX-License-Identifier: MIT */
/* What a fork must do about stdio, whose buffers are copied with everything else. */
#ifndef MP_PROCESS_STDIO_H
#define MP_PROCESS_STDIO_H

#include <stdbool.h>

/* Write out buffered output before a fork. `alone`: no other thread can hold a stream's lock. */
void mp_stdio_flush(bool alone);

/* In a child: stdin is /dev/null, and what the parent read ahead is forgotten. */
void mp_stdin_to_null(void);

#endif
