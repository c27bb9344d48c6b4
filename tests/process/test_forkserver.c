/* SPDX-License-Identifier: MIT */
/* The fork server: what it does for its client, and what happens when one of the two dies. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "process/forkserver.h"
#include "process/process.h"
#include "process/run.h"

static mproc_process *start(mproc_target target)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = "forkserver";
    return run_start_with(&options, target, NULL);
}

/* A child that tells its parent's pid, and then sleeps. */
static int tell_server(const mproc_value *args)
{
    mproc_conn *conn;
    if (mproc_unpack(args, "C", &conn) < 0 || mproc_conn_sendf(conn, "i", (int)getppid()) < 0)
        return 1;
    mproc_conn_close(conn);
    return run_forever(NULL);
}

static mproc_process *start_and_learn(pid_t *server)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    mproc_conn *here;
    mproc_conn *there;
    mproc_value *args;
    mproc_value *message;
    int pid;
    options.start_method = "forkserver";
    ck_assert_int_eq(mproc_pipe(&here, &there, MPROC_SIMPLEX), 0);
    ck_assert_int_eq(mproc_pack(&args, "C", there), 0);
    mproc_process *p = run_start_with(&options, tell_server, args);
    mproc_value_free(args);
    mproc_conn_close(there);
    ck_assert_int_eq(mproc_conn_recv(here, &message, NULL), 0);
    ck_assert_int_eq(mproc_unpack(message, "i", &pid), 0);
    mproc_value_free(message);
    mproc_conn_close(here);
    *server = pid;
    return p;
}

static void end(mproc_process *p)
{
    mproc_process_kill(p);
    ck_assert_int_eq(run_finish(p), -SIGKILL);
}

START_TEST(one_server_forks_all_children)
{
    pid_t first;
    pid_t second;
    mproc_process *p = start_and_learn(&first);
    mproc_process *q = start_and_learn(&second);
    ck_assert_int_eq(first, second);
    ck_assert_int_ne(first, getpid());
    end(p);
    end(q);
    mp_forkserver_stop();
    ck_assert_int_eq(kill(first, 0), -1);
    ck_assert_int_eq(errno, ESRCH);
}
END_TEST

START_TEST(the_sentinel_and_the_exit_code_tell_of_the_end_at_once)
{
    for (int i = 0; i < run_times(100); i++) {
        int code = -1;
        mproc_process *p = start(run_nothing);
        ck_assert_int_eq(mp_fd_wait(mproc_process_sentinel(p), POLLIN, MP_NEVER), 0);
        /* The server may not have had the time to reap it. */
        ck_assert_int_eq(mproc_process_is_alive(p), 0);
        ck_assert_int_eq(mproc_process_exitcode(p, &code), 0);
        ck_assert_int_eq(code, 0);
        ck_assert_int_eq(mproc_process_close(p), 0);
    }
}
END_TEST

#if defined __linux__ && !defined MP_PORTABLE
START_TEST(what_a_child_has_used_is_told_too)
{
    mproc_rusage usage = MPROC_RUSAGE_INIT;
    mproc_process *p = start(run_forever);
    ck_assert_int_eq(mproc_process_rusage(p, &usage), MPROC_ERUNNING);
    ck_assert_int_eq(mproc_process_kill(p), 0);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_rusage(p, &usage), 0);
    ck_assert_uint_gt(usage.max_rss, 0);
    run_finish(p);
}
END_TEST
#endif

struct watch {
    mproc_process *process;
    int joined;
};

static void *join_in_thread(void *user)
{
    struct watch *watch = user;
    watch->joined = mproc_process_join(watch->process, 30);
    return NULL;
}

/* Of a group, the server keeps the relay open after the end: nothing but its word wakes them. */
START_TEST(all_who_wait_for_one_child_learn_of_its_end)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = "forkserver";
    options.group = true;
    for (int i = 0; i < run_times(100); i++) {
        struct watch watch = {.process = run_start_with(&options, run_forever, NULL), .joined = 1};
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, join_in_thread, &watch), 0);
        ck_assert_int_eq(mproc_process_kill(watch.process), 0);
        while (mproc_process_is_alive(watch.process) == 1)
            continue;
        pthread_join(thread, NULL);
        ck_assert_int_eq(watch.joined, 0);
        ck_assert_int_eq(mproc_process_kill_tree(watch.process), 0);
        ck_assert_int_eq(run_finish(watch.process), -SIGKILL);
    }
}
END_TEST

static int count_limit(const mproc_value *args)
{
    (void)args;
    return (int)sysconf(_SC_OPEN_MAX);
}

