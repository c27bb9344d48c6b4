/* SPDX-License-Identifier: MIT */
/* The finalizers of this process, and the order in which a process ends. */
#ifndef MP_PROCESS_FINALIZE_H
#define MP_PROCESS_FINALIZE_H

#include <stdbool.h>

#include <mproc/finalize.h>

/* Make sure that exit(3) ends this process as mp_exit_run() does. 0 or -ENOMEM. */
int mp_exit_prepare(void);

/* Finalizers, children, the other finalizers. What one call has done, the next one finds done. */
void mp_exit_run(void);

/* Run those of priority `least` and above that this process registered. */
void mp_finalizers_run(int least);

/* Has this process finalizers to run? */
bool mp_finalizers_pending(void);

/* In a copy of the process: another thread may have held the lock. */
void mp_finalizers_after_fork(void);

#endif
