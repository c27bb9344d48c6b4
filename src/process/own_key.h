/* SPDX-License-Identifier: MIT */
/* The process-wide key behind mproc_authkey(). */
#ifndef MP_PROCESS_OWN_KEY_H
#define MP_PROCESS_OWN_KEY_H

#include "connection/authkey.h"

/* Make sure that there is one. 0 or a negative code. */
int mp_own_key_ensure(void);

/*
 * In a child on its way: this is its key. It is put into guarded memory when it is first asked for,
 * which takes as long as half of the rest of the way; until then it lies in a locked page that core
 * dumps leave out. 0 or a negative code.
 */
int mp_own_key_carry(const void *bytes, size_t len);

/* As it is now, and stays until it is given back whatever becomes of the process's key meanwhile. 0
 * or a negative code. */
int mp_own_key_borrow(const struct mp_authkey **key);
void mp_own_key_give_back(const struct mp_authkey *key);

/* In a copy of the process: another thread may have held the lock. */
void mp_own_key_after_fork(void);

#endif
