/* SPDX-License-Identifier: MIT */
#ifndef MP_PROCESS_AUTHKEY_H
#define MP_PROCESS_AUTHKEY_H

/* Make sure that there is a key. 0 or a negative code. */
int mp_authkey_ensure(void);

/* In a copy of the process: another thread may have held the lock. */
void mp_authkey_after_fork(void);

#endif
