/* SPDX-License-Identifier: MIT */
/* Which start method a process uses when nobody says. */
#ifndef MP_PROCESS_CONTEXT_H
#define MP_PROCESS_CONTEXT_H

#include "process/process.h"

/* Room for a method's name, NUL included, bytes. */
#define MP_METHOD_NAME 16

/* The method of that name, NULL for the default one. 0, or -EINVAL with a text listing all. */
int mp_context_find(const char *name, const struct mp_start_method **method, mproc_error *err);

/* For a child that is no copy of this process: what it is to use, "" if nobody chose. */
const char *mp_context_chosen(void);
void mp_context_inherit(const char *name);

#endif
