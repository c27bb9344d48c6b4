/* SPDX-License-Identifier: MIT */
/* One process after the other: exit codes, signals, names, families, the authkey. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>

#include "base/fd.h"
#include "base/log.h"
#include "process/process.h"
#include "process/run.h"

START_TEST(every_exit_code_comes_back)
{
    for (int i = 0; i < 256; i += run_times(1000) < 1000 ? 51 : 1)
        ck_assert_int_eq(run_finish(run_start(run_number, "i", i)), i);
}
END_TEST

START_TEST(an_exit_code_keeps_its_low_8_bits)
{
    ck_assert_int_eq(run_finish(run_start(run_number, "i", 256 + 7)), 7);
    ck_assert_int_eq(run_finish(run_start(run_number, "i", -1)), 255);
}
END_TEST

static int die_by_signal(const mproc_value *args)
{
    int number = 0;
    mproc_unpack(args, "i", &number);
    signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    raise(number);
    return 1;
}

START_TEST(death_by_a_signal_is_its_negative_number)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGUSR1, SIGPIPE, SIGALRM};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ck_assert_int_eq(run_finish(run_start(die_by_signal, "i", numbers[i])), -numbers[i]);
}
END_TEST

START_TEST(wrong_use_is_an_error)
{
    mproc_error err;
    mproc_process *p = NULL;
    int code = 77;
    ck_assert_int_eq(mproc_process_start(NULL, run_nothing, NULL, NULL, &err), -EINVAL);
    ck_assert_int_eq(mproc_process_start(&p, NULL, NULL, NULL, &err), -EINVAL);
    ck_assert_int_eq(err.code, -EINVAL);
    ck_assert_str_ne(err.text, "");
    ck_assert_int_eq(mproc_process_start(&p, NULL, NULL, NULL, NULL), -EINVAL);
    ck_assert_ptr_null(p);
    ck_assert_int_eq(mproc_process_join(NULL, 0), -EINVAL);
    ck_assert_int_eq(mproc_process_is_alive(NULL), -EINVAL);
    ck_assert_int_eq(mproc_process_exitcode(NULL, &code), -EINVAL);
    ck_assert_int_eq(mproc_process_sentinel(NULL), -EINVAL);
    ck_assert_int_eq(mproc_process_kill(NULL), -EINVAL);
    ck_assert_int_eq(mproc_process_pid(NULL), -EINVAL);
    ck_assert_str_eq(mproc_process_name(NULL), "");
    ck_assert(!mproc_process_daemon(NULL));
    ck_assert_int_eq(mproc_process_close(NULL), 0);
    p = run_start(run_nothing, NULL);
    ck_assert_int_eq(mproc_process_join(p, NAN), -EINVAL);
    ck_assert_int_eq(mproc_process_exitcode(p, NULL), -EINVAL);
    run_finish(p);
    ck_assert_int_eq(code, 77);
}
END_TEST

START_TEST(options_are_checked)
{
    mproc_process *p = NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.reserved[0] = 1;
    ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, NULL), -E2BIG);
    options = (mproc_process_options)MPROC_PROCESS_OPTIONS_INIT;
    options.size = 0;
    ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, NULL), -EINVAL);
    char name[MP_PROCESS_NAME + 1];
    memset(name, 'n', MP_PROCESS_NAME);
    name[MP_PROCESS_NAME] = '\0';
    options = (mproc_process_options)MPROC_PROCESS_OPTIONS_INIT;
    options.name = name;
    ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, NULL), -ENAMETOOLONG);
    ck_assert_ptr_null(p);
    name[MP_PROCESS_NAME - 1] = '\0';
    ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, NULL), 0);
    ck_assert_str_eq(mproc_process_name(p), name);
    run_finish(p);
}
END_TEST

START_TEST(a_running_process_is_told_from_an_ended_one)
{
    int code = 77;
    mproc_process *p = run_start(run_forever, NULL);
    mproc_handle sentinel = mproc_process_sentinel(p);
    ck_assert_int_eq(mproc_process_is_alive(p), 1);
    ck_assert_int_eq(mproc_process_exitcode(p, &code), MPROC_ERUNNING);
    ck_assert_int_eq(code, 77);
    ck_assert_int_eq(mproc_process_join(p, 0), -ETIMEDOUT);
    ck_assert_int_eq(mproc_process_join(p, -5), -ETIMEDOUT);
    ck_assert_int_eq(mproc_process_join(p, 0.01), -ETIMEDOUT);
    ck_assert_int_eq(mproc_process_close(p), MPROC_ERUNNING);
    ck_assert_int_eq(mp_fd_wait(sentinel, POLLIN, MP_NOW), -ETIMEDOUT);
    ck_assert(fcntl(sentinel, F_GETFD) & FD_CLOEXEC);

    ck_assert_int_eq(mproc_process_terminate(p), 0);
    ck_assert_int_eq(mp_fd_wait(sentinel, POLLIN, MP_NEVER), 0);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_join(p, 0), 0);
    ck_assert_int_eq(mproc_process_is_alive(p), 0);
    ck_assert_int_eq(mp_fd_wait(sentinel, POLLIN, MP_NOW), 0);
    ck_assert_int_gt(mproc_process_pid(p), 0);
    ck_assert_int_eq(run_finish(p), -SIGTERM);
}
END_TEST

START_TEST(each_signal_has_its_function)
{
    mproc_process *p = run_start(run_forever, NULL);
    ck_assert_int_eq(mproc_process_interrupt(p), 0);
    ck_assert_int_eq(run_finish(p), -SIGINT);
    p = run_start(run_forever, NULL);
    ck_assert_int_eq(mproc_process_terminate(p), 0);
    ck_assert_int_eq(run_finish(p), -SIGTERM);
    p = run_start(run_forever, NULL);
    ck_assert_int_eq(mproc_process_kill(p), 0);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    /* Signals to the dead go nowhere, and are no error. */
    ck_assert_int_eq(mproc_process_interrupt(p), 0);
    ck_assert_int_eq(mproc_process_terminate(p), 0);
    ck_assert_int_eq(mproc_process_kill(p), 0);
    ck_assert_int_eq(run_finish(p), -SIGKILL);
}
END_TEST