START_TEST(a_server_started_with_few_descriptors_serves_when_there_are_more)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = "forkserver";
    struct rlimit usual;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    int rc = -EMFILE;
    int open_now = mp_count_fds();
    for (rlim_t few = (rlim_t)open_now; rc == -EMFILE; few++) {
        const struct rlimit limit = {few, usual.rlim_max};
        mproc_process *p = NULL;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        rc = mproc_process_start(&p, count_limit, NULL, &options, NULL);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
        if (rc == 0)
            ck_assert_int_eq(run_finish(p), (int)few);
    }
    ck_assert_int_eq(rc, 0);
    const struct rlimit more = {200, usual.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &more), 0);
    ck_assert_int_eq(run_finish(start(count_limit)), 200);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
}
END_TEST

/* --- preload ---------------------------------------------------------------------------------- */

static pid_t preloaded_in;

static void preload(void)
{
    preloaded_in = preloaded_in == 0 ? getpid() : -1;
    fclose(stdin); /* whatever it does to stdio, its children have theirs */
}

static int was_preloaded(const mproc_value *args)
{
    (void)args;
    return preloaded_in == getppid() ? 0 : 1;
}

static void fail_to_preload(void)
{
    _exit(9);
}

START_TEST(a_function_runs_once_in_the_server_before_all_children)
{
    ck_assert_int_eq(mproc_set_forkserver_preload(preload), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(run_finish(start(was_preloaded)), 0);
    mp_forkserver_stop();
    ck_assert_int_eq(run_finish(start(was_preloaded)), 0);
    ck_assert_int_eq(mproc_set_forkserver_preload(NULL), 0);
    mp_forkserver_stop();
    ck_assert_int_eq(run_finish(start(was_preloaded)), 1);
}
END_TEST

START_TEST(a_server_that_dies_of_its_preload_is_an_error_of_start)
{
    mproc_process *p = NULL;
    mproc_error err;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = "forkserver";
    mproc_set_forkserver_preload(fail_to_preload);
    ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, &err), MPROC_ESTART);
    ck_assert_ptr_nonnull(strstr(err.text, "exit code 9"));
    ck_assert_ptr_null(p);
    mproc_set_forkserver_preload(NULL);
    ck_assert_int_eq(run_finish(start(run_nothing)), 0);
}
END_TEST

/* --- death of the server ------------------------------------------------------------------------
 */

START_TEST(children_outlive_a_killed_server_and_the_next_start_makes_another)
{
    pid_t server;
    pid_t next;
    int code = 77;
    mproc_process *p = start_and_learn(&server);
    ck_assert_int_eq(kill(server, SIGKILL), 0);
    ck_assert_int_eq(mproc_process_join(p, 0.1), -ETIMEDOUT);
    ck_assert_int_eq(mproc_process_is_alive(p), 1);
    ck_assert_int_eq(mproc_process_exitcode(p, &code), MPROC_ERUNNING);
    mproc_process *q = start_and_learn(&next);
    ck_assert_int_ne(server, next);
    ck_assert_int_eq(mproc_process_is_alive(p), 1);
    end(q);
    /* It can still be signalled and waited for; how it ended is known to nobody. */
    ck_assert_int_eq(mproc_process_kill(p), 0);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_exitcode(p, &code), MPROC_ESTATUS);
    ck_assert_int_eq(code, 77);
    ck_assert_int_eq(mproc_process_is_alive(p), 0);
    ck_assert_int_eq(mproc_process_close(p), 0);
}
END_TEST

START_TEST(a_status_that_was_told_before_the_server_died_is_known)
{
    pid_t server;
    int code = 77;
    mproc_process *p = start_and_learn(&server);
    mproc_process_kill(p);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    kill(server, SIGKILL);
    ck_assert_int_eq(mproc_process_exitcode(p, &code), 0);
    ck_assert_int_eq(code, -SIGKILL);
    ck_assert_int_eq(mproc_process_close(p), 0);
}
END_TEST

/* The server dies at a chance moment while it is busy: each start succeeds all the same. */
START_TEST(starts_go_on_while_servers_die)
{
    for (int i = 0; i < run_times(30); i++) {
        pid_t server;
        mproc_process *p = start_and_learn(&server);
        pid_t killer = fork();
        if (killer == 0) {
            usleep((unsigned)(i * 100));
            kill(server, SIGKILL);
            _exit(0);
        }
        for (int k = 0; k < 4; k++) {
            mproc_process *q = start(run_nothing);
            int code = -1;
            ck_assert_int_eq(mproc_process_join(q, MPROC_FOREVER), 0);
            int rc = mproc_process_exitcode(q, &code);
            ck_assert(rc == MPROC_ESTATUS || (rc == 0 && code == 0));
            ck_assert_int_eq(mproc_process_close(q), 0);
        }
        waitpid(killer, NULL, 0);
        mproc_process_kill(p);
        ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
        ck_assert_int_eq(mproc_process_close(p), 0);
    }
}
END_TEST

