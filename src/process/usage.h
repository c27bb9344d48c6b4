/* SPDX-License-Identifier: MIT */
/* What an ended child has used. */
#ifndef MP_PROCESS_USAGE_H
#define MP_PROCESS_USAGE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <mproc/process.h>

struct mp_usage {
    bool known;
    mproc_rusage spent; /* its size field is not used */
};

/* usage.linux.c, usage.posix.c */

/*
 * waitid(2) that also fills *usage when it reports a process, where the system tells. 0, or -1 with
 * errno.
 */
int mp_usage_waitid(idtype_t type, id_t id, siginfo_t *info, int options, struct mp_usage *usage);

#endif
