/* SPDX-License-Identifier: MIT */
/* Another program in a new child: what it inherits, what it does not, and what can fail. */
#include "process/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "process/launch_child.h"
#include "process/run.h"
#include "support/fault.h"

/* What most launches are made of; argv[2] and on are the helper's name and arguments. */
static char own_path[4096];
static char *own_argv[8] = {own_path, (char[]){"helper"}};

static struct mp_launch launch_helper(char *name, char *first)
{
    ssize_t len = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    ck_assert_int_gt(len, 0);
    own_path[len] = '\0';
    own_argv[2] = name;
    own_argv[3] = first;
    struct mp_launch launch = {
        .path = own_path, .argv = own_argv, .envp = environ, .stdio = {-1, -1, -1}};
    sigemptyset(&launch.mask);
    return launch;
}

static int exit_code(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Launch, and return the exit code. */
static int run(const struct mp_launch *launch)
{
    pid_t pid = -1;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_msg(mp_launch(launch, &pid, &err) == 0, "launch: %s", err.text);
    return exit_code(pid);
}

/* Launch with stdout caught in `text`, and return the exit code. */
static int run_reading(struct mp_launch *launch, char *text, size_t room)
{
    int fds[2];
    pid_t pid;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    launch->stdio[1] = fds[1];
    ck_assert_msg(mp_launch(launch, &pid, &err) == 0, "launch: %s", err.text);
    mp_fd_close(&fds[1]);
    launch->stdio[1] = -1;
    size_t used = 0;
    ssize_t n;
    while ((n = read(fds[0], text + used, room - used - 1)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    mp_fd_close(&fds[0]);
    return exit_code(pid);
}

/* Nothing is started, nothing is left, and the reason is `code`; the text contains `where`. */
static void fails(const struct mp_launch *launch, int code, const char *where)
{
    pid_t pid = -7;
    mproc_error err = MPROC_ERROR_INIT;
    sigset_t mask;
    int before = mp_count_fds();
    ck_assert_int_eq(mp_launch(launch, &pid, &err), code);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.text, where), "%s", err.text);
    ck_assert_int_eq(pid, -7);
    ck_assert_int_eq(mp_count_fds(), before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
}

static const char *make_file(const char *name, const char *content, mode_t mode)
{
    const char *path = mp_test_path(name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

/* --- helpers: what the launched program does ----------------------------------------------------
 */

static int list_descriptors(void)
{
    for (int fd = 0; fd < 2048; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    return 0;
}

/* Write "out" to 1 and "err" to 2, so that one sees which is which. */
static int write_both(void)
{
    return write(1, "out", 3) == 3 && write(2, "err", 3) == 3 ? 0 : 1;
}

static int copy_stdin(void)
{
    char text[64];
    ssize_t n = read(0, text, sizeof text);
    return n >= 0 && write(1, text, (size_t)n) == n ? 0 : 1;
}

static int print_signals(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    /* The sanitizers handle some in every program, valgrind ignores the last one. */
    for (int number = 1; number < 32; number++) {
        struct sigaction action;
        bool is_fault = number == SIGSEGV || number == SIGBUS || number == SIGFPE;
        if (is_fault || sigaction(number, NULL, &action) < 0)
            continue;
        if (sigismember(&mask, number) == 1)
            printf("b%d ", number);
        if (action.sa_handler != SIG_DFL)
            printf("%c%d ", action.sa_handler == SIG_IGN ? 'i' : 'h', number);
    }
    return 0;
}

static int print_directory(void)
{
    char path[4096];
    return getcwd(path, sizeof path) && fputs(path, stdout) >= 0 ? 0 : 1;
}

int mp_helper(const char *name, int argc, char **argv)
{
    if (strcmp(name, "exit") == 0)
        return argc > 0 ? (int)strtol(argv[0], NULL, 10) : 0;
    if (strcmp(name, "descriptors") == 0)
        return list_descriptors();
    if (strcmp(name, "both") == 0)
        return write_both();
    if (strcmp(name, "cat") == 0)
        return copy_stdin();
    if (strcmp(name, "signals") == 0)
        return print_signals();
    if (strcmp(name, "directory") == 0)
        return print_directory();
    if (strcmp(name, "getenv") == 0)
        return fputs(getenv(argv[0]) ? getenv(argv[0]) : "(none)", stdout) < 0;
    if (strcmp(name, "group") == 0)
        return getpgrp() == getpid() ? 0 : 1;
    return 127;
}

/* --- what the child is -------------------------------------------------------------------------
 */

START_TEST(a_program_runs_and_its_exit_code_is_its_own)
{
    struct mp_launch launch = launch_helper((char[]){"exit"}, (char[]){"42"});
    ck_assert_int_eq(run(&launch), 42);
}
END_TEST

START_TEST(it_has_the_environment_that_it_was_given)
{
    char text[64];
    char *envp[] = {(char[]){"COLOUR=blue"}, NULL};
    struct mp_launch launch = launch_helper((char[]){"getenv"}, (char[]){"COLOUR"});
    ck_assert_int_eq(run_reading(&launch, text, sizeof text), 0);
    ck_assert_str_eq(text, "(none)");
    launch.envp = envp;
    ck_assert_int_eq(run_reading(&launch, text, sizeof text), 0);
    ck_assert_str_eq(text, "blue");
}
END_TEST

START_TEST(it_starts_in_its_directory)
{
    char text[4096];
    char real[4096];
    const char *path = mp_test_path("");
    struct mp_launch launch = launch_helper((char[]){"directory"}, NULL);
    launch.directory = path;
    ck_assert_int_eq(run_reading(&launch, text, sizeof text), 0);
    ck_assert_ptr_nonnull(realpath(path, real));
    ck_assert_str_eq(text, real);
}
END_TEST

START_TEST(it_can_lead_a_group)
{
    struct mp_launch launch = launch_helper((char[]){"group"}, NULL);
    ck_assert_int_eq(run(&launch), 1);
    const struct mp_clan clan = {.group = true};
    launch.clan = &clan;
    ck_assert_int_eq(run(&launch), 0);
}
END_TEST

/* --- descriptors -------------------------------------------------------------------------------
 */

static void assert_descriptors(struct mp_launch *launch, const char *expected)
{
    char text[8192];
    ck_assert_int_eq(run_reading(launch, text, sizeof text), 0);
    ck_assert_str_eq(text, expected);
}

/* All that a careless host left open, far up as well. */
START_TEST(nothing_is_inherited_but_stdio)
{
    struct mp_launch launch = launch_helper((char[]){"descriptors"}, NULL);
    int noise[200];
    for (int i = 0; i < 200; i++)
        noise[i] = fcntl(0, F_DUPFD, i < 150 ? 3 : 900);
    assert_descriptors(&launch, "0 1 2 ");
    for (int i = 0; i < 200; i++)
        close(noise[i]);
}
END_TEST

START_TEST(what_is_kept_keeps_its_number)
{
    struct mp_launch launch = launch_helper((char[]){"descriptors"}, NULL);
    int keep[] = {0, fcntl(0, F_DUPFD_CLOEXEC, 100), fcntl(0, F_DUPFD_CLOEXEC, 777),
                  fcntl(0, F_DUPFD, 300)};
    launch.keep = keep;
    launch.n_keep = 4;
    assert_descriptors(&launch, "0 1 2 100 300 777 ");
    ck_assert_int_ne(fcntl(keep[1], F_GETFD) & FD_CLOEXEC, 0); /* here it is as before */
    for (int i = 1; i < 4; i++)
        close(keep[i]);
    fails(&launch, -EBADF, "descriptor");
}
END_TEST

static void seal_in_child(bool by_list)
{
    int low = fcntl(0, F_DUPFD, 3);
    int high = fcntl(0, F_DUPFD, 999);
    pid_t pid = fork();
    if (pid == 0) {
#if defined __linux__ && !defined MP_PORTABLE
        if (by_list && mp_launch_seal_listed() < 0)
            _exit(2);
#endif
        if (!by_list)
            mp_launch_seal_each();
        bool sealed = (fcntl(low, F_GETFD) & FD_CLOEXEC) && (fcntl(high, F_GETFD) & FD_CLOEXEC);
        _exit(sealed && !(fcntl(0, F_GETFD) & FD_CLOEXEC) ? 0 : 1);
    }
    ck_assert_int_eq(exit_code(pid), 0);
    close(low);
    close(high);
}

START_TEST(the_ways_to_close_without_the_systems_help_close_as_well)
{
    struct rlimit old;
    seal_in_child(false);
    getrlimit(RLIMIT_NOFILE, &old);
    const struct rlimit odd = {.rlim_cur = 1001, .rlim_max = old.rlim_max}; /* no whole batch */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &odd), 0);
    seal_in_child(false);
    setrlimit(RLIMIT_NOFILE, &old);
#if defined __linux__ && !defined MP_PORTABLE
    int many[300]; /* more than one getdents(2) lists */
    for (int i = 0; i < 300; i++)
        many[i] = fcntl(0, F_DUPFD, 3);
    seal_in_child(true);
    for (int i = 0; i < 300; i++)
        close(many[i]);
#endif
}
END_TEST

static int temporary(void)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
    fclose(file);
    return fd;
}

static void assert_content(int fd, const char *expected)
{
    char text[64] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_ge(n, 0);
    ck_assert_str_eq(text, expected);
}

/* Put descriptors under this process's own 1 and 2, launch, and put back what was there. */
static void write_with_own(struct mp_launch *launch, int own_out, int own_err)
{
    int saved[] = {dup(1), dup(2)};
    dup2(own_out, 1);
    dup2(own_err, 2);
    pid_t pid = -1;
    int rc = mp_launch(launch, &pid, NULL);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    close(saved[0]);
    close(saved[1]);
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(exit_code(pid), 0);
}

START_TEST(streams_can_change_places)
{
    static const struct {
        int stdio[3];
        const char *own_out;
        const char *own_err;
    } rows[] = {
        {{-1, -1, -1}, "out", "err"}, {{-1, 1, 2}, "out", "err"}, {{-1, 2, 1}, "err", "out"},
        {{-1, 1, 1}, "outerr", ""},   {{-1, 2, 2}, "", "outerr"}, {{1, 2, 1}, "err", "out"},
        {{2, 1, 2}, "out", "err"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int out = temporary();
        int err = temporary();
        struct mp_launch launch = launch_helper((char[]){"both"}, NULL);
        memcpy(launch.stdio, rows[i].stdio, sizeof launch.stdio);
        write_with_own(&launch, out, err);
        assert_content(out, rows[i].own_out);
        assert_content(err, rows[i].own_err);
        close(out);
        close(err);
    }
}
END_TEST

START_TEST(a_stream_comes_from_any_descriptor)
{
    char text[16];
    int fds[2];
    struct mp_launch launch = launch_helper((char[]){"cat"}, NULL);
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "hello", 5), 5);
    launch.stdio[0] = fds[0];
    ck_assert_int_eq(run_reading(&launch, text, sizeof text), 0);
    ck_assert_str_eq(text, "hello");
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
    launch.stdio[0] = 999;
    fails(&launch, -EBADF, "stdin");
}
END_TEST

static void close_stdio(int saved[3])
{
    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
        close(i);
    }
}

