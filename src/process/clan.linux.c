/* SPDX-License-Identifier: MIT */
/*
 * Finding the descendants of a child among all processes, and signalling each of them once, but
 * never a process that only got the pid of one: what was found is opened as a pidfd, then looked at
 * once more.
 */
#include "process/clan.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "process/pidfd.h"
#include "process/process.h"
#include "process/procfs.h"

#define PATIENCE 2.0 /* seconds, while new descendants keep turning up */
#define QUIET_ROUNDS 2

#define NEWEST 128 /* pids that a chase looks at */
#define CALM_LOOKS 32

/* --- one look at all processes -----------------------------------------------------------------
 */

#define NO_PARENT SIZE_MAX

struct found {
    struct mp_proc proc;
    bool member;
    size_t parent; /* which makes it a member; NO_PARENT: it is one by itself */
};

struct hunt {
    struct mproc_process *process;
    int number;
    bool any_new;             /* in this round */
    int rc;                   /* first failure */
    struct mp_buffer pids;    /* pid_t: all there are */
    struct mp_buffer all;     /* struct found: every living process, by pid */
    struct mp_buffer members; /* size_t: indices into it, parents before their children */
    struct mp_buffer seen;    /* struct mp_proc: those that have had their signal */
    pid_t settled[NEWEST];    /* by pid: those that a chase need not look at again */
};

static struct found *all_of(const struct hunt *hunt, size_t *n)
{
    *n = hunt->all.len / sizeof(struct found);
    return (struct found *)(void *)hunt->all.data;
}

static void note_failure(struct hunt *hunt, int rc)
{
    if (rc < 0 && hunt->rc == 0)
        hunt->rc = rc;
}

static bool was_seen(const struct hunt *hunt, const struct mp_proc *proc)
{
    const struct mp_proc *seen = (const struct mp_proc *)(const void *)hunt->seen.data;
    for (size_t i = 0; i < hunt->seen.len / sizeof *seen; i++)
        if (seen[i].pid == proc->pid && seen[i].started == proc->started)
            return true;
    return false;
}

/* Is this still the process that was found? */
static bool is_same(const struct mp_proc *before, struct mp_proc *now)
{
    return mp_proc_read(before->pid, now) && now->started == before->started;
}

static bool leads_or_follows(const struct hunt *hunt, const struct mp_proc *proc)
{
    pid_t leader = hunt->process->status.pid;
    return (proc->pid == leader || proc->group == leader) &&
           mp_clan_is_pinned(&hunt->process->status);
}

/* Asked with a pidfd open: if the answer is yes, the pidfd is that of a descendant, or of nobody.
 */
static bool is_descendant(const struct hunt *hunt, const struct found *found)
{
    size_t n;
    const struct found *all = all_of(hunt, &n);
    struct mp_proc now;
    struct mp_proc parent;
    if (mp_clan_is_marked(&hunt->process->clan, found->proc.pid))
        return true;
    if (!is_same(&found->proc, &now))
        return false;
    if (found->parent == NO_PARENT)
        return leads_or_follows(hunt, &now);
    /* The parent, known to be a descendant, was there before and is there after its child named it:
     * so it was there in between. */
    return now.parent == all[found->parent].proc.pid && is_same(&all[found->parent].proc, &parent);
}

/* The last two: it is a thread, pidfd_open(2). */
static bool is_nobody(int rc)
{
    return rc == -ESRCH || rc == -EINVAL || rc == -ENOENT;
}

static void strike(struct hunt *hunt, const struct found *found)
{
    if (was_seen(hunt, &found->proc))
        return;
    int pidfd = mp_pidfd_open(found->proc.pid);
    if (pidfd < 0) {
        note_failure(hunt, is_nobody(pidfd) ? 0 : pidfd);
        return;
    }
    if (is_descendant(hunt, found)) {
        note_failure(hunt, mp_pidfd_signal(pidfd, hunt->number));
        note_failure(hunt, mp_buffer_append(&hunt->seen, &found->proc, sizeof found->proc));
        hunt->any_new = true;
    }
    mp_fd_close(&pidfd);
}

static void visit(struct hunt *hunt, pid_t pid)
{
    struct found found = {.parent = NO_PARENT};
    if (mp_proc_read(pid, &found.proc) && !mp_proc_has_ended(&found.proc))
        note_failure(hunt, mp_buffer_append(&hunt->all, &found, sizeof found));
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = ((const struct found *)a)->proc.pid;
    pid_t y = ((const struct found *)b)->proc.pid;
    return (x > y) - (x < y);
}

static void list_pids(struct hunt *hunt)
{
    hunt->pids.len = 0;
    DIR *proc = opendir("/proc");
    if (!proc) {
        note_failure(hunt, -errno);
        return;
    }
    struct dirent *entry;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream */
    while ((entry = readdir(proc)) != NULL) {
        char *end;
        pid_t pid = (pid_t)strtol(entry->d_name, &end, 10);
        if (pid > 0 && *end == '\0' && pid != getpid())
            note_failure(hunt, mp_buffer_append(&hunt->pids, &pid, sizeof pid));
    }
    closedir(proc);
}

