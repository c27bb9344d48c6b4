/* SPDX-License-Identifier: MIT */
#include "process/bond.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/*
 * PR_SET_PDEATHSIG is sent when the thread that forked ends, not when its process does (prctl(2)).
 * Only for the main thread is that the same.
 */
bool mp_tie_wants_lifeline(void)
{
    return syscall(SYS_gettid) != getpid();
}

/* -ESRCH: it has died already. */
static int tie_by_signal(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    /* It may have died before the call: the kernel hands orphans over first, then signals them. */
    pid_t now = getppid();
    if (now == parent)
        return 0;
    /* This child was forked into a new pid namespace, from where its parent has no pid. */
    return now == 0 ? -EAGAIN : -ESRCH;
}

/*
 * The parent's end closes the last write end of the lifeline, the read end hangs up, and signal
 * driven I/O on it is set to send SIGKILL (F_SETSIG in fcntl(2)), to this process or to the group
 * that it leads.
 */
static int tie_by_lifeline(int lifeline, bool group)
{
    pid_t owner = group ? -getpid() : getpid();
    int flags = fcntl(lifeline, F_GETFL);
    if (flags < 0 || fcntl(lifeline, F_SETOWN, owner) < 0 ||
        fcntl(lifeline, F_SETSIG, SIGKILL) < 0 || fcntl(lifeline, F_SETFL, flags | O_ASYNC) < 0)
        return -errno;
    return mp_fd_wait(lifeline, POLLIN, MP_NOW) == -ETIMEDOUT ? 0 : -ESRCH;
}

int mp_tie_to_parent(const struct mp_bond *bond, struct mp_status *parent)
{
    if (bond->by_lifeline)
        return tie_by_lifeline(bond->lifeline[0], bond->group);
    int rc = tie_by_signal(bond->parent);
    if (rc != -EAGAIN)
        return rc;
    return mp_status_look(parent) == MP_RUNNING ? 0 : -ESRCH;
}

int mp_tie_before_exec(const struct mp_bond *bond)
{
    if (bond->by_lifeline) {
        close(bond->lifeline[1]); /* the child's own copy, in the way of the hang-up */
        return tie_by_lifeline(bond->lifeline[0], bond->group);
    }
    int rc = tie_by_signal(bond->parent);
    if (rc != -EAGAIN)
        return rc;
    /* Without a pidfd this cannot be known, and the moment in which it matters is short. */
    bool ended = bond->pidfd && mp_fd_wait(bond->parent_pidfd, POLLIN, MP_NOW) == 0;
    return ended ? -ESRCH : 0;
}
