/* SPDX-License-Identifier: MIT */
/*
 * PROGRAM MODE SIZE SECONDS CPU0 CPU1 [RATE]
 *
 * Modes: "rtt" and "stream" as in loops.h; "capacity" streams frames that were made in advance,
 * many in one write, so that the receiver is the bottleneck; "paced" does RATE round trips per
 * second and tells how much CPU that takes. Each runs a short warm-up first. Prints one line of
 * JSON.
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_TIMES 200000
#define BATCH_BYTES 65536
#define WARM_UP 0.2   /* of the measured time */
#define DATA_OFFSET 8 /* in a message: behind its mark, aligned */

/* What side 1 found out; it sends this along with the answer that ends a phase. */
struct answer {
    int64_t cpu;    /* nanoseconds of CPU time */
    int64_t median; /* of its times, nanoseconds */
};

struct result {
    double seconds;
    double cpu[2]; /* share of one CPU that each side used */
    struct answer answer;
};

/* A mode is a pair of loops: what side 0 does in a phase and what side 1 does. */
struct mode {
    const char *name;
    void (*drive)(struct bench_run *run, const struct bench_peer *peer);
    void (*follow)(struct bench_run *run, const struct bench_peer *peer);
    void (*print)(const struct bench_run *run, const struct result *result);
};

void bench_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(1);
}

void bench_die_errno(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

void bench_unsupported(const char *why)
{
    fprintf(stderr, "%s: not possible: %s\n", program_invocation_short_name, why);
    exit(BENCH_UNSUPPORTED);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void bench_record(struct bench_run *run, int64_t nanoseconds)
{
    run->times[run->n_times++ % MAX_TIMES] = nanoseconds / run->burst;
}

void bench_stamp(struct bench_run *run)
{
    int64_t now = bench_now();
    memcpy(run->buf + DATA_OFFSET, &now, sizeof now);
}

int64_t bench_age(const struct bench_run *run)
{
    int64_t then;
    memcpy(&then, run->buf + DATA_OFFSET, sizeof then);
    return bench_now() - then;
}

void bench_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    bench_check(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

/* Touch every page, or the first messages would time page faults. */
static unsigned char *new_buffer(size_t size)
{
    unsigned char *memory = NULL;
    size_t page = 4096;
    bench_check(posix_memalign((void **)&memory, page, page + size) == 0, "posix_memalign");
    memset(memory, 'x', page + size);
    return memory + page;
}

/* --- rtt --- */

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t percentile(const struct bench_run *run, unsigned percent)
{
    if (run->n_times == 0)
        return 0;
    size_t n = run->n_times < MAX_TIMES ? run->n_times : MAX_TIMES;
    qsort(run->times, n, sizeof *run->times, ascending);
    return run->times[n * percent / 100];
}

static void drive_ping(struct bench_run *run, const struct bench_peer *peer)
{
    /* Short times are known from the warm-up: keep the clock's own cost out of them. */
    run->burst = run->n_times > 0 && percentile(run, 50) < 5000 ? 32 : 1;
    run->n_times = 0;
    peer->loops->ping(run);
}

static void follow_echo(struct bench_run *run, const struct bench_peer *peer)
{
    peer->loops->echo(run);
}

static void print_rtt(const struct bench_run *run, const struct result *result)
{
    printf("{\"rtt_ns\": %lld, \"p99_ns\": %lld, \"cpu\": [%.4f, %.4f]}\n",
           (long long)percentile(run, 50), (long long)percentile(run, 99), result->cpu[0],
           result->cpu[1]);
}

/* --- stream --- */

static void drive_stream(struct bench_run *run, const struct bench_peer *peer)
{
    run->burst = run->size < 16384 ? 64 : 1;
    peer->loops->stream(run);
}

static void follow_drain(struct bench_run *run, const struct bench_peer *peer)
{
    peer->loops->drain(run);
}

static void print_stream(const struct bench_run *run, const struct result *result)
{
    double rate = (double)run->messages / result->seconds;
    printf("{\"msg_per_s\": %.0f, \"bytes_per_s\": %.0f, \"cpu\": [%.4f, %.4f]}\n", rate,
           rate * (double)run->size, result->cpu[0], result->cpu[1]);
}

/* --- capacity --- */

/* As many frames as fit into BATCH_BYTES, at least one. Returns the bytes, *count the frames. */
static size_t build_batch(unsigned char **batch, const struct bench_run *run, size_t *count)
{
    uint32_t header = htonl((uint32_t)run->size);
    size_t frame = sizeof header + run->size;
    *count = frame < BATCH_BYTES ? BATCH_BYTES / frame : 1;
    *batch = new_buffer(*count * frame);
    for (size_t i = 0; i < *count; i++) {
        memcpy(*batch + i * frame, &header, sizeof header);
        (*batch)[i * frame + sizeof header] = BENCH_GO;
    }
    return *count * frame;
}

static void write_all(int fd, const unsigned char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        bench_check(n > 0, "write");
        data += n;
        len -= (size_t)n;
    }
}

static void drive_batches(struct bench_run *run, const struct bench_peer *peer)
{
    static unsigned char *batch;
    static size_t bytes;
    static size_t count;
    if (!batch)
        bytes = build_batch(&batch, run, &count);
    while (bench_now() < run->until) {
        write_all(peer->fd(), batch, bytes);
        run->messages += count;
    }
}

/* --- paced --- */

static void sleep_until(int64_t when)
{
    struct timespec at = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

/* Keeping the pace costs CPU too, on the machines at hand 20 µs for each sleep: that is not the
 * messages' cost, and is left out. */
static void drive_paced(struct bench_run *run, const struct bench_peer *peer)
{
    int64_t period = run->rate > 0 ? (int64_t)(1e9 / run->rate) : INT64_MAX / 2;
    int64_t at = bench_now();
    run->pacing = 0;
    while (bench_now() < run->until) {
        at = at + period < run->until ? at + period : run->until;
        int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        sleep_until(at);
        run->pacing += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
        if (at < run->until)
            peer->loops->post(run);
    }
}

static void follow_posts(struct bench_run *run, const struct bench_peer *peer)
{
    run->burst = 1;
    run->n_times = 0;
    peer->loops->take(run);
}

static void print_paced(const struct bench_run *run, const struct result *result)
{
    printf("{\"one_way_ns\": %lld, \"msg_per_s\": %.0f, \"cpu\": [%.4f, %.4f]}\n",
           (long long)result->answer.median, (double)run->messages / result->seconds,
           result->cpu[0], result->cpu[1]);
}

static const struct mode modes[] = {
    {"rtt", drive_ping, follow_echo, print_rtt},
    {"stream", drive_stream, follow_drain, print_stream},
    {"capacity", drive_batches, follow_drain, print_stream},
    {"paced", drive_paced, follow_posts, print_paced},
};

/* --- the two sides --- */

static void drive_phase(struct bench_run *run, const struct bench_peer *peer,
                        const struct mode *mode, double seconds, struct result *result)
{
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t start = bench_now();
    run->until = start + (int64_t)(seconds * 1e9);
    run->messages = 0;
    mode->drive(run, peer);
    peer->loops->finish(run);
    double took = (double)(bench_now() - start);
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu - run->pacing;
    memcpy(&result->answer, run->buf + DATA_OFFSET, sizeof result->answer);
    result->seconds = took / 1e9;
    result->cpu[0] = (double)cpu / took;
    result->cpu[1] = (double)result->answer.cpu / took;
}

static void follow_phase(struct bench_run *run, const struct bench_peer *peer,
                         const struct mode *mode)
{
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    mode->follow(run, peer);
    struct answer answer = {clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu, percentile(run, 50)};
    memcpy(run->buf + DATA_OFFSET, &answer, sizeof answer);
    peer->loops->answer(run);
}

/* Side 1 stays until the other has its last answer: nng drops what it holds when it is closed. */
static void wait_for_close(int fd)
{
    char byte;
    if (fd >= 0)
        bench_check(read(fd, &byte, 1) == 0, "read");
}

static void run_side(struct bench_run *run, const struct bench_peer *peer, const struct mode *mode,
                     int side, int done)
{
    bench_pin(run->cpu[side]);
    run->buf = new_buffer(run->size);
    run->times = (int64_t *)(void *)new_buffer(MAX_TIMES * sizeof *run->times);
    peer->open(run, side);
    if (side == 0) {
        struct result result;
        drive_phase(run, peer, mode, run->seconds * WARM_UP, &result);
        drive_phase(run, peer, mode, run->seconds, &result);
        mode->print(run, &result);
        fflush(stdout);
    } else {
        follow_phase(run, peer, mode);
        follow_phase(run, peer, mode);
        wait_for_close(done);
    }
    if (peer->close)
        peer->close(side);
}

/* --- start --- */

static const struct mode *find_mode(const char *name, const struct bench_peer *peer)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0) {
            if (modes[i].drive == drive_batches && !peer->fd)
                bench_unsupported("no stream of frames");
            return &modes[i];
        }
    bench_die("unknown mode");
}

static void run_child(struct bench_run *run, const struct bench_peer *peer, const struct mode *mode,
                      pid_t parent, int done[2])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    close(done[1]);
    run_side(run, peer, mode, 1, done[0]);
    exit(0);
}

