/* SPDX-License-Identifier: MIT */
/*
 * How fast a pipe is, beside the raw round trip of one flag between the same two processors ("c2c")
 * and a raw pipe(2), all in one run. Where processors move around, only ratios can be compared:
 * c2c is measured before and after each sample.
 *
 * bench_ring [samples] [what…]
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mproc/connection.h>

#define MAX_SAMPLES 100

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void check(long rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %ld\n", what, rc);
    exit(1);
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    check(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

/* Fork a child that runs on `cpu` while we run on processor 0, and return when both do. */
static pid_t fork_onto(int cpu)
{
    int ready[2];
    check(pipe(ready), "pipe");
    pid_t child = fork();
    check(child, "fork");
    if (child == 0) {
        pin(cpu);
        close(ready[0]);
        check(write(ready[1], "", 1), "write");
        close(ready[1]);
        return 0;
    }
    char byte;
    close(ready[1]);
    check(read(ready[0], &byte, 1), "read");
    close(ready[0]);
    pin(0);
    return child;
}

/* ---- the raw flag ---- */

struct flags {
    _Alignas(128) atomic_uint ping;
    _Alignas(128) atomic_uint pong;
};

static double c2c_ns(void)
{
    const unsigned rounds = 20000;
    struct flags *f =
        mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork_onto(1);
    if (child == 0) {
        for (unsigned i = 1; i <= rounds; i++) {
            while (atomic_load_explicit(&f->ping, memory_order_acquire) != i)
                continue;
            atomic_store_explicit(&f->pong, i, memory_order_release);
        }
        _exit(0);
    }
    double began = 0;
    for (unsigned i = 1; i <= rounds; i++) {
        if (i == rounds / 10)
            began = now();
        atomic_store_explicit(&f->ping, i, memory_order_release);
        while (atomic_load_explicit(&f->pong, memory_order_acquire) != i)
            continue;
    }
    double ns = (now() - began) * 1e9 / (rounds - rounds / 10.0);
    waitpid(child, NULL, 0);
    munmap(f, sizeof *f);
    return ns;
}

/* ---- samples ---- */

struct test {
    const char *name;
    const char *unit;
    double (*run)(size_t size, long count, int cpu, unsigned flags);
    size_t size;
    long count;
    int cpu; /* of the other side */
    unsigned flags;
    bool by_c2c; /* show the multiple of c2c */
};

static void wait_child(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fprintf(stderr, "the other side failed: %x\n", (unsigned)status);
}

static double round_trip_ns(size_t size, long count, int cpu, unsigned flags)
{
    mproc_conn *a;
    mproc_conn *b;
    check(mproc_pipe(&a, &b, flags), "mproc_pipe");
    char *buf = calloc(1, size + 1);
    pid_t child = fork_onto(cpu);
    if (child == 0) {
        mproc_conn_close(a);
        while (mproc_conn_recv_bytes_into(b, buf, size) >= 0)
            mproc_conn_send_bytes(b, buf, size);
        _exit(0);
    }
    mproc_conn_close(b);
    double began = 0;
    for (long i = 0; i < count; i++) {
        if (i == count / 10)
            began = now();
        check(mproc_conn_send_bytes(a, buf, size), "send");
        check(mproc_conn_recv_bytes_into(a, buf, size), "recv");
    }
    double ns = (now() - began) * 1e9 / ((double)count * 0.9);
    mproc_conn_close(a);
    wait_child(child);
    free(buf);
    return ns;
}

static double raw_pipe_ns(size_t size, long count, int cpu, unsigned flags)
{
    (void)flags;
    int there[2];
    int back[2];
    char buf[4096];
    check(pipe(there), "pipe");
    check(pipe(back), "pipe");
    pid_t child = fork_onto(cpu);
    if (child == 0) {
        close(there[1]);
        while (read(there[0], buf, size) > 0)
            check(write(back[1], buf, size), "write");
        _exit(0);
    }
    double began = now();
    for (long i = 0; i < count; i++) {
        check(write(there[1], buf, size), "write");
        check(read(back[0], buf, size), "read");
    }
    double ns = (now() - began) * 1e9 / (double)count;
    close(there[1]);
    close(there[0]);
    close(back[0]);
    close(back[1]);
    wait_child(child);
    return ns;
}

