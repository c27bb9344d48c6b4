/* SPDX-License-Identifier: MIT */
/* The process-wide key behind mproc_authkey(). */
#ifndef MP_PROCESS_OWN_KEY_H
#define MP_PROCESS_OWN_KEY_H

#include "connection/authkey.h"

/* Make sure that there is one. 0 or a negative code. */
int mp_own_key_ensure(void);

/* A copy of it, to be cleared. 0 or a negative code. */
int mp_own_key_copy(struct mp_authkey *key);

/* In a copy of the process: another thread may have held the lock. */
void mp_own_key_after_fork(void);

#endif
