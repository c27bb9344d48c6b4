/* SPDX-License-Identifier: MIT */
#include "process/usage.h"

#include <errno.h>
#include <string.h>

#include "process/process.h"

_Static_assert(sizeof(mproc_rusage) ==
                   offsetof(mproc_rusage, involuntary_switches) + sizeof(uint64_t),
               "resource use ends with padding");

int mproc_process_rusage(mproc_process *process, mproc_rusage *usage)
{
    if (!usage || usage->size < sizeof usage->size)
        return -EINVAL;
    int rc = mp_process_check_ended(process);
    if (rc < 0)
        return rc;
    if (!process->status.usage.known)
        return -ENOTSUP;
    mproc_rusage spent = process->status.usage.spent;
    spent.size = usage->size;
    memcpy(usage, &spent, usage->size < sizeof spent ? usage->size : sizeof spent);
    return 0;
}