START_TEST(a_signal_to_a_zombie_is_no_error)
{
    mproc_process *p = run_start(run_nothing, NULL);
    run_await_end(p);
    ck_assert_int_eq(mproc_process_kill(p), 0);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

static int compare_name(const mproc_value *args)
{
    const char *expected;
    if (mproc_unpack(args, "s", &expected) < 0)
        return 2;
    return strcmp(mproc_process_name(mproc_current_process()), expected) == 0 ? 0 : 1;
}

static mproc_process *start_named(const char *name, mproc_target target, const char *arg)
{
    mproc_process *p = NULL;
    mproc_value *args = NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.name = name;
    ck_assert_int_eq(mproc_pack(&args, "s", arg), 0);
    ck_assert_int_eq(mproc_process_start(&p, target, args, &options, NULL), 0);
    mproc_value_free(args);
    return p;
}

/* Without libcheck's assertions, for use in a child: the exit code, or -1. */
static int finish_started(mproc_target target, mproc_value *args, const char *expected_name)
{
    mproc_process *p = NULL;
    int code = -1;
    int rc = mproc_process_start(&p, target, args, NULL, NULL);
    mproc_value_free(args);
    if (rc < 0 || (expected_name && strcmp(mproc_process_name(p), expected_name) != 0) ||
        mproc_process_join(p, MPROC_FOREVER) < 0 || mproc_process_exitcode(p, &code) < 0 ||
        mproc_process_close(p) < 0)
        return -1;
    return code;
}

static int count_names_below(const mproc_value *args)
{
    const char *prefix;
    if (mproc_unpack(args, "s", &prefix) < 0)
        return 3;
    for (int i = 1; i <= 2; i++) {
        char expected[64];
        mproc_value *name;
        snprintf(expected, sizeof expected, "%s:%d", prefix, i);
        if (mproc_pack(&name, "s", expected) < 0 ||
            finish_started(compare_name, name, expected) != 0)
            return i;
    }
    return 0;
}

START_TEST(names_are_numbered_per_parent)
{
    mproc_process *p = start_named(NULL, compare_name, "Process-1");
    ck_assert_str_eq(mproc_process_name(p), "Process-1");
    ck_assert_int_eq(run_finish(p), 0);
    ck_assert_int_eq(run_finish(start_named(NULL, count_names_below, "Process-2")), 0);
    /* A given name takes a number too, and the children's prefix is that number. */
    ck_assert_int_eq(run_finish(start_named("odd", compare_name, "odd")), 0);
    ck_assert_int_eq(run_finish(start_named("even", count_names_below, "Process-4")), 0);
    ck_assert_int_eq(run_finish(start_named(NULL, compare_name, "Process-5")), 0);
}
END_TEST

static int nest(const mproc_value *args)
{
    int depth = -1;
    mproc_value *below;
    if (mproc_unpack(args, "i", &depth) < 0 || depth < 0)
        return 1;
    if (depth == 0)
        return 0;
    return mproc_pack(&below, "i", depth - 1) < 0 ? 2 : finish_started(nest, below, NULL);
}

START_TEST(processes_nest_deeper_than_names_grow)
{
    ck_assert_int_eq(run_finish(run_start(nest, "i", run_times(40))), 0);
}
END_TEST

static char logged[256];

static void keep_message(void *user, int level, const char *process, const char *message)
{
    (void)user;
    (void)level;
    snprintf(logged, sizeof logged, "%s: %s", process, message);
}

static int log_in_child(const mproc_value *args)
{
    (void)args;
    mp_log(MPROC_LOG_INFO, "here");
    return strcmp(logged, "worker: here") == 0 ? 0 : 1;
}

START_TEST(log_messages_carry_the_childs_name)
{
    if (!run_is("fork"))
        return; /* the receiver is this process's, see the suites of the other methods */
    mproc_log_set(keep_message, NULL, MPROC_LOG_INFO);
    ck_assert_int_eq(run_finish(start_named("worker", log_in_child, "")), 0);
}
END_TEST

START_TEST(the_main_process_is_one_too)
{
    mproc_process *self = mproc_current_process();
    int code;
    ck_assert_str_eq(mproc_process_name(self), "MainProcess");
    ck_assert_int_eq(mproc_process_pid(self), getpid());
    ck_assert(!mproc_process_daemon(self));
    ck_assert_int_eq(mproc_process_is_alive(self), 1);
    ck_assert_ptr_null(mproc_parent_process());
    ck_assert_int_eq(mproc_process_join(self, 0), MPROC_ENOTCHILD);
    ck_assert_int_eq(mproc_process_exitcode(self, &code), MPROC_ENOTCHILD);
    ck_assert_int_eq(mproc_process_terminate(self), MPROC_ENOTCHILD);
    ck_assert_int_eq(mproc_process_sentinel(self), MPROC_ENOTCHILD);
    ck_assert_int_eq(mproc_process_close(self), MPROC_ENOTCHILD);
    ck_assert_ptr_null(mp_process_pollable(self));
}
END_TEST

/* Numbered exits say which check failed. */
static int look_at_parent(const mproc_value *args)
{
    long pid = 0;
    int code;
    if (mproc_unpack(args, "l", &pid) < 0)
        return 7;
    mproc_process *parent = mproc_parent_process();
    if (!parent || mproc_process_pid(parent) != pid || mproc_process_daemon(parent))
        return 1;
    if (strcmp(mproc_process_name(parent), "MainProcess") != 0)
        return 2;
    if (mproc_process_is_alive(parent) != 1 || mproc_process_join(parent, 0) != -ETIMEDOUT)
        return 3;
    if (mp_fd_wait(mproc_process_sentinel(parent), POLLIN, MP_NOW) != -ETIMEDOUT)
        return 4;
    if (mproc_process_kill(parent) != MPROC_ENOTCHILD ||
        mproc_process_exitcode(parent, &code) != MPROC_ENOTCHILD ||
        mproc_process_close(parent) != MPROC_ENOTCHILD)
        return 5;
    return mproc_process_pid(mproc_current_process()) == getpid() ? 0 : 6;
}

START_TEST(a_child_knows_its_parent)
{
    ck_assert_int_eq(run_finish(run_start(look_at_parent, "l", (long)getpid())), 0);
}
END_TEST

/* Reports through the pipe how waiting for its parent went. */
static int outlive_parent(const mproc_value *args)
{
    mproc_conn *conn;
    if (mproc_unpack(args, "C", &conn) < 0)
        return 2;
    mproc_process *parent = mproc_parent_process();
    char verdict = 'x';
    if (mproc_process_join(parent, MPROC_FOREVER) == 0 && mproc_process_is_alive(parent) == 0 &&
        mp_fd_wait(mproc_process_sentinel(parent), POLLIN, MP_NEVER) == 0)
        verdict = 'y';
    return mproc_conn_send_bytes(conn, &verdict, 1) == 0 ? 0 : 1;
}

static int leave_a_child_behind(const mproc_value *args)
{
    mproc_process *p = NULL;
    mproc_process_start(&p, outlive_parent, args, NULL, NULL);
    raise(SIGKILL);
    return 1;
}

START_TEST(a_child_can_wait_for_its_parents_end)
{
    mproc_conn *here;
    mproc_conn *there;
    char verdict = 0;
    ck_assert_int_eq(mproc_pipe(&here, &there, MPROC_SIMPLEX), 0);
    ck_assert_int_eq(run_finish(run_start(leave_a_child_behind, "C", there)), -SIGKILL);
    mproc_conn_close(there);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(here, &verdict, 1), 1);
    ck_assert_int_eq(verdict, 'y');
    ck_assert_int_eq(mproc_conn_recv_bytes_into(here, &verdict, 1), MPROC_EOF);
    mproc_conn_close(here);
}
END_TEST

