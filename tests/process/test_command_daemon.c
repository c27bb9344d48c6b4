/* SPDX-License-Identifier: MIT */
/* Daemons that run another program end with their parent, in whatever way that ends. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/run.h"

static _Noreturn int sleep_forever(void)
{
    printf("up");
    fflush(stdout);
    for (;;)
        pause();
}

struct daemon {
    bool group;
    int rc;
};

static void *start_daemon(void *arg)
{
    struct daemon *daemon = arg;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.daemon = true;
    options.group = daemon->group;
    options.command = run_own_command("sleep", NULL, NULL);
    mproc_process *p = NULL;
    daemon->rc = mproc_process_start(&p, NULL, NULL, &options, NULL);
    return p;
}

/* Start a daemon that says "up", then end in order, or sleep until killed. */
static int lead_a_daemon(const char *how, bool orderly)
{
    pthread_t thread;
    struct daemon daemon = {.group = strcmp(how, "group") == 0, .rc = -1};
    if (strcmp(how, "thread") != 0) {
        start_daemon(&daemon);
    } else {
        pthread_create(&thread, NULL, start_daemon, &daemon);
        pthread_join(thread, NULL);
    }
    if (daemon.rc < 0)
        return 1;
    return orderly ? 0 : sleep_forever();
}

int mp_helper(const char *name, int argc, char **argv)
{
    if (strcmp(name, "sleep") == 0)
        sleep_forever();
    if (strcmp(name, "daemon") == 0)
        return lead_a_daemon(argv[0], argc > 1);
    return 127;
}

#if !defined MP_PORTABLE

static const char *const hows[] = {"main", "thread", "group"};

/* It is not in the helper's, and so an orphan of ours. */
static void reap_group(const char *how)
{
    if (strcmp(how, "group") == 0)
        while (waitpid(-1, NULL, 0) > 0)
            ;
}

START_TEST(daemons_die_with_a_killed_parent)
{
    const char *args[] = {"daemon", hows[_i], NULL};
    char text[16];
    struct run_helper helper = run_helper_start(args, -1);
    size_t used = 0;
    while (used < 4) { /* "up" of both */
        ssize_t n = read(helper.out, text + used, sizeof text - used);
        ck_assert_int_gt(n, 0);
        used += (size_t)n;
    }
    kill(helper.pid, SIGKILL);
    int status = run_helper_finish(&helper, text, sizeof text);
    reap_group(hows[_i]);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
END_TEST

/* Before, while and after it starts the daemon. */
START_TEST(daemons_die_with_a_parent_that_is_killed_at_any_time)
{
    const char *args[] = {"daemon", hows[_i], NULL};
    unsigned seed = (unsigned)getpid();
    char text[16];
    for (int i = 0; i < run_times(40); i++) {
        struct run_helper helper = run_helper_start(args, -1);
        poll(NULL, 0, (int)(rand_r(&seed) % 6));
        kill(helper.pid, SIGKILL);
        int status = run_helper_finish(&helper, text, sizeof text);
        reap_group(hows[_i]);
        ck_assert_msg(WIFSIGNALED(status), "seed %ld, round %d", (long)getpid(), i);
    }
}
END_TEST

START_TEST(daemons_are_terminated_at_exit)
{
    const char *args[] = {"daemon", hows[_i], "orderly", NULL};
    char text[16];
    struct run_helper helper = run_helper_start(args, -1);
    int status = run_helper_finish(&helper, text, sizeof text);
    reap_group(hows[_i]);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST
#else
START_TEST(a_daemonic_command_is_refused)
{
    for (int i = 0; i < 2; i++) {
        struct daemon daemon = {.group = i == 1};
        ck_assert_ptr_null(start_daemon(&daemon));
        ck_assert_int_eq(daemon.rc, -ENOTSUP);
    }
}
END_TEST
#endif

Suite *mp_suite(void)
{
    Suite *suite = suite_create("command daemon");
    TCase *tc = mp_case(suite, "daemons", 60);
#if !defined MP_PORTABLE
    tcase_add_loop_test(tc, daemons_die_with_a_killed_parent, 0, 3);
    tcase_add_loop_test(tc, daemons_die_with_a_parent_that_is_killed_at_any_time, 0, 3);
    tcase_add_loop_test(tc, daemons_are_terminated_at_exit, 0, 3);
#else
    tcase_add_test(tc, a_daemonic_command_is_refused);
#endif
    return suite;
}
