/* SPDX-License-Identifier: MIT */
#include "process/pidfd.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* pidfd_open(2), pidfd_send_signal(2): same numbers everywhere, but glibc 2.36 is the first with
 * wrappers. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define MP_PIDFD_GROUP 4U /* PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9 */
#define MP_P_PIDFD 3      /* P_PIDFD of waitid(2), an enum constant where it exists */

int mp_pidfd_open(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0U);
    if (fd >= 0)
        return mp_fd_own(fd);
    /* Sandboxes that do not know the call tend to refuse it with EPERM, which it has no use for. */
    return errno == EPERM ? -ENOSYS : -errno;
}

enum mp_life mp_pidfd_ask(struct mp_status *status)
{
    return mp_status_reap((idtype_t)MP_P_PIDFD, (id_t)status->sentinel, status);
}

int mp_pidfd_signal(int pidfd, int number)
{
    long rc = syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0U);
    return rc < 0 && errno != ESRCH ? -errno : 0;
}

int mp_pidfd_signal_group(int pidfd, int number)
{
    long rc = syscall(SYS_pidfd_send_signal, pidfd, number, NULL, MP_PIDFD_GROUP);
    if (rc < 0 && errno == EINVAL)
        return -ENOSYS;
    return rc < 0 && errno != ESRCH ? -errno : 0;
}