static mproc_process *sibling;

static int use_sibling(const mproc_value *args)
{
    (void)args;
    int code;
    mproc_process *found;
    unsigned char ready;
    struct mp_pollable *pollable = mp_process_pollable(sibling);
    if (mproc_process_join(sibling, 0) != MPROC_ENOTCHILD ||
        mproc_process_is_alive(sibling) != MPROC_ENOTCHILD ||
        mproc_process_exitcode(sibling, &code) != MPROC_ENOTCHILD ||
        mproc_process_sentinel(sibling) != MPROC_ENOTCHILD)
        return 1;
    if (mproc_process_interrupt(sibling) != MPROC_ENOTCHILD ||
        mproc_process_terminate(sibling) != MPROC_ENOTCHILD ||
        mproc_process_kill(sibling) != MPROC_ENOTCHILD)
        return 2;
    if (mp_pollable_wait(&pollable, &ready, 1, MP_NOW) != MPROC_ENOTCHILD)
        return 3;
    if (mproc_active_children(&found, 1) != 0)
        return 4;
    if (strcmp(mproc_process_name(sibling), "Process-1") != 0 || mproc_process_pid(sibling) <= 0)
        return 5;
    return mproc_process_close(sibling) == 0 ? 0 : 6;
}

START_TEST(a_process_object_is_its_starters)
{
    sibling = run_start(run_forever, NULL);
    if (run_is("fork"))
        ck_assert_int_eq(run_finish(run_start(use_sibling, NULL)), 0);
    /* The same in a copy that mproc did not make. */
    pid_t copy = fork();
    if (copy == 0)
        _exit(use_sibling(NULL));
    int status;
    ck_assert_int_eq(waitpid(copy, &status, 0), copy);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(mproc_process_is_alive(sibling), 1);
    ck_assert_int_eq(mproc_process_kill(sibling), 0);
    ck_assert_int_eq(run_finish(sibling), -SIGKILL);
}
END_TEST

