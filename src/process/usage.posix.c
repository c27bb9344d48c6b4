/* SPDX-License-Identifier: MIT */
#include "process/usage.h"

/* wait4(2), which would tell, is not in POSIX. */
int mp_usage_waitid(idtype_t type, id_t id, siginfo_t *info, int options, struct mp_usage *usage)
{
    (void)usage;
    return waitid(type, id, info, options);
}
