/* SPDX-License-Identifier: MIT */
/* The children of this process, oldest first, and what numbers their names. */
#ifndef MP_PROCESS_TABLE_H
#define MP_PROCESS_TABLE_H

#include "process/process.h"

/*
 * Starts of several threads come one after another, so that no child inherits the bond of another
 * one. Whoever starts also allocates under the lock: what other threads have in hand at a fork is
 * lost memory in the child. 0 or a negative code, and then the lock is not held.
 */
int mp_table_begin_start(mproc_error *err);
void mp_table_end_start(void);

/* Start what `process` describes (daemon flag, name if given) by `method`, and enter it. */
int mp_table_start_locked(struct mproc_process *process, const struct mp_task *task,
                          const struct mp_start_method *method, mproc_error *err);

/*
 * A child that a fork server brought into being while it was waited for; `pidfd` -1: there is none.
 *
 * A child that was waited for without the lock now runs its target; or it does not and was killed:
 * then it is freed as soon as it has ended, or left alone if this process is ending.
 */
void mp_table_born(struct mproc_process *process, pid_t pid, int pidfd);
void mp_table_admit(struct mproc_process *process);
void mp_table_abandon(struct mproc_process *process);

/* Take `process` out. False: leave it alone, this process is ending and waits for all it has. */
bool mp_table_remove(struct mproc_process *process);

/* Send SIGTERM to the daemonic children, then wait until all children have ended. */
void mp_table_end(void);

#endif