/* Messages per second, one way, one call each. */
static double stream_rate(size_t size, long count, int cpu, unsigned flags)
{
    mproc_conn *in;
    mproc_conn *out;
    check(mproc_pipe(&in, &out, MPROC_SIMPLEX | flags), "mproc_pipe");
    char *buf = calloc(1, size + 1);
    memset(buf, 1, size);
    pid_t child = fork_onto(cpu);
    if (child == 0) {
        mproc_conn_close(in);
        for (long i = 0; i < count; i++)
            check(mproc_conn_send_bytes(out, buf, size), "send");
        _exit(0);
    }
    mproc_conn_close(out);
    double began = 0;
    for (long i = 0; i < count; i++) {
        if (i == count / 10)
            began = now();
        check(mproc_conn_recv_bytes_into(in, buf, size), "recv");
    }
    double rate = ((double)count * 0.9) / (now() - began);
    mproc_conn_close(in);
    wait_child(child);
    free(buf);
    return rate;
}

/* The same, written and read where the messages lie: each line is touched on both sides. */
static double in_place_rate(size_t size, long count, int cpu, unsigned flags)
{
    mproc_conn *in;
    mproc_conn *out;
    check(mproc_pipe(&in, &out, MPROC_SIMPLEX | flags), "mproc_pipe");
    pid_t child = fork_onto(cpu);
    if (child == 0) {
        mproc_conn_close(in);
        for (long i = 0; i < count; i++) {
            void *room;
            check(mproc_conn_reserve(out, size, &room), "reserve");
            memset(room, (int)i & 0xff, size);
            check(mproc_conn_commit(out, size), "commit");
        }
        _exit(0);
    }
    mproc_conn_close(out);
    double began = 0;
    uint64_t sum = 0;
    for (long i = 0; i < count; i++) {
        const void *message;
        if (i == count / 10)
            began = now();
        check(mproc_conn_peek(in, &message), "peek");
        const uint64_t *words = message;
        for (size_t k = 0; k < size / sizeof *words; k += 8)
            sum += words[k];
        check(mproc_conn_release(in), "release");
    }
    double rate = ((double)count * 0.9) / (now() - began);
    if (sum == 1)
        printf("%d", (int)sum);
    mproc_conn_close(in);
    wait_child(child);
    return rate;
}

static double in_place_gbs(size_t size, long count, int cpu, unsigned flags)
{
    return in_place_rate(size, count, cpu, flags) * (double)size * 1e-9;
}

static double in_place_mps(size_t size, long count, int cpu, unsigned flags)
{
    return in_place_rate(size, count, cpu, flags) * 1e-6;
}

#define BATCH 32

static double batch_mps(size_t size, long count, int cpu, unsigned flags)
{
    mproc_conn *in;
    mproc_conn *out;
    check(mproc_pipe(&in, &out, MPROC_SIMPLEX | flags), "mproc_pipe");
    char *data = calloc(BATCH, size);
    pid_t child = fork_onto(cpu);
    if (child == 0) {
        mproc_conn_close(in);
        mproc_bytes messages[BATCH];
        for (int i = 0; i < BATCH; i++)
            messages[i] = (mproc_bytes){.data = data, .len = size};
        for (long i = 0; i < count;) {
            ssize_t n = mproc_conn_send_many(out, messages, BATCH);
            check(n, "send_many");
            i += n;
        }
        _exit(0);
    }
    mproc_conn_close(out);
    mproc_buffer buffers[BATCH];
    for (int i = 0; i < BATCH; i++)
        buffers[i] = (mproc_buffer){.data = data + (size_t)i * size, .cap = size};
    double began = now();
    for (long i = 0; i < count;) {
        ssize_t n = mproc_conn_recv_many(in, buffers, BATCH);
        check(n, "recv_many");
        i += n;
    }
    double rate = (double)count / (now() - began);
    while (mproc_conn_recv_many(in, buffers, BATCH) > 0)
        continue;
    mproc_conn_close(in);
    wait_child(child);
    free(data);
    return rate * 1e-6;
}

static double stream_gbs(size_t size, long count, int cpu, unsigned flags)
{
    return stream_rate(size, count, cpu, flags) * (double)size * 1e-9;
}

static double stream_mps(size_t size, long count, int cpu, unsigned flags)
{
    return stream_rate(size, count, cpu, flags) * 1e-6;
}