static void restore_stdio(const int saved[3])
{
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
}

START_TEST(a_parent_without_stdio_can_launch)
{
    int saved[3];
    char text[64];
    struct mp_launch launch = launch_helper((char[]){"descriptors"}, NULL);
    close_stdio(saved);
    int code = run_reading(&launch, text, sizeof text);
    restore_stdio(saved);
    ck_assert_int_eq(code, 0);
    ck_assert_str_eq(text, "1 ");
}
END_TEST

/* --- signals -----------------------------------------------------------------------------------
 */

static pid_t test_pid;
static atomic_int handled;
static atomic_int handled_elsewhere;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
    if (getpid() != test_pid)
        atomic_fetch_add(&handled_elsewhere, 1);
}

static void set_action(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

static void assert_signals(struct mp_launch *launch, const char *expected)
{
    char text[1024];
    ck_assert_int_eq(run_reading(launch, text, sizeof text), 0);
    ck_assert_str_eq(text, expected);
}

START_TEST(handled_signals_are_default_and_ignored_ones_ignored)
{
    char expected[64];
    struct mp_launch launch = launch_helper((char[]){"signals"}, NULL);
    assert_signals(&launch, "");
    set_action(SIGUSR1, count_signal);
    set_action(SIGHUP, SIG_IGN);
    sigaddset(&launch.mask, SIGALRM);
    snprintf(expected, sizeof expected, "i%d b%d ", SIGHUP, SIGALRM);
    assert_signals(&launch, expected);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    ck_assert(now.sa_handler == count_signal); /* this process's is as it was */
}
END_TEST

START_TEST(a_broken_pipe_can_be_a_signal_again)
{
    char expected[64];
    struct mp_launch launch = launch_helper((char[]){"signals"}, NULL);
    set_action(SIGPIPE, SIG_IGN);
    set_action(SIGXFSZ, SIG_IGN);
    snprintf(expected, sizeof expected, "i%d i%d ", SIGPIPE, SIGXFSZ);
    assert_signals(&launch, expected);
    launch.restore_sigpipe = true;
    assert_signals(&launch, "");
}
END_TEST

static atomic_bool storm_over;

static void *storm(void *arg)
{
    while (!atomic_load(&storm_over))
        kill(0, SIGUSR1);
    return arg;
}

/* The child shares memory with this process until it executes: a handler run there shows here. */
START_TEST(no_handler_ever_runs_in_the_child)
{
    pthread_t thread;
    struct mp_launch launch = launch_helper((char[]){"exit"}, NULL);
    test_pid = getpid();
    ck_assert_int_eq(setpgid(0, 0), 0);
    set_action(SIGUSR1, count_signal);
    pthread_create(&thread, NULL, storm, NULL);
    for (int i = 0; i < run_times(100); i++) {
        int code = run(&launch);
        ck_assert(code == 0 || code == -SIGUSR1);
    }
    atomic_store(&storm_over, true);
    pthread_join(thread, NULL);
    ck_assert_int_gt(atomic_load(&handled), 0);
    ck_assert_int_eq(atomic_load(&handled_elsewhere), 0);
}
END_TEST

START_TEST(a_host_that_ignores_sigchld_gets_the_reason_too)
{
    pid_t pid = -1;
    struct mp_launch launch = launch_helper((char[]){"exit"}, NULL);
    signal(SIGCHLD, SIG_IGN);
    ck_assert_int_eq(mp_launch(&launch, &pid, NULL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), -1);
    launch.path = "/nonexistent/program";
    fails(&launch, -ENOENT, "/nonexistent/program");
}
END_TEST

static void *launch_and_be_cancelled(void *arg)
{
    int *rc = arg;
    pid_t pid;
    struct mp_launch launch = launch_helper((char[]){"exit"}, (char[]){"3"});
    pthread_cancel(pthread_self()); /* pending until a cancellation point */
    *rc = mp_launch(&launch, &pid, NULL);
    if (*rc == 0)
        *rc = exit_code(pid); /* waitpid(2) is one */
    return NULL;
}

START_TEST(a_cancelled_thread_finishes_its_launch)
{
    pthread_t thread;
    void *result;
    int rc = -1;
    pthread_create(&thread, NULL, launch_and_be_cancelled, &rc);
    pthread_join(thread, &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_int_eq(rc, 0);
    ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
}
END_TEST

/* --- failures ----------------------------------------------------------------------------------
 */

START_TEST(why_it_cannot_be_executed)
{
    struct mp_launch launch = launch_helper((char[]){"exit"}, NULL);
    launch.path = "/nonexistent/program";
    fails(&launch, -ENOENT, "exec /nonexistent/program");
    launch.path = "/dev/null/program";
    fails(&launch, -ENOTDIR, "exec /dev/null/program");
    launch.path = "/";
    fails(&launch, -EACCES, "exec /");
    launch.path = make_file("plain", "#!/bin/sh\n", 0600);
    fails(&launch, -EACCES, "plain");
    launch.path = make_file("noise", "no known format\n", 0700);
    fails(&launch, -ENOEXEC, "noise");
    if (!getenv("MPROC_TEST_VALGRIND")) { /* which does not survive such an exec */
        launch.path = make_file("orphan", "#!/nonexistent/interpreter\n", 0700);
        fails(&launch, -ENOENT, "orphan");
    }
    launch.path = "";
    fails(&launch, -ENOENT, "without a name");
}
END_TEST

START_TEST(arguments_can_be_too_long)
{
    size_t len = 8U << 20;
    char *argument = malloc(len + 1);
    memset(argument, 'x', len);
    argument[len] = '\0';
    struct mp_launch launch = launch_helper((char[]){"exit"}, argument);
    if (!getenv("MPROC_TEST_VALGRIND")) /* which does not survive such an exec */
        fails(&launch, -E2BIG, "exec");
    free(argument);
}
END_TEST

START_TEST(why_its_directory_cannot_be_entered)
{
    struct mp_launch launch = launch_helper((char[]){"exit"}, NULL);
    launch.directory = "/nonexistent/directory";
    fails(&launch, -ENOENT, "chdir /nonexistent/directory");
    launch.directory = "/dev/null";
    fails(&launch, -ENOTDIR, "chdir /dev/null");
}
END_TEST

/* A true vfork(2) cannot be waited for at all; where it is a fork, the child may be quick or late.
 */
START_TEST(a_deadline_leaves_a_started_child_or_none)
{
    struct mp_launch launch = launch_helper((char[]){"exit"}, (char[]){"3"});
    launch.deadline = 1; /* long past */
    for (int i = 0; i < run_times(20); i++) {
        pid_t pid = -1;
        mproc_error err = MPROC_ERROR_INIT;
        int rc = mp_launch(&launch, &pid, &err);
        if (rc == 0) {
            ck_assert_int_eq(exit_code(pid), 3);
            continue;
        }
        ck_assert_int_eq(rc, -ETIMEDOUT);
        ck_assert_ptr_nonnull(strstr(err.text, "waiting for the child to execute"));
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    }
}
END_TEST

/* --- the search --------------------------------------------------------------------------------
 */

static char path_variable[1024];
static char *path_only[] = {path_variable, NULL};

static struct mp_launch launch_by_name(const char *name, const char *path)
{
    struct mp_launch launch = launch_helper((char[]){"exit"}, NULL);
    snprintf(path_variable, sizeof path_variable, "PATH=%s", path);
    launch.path = name;
    launch.envp = path_only;
    return launch;
}

START_TEST(a_name_is_looked_for_in_the_childs_path)
{
    char path[512];
    make_file("seven", "#!/bin/sh\nexit 7\n", 0700);
    char directory[256];
    snprintf(directory, sizeof directory, "%s", mp_test_path(""));
    struct mp_launch launch = launch_by_name("seven", "/nonexistent:/dev/null");
    fails(&launch, -ENOENT, "exec seven");
    snprintf(path, sizeof path, "/nonexistent:/dev/null:%s", directory);
    launch = launch_by_name("seven", path);
    ck_assert_int_eq(run(&launch), 7);
    snprintf(path, sizeof path, "%s:/bin", directory);
    launch = launch_by_name("seven", path);
    ck_assert_int_eq(run(&launch), 7);
    /* An empty entry is the working directory, which is the child's. */
    launch = launch_by_name("seven", "/bin:");
    fails(&launch, -ENOENT, "exec seven");
    launch.directory = directory;
    ck_assert_int_eq(run(&launch), 7);
    launch = launch_by_name("./seven", "/bin");
    launch.directory = directory;
    ck_assert_int_eq(run(&launch), 7);
}
END_TEST

START_TEST(what_may_not_be_executed_is_told_if_nothing_else_is_found)
{
    char path[512];
    char directory[256];
    make_file("true", "#!/bin/sh\nexit 7\n", 0600);
    snprintf(directory, sizeof directory, "%s", mp_test_path(""));
    snprintf(path, sizeof path, "%s:/nonexistent", directory);
    struct mp_launch launch = launch_by_name("true", path);
    fails(&launch, -EACCES, "exec true");
    snprintf(path, sizeof path, "%s:/bin:/usr/bin", directory);
    launch = launch_by_name("true", path);
    ck_assert_int_eq(run(&launch), 0);
}
END_TEST

START_TEST(without_a_path_there_are_the_usual_places)
{
    char *none[] = {NULL};
    struct mp_launch launch = launch_by_name("true", "");
    launch.envp = none;
    ck_assert_int_eq(run(&launch), 0);
}
END_TEST

/* --- faults ------------------------------------------------------------------------------------
 */

static void sweep(enum mp_fault_kind kind, int error)
{
    char name[] = "true";
    char *argv[] = {name, NULL};
    struct mp_launch launch = launch_helper((char[]){"exit"}, NULL);
    launch.path = name;
    launch.argv = argv;
    for (unsigned n = 1;; n++) {
        pid_t pid = -7;
        mproc_error err = MPROC_ERROR_INIT;
        int before = mp_count_fds();
        mp_fault_arm(kind, n, error);
        int rc = mp_launch(&launch, &pid, &err);
        bool fired = mp_fault_disarm();
        ck_assert_int_eq(mp_count_fds(), before);
        if (rc == 0) {
            ck_assert_int_eq(exit_code(pid), 0);
            if (!fired)
                break;
            continue;
        }
        ck_assert_int_eq(rc, -error);
        ck_assert_str_ne(err.text, "");
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    }
}

START_TEST(no_memory)
{
    sweep(MP_FAULT_ALLOC, ENOMEM);
}
END_TEST

START_TEST(no_descriptors)
{
    sweep(MP_FAULT_SYSCALL, EMFILE);
}
END_TEST

START_TEST(no_processes)
{
    sweep(MP_FAULT_SYSCALL, EAGAIN);
}
END_TEST

START_TEST(no_descriptors_for_real)
{
    struct rlimit old;
    struct mp_launch launch = launch_helper((char[]){"exit"}, NULL);
    getrlimit(RLIMIT_NOFILE, &old);
    int last = dup(0);
    close(last);
    int failures = 0;
    for (int room = 0; room < 4; room++) {
        const struct rlimit limit = {.rlim_cur = (rlim_t)(last + room), .rlim_max = old.rlim_max};
        pid_t pid;
        setrlimit(RLIMIT_NOFILE, &limit);
        int rc = mp_launch(&launch, &pid, NULL);
        setrlimit(RLIMIT_NOFILE, &old);
        if (rc == 0)
            ck_assert_int_eq(exit_code(pid), 0);
        else
            ck_assert_int_eq(rc, -EMFILE);
        failures += rc < 0;
    }
    ck_assert_int_eq(failures, 2);
}
END_TEST

static void *launch_many(void *arg)
{
    for (int i = 0; i < run_times(50); i++)
        if (run(arg) != 5)
            return arg;
    return NULL;
}

START_TEST(several_threads_launch_at_the_same_time)
{
    pthread_t threads[4];
    struct mp_launch launch = launch_helper((char[]){"exit"}, (char[]){"5"});
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, launch_many, &launch);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

static void add_child(Suite *suite)
{
    TCase *tc = mp_case(suite, "child", 20);
    tcase_add_test(tc, a_program_runs_and_its_exit_code_is_its_own);
    tcase_add_test(tc, it_has_the_environment_that_it_was_given);
    tcase_add_test(tc, it_starts_in_its_directory);
    tcase_add_test(tc, it_can_lead_a_group);
    tc = mp_case(suite, "descriptors", 20);
    tcase_add_test(tc, nothing_is_inherited_but_stdio);
    tcase_add_test(tc, what_is_kept_keeps_its_number);
    tcase_add_test(tc, the_ways_to_close_without_the_systems_help_close_as_well);
    tcase_add_test(tc, streams_can_change_places);
    tcase_add_test(tc, a_stream_comes_from_any_descriptor);
    tcase_add_test(tc, a_parent_without_stdio_can_launch);
    tc = mp_case(suite, "signals", 30);
    tcase_add_test(tc, handled_signals_are_default_and_ignored_ones_ignored);
    tcase_add_test(tc, a_broken_pipe_can_be_a_signal_again);
    tcase_add_test(tc, no_handler_ever_runs_in_the_child);
    tcase_add_test(tc, a_host_that_ignores_sigchld_gets_the_reason_too);
    tcase_add_test(tc, a_cancelled_thread_finishes_its_launch);
}

Suite *mp_suite(void)
{
    Suite *suite = suite_create("launch");
    add_child(suite);
    TCase *tc = mp_case(suite, "failures", 20);
    tcase_add_test(tc, why_it_cannot_be_executed);
    tcase_add_test(tc, arguments_can_be_too_long);
    tcase_add_test(tc, why_its_directory_cannot_be_entered);
    tcase_add_test(tc, a_deadline_leaves_a_started_child_or_none);
    tc = mp_case(suite, "search", 20);
    tcase_add_test(tc, a_name_is_looked_for_in_the_childs_path);
    tcase_add_test(tc, what_may_not_be_executed_is_told_if_nothing_else_is_found);
    tcase_add_test(tc, without_a_path_there_are_the_usual_places);
    tc = mp_case(suite, "faults", 30);
    tcase_add_test(tc, no_memory);
    tcase_add_test(tc, no_descriptors);
    tcase_add_test(tc, no_processes);
    tcase_add_test(tc, no_descriptors_for_real);
    tcase_add_test(tc, several_threads_launch_at_the_same_time);
    return suite;
}
