/* SPDX-License-Identifier: MIT */
/* The process-wide key behind mproc_authkey(). */
#ifndef MP_PROCESS_OWN_KEY_H
#define MP_PROCESS_OWN_KEY_H

/* Make sure that there is one. 0 or a negative code. */
int mp_own_key_ensure(void);

/* In a copy of the process: another thread may have held the lock. */
void mp_own_key_after_fork(void);

#endif
