/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include <mproc/process.h>

int mproc_cpu_count(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return cpus < 1 ? 1 : (int)cpus;
}