START_TEST(a_foreign_copy_has_children_of_its_own)
{
    mproc_process *p = run_start(run_forever, NULL);
    pid_t copy = fork();
    if (copy == 0)
        _exit(finish_started(run_nothing, NULL, "Process-1"));
    int status;
    ck_assert_int_eq(waitpid(copy, &status, 0), copy);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(mproc_process_kill(p), 0);
    run_finish(p);
}
END_TEST

START_TEST(active_children_are_those_that_run)
{
    mproc_process *found[4] = {NULL};
    ck_assert_uint_eq(mproc_active_children(found, 4), 0);
    mproc_process *first = run_start(run_forever, NULL);
    mproc_process *second = run_start(run_forever, NULL);
    mproc_process *third = run_start(run_forever, NULL);
    ck_assert_uint_eq(mproc_active_children(found, 4), 3);
    ck_assert(found[0] == first && found[1] == second && found[2] == third && !found[3]);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 3);
    mproc_process *one = NULL;
    ck_assert_uint_eq(mproc_active_children(&one, 1), 3);
    ck_assert_ptr_eq(one, first);
    mproc_process_kill(second);
    siginfo_t info;
    run_await_end(second);
    ck_assert_uint_eq(mproc_active_children(found, 4), 2);
    ck_assert(found[0] == first && found[1] == third);
    /* It was reaped by the way. */
    ck_assert_int_eq(waitid(P_PID, (id_t)mproc_process_pid(second), &info, WEXITED | WNOHANG), -1);
    ck_assert_int_eq(run_finish(second), -SIGKILL);
    mproc_process_kill(first);
    mproc_process_kill(third);
    run_finish(first);
    run_finish(third);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
}
END_TEST

