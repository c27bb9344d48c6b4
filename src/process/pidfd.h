/* SPDX-License-Identifier: MIT */
/*
 * pidfds: a process by a name that is never given to another one.
 *
 * Kernels before 5.4, tools that do not know the calls, and the portable build have none;
 * mp_pidfd_open() then says -ENOSYS, and the other two are never called.
 */
#ifndef MP_PROCESS_PIDFD_H
#define MP_PROCESS_PIDFD_H

#include "process/status.h"

/* A pidfd, owned; -ENOSYS: there are none here; -ESRCH: no such process; -errno. */
int mp_pidfd_open(pid_t pid);

/* Reap the child whose sentinel is a pidfd if it has ended, without blocking. */
enum mp_life mp_pidfd_ask(struct mp_status *status);

/* 0, also if it has ended; or -errno. */
int mp_pidfd_signal(int pidfd, int number);

/*
 * Signal the process group whose number is this process's pid, also when the process is no more. 0,
 * also if the group is empty; -ENOSYS: not by this kernel; or -errno.
 */
int mp_pidfd_signal_group(int pidfd, int number);

#endif
