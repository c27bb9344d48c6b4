/* SPDX-License-Identifier: MIT */
/* Daemons that are groups: what becomes of their descendants when the parent ends. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "process/run.h"

/* Should everything fail, nothing stays behind for ever. */
#define LIFE 120

static void tell(char byte)
{
    ssize_t n = write(STDOUT_FILENO, &byte, 1);
    (void)n;
}

static void sleep_on(void)
{
    signal(SIGALRM, SIG_DFL); /* libcheck has a handler */
    alarm(LIFE);
    for (;;)
        pause();
}

static int lead_for_helper(const mproc_value *args)
{
    const char *kinds;
    if (mproc_unpack(args, "s", &kinds) < 0)
        return 1;
    for (; *kinds; kinds++)
        if (fork() == 0) {
            signal(SIGTERM, *kinds == 'i' ? SIG_IGN : SIG_DFL);
            tell('r');
            sleep_on();
        }
    tell('r');
    sleep_on();
    return 2;
}

/* Stdout is a pipe to the test: its end is the end of the last descendant. */
static mproc_process *start_for_helper(const char *kinds)
{
    mproc_process *p = NULL;
    mproc_value *args = NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.group = true;
    options.daemon = true;
    if (mproc_pack(&args, "s", kinds) < 0 ||
        mproc_process_start(&p, lead_for_helper, args, &options, NULL) < 0)
        _exit(99);
    mproc_value_free(args);
    return p;
}

static int help_daemon(const char *kinds, bool wait)
{
    start_for_helper(kinds);
    if (wait)
        pause();
    char byte;
    ssize_t n = read(STDIN_FILENO, &byte, 1);
    return n == 1 ? 0 : 1;
}

static void *start_in_thread(void *kinds)
{
    return start_for_helper(kinds);
}

static int help_daemon_of_thread(char *kinds)
{
    pthread_t thread;
    void *p;
    pthread_create(&thread, NULL, start_in_thread, kinds);
    pthread_join(thread, &p);
    pause();
    return 0;
}

int mp_helper(const char *name, int argc, char **argv)
{
    if (argc != 1)
        return 126;
    if (strcmp(name, "thread") == 0)
        return help_daemon_of_thread(argv[0]);
    return help_daemon(argv[0], strcmp(name, "wait") == 0);
}

static void await_place(const struct run_helper *helper, int n)
{
    while (n-- > 0) {
        char byte = 0;
        ck_assert_int_eq(read(helper->out, &byte, 1), 1);
        ck_assert_int_eq(byte, 'r');
    }
}

static void check_dies_with_parent(const char *how)
{
    char text[16];
    struct run_helper helper = run_helper_start((const char *[]){how, "iss", NULL}, -1);
    await_place(&helper, 4);
    kill(helper.pid, SIGKILL);
    bool ended = run_helper_read(&helper, text, sizeof text);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    ck_assert_msg(ended, "a descendant of the daemon was left");
}

START_TEST(the_process_group_of_a_daemon_dies_with_a_killed_parent)
{
    check_dies_with_parent("wait");
}
END_TEST

START_TEST(also_if_a_thread_started_the_daemon)
{
    check_dies_with_parent("thread");
}
END_TEST

START_TEST(a_normal_exit_leaves_nothing_of_a_daemons_tree)
{
    char text[16];
    int in[2];
    ck_assert_int_eq(mp_fd_pipe(in), 0);
    struct run_helper helper = run_helper_start((const char *[]){"exit", "is", NULL}, in[0]);
    await_place(&helper, 3);
    ck_assert_int_eq(write(in[1], "x", 1), 1);
    mp_fd_close(&in[0]);
    mp_fd_close(&in[1]);
    bool ended = run_helper_read(&helper, text, sizeof text);
    int status = -1;
    waitpid(helper.pid, &status, 0);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    ck_assert_msg(ended, "a descendant of the daemon was left");
    ck_assert_int_eq(status, 0);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("daemons' trees");
    TCase *tc = mp_case(suite, "daemons", 60);
    tcase_add_test(tc, the_process_group_of_a_daemon_dies_with_a_killed_parent);
    tcase_add_test(tc, also_if_a_thread_started_the_daemon);
    tcase_add_test(tc, a_normal_exit_leaves_nothing_of_a_daemons_tree);
    return suite;
}
