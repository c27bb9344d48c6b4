/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "process/process.h"

/*
 * One after the other is as fast as all at once, since all have to end; those that come after the
 * deadline are only looked at.
 */
static int join_each(mproc_process *const *processes, size_t n, mp_deadline deadline)
{
    int missing = 0;
    for (size_t i = 0; i < n; i++) {
        int rc = processes[i] ? mp_pollable_wait_one(&processes[i]->status.pollable, deadline) : 1;
        if (rc < 0)
            return rc;
        if (rc == 0)
            missing = -ETIMEDOUT;
    }
    return missing;
}

int mproc_process_join_all(mproc_process *const *processes, size_t n, double timeout)
{
    mp_deadline deadline;
    if (!processes && n > 0)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        int rc = processes[i] ? mp_process_check_watchable(processes[i]) : 0;
        if (rc < 0)
            return rc;
    }
    int rc = mp_deadline_in(timeout, &deadline);
    return rc < 0 ? rc : join_each(processes, n, deadline);
}
