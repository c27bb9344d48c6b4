/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>

#include "connection/holders.h"

bool mp_hold_is_gone(pid_t pid, int fd)
{
    (void)fd;
    return kill(pid, 0) < 0 && errno == ESRCH;
}
