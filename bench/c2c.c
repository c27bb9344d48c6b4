/* SPDX-License-Identifier: MIT */
/*
 * c2c CPU0 CPU1: nanoseconds for the round trip of one flag between two CPUs. On virtual machines
 * it tells where the host has put them. The median of many short groups: a group in which another
 * process had the CPU does not count.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

#define GROUPS 31
#define ROUNDS 500

struct flags {
    _Alignas(128) atomic_uint ping;
    _Alignas(128) atomic_uint pong;
};

static void answer(struct flags *flags)
{
    for (unsigned i = 1; i <= GROUPS * ROUNDS; i++) {
        while (atomic_load_explicit(&flags->ping, memory_order_acquire) < i)
            ;
        atomic_store_explicit(&flags->pong, i, memory_order_release);
    }
}

static double time_group(struct flags *flags, unsigned *at)
{
    int64_t start = bench_now();
    for (unsigned end = *at + ROUNDS; *at < end;) {
        atomic_store_explicit(&flags->ping, ++*at, memory_order_release);
        while (atomic_load_explicit(&flags->pong, memory_order_acquire) < *at)
            ;
    }
    return (double)(bench_now() - start) / ROUNDS;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        bench_die("usage: c2c CPU0 CPU1");
    struct flags *flags =
        mmap(NULL, sizeof *flags, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_check(flags != MAP_FAILED, "mmap");
    pid_t child = fork();
    bench_check(child >= 0, "fork");
    bench_pin((int)strtol(argv[child == 0 ? 2 : 1], NULL, 10));
    if (child == 0) {
        answer(flags);
        _exit(0);
    }
    double groups[GROUPS];
    unsigned at = 0;
    for (int i = 0; i < GROUPS; i++)
        groups[i] = time_group(flags, &at);
    qsort(groups, GROUPS, sizeof *groups, ascending);
    printf("%.1f\n", groups[GROUPS / 2]);
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}
