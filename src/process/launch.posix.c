/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "process/launch_child.h"

/* POSIX has taken vfork(2) out. */
pid_t mp_launch_begin(struct mp_attempt *attempt)
{
    pid_t pid = fork();
    if (pid == 0)
        mp_launch_child(attempt);
    return pid < 0 ? -errno : pid;
}

int mp_launch_seal(void)
{
    mp_launch_seal_each();
    return 0;
}
