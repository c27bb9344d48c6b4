/* SPDX-License-Identifier: MIT */
#include "process/usage.h"

#include <sys/syscall.h>
#include <unistd.h>

/* struct rusage as the kernel has it, whatever size the C library's time_t is (getrusage(2)). */
struct kernel_usage {
    struct {
        long sec;
        long usec;
    } user, system;
    long max_rss; /* KiB */
    long unused_sizes[3];
    long minor_faults;
    long major_faults;
    long unused_swaps;
    long blocks_in;
    long blocks_out;
    long unused_counts[3];
    long voluntary;
    long involuntary;
};

static mproc_rusage translate(const struct kernel_usage *from)
{
    return (mproc_rusage){
        .user = (double)from->user.sec + (double)from->user.usec * 1e-6,
        .system = (double)from->system.sec + (double)from->system.usec * 1e-6,
        .max_rss = (uint64_t)from->max_rss * 1024,
        .minor_faults = (uint64_t)from->minor_faults,
        .major_faults = (uint64_t)from->major_faults,
        .blocks_in = (uint64_t)from->blocks_in,
        .blocks_out = (uint64_t)from->blocks_out,
        .voluntary_switches = (uint64_t)from->voluntary,
        .involuntary_switches = (uint64_t)from->involuntary,
    };
}

/* The system call has a fifth argument that the C library's function does not show (waitid(2)). */
int mp_usage_waitid(idtype_t type, id_t id, siginfo_t *info, int options, struct mp_usage *usage)
{
    struct kernel_usage raw = {.max_rss = 0};
    if (syscall(SYS_waitid, type, id, info, options, &raw) < 0)
        return -1;
    if (info->si_pid != 0) {
        usage->spent = translate(&raw);
        usage->known = true;
    }
    return 0;
}
