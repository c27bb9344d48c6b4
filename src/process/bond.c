/* SPDX-License-Identifier: MIT */
#include "process/bond.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "process/pidfd.h"

/* In a child: the ends of its own bond that nothing else refers to. They must outlive everything.
 */
static int held_lifeline = -1;
static int held_sentinel = -1;

static int open_pipes(struct mp_bond *bond, bool daemon)
{
    int rc = 0;
    if (!bond->pidfd)
        rc = mp_fd_pipe(bond->sentinel);
    if (rc == 0 && (!bond->pidfd || (daemon && bond->by_lifeline)))
        rc = mp_fd_pipe(bond->lifeline);
    return rc;
}

static int open_bond(struct mp_bond *bond, bool daemon, bool group, bool by_lifeline,
                     mproc_error *err)
{
    *bond = (struct mp_bond){
        .by_lifeline = by_lifeline,
        .group = group,
        .parent = getpid(),
        .parent_pidfd = mp_pidfd_open(getpid()),
        .lifeline = {-1, -1},
        .sentinel = {-1, -1},
    };
    if (bond->parent_pidfd < 0 && bond->parent_pidfd != -ENOSYS)
        return mp_fail_errno(err, -bond->parent_pidfd, "pidfd_open");
    bond->pidfd = bond->parent_pidfd >= 0;
    int rc = open_pipes(bond, daemon);
    if (rc == 0)
        return 0;
    mp_bond_close(bond);
    return mp_fail_errno(err, -rc, "pipe");
}

int mp_bond_open(struct mp_bond *bond, bool daemon, mproc_error *err)
{
    return open_bond(bond, daemon, false, mp_tie_wants_lifeline(), err);
}

int mp_bond_open_group(struct mp_bond *bond, bool daemon, mproc_error *err)
{
    return open_bond(bond, daemon, true, true, err);
}

int mp_bond_open_distant(struct mp_bond *bond, bool daemon, bool group, mproc_error *err)
{
    return open_bond(bond, daemon, group, true, err);
}

void mp_bond_close(struct mp_bond *bond)
{
    mp_fd_close(&bond->parent_pidfd);
    for (int i = 0; i < 2; i++) {
        mp_fd_close(&bond->lifeline[i]);
        mp_fd_close(&bond->sentinel[i]);
    }
}

static void kill_and_reap(pid_t child)
{
    kill(child, SIGKILL);
    pid_t rc;
    do
        rc = waitpid(child, NULL, 0);
    while (rc < 0 && errno == EINTR);
}

static int watch_by_pidfd(struct mp_status *status, pid_t child)
{
    int pidfd = mp_pidfd_open(child);
    if (pidfd == -ESRCH) /* ended and reaped already, not by us: SIGCHLD is ignored, for one */
        return mp_status_begin_gone(status, child);
    if (pidfd < 0)
        return pidfd;
    mp_status_begin(status, child, pidfd, true);
    return 0;
}

int mp_bond_keep_parent(struct mp_bond *bond, struct mproc_process *process, pid_t child,
                        mproc_error *err)
{
    /* The descriptor freed first is the one that the child's pidfd gets at the limit. */
    mp_fd_close(&bond->parent_pidfd);
    mp_fd_close(&bond->lifeline[0]);
    mp_fd_close(&bond->sentinel[1]);
    int rc = 0;
    if (bond->pidfd)
        rc = watch_by_pidfd(&process->status, child);
    else
        mp_status_begin(&process->status, child, bond->sentinel[0], false);
    if (rc < 0) {
        kill_and_reap(child);
        mp_bond_close(bond);
        return mp_fail_errno(err, -rc, "pidfd_open");
    }
    process->lifeline = bond->lifeline[1];
    return 0;
}

void mp_bond_keep_distant(struct mp_bond *bond, struct mproc_process *process)
{
    mp_fd_close(&bond->parent_pidfd);
    mp_fd_close(&bond->lifeline[0]);
    mp_fd_close(&bond->sentinel[1]);
    process->lifeline = bond->lifeline[1];
    process->status.sentinel = bond->sentinel[0];
}

void mp_bond_keep_child(struct mp_bond *bond, struct mp_status *parent)
{
    mp_fd_close(&bond->lifeline[1]);
    mp_fd_close(&bond->sentinel[0]);
    held_sentinel = bond->sentinel[1];
    int sentinel = bond->lifeline[0];
    if (bond->pidfd) {
        held_lifeline = bond->lifeline[0];
        sentinel = bond->parent_pidfd;
    }
    parent->is_parent = true;
    parent->distant = bond->by_server;
    mp_status_begin(parent, bond->parent, sentinel, bond->pidfd);
}

void mp_bond_after_fork(void)
{
    mp_fd_close(&held_lifeline);
    mp_fd_close(&held_sentinel);
}