START_TEST(a_stopped_server_costs_no_more_than_the_timeout)
{
    pid_t server;
    int code = 77;
    mproc_process *q = NULL;
    mproc_error err;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = "forkserver";
    options.start_timeout = 0.2;
    mproc_process *p = start_and_learn(&server);
    ck_assert_int_eq(kill(server, SIGSTOP), 0);
    ck_assert_int_eq(mproc_process_start(&q, run_nothing, NULL, &options, &err), -ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(err.text, "fork server"));
    ck_assert_ptr_null(q);
    /* A child that has ended is not reaped before the server runs again. */
    ck_assert_int_eq(mproc_process_kill(p), 0);
    ck_assert_int_eq(mp_fd_wait(mproc_process_sentinel(p), POLLIN, MP_NEVER), 0);
    ck_assert_int_eq(mproc_process_exitcode(p, &code), MPROC_ERUNNING);
    ck_assert_int_eq(kill(server, SIGCONT), 0);
    ck_assert_int_eq(run_finish(p), -SIGKILL);
    options.start_timeout = 30;
    ck_assert_int_eq(run_finish(run_start_with(&options, run_nothing, NULL)), 0);
}
END_TEST

START_TEST(the_server_does_not_die_of_ctrl_c_and_its_children_do)
{
    pid_t server;
    mproc_process *p = start_and_learn(&server);
    ck_assert_int_eq(kill(server, SIGINT), 0);
    ck_assert_int_eq(mproc_process_interrupt(p), 0);
    ck_assert_int_eq(run_finish(p), -SIGINT);
    pid_t same;
    p = start_and_learn(&same);
    ck_assert_int_eq(server, same);
    end(p);
}
END_TEST

/* --- whose server it is ------------------------------------------------------------------------
 */

START_TEST(a_copy_of_the_client_has_a_server_of_its_own)
{
    pid_t server;
    mproc_process *p = start_and_learn(&server);
    pid_t copy = fork();
    if (copy == 0) {
        mproc_process *q = NULL;
        int code = -1;
        mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
        options.start_method = "forkserver";
        bool started = mproc_process_start(&q, run_nothing, NULL, &options, NULL) == 0 &&
                       mproc_process_join(q, MPROC_FOREVER) == 0 &&
                       mproc_process_exitcode(q, &code) == 0;
        mp_forkserver_stop();
        _exit(started && code == 0 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(copy, &status, 0), copy);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(mproc_process_is_alive(p), 1);
    end(p);
    pid_t same;
    p = start_and_learn(&same);
    ck_assert_int_eq(server, same);
    end(p);
}
END_TEST

static mproc_process_options daemon_options(void)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = "forkserver";
    options.daemon = true;
    return options;
}

/* Its daemon lives on without the server, and says so when it is asked to. */
static int answer(const mproc_value *args)
{
    mproc_conn *conn;
    char byte;
    if (mproc_unpack(args, "C", &conn) < 0 || mproc_conn_sendf(conn, "i", (int)getppid()) < 0 ||
        mproc_conn_recv_bytes_into(conn, &byte, 1) != 1 ||
        mproc_conn_send_bytes(conn, &byte, 1) < 0)
        return 1;
    return run_forever(NULL);
}

static int help_daemon(void)
{
    const mproc_process_options options = daemon_options();
    mproc_conn *here;
    mproc_conn *there;
    mproc_value *args;
    mproc_value *message;
    mproc_process *p;
    int server;
    char byte = 'd';
    if (mproc_pipe(&here, &there, MPROC_DUPLEX) < 0 || mproc_pack(&args, "C", there) < 0 ||
        mproc_process_start(&p, answer, args, &options, NULL) < 0 ||
        mproc_conn_recv(here, &message, NULL) < 0 || mproc_unpack(message, "i", &server) < 0)
        return 1;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    if (mproc_conn_send_bytes(here, &byte, 1) < 0 ||
        mproc_conn_recv_bytes_into(here, &byte, 1) != 1 ||
        mproc_process_join(p, 0.05) != -ETIMEDOUT)
        return 2;
    (void)!write(STDOUT_FILENO, "r", 1);
    return run_forever(NULL);
}

START_TEST(daemons_die_with_the_client_and_not_with_the_server)
{
    char byte = 0;
    char text[16];
    struct run_helper helper = run_helper_start((const char *[]){"daemon", NULL}, -1);
    ck_assert_int_eq(read(helper.out, &byte, 1), 1);
    ck_assert_int_eq(byte, 'r');
    kill(helper.pid, SIGKILL);
    ck_assert_int_eq(run_helper_finish(&helper, text, sizeof text), SIGKILL);
}
END_TEST

/* Two, a group and none, without the descriptors by which they would learn of their parent's end.
 */