static int run_forked(struct bench_run *run, const struct bench_peer *peer, const struct mode *mode)
{
    int done[2];
    bench_check(pipe(done) == 0, "pipe");
    pid_t parent = getpid();
    pid_t child = fork();
    bench_check(child >= 0, "fork");
    if (child == 0)
        run_child(run, peer, mode, parent, done);
    run_side(run, peer, mode, 0, -1);
    close(done[1]);
    int status;
    bench_check(waitpid(child, &status, 0) == child, "waitpid");
    return status == 0 ? 0 : 1;
}

int bench_main(int argc, char **argv, const struct bench_peer *peer)
{
    int side = peer->launch ? peer->launch(&argc, &argv) : 0;
    if (argc < 6)
        bench_die("usage: PROGRAM rtt|stream|capacity|paced SIZE SECONDS CPU0 CPU1 [RATE]");
    const struct mode *mode = find_mode(argv[1], peer);
    struct bench_run run = {
        .size = strtoul(argv[2], NULL, 10),
        .seconds = strtod(argv[3], NULL),
        .cpu = {(int)strtol(argv[4], NULL, 10), (int)strtol(argv[5], NULL, 10)},
        .rate = argc > 6 ? strtod(argv[6], NULL) : 0,
    };
    if (run.size < DATA_OFFSET + sizeof(struct answer))
        bench_die("messages this small cannot carry what is measured");
    prctl(PR_SET_TIMERSLACK, 1);
    if (peer->prepare)
        peer->prepare(&run);
    if (!peer->launch)
        return run_forked(&run, peer, mode);
    run_side(&run, peer, mode, side, -1);
    return 0;
}
