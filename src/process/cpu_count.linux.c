/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include <mproc/process.h>

#include "process/cgroup.h"

#define MOST_CPUS 65536

/* CPUs in the affinity mask, which needs as many bits as the kernel was built for; 0 if unknown. */
static int allowed_cpus(void)
{
    for (size_t cpus = 1024; cpus <= MOST_CPUS; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set)
            return 0;
        size_t size = CPU_ALLOC_SIZE(cpus);
        int rc = sched_getaffinity(0, size, set);
        int count = rc == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (rc == 0 || errno != EINVAL)
            return count;
    }
    return 0;
}

int mproc_cpu_count(void)
{
    int cpus = allowed_cpus();
    if (cpus < 1)
        cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int quota = mp_cgroup_cpus("");
    if (quota > 0 && quota < cpus)
        cpus = quota;
    return cpus < 1 ? 1 : cpus;
}
