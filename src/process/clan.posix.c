/* SPDX-License-Identifier: MIT */
/* POSIX has process groups, and no way to find a process that has left one. */
#include "process/clan.h"

#include "process/process.h"

void mp_clan_choose_mark(struct mp_clan *clan)
{
    (void)clan;
}

int mp_clan_set_mark(const struct mp_clan *clan)
{
    (void)clan;
    return 0;
}

int mp_clan_signal_descendants(struct mproc_process *process, int number)
{
    return mp_clan_signal_group(&process->status, number);
}