START_TEST(a_start_reaps_finished_siblings)
{
    mproc_process *first = run_start(run_nothing, NULL);
    siginfo_t info;
    id_t pid = (id_t)mproc_process_pid(first);
    run_await_end(first);
    mproc_process *second = run_start(run_nothing, NULL);
    ck_assert_int_eq(waitid(P_PID, pid, &info, WEXITED | WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    ck_assert_int_eq(run_finish(first), 0);
    run_finish(second);
}
END_TEST

static int start_as_daemon(const mproc_value *args)
{
    (void)args;
    mproc_error err;
    mproc_process *p = NULL;
    if (!mproc_process_daemon(mproc_current_process()))
        return 1;
    int rc = mproc_process_start(&p, run_nothing, NULL, NULL, &err);
    return rc == MPROC_EDAEMON && err.code == rc && !p ? 0 : 2;
}

START_TEST(a_daemon_may_not_start_processes)
{
    mproc_process *p = run_daemon(start_as_daemon);
    ck_assert(mproc_process_daemon(p));
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

static int probe_stdin(const mproc_value *args)
{
    (void)args;
    char byte;
    if (getchar() != EOF || feof(stdin) == 0)
        return 1;
    clearerr(stdin);
    if (read(STDIN_FILENO, &byte, 1) != 0)
        return 2;
    /* It stays stdin across an exec. */
    return fcntl(STDIN_FILENO, F_GETFD) & FD_CLOEXEC ? 3 : 0;
}

static void put_on_stdin(int fd)
{
    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    clearerr(stdin);
}

START_TEST(stdin_of_a_child_is_empty_and_the_parents_is_untouched)
{
    int fd = open(mp_test_path("input"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, "first\nsecond\n", 13), 13);
    lseek(fd, 0, SEEK_SET);
    put_on_stdin(fd);
    char line[32];
    ck_assert_ptr_nonnull(fgets(line, sizeof line, stdin));
    ck_assert_int_eq(run_finish(run_start(probe_stdin, NULL)), 0);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, stdin));
    ck_assert_str_eq(line, "second\n");
    ck_assert_ptr_null(fgets(line, sizeof line, stdin));
}
END_TEST

START_TEST(a_closed_stdin_becomes_empty_too)
{
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    close(STDIN_FILENO);
    ck_assert_int_eq(run_finish(run_start(probe_stdin, NULL)), 0);
    ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), -1);
    put_on_stdin(saved);
}
END_TEST