static void look_around(struct hunt *hunt)
{
    size_t n;
    hunt->all.len = 0;
    hunt->members.len = 0;
    list_pids(hunt);
    const pid_t *pids = (const pid_t *)(const void *)hunt->pids.data;
    for (size_t i = 0; i < hunt->pids.len / sizeof *pids; i++)
        visit(hunt, pids[i]);
    struct found *all = all_of(hunt, &n);
    if (n > 0)
        qsort(all, n, sizeof *all, by_pid);
}

/* --- who belongs to the clan
 */

static void take_in(struct hunt *hunt, size_t index, size_t parent)
{
    size_t n;
    struct found *found = &all_of(hunt, &n)[index];
    found->member = true;
    found->parent = parent;
    note_failure(hunt, mp_buffer_append(&hunt->members, &index, sizeof index));
}

static void take_in_by_themselves(struct hunt *hunt)
{
    size_t n;
    const struct found *all = all_of(hunt, &n);
    for (size_t i = 0; i < n; i++)
        if (mp_clan_is_marked(&hunt->process->clan, all[i].proc.pid) ||
            leads_or_follows(hunt, &all[i].proc))
            take_in(hunt, i, NO_PARENT);
}

/* Until a round over all finds no more: each round goes one generation further at least. */
static void take_in_children(struct hunt *hunt)
{
    size_t n;
    const struct found *all = all_of(hunt, &n);
    size_t before;
    do {
        before = hunt->members.len;
        for (size_t i = 0; i < n; i++) {
            const struct found key = {.proc = {.pid = all[i].proc.parent}};
            const struct found *parent = bsearch(&key, all, n, sizeof *all, by_pid);
            if (!all[i].member && parent && parent->member)
                take_in(hunt, i, (size_t)(parent - all));
        }
    } while (hunt->members.len > before && hunt->rc != -ENOMEM);
}

/* Children before their parents, whose end would leave nothing to know them by. */
static void strike_members(struct hunt *hunt)
{
    size_t n;
    const struct found *all = all_of(hunt, &n);
    const size_t *members = (const size_t *)(const void *)hunt->members.data;
    for (size_t i = hunt->members.len / sizeof *members; i > 0; i--)
        strike(hunt, &all[members[i - 1]]);
}

static void hunt_once(struct hunt *hunt)
{
    hunt->any_new = false;
    look_around(hunt);
    take_in_by_themselves(hunt);
    take_in_children(hunt);
    strike_members(hunt);
}

/* --- those who never stay for long -------------------------------------------------------------
 */

/* Is this one alive and marked, and new to us? */
static bool catch (struct hunt *hunt, pid_t pid)
{
    struct found found = {.parent = NO_PARENT};
    pid_t *settled = &hunt->settled[pid % NEWEST];
    if (*settled == pid || !mp_clan_is_marked(&hunt->process->clan, pid))
        return false;
    *settled = pid;
    if (!mp_proc_read(pid, &found.proc) || mp_proc_has_ended(&found.proc))
        return false;
    strike(hunt, &found);
    return true;
}

static bool catch_one_of_the_newest(struct hunt *hunt)
{
    pid_t newest = mp_proc_newest();
    for (pid_t pid = newest; pid > 0 && pid > newest - NEWEST; pid--)
        if (catch (hunt, pid))
            return true;
    return false;
}

/*
 * A process that forks, exits, and goes on in its child is mostly gone by the time that a look at
 * all processes comes to it. Whichever it is just now has one of the newest pids, and to look
 * whether these are marked takes a few microseconds.
 */
static void chase(struct hunt *hunt, mp_deadline deadline)
{
    for (int looks = 0; looks < CALM_LOOKS && !mp_deadline_passed(deadline); looks++)
        if (catch_one_of_the_newest(hunt))
            looks = 0;
}

static int hunt_down(struct hunt *hunt)
{
    mp_deadline deadline;
    mp_deadline_in(PATIENCE, &deadline);
    for (int quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
        hunt_once(hunt);
        chase(hunt, deadline);
        if (hunt->rc != 0 && hunt->rc != -EPERM)
            return hunt->rc;
        if (hunt->any_new && mp_deadline_passed(deadline))
            return -ETIMEDOUT;
        if (hunt->any_new)
            quiet = -1;
    }
    return hunt->rc;
}

/*
 * The kernel signals a group at one blow, so that nobody in it is born meanwhile. Stopped first,
 * its members are still there as the parents of those that have left it.
 */
static void kill_group(struct hunt *hunt)
{
    mp_clan_signal_group(&hunt->process->status, SIGSTOP);
    hunt_once(hunt);
    mp_clan_signal_group(&hunt->process->status, SIGKILL);
}

int mp_clan_signal_descendants(struct mproc_process *process, int number)
{
    bool can_hunt = process->status.pidfd && mp_proc_usable();
    if (!can_hunt)
        return mp_clan_signal_group(&process->status, number);
    struct hunt hunt = {.process = process, .number = number};
    if (number == SIGKILL)
        kill_group(&hunt);
    int rc = hunt_down(&hunt);
    mp_buffer_clear(&hunt.pids);
    mp_buffer_clear(&hunt.all);
    mp_buffer_clear(&hunt.members);
    mp_buffer_clear(&hunt.seen);
    return rc;
}
