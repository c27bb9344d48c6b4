/* SPDX-License-Identifier: MIT */
#include "process/clan.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/peer.h"
#include "process/pidfd.h"
#include "process/process.h"

void mp_clan_plan(struct mp_clan *clan)
{
    clan->group = true;
    mp_clan_choose_mark(clan);
}

int mp_clan_enter(const struct mp_clan *clan)
{
    if (!clan->group)
        return 0;
    if (setpgid(0, 0) < 0)
        return -errno;
    return mp_clan_set_mark(clan);
}

/* As shells do, on both sides: it fails harmlessly for a child that has done it and gone on. */
void mp_clan_expect(const struct mp_clan *clan, pid_t child)
{
    if (clan->group)
        setpgid(child, child);
}

bool mp_clan_is_pinned(struct mp_status *status)
{
    enum mp_life life = mp_status_look(status);
    if (life == MP_RUNNING)
        return true;
    if (status->relay >= 0) /* a fork server that lives has not reaped it yet */
        return life == MP_ENDED && status->hold && !mp_peer_has_hung_up(status->relay);
    siginfo_t info = {.si_pid = 0};
    return life == MP_ENDED && status->hold &&
           waitid(P_PID, (id_t)status->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * The number of a group is its own as long as it has members, and as long as the leader is not
 * reaped. Newer kernels know the group by the leader's pidfd whatever has become of the number.
 */
int mp_clan_signal_group(struct mp_status *status, int number)
{
    int rc = status->pidfd ? mp_pidfd_signal_group(status->sentinel, number) : -ENOSYS;
    if (rc != -ENOSYS)
        return rc;
    if (!mp_clan_is_pinned(status))
        return 0;
    return kill(-status->pid, number) < 0 && errno != ESRCH ? -errno : 0;
}

int mp_clan_signal(struct mproc_process *process, int number)
{
    if (!process->clan.group)
        return mp_status_signal(&process->status, number);
    return mp_clan_signal_descendants(process, number);
}

static int signal_tree(mproc_process *process, int number)
{
    int rc = mp_process_check_child(process);
    if (rc < 0)
        return rc;
    return process->clan.group ? mp_clan_signal(process, number) : -EINVAL;
}

int mproc_process_terminate_tree(mproc_process *process)
{
    return signal_tree(process, SIGTERM);
}

int mproc_process_kill_tree(mproc_process *process)
{
    return signal_tree(process, SIGKILL);
}
