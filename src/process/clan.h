/* SPDX-License-Identifier: MIT */
/*
 * A child and its descendants, for ending them together.
 *
 * The child leads a process group, which its descendants can leave. So where processes can be
 * looked at, they also carry a mark that is inherited whatever they do: a random number as the
 * limit of file locks, RLIMIT_LOCKS, which limits nothing since Linux 2.4.25 (getrlimit(2)). A
 * group inside of a group leaves the hard limit as it is and marks the soft one.
 */
#ifndef MP_PROCESS_CLAN_H
#define MP_PROCESS_CLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mproc_process;
struct mp_status;

struct mp_clan {
    bool group;    /* otherwise nothing else matters */
    bool outer;    /* the mark is the hard limit as well as the soft one */
    uint64_t mark; /* 0: this process's own limits leave no room for one */
};

/* Before the start, in the parent. */
void mp_clan_plan(struct mp_clan *clan);

/*
 * In the child, before its target or program runs; safe between vfork(2) and exec. 0 or -errno.
 * For a child that is no group, it does nothing.
 */
int mp_clan_enter(const struct mp_clan *clan);

/* In the parent, once there is a child: it may not have come to mp_clan_enter() yet. */
void mp_clan_expect(const struct mp_clan *clan, pid_t child);

/*
 * Signal the child and its descendants if it is a group, else it alone. 0; -EPERM: some could not
 * be signalled; -ETIMEDOUT: there were always new ones; -errno.
 */
int mp_clan_signal(struct mproc_process *process, int number);

/* Is the pid of this child still its own, alive or as a zombie of ours? */
bool mp_clan_is_pinned(struct mp_status *status);

/* Signal the process group. 0, also if there is none any more, or -errno. */
int mp_clan_signal_group(struct mp_status *status, int number);

/* mark.linux.c, clan.posix.c */

void mp_clan_choose_mark(struct mp_clan *clan);
int mp_clan_set_mark(const struct mp_clan *clan);

/* Linux only. False also if there is no such process, or it may not be asked. */
bool mp_clan_is_marked(const struct mp_clan *clan, pid_t pid);

/* clan.linux.c, clan.posix.c */

/* mp_clan_signal() for a group. */
int mp_clan_signal_descendants(struct mproc_process *process, int number);

#endif
