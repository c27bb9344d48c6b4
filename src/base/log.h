/* SPDX-License-Identifier: MIT */
#ifndef MP_BASE_LOG_H
#define MP_BASE_LOG_H

#include <mproc/log.h>

/* Longest process name shown or kept, NUL included, bytes. */
#define MP_PROCESS_NAME 64

void mp_log(int level, const char *format, ...) MPROC_PRINTF(2, 3);

/* The level given to mproc_log_to_stderr(), MPROC_LOG_OFF if messages go elsewhere or nowhere. */
int mp_log_stderr_level(void);

/* Set by a starting child, before it has threads of its own. */
void mp_log_set_process(const char *name);

/* After fork in the child: another thread may have held the lock. */
void mp_log_after_fork(void);

#endif
