/* SPDX-License-Identifier: MIT */
/* What a child does before and after its target. */
#ifndef MP_PROCESS_CHILD_H
#define MP_PROCESS_CHILD_H

#include <signal.h>

#include "process/bond.h"

/* In a child that is no copy of its parent: what the parent is called. */
void mp_child_descend_from(const char *name, const char *identity);

/*
 * In two steps, for what has to happen between them: become the process that `process` describes,
 * which is taken over; then run the task under signal mask `mask`, and end.
 */
void mp_child_become(struct mproc_process *process, struct mp_bond *bond);
_Noreturn void mp_child_work(const struct mp_task *task, const sigset_t *mask);

/*
 * Right after the fork, in the child, with all signals blocked: become the process that `process`
 * describes, run the task under signal mask `mask`, and end. Takes `process` and `task` over.
 */
_Noreturn void mp_child_run(struct mproc_process *process, const struct mp_task *task,
                            struct mp_bond *bond, const sigset_t *mask);

#endif
