/* SPDX-License-Identifier: MIT */
/* Filling mproc_error. The first writer wins: the deepest frame knows most. */
#ifndef MP_BASE_ERROR_H
#define MP_BASE_ERROR_H

#include <mproc/error.h>

/* Empty *err at the start of a public call; NULL is fine. */
void mp_error_clear(mproc_error *err);

/*
 * Record `code` with a formatted text, unless err is NULL or filled already.
 * Returns code, so that a failure is one statement.
 */
int mp_fail(mproc_error *err, int code, const char *format, ...) MPROC_PRINTF(3, 4);

/* The same for a failed system call: code is -sys_errno, ": <its message>" is appended. A negated
 * code of mproc's own does as well. */
int mp_fail_errno(mproc_error *err, int sys_errno, const char *format, ...) MPROC_PRINTF(3, 4);

#endif
