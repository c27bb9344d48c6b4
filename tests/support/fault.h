/* SPDX-License-Identifier: MIT */
/*
 * Make the n-th allocation or the n-th system call of this thread fail. The calls are interposed at
 * link time (-Wl,--wrap=…, see tests/meson.build), in the library's objects and in the test's own.
 */
#ifndef MP_TESTS_FAULT_H
#define MP_TESTS_FAULT_H

#include <stdbool.h>

enum mp_fault_kind {
    MP_FAULT_ALLOC,   /* malloc, calloc, realloc return NULL */
    MP_FAULT_SYSCALL, /* -1 with the given errno */
};

/* The n-th call of this kind from now on, counted from 1, fails once. `error` is for system calls.
 */
void mp_fault_arm(enum mp_fault_kind kind, unsigned n, int error);

/* Half of the calls that can be interrupted fail with EINTR, until disarmed. */
void mp_fault_interrupt_all(void);

/* Run this in place of sched_yield(2); NULL is the real one again. */
void mp_fault_on_yield(void (*hook)(void));

/* How many system calls this thread has made, of those that can be made to fail. */
unsigned long mp_fault_system_calls(void);

/* Stop failing. True if a call failed since it was armed. */
bool mp_fault_disarm(void);

#endif
