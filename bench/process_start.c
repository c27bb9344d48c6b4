/* SPDX-License-Identifier: MIT */
/*
 * PROGRAM MIB ROUNDS
 *
 * What it takes to start a process, from a parent that has touched MIB mebibytes: until its first
 * message is here, and until it has ended and is reaped. Raw fork(2), posix_spawn(3) of this same
 * program, and each of mproc's start methods take turns. Prints one line of JSON with all times in
 * microseconds; bench/process_start.py drives it beside Python.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mproc/mproc.h>

#define MOST_KINDS 8
#define MOST_ROUNDS 10000
#define MESSAGE_FD 3

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "process_start: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void reap(pid_t pid)
{
    siginfo_t info;
    check(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0, "waitid");
}

/* --- the raw ways ------------------------------------------------------------------------------
 */

static double fork_to_exit(const char *method)
{
    (void)method;
    double began = now_us();
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0)
        _exit(0);
    reap(pid);
    return now_us() - began;
}

static double fork_to_message(const char *method)
{
    (void)method;
    int fds[2];
    char byte = 'x';
    double began = now_us();
    check(pipe(fds) == 0, "pipe");
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0)
        _exit(write(fds[1], &byte, 1) != 1);
    close(fds[1]);
    check(read(fds[0], &byte, 1) == 1, "read");
    double took = now_us() - began;
    close(fds[0]);
    reap(pid);
    return took;
}

static pid_t spawn_self(const char *role, int fd)
{
    char *const argv[] = {(char[]){"process_start"}, (char *)(uintptr_t)role, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    if (fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, fd, MESSAGE_FD);
    errno = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
    check(errno == 0, "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static double spawn_to_exit(const char *method)
{
    (void)method;
    double began = now_us();
    reap(spawn_self("exit", -1));
    return now_us() - began;
}

static double spawn_to_message(const char *method)
{
    (void)method;
    int fds[2];
    char byte;
    double began = now_us();
    check(pipe(fds) == 0, "pipe");
    pid_t pid = spawn_self("message", fds[1]);
    close(fds[1]);
    check(read(fds[0], &byte, 1) == 1, "read");
    double took = now_us() - began;
    close(fds[0]);
    reap(pid);
    return took;
}

/* --- mproc -------------------------------------------------------------------------------------
 */

static int end_at_once(const mproc_value *args)
{
    (void)args;
    return 0;
}

static int send_one(const mproc_value *args)
{
    mproc_conn *conn;
    return mproc_unpack(args, "C", &conn) < 0 || mproc_conn_send_bytes(conn, "x", 1) < 0;
}

static mproc_process *start(const char *method, mproc_target target, const mproc_value *args)
{
    mproc_process *p;
    mproc_error err;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = method;
    if (mproc_process_start(&p, target, args, &options, &err) == 0)
        return p;
    fprintf(stderr, "process_start: %s: %s\n", method, err.text);
    exit(1);
}

static double mproc_to_exit(const char *method)
{
    double began = now_us();
    mproc_process *p = start(method, end_at_once, NULL);
    mproc_process_join(p, MPROC_FOREVER);
    double took = now_us() - began;
    mproc_process_close(p);
    return took;
}

static double mproc_to_message(const char *method)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    char byte;
    double began = now_us();
    check(mproc_pipe(&ours, &theirs, MPROC_SIMPLEX | MPROC_PIPE_STREAM) == 0, "mproc_pipe");
    check(mproc_pack(&args, "C", theirs) == 0, "mproc_pack");
    mproc_process *p = start(method, send_one, args);
    mproc_value_free(args);
    mproc_conn_close(theirs);
    check(mproc_conn_recv_bytes_into(ours, &byte, 1) == 1, "recv");
    double took = now_us() - began;
    mproc_conn_close(ours);
    mproc_process_join(p, MPROC_FOREVER);
    mproc_process_close(p);
    return took;
}

/* --- taking turns ------------------------------------------------------------------------------
 */

struct kind {
    const char *name;
    const char *method;
    double (*to_exit)(const char *method);
    double (*to_message)(const char *method);
    double exit_us[MOST_ROUNDS];
    double message_us[MOST_ROUNDS];
};

static struct kind kinds[MOST_KINDS] = {
    {.name = "raw_fork", .to_exit = fork_to_exit, .to_message = fork_to_message},
    {.name = "posix_spawn", .to_exit = spawn_to_exit, .to_message = spawn_to_message},
};

static size_t find_kinds(void)
{
    const char *methods[MOST_KINDS - 2];
    size_t n = mproc_start_methods(methods, MOST_KINDS - 2);
    for (size_t i = 0; i < n && i + 2 < MOST_KINDS; i++)
        kinds[i + 2] = (struct kind){.name = methods[i],
                                     .method = methods[i],
                                     .to_exit = mproc_to_exit,
                                     .to_message = mproc_to_message};
    return n + 2 < MOST_KINDS ? n + 2 : MOST_KINDS;
}

static void print_times(const char *what, const double *times, int rounds)
{
    printf("\"%s\": [", what);
    for (int i = 0; i < rounds; i++)
        printf("%s%.1f", i ? ", " : "", times[i]);
    printf("]");
}

static void print_kinds(size_t n, int rounds)
{
    printf("{");
    for (size_t k = 0; k < n; k++) {
        printf("%s\"%s\": {", k ? ", " : "", kinds[k].name);
        print_times("exit", kinds[k].exit_us, rounds);
        printf(", ");
        print_times("message", kinds[k].message_us, rounds);
        printf("}");
    }
    printf("}\n");
}

/* The first of each kind is not counted: a fork server has to come up. */
static void measure(size_t n, int rounds)
{
    for (int i = -1; i < rounds; i++)
        for (size_t k = 0; k < n; k++) {
            double exit_us = kinds[k].to_exit(kinds[k].method);
            double message_us = kinds[k].to_message(kinds[k].method);
            kinds[k].exit_us[i < 0 ? 0 : i] = exit_us;
            kinds[k].message_us[i < 0 ? 0 : i] = message_us;
        }
}

/*
 * In pages of the usual size, as a heap of many things has them: one block of this size would lie
 * in huge pages, of which a fork has next to nothing to copy.
 */
static void touch(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    madvise(memory, bytes + 1, MADV_NOHUGEPAGE);
    memset(memory, 1, bytes + 1);
}

static int be_spawned(const char *role)
{
    if (strcmp(role, "exit") == 0)
        return 0;
    return write(MESSAGE_FD, "x", 1) != 1;
}

int main(int argc, char **argv)
{
    mproc_init();
    if (argc == 2)
        return be_spawned(argv[1]);
    size_t mib = argc == 3 ? (size_t)atol(argv[1]) : 0;
    int rounds = argc == 3 ? atoi(argv[2]) : 0;
    if (rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "process_start MIB ROUNDS\n");
        return 2;
    }
    touch(mib << 20);
    size_t n = find_kinds();
    measure(n, rounds);
    print_kinds(n, rounds);
    return 0;
}
