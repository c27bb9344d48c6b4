/* SPDX-License-Identifier: MIT */
#include "process/pidfd.h"

#include <errno.h>

int mp_pidfd_open(pid_t pid)
{
    (void)pid;
    return -ENOSYS;
}

enum mp_life mp_pidfd_ask(struct mp_status *status)
{
    (void)status;
    return MP_TAKEN;
}

int mp_pidfd_signal(int pidfd, int number)
{
    (void)pidfd;
    (void)number;
    return -ENOSYS;
}

int mp_pidfd_signal_group(int pidfd, int number)
{
    (void)pidfd;
    (void)number;
    return -ENOSYS;
}