static double cpu_seconds(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* Processor time of the receiver, percent, at one message per millisecond. */
static double trickle_percent(size_t size, long count, int cpu, unsigned flags)
{
    mproc_conn *in;
    mproc_conn *out;
    check(mproc_pipe(&in, &out, MPROC_SIMPLEX | flags), "mproc_pipe");
    char buf[4096];
    pid_t child = fork_onto(cpu);
    if (child == 0) {
        mproc_conn_close(in);
        const struct timespec ms = {.tv_nsec = 1000000};
        for (long i = 0; i < count; i++) {
            nanosleep(&ms, NULL);
            check(mproc_conn_send_bytes(out, buf, size), "send");
        }
        _exit(0);
    }
    mproc_conn_close(out);
    double began = now();
    double used = cpu_seconds(RUSAGE_SELF);
    while (mproc_conn_recv_bytes_into(in, buf, size) >= 0)
        continue;
    double percent = (cpu_seconds(RUSAGE_SELF) - used) / (now() - began) * 100;
    mproc_conn_close(in);
    wait_child(child);
    return percent;
}

static const struct test tests[] = {
    {"rtt64", "ns", round_trip_ns, 64, 200000, 1, MPROC_PIPE_RING, true},
    {"rtt8", "ns", round_trip_ns, 8, 200000, 1, MPROC_PIPE_RING, true},
    {"rtt1k", "ns", round_trip_ns, 1024, 100000, 1, MPROC_PIPE_RING, true},
    {"rtt64k", "ns", round_trip_ns, 65536, 20000, 1, MPROC_PIPE_RING, true},
    {"rtt1m", "ns", round_trip_ns, 1 << 20, 2000, 1, MPROC_PIPE_RING, true},
    {"rtt64-onecpu", "ns", round_trip_ns, 64, 20000, 0, MPROC_PIPE_RING, false},
    {"rawpipe-onecpu", "ns", raw_pipe_ns, 64, 20000, 0, MPROC_PIPE_RING, false},
    {"mps8", "M/s", stream_mps, 8, 10000000, 1, MPROC_PIPE_RING, false},
    {"mps64", "M/s", stream_mps, 64, 10000000, 1, MPROC_PIPE_RING, false},
    {"mps1k", "M/s", stream_mps, 1024, 2000000, 1, MPROC_PIPE_RING, false},
    {"mps64-onecpu", "M/s", stream_mps, 64, 2000000, 0, MPROC_PIPE_RING, false},
    {"gbs64k", "GB/s", stream_gbs, 65536, 100000, 1, MPROC_PIPE_RING, false},
    {"gbs1m", "GB/s", stream_gbs, 1 << 20, 6000, 1, MPROC_PIPE_RING, false},
    {"inplace-gbs64k", "GB/s", in_place_gbs, 65536, 100000, 1, MPROC_PIPE_RING, false},
    {"inplace-gbs1m", "GB/s", in_place_gbs, 1 << 20, 6000, 1, MPROC_PIPE_RING, false},
    {"inplace-mps64", "M/s", in_place_mps, 64, 10000000, 1, MPROC_PIPE_RING, false},
    {"batch-mps64", "M/s", batch_mps, 64, 10000000, 1, MPROC_PIPE_RING, false},
    {"trickle", "%", trickle_percent, 64, 1000, 1, MPROC_PIPE_RING, false},
    {"stream-trickle", "%", trickle_percent, 64, 1000, 1, MPROC_PIPE_STREAM, false},
    {"stream-rtt64", "ns", round_trip_ns, 64, 5000, 1, MPROC_PIPE_STREAM, false},
    {"stream-rtt64-onecpu", "ns", round_trip_ns, 64, 20000, 0, MPROC_PIPE_STREAM, false},
    {"stream-mps64", "M/s", stream_mps, 64, 1000000, 1, MPROC_PIPE_STREAM, false},
    {"stream-batch-mps64", "M/s", batch_mps, 64, 1000000, 1, MPROC_PIPE_STREAM, false},
    {"stream-gbs64k", "GB/s", stream_gbs, 65536, 20000, 1, MPROC_PIPE_STREAM, false},
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const struct test *test, int samples)
{
    double values[MAX_SAMPLES] = {0};
    double ratios[MAX_SAMPLES] = {0};
    double c2cs[MAX_SAMPLES] = {0};
    for (int i = 0; i < samples; i++) {
        double before = c2c_ns();
        values[i] = test->run(test->size, test->count, test->cpu, test->flags);
        c2cs[i] = (before + c2c_ns()) / 2;
        ratios[i] = values[i] / c2cs[i];
    }
    qsort(values, (size_t)samples, sizeof *values, ascending);
    qsort(ratios, (size_t)samples, sizeof *ratios, ascending);
    qsort(c2cs, (size_t)samples, sizeof *c2cs, ascending);
    printf("%-20s median %9.2f %-5s  from %9.2f to %9.2f  c2c %6.1f ns", test->name,
           values[samples / 2], test->unit, values[0], values[samples - 1], c2cs[samples / 2]);
    if (test->by_c2c)
        printf("  %.2f x c2c", ratios[samples / 2]);
    printf("\n");
    fflush(stdout);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    if (argc <= 2)
        return true;
    for (int i = 2; i < argc; i++)
        if (strncmp(name, argv[i], strlen(argv[i])) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    int samples = argc > 1 ? atoi(argv[1]) : 5;
    if (samples < 1 || samples > MAX_SAMPLES)
        return 2;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (is_wanted(tests[i].name, argc, argv))
            report(&tests[i], samples);
    return 0;
}