static int close_all(const mproc_value *args)
{
    (void)args;
    for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
        close(fd);
    return write(STDOUT_FILENO, "r", 1) == 1 ? run_forever(NULL) : 1;
}

static int help_closed(void)
{
    for (int i = 0; i < 2; i++) {
        mproc_process_options options = daemon_options();
        mproc_process *p;
        options.group = i == 1;
        if (mproc_process_start(&p, close_all, NULL, &options, NULL) < 0)
            return 1;
    }
    return run_forever(NULL);
}

START_TEST(daemons_that_close_all_descriptors_die_with_the_client_too)
{
    char text[16];
    struct run_helper helper = run_helper_start((const char *[]){"closed", NULL}, -1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(read(helper.out, text, 1), 1);
    kill(helper.pid, SIGKILL);
    bool ended = run_helper_read(&helper, text, sizeof text);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    ck_assert_msg(ended, "a daemon was left");
}
END_TEST

/* Ends as told, with children that have ended; the server must be gone then. */
static int help_end(const char *how)
{
    mproc_process *p;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = "forkserver";
    if (mproc_process_start(&p, run_nothing, NULL, &options, NULL) < 0 ||
        mproc_process_join(p, MPROC_FOREVER) < 0)
        return 1;
    if (strcmp(how, "exit") == 0)
        exit(5);
    if (strcmp(how, "_exit") == 0)
        _exit(5);
    if (strcmp(how, "kill") == 0)
        raise(SIGKILL);
    return 5;
}

START_TEST(the_server_is_gone_with_its_client_however_that_ends)
{
    static const char *const ways[] = {"return", "exit", "_exit", "kill"};
    for (size_t i = 0; i < 4; i++) {
        char text[16];
        struct run_helper helper = run_helper_start((const char *[]){"end", ways[i], NULL}, -1);
        int status = run_helper_finish(&helper, text, sizeof text);
        ck_assert_int_eq(status, i < 3 ? 5 << 8 : SIGKILL);
    }
}
END_TEST

START_TEST(many_children_live_at_once)
{
    enum { MANY = 200 };
    mproc_process *all[MANY];
    int n = run_times(MANY);
    for (int i = 0; i < n; i++)
        all[i] = start(run_forever);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), (size_t)n);
    for (int i = 0; i < n; i += 2)
        ck_assert_int_eq(mproc_process_terminate(all[i]), 0);
    for (int i = 0; i < n; i += 2)
        ck_assert_int_eq(run_finish(all[i]), -SIGTERM);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), (size_t)(n / 2));
    for (int i = 1; i < n; i += 2)
        end(all[i]);
}
END_TEST

int mp_helper(const char *name, int argc, char **argv)
{
    if (strcmp(name, "daemon") == 0)
        return help_daemon();
    if (strcmp(name, "closed") == 0)
        return help_closed();
    return strcmp(name, "end") == 0 && argc > 0 ? help_end(argv[0]) : 127;
}

Suite *mp_suite(void)
{
    Suite *suite = suite_create("fork server");
    TCase *tc = mp_case(suite, "children", 60);
    tcase_add_test(tc, one_server_forks_all_children);
    tcase_add_test(tc, the_sentinel_and_the_exit_code_tell_of_the_end_at_once);
    tcase_add_test(tc, all_who_wait_for_one_child_learn_of_its_end);
    tcase_add_test(tc, a_server_started_with_few_descriptors_serves_when_there_are_more);
#if defined __linux__ && !defined MP_PORTABLE
    tcase_add_test(tc, what_a_child_has_used_is_told_too);
#endif
    tcase_add_test(tc, a_function_runs_once_in_the_server_before_all_children);
    tcase_add_test(tc, a_server_that_dies_of_its_preload_is_an_error_of_start);
    tcase_add_test(tc, many_children_live_at_once);
    tc = mp_case(suite, "deaths", 60);
    tcase_add_test(tc, children_outlive_a_killed_server_and_the_next_start_makes_another);
    tcase_add_test(tc, a_status_that_was_told_before_the_server_died_is_known);
    tcase_add_test(tc, starts_go_on_while_servers_die);
    tcase_add_test(tc, a_stopped_server_costs_no_more_than_the_timeout);
    tcase_add_test(tc, the_server_does_not_die_of_ctrl_c_and_its_children_do);
    tc = mp_case(suite, "clients", 60);
    tcase_add_test(tc, a_copy_of_the_client_has_a_server_of_its_own);
    tcase_add_test(tc, daemons_die_with_the_client_and_not_with_the_server);
    tcase_add_test(tc, daemons_that_close_all_descriptors_die_with_the_client_too);
    tcase_add_test(tc, the_server_is_gone_with_its_client_however_that_ends);
    return suite;
}
