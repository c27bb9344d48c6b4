/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>
#include <sys/resource.h>

#include "process/clan.h"

/* Marks lie between what somebody might set as a limit, and what is unlimited for some. */
#define LEAST_MARK (UINT64_C(1) << 40)
#define MOST_MARK (UINT64_C(1) << 62)

void mp_clan_choose_mark(struct mp_clan *clan)
{
    struct rlimit own;
    if (getrlimit(RLIMIT_LOCKS, &own) < 0)
        return;
    clan->outer = own.rlim_max == RLIM_INFINITY;
    uint64_t most = clan->outer || own.rlim_max > MOST_MARK ? MOST_MARK : own.rlim_max;
    if (most <= LEAST_MARK)
        return;
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    clan->mark = LEAST_MARK + random % (most - LEAST_MARK);
}

int mp_clan_set_mark(const struct mp_clan *clan)
{
    struct rlimit limit;
    if (clan->mark == 0)
        return 0;
    if (getrlimit(RLIMIT_LOCKS, &limit) < 0)
        return -errno;
    limit.rlim_cur = (rlim_t)clan->mark;
    if (clan->outer)
        limit.rlim_max = (rlim_t)clan->mark;
    return setrlimit(RLIMIT_LOCKS, &limit) < 0 ? -errno : 0;
}

bool mp_clan_is_marked(const struct mp_clan *clan, pid_t pid)
{
    struct rlimit limit;
    if (clan->mark == 0 || prlimit(pid, RLIMIT_LOCKS, NULL, &limit) < 0)
        return false;
    return (clan->outer ? limit.rlim_max : limit.rlim_cur) == clan->mark;
}