static int check_mask(const mproc_value *args)
{
    const void *expected;
    size_t len;
    sigset_t mask;
    if (mproc_unpack(args, "y#", &expected, &len) < 0 || len != sizeof mask)
        return 99;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int i = 1; i < 32; i++)
        if (sigismember(&mask, i) != sigismember(expected, i))
            return i;
    return 0;
}

START_TEST(the_signal_mask_is_the_starters)
{
    sigset_t mask;
    sigset_t after;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigaddset(&mask, SIGTERM);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    ck_assert_int_eq(run_finish(run_start(check_mask, "y#", &mask, sizeof mask)), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    ck_assert(sigismember(&after, SIGUSR2) == 1 && sigismember(&after, SIGTERM) == 1);
    ck_assert(sigismember(&after, SIGINT) == 0 && sigismember(&after, SIGCHLD) == 0);
}
END_TEST

static int compare_key(const void *expected, size_t len)
{
    unsigned char key[64];
    ssize_t n = mproc_authkey(key, sizeof key);
    return n == (ssize_t)len && memcmp(key, expected, len) == 0 ? 0 : 1;
}

static int compare_key_in_child(const mproc_value *args)
{
    const void *expected;
    size_t len;
    return mproc_unpack(args, "y#", &expected, &len) < 0 ? 2 : compare_key(expected, len);
}

static int change_key(const mproc_value *args)
{
    return mproc_set_authkey("other", 5) == 0 && compare_key("other", 5) == 0 &&
                   compare_key_in_child(args) == 1
               ? 0
               : 1;
}

START_TEST(the_authkey_is_random_and_inherited)
{
    unsigned char key[32];
    unsigned char zero[32] = {0};
    unsigned char again[33];
    ck_assert_int_eq(mproc_authkey(key, 31), MPROC_EBUFSIZE);
    ck_assert_int_eq(mproc_authkey(NULL, 0), MPROC_EBUFSIZE);
    ck_assert_int_eq(mproc_authkey(key, sizeof key), 32);
    ck_assert_int_ne(memcmp(key, zero, 32), 0);
    ck_assert_int_eq(mproc_authkey(again, sizeof again), 32);
    ck_assert_int_eq(memcmp(key, again, 32), 0);
    ck_assert_int_eq(run_finish(run_start(compare_key_in_child, "y#", key, sizeof key)), 0);
    ck_assert_int_eq(run_finish(run_start(change_key, "y#", key, sizeof key)), 0);
    ck_assert_int_eq(compare_key(key, sizeof key), 0);
}
END_TEST

static int report_key(const mproc_value *args)
{
    unsigned char key[64];
    mproc_conn *conn;
    if (mproc_unpack(args, "C", &conn) < 0 || mproc_authkey(key, sizeof key) != 32)
        return 2;
    return mproc_conn_send_bytes(conn, key, 32) == 0 ? 0 : 1;
}

START_TEST(children_share_a_key_that_nobody_has_asked_for_yet)
{
    unsigned char keys[2][32];
    mproc_conn *here;
    mproc_conn *there;
    ck_assert_int_eq(mproc_pipe(&here, &there, MPROC_SIMPLEX), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(run_finish(run_start(report_key, "C", there)), 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(here, keys[i], 32), 32);
    }
    ck_assert_int_eq(memcmp(keys[0], keys[1], 32), 0);
    ck_assert_int_eq(compare_key(keys[0], 32), 0);
    mproc_conn_close(here);
    mproc_conn_close(there);
}
END_TEST

START_TEST(the_authkey_can_be_set_to_any_bytes)
{
    static const char nul_inside[] = {'a', '\0', 'b'};
    ck_assert_int_eq(mproc_set_authkey(NULL, 1), -EINVAL);
    for (size_t len = 0; len <= 40; len++) {
        unsigned char key[40];
        memset(key, (int)len, sizeof key);
        ck_assert_int_eq(mproc_set_authkey(key, len), 0);
        ck_assert_int_eq(compare_key(key, len), 0);
    }
    ck_assert_int_eq(mproc_set_authkey(NULL, 0), 0);
    ck_assert_int_eq(mproc_authkey(NULL, 0), 0);
    ck_assert_int_eq(mproc_set_authkey(nul_inside, 3), 0);
    ck_assert_int_eq(
        run_finish(run_start(compare_key_in_child, "y#", nul_inside, sizeof nul_inside)), 0);
    ck_assert_int_eq(mproc_set_authkey("x", SIZE_MAX), -ENOMEM);
    ck_assert_int_eq(compare_key(nul_inside, 3), 0);
}
END_TEST

static int count_descriptors(const mproc_value *args)
{
    int in_parent = 0;
    if (mproc_unpack(args, "i", &in_parent) < 0)
        return 99;
    /* At most its own bond comes on top, whatever number of siblings there are. */
    int here = mp_count_fds();
    return here <= in_parent + 2 ? 0 : here - in_parent;
}

START_TEST(children_do_not_inherit_their_siblings_bonds)
{
    mproc_process *siblings[10];
    int before = run_count_fds();
    for (int i = 0; i < 10; i++)
        siblings[i] = i % 2 ? run_start(run_forever, NULL) : run_daemon(run_forever);
    ck_assert_int_eq(run_finish(run_start(count_descriptors, "i", before)), 0);
    for (int i = 0; i < 10; i++) {
        mproc_process_kill(siblings[i]);
        run_finish(siblings[i]);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("process");
    TCase *tc = mp_case(suite, "process", 20);
    tcase_add_test(tc, every_exit_code_comes_back);
    tcase_add_test(tc, an_exit_code_keeps_its_low_8_bits);
    tcase_add_test(tc, death_by_a_signal_is_its_negative_number);
    tcase_add_test(tc, wrong_use_is_an_error);
    tcase_add_test(tc, options_are_checked);
    tcase_add_test(tc, a_running_process_is_told_from_an_ended_one);
    tcase_add_test(tc, each_signal_has_its_function);
    tcase_add_test(tc, a_signal_to_a_zombie_is_no_error);
    tcase_add_test(tc, the_signal_mask_is_the_starters);
    tcase_add_test(tc, stdin_of_a_child_is_empty_and_the_parents_is_untouched);
    tcase_add_test(tc, a_closed_stdin_becomes_empty_too);
    tc = mp_case(suite, "family", 20);
    tcase_add_test(tc, names_are_numbered_per_parent);
    tcase_add_test(tc, processes_nest_deeper_than_names_grow);
    tcase_add_test(tc, log_messages_carry_the_childs_name);
    tcase_add_test(tc, the_main_process_is_one_too);
    tcase_add_test(tc, a_child_knows_its_parent);
    tcase_add_test(tc, a_child_can_wait_for_its_parents_end);
    tcase_add_test(tc, a_process_object_is_its_starters);
    tcase_add_test(tc, a_foreign_copy_has_children_of_its_own);
    tcase_add_test(tc, active_children_are_those_that_run);
    tcase_add_test(tc, a_start_reaps_finished_siblings);
    tcase_add_test(tc, a_daemon_may_not_start_processes);
    tcase_add_test(tc, children_do_not_inherit_their_siblings_bonds);
    tc = mp_case(suite, "authkey", 20);
    tcase_add_test(tc, the_authkey_is_random_and_inherited);
    tcase_add_test(tc, children_share_a_key_that_nobody_has_asked_for_yet);
    tcase_add_test(tc, the_authkey_can_be_set_to_any_bytes);
    return suite;
}
