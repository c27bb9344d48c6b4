/* SPDX-License-Identifier: MIT */
/*
 * Children that are groups: they and their descendants are ended together, wherever those went.
 *
 * The test adopts orphans, so that waiting for its last child is waiting for the last descendant.
 */
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
#include <time.h>
#include <unistd.h>
#if defined __linux__
#include <sys/prctl.h>
#endif

#include "base/fd.h"
#include "process/forkserver.h"
#include "process/pidfd.h"
#include "process/process.h"
#include "process/run.h"
#include "support/fault.h"
#if defined __linux__ && !defined MP_PORTABLE
#include "process/procfs.h"
#endif

/* Should everything fail, nothing stays behind for ever. */
#define LIFE 120

/* --- descendants -------------------------------------------------------------------------------
 */

static int news[2]; /* what they tell the test: that they are in place, or got SIGTERM */

static int news_out; /* those that are no copies of the test have it as their stderr */

static void tell(char byte)
{
    ssize_t n = write(news_out, &byte, 1);
    (void)n;
}

static void tell_of_term(int number)
{
    (void)number;
    tell('T');
}

/* libcheck has a handler. */
static void end_some_day(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(LIFE);
}

static void sleep_on(void)
{
    end_some_day();
    /* The thread sanitizer may keep a signal for the next call. */
    for (;;)
        poll(NULL, 0, 50);
}

/* As daemon programs do. */
static void become_foreign(void)
{
    if (fork() != 0)
        _exit(0);
    setsid();
    if (fork() != 0)
        _exit(0);
    tell('r');
    for (int fd = 0; fd < 256; fd++)
        close(fd);
    environ = NULL;
    sleep_on();
}

/* Never the same process for long. */
static void be_a_chain(void)
{
    for (int i = 0;; i++) {
        const struct timespec pause = {.tv_nsec = 300000};
        setsid();
        if (i == 3)
            tell('r');
        nanosleep(&pause, NULL);
        if (fork() != 0 || i == 100000)
            _exit(0);
    }
}

static void execute(void)
{
    const char *const argv[] = {
        "/bin/sh", "-c", "(sleep 120; :) >/dev/null 2>&1 & echo r >&2; exec 2>&1; wait", NULL};
    if (fork() != 0)
        _exit(0);
    setsid();
    dup2(news_out, STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    execve(argv[0], (char **)(uintptr_t)argv, (char *[]){(char[]){"PATH=/bin:/usr/bin"}, NULL});
    _exit(127);
}

/* Keeps some children going, each of which only lives for a moment. */
static void breed(void)
{
    setsid();
    tell('r');
    end_some_day();
    for (;;) {
        pid_t child = fork();
        if (child == 0) {
            setsid();
            const struct timespec pause = {.tv_nsec = 500000};
            nanosleep(&pause, NULL);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
}

static void live_as(char kind)
{
    switch (kind) {
    case 'e':
        setsid();
        break;
    case 'd':
        become_foreign();
        break;
    case 'c':
        be_a_chain();
        break;
    case 'x':
        execute();
        break;
    case 'b':
        breed();
        break;
    case 't':
        setsid();
        signal(SIGTERM, tell_of_term);
        break;
    case 'i':
        signal(SIGTERM, SIG_IGN);
        break;
    default:
        break;
    }
    tell('r');
    sleep_on();
}

static void plant(const char *kinds)
{
    for (; *kinds; kinds++)
        if (strchr("secdxbti", *kinds) && fork() == 0)
            live_as(*kinds);
}

static void choose_news_out(void)
{
    news_out = run_is("fork") ? news[1] : STDERR_FILENO;
}

/* A 'q' among the kinds: ends at once; an 'h': tells of SIGTERM itself, and stays. */
static int lead(const mproc_value *args)
{
    const char *kinds;
    if (mproc_unpack(args, "s", &kinds) < 0)
        return 1;
    choose_news_out();
    plant(kinds);
    if (strchr(kinds, 'h'))
        signal(SIGTERM, tell_of_term);
    if (strchr(kinds, 'q'))
        return 0;
    tell('r');
    sleep_on();
    return 2;
}

/* --- short cuts --------------------------------------------------------------------------------
 */

/* Once, in the test itself: its children have their news from it. */
static void adopt_orphans(void)
{
    if (news[1] != 0)
        return;
#if defined __linux__
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
#endif
    ck_assert_int_eq(mp_fd_pipe(news), 0);
}

static bool finds_escapees(void)
{
    int fd = mp_pidfd_open(getpid());
    bool can = fd >= 0;
    mp_fd_close(&fd);
    return can;
}

static void await_news(size_t n, char expected)
{
    for (size_t i = 0; i < n; i++) {
        char byte = 0;
        while (byte != expected) {
            ck_assert_int_eq(mp_fd_wait(news[0], POLLIN, MP_NEVER), 0);
            ck_assert_int_eq(read(news[0], &byte, 1), 1);
            ck_assert(byte == expected || byte == '\n');
        }
    }
}

static mproc_process *start_group(mproc_target target, const char *kinds, bool daemon)
{
    mproc_process *p = NULL;
    mproc_value *args = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.group = true;
    options.daemon = daemon;
    adopt_orphans();
    const mproc_stdio to_news = {.kind = MPROC_STDIO_HANDLE, .handle = news[1]};
    options.err = run_is("fork") ? NULL : &to_news;
    ck_assert_int_eq(mproc_pack(&args, "s", kinds), 0);
    ck_assert_msg(mproc_process_start(&p, target, args, &options, &err) == 0, "%s", err.text);
    mproc_value_free(args);
    return p;
}

/* With all descendants in place. */
static mproc_process *grow(const char *kinds)
{
    mproc_process *p = start_group(lead, kinds, false);
    size_t quiet = (strchr(kinds, 'q') ? 2U : 0U) + (strchr(kinds, 'h') ? 1U : 0U);
    await_news(strlen(kinds) + 1 - quiet, 'r');
    return p;
}

/* Close, and wait for everything that came to us. */
static void reap(mproc_process *p)
{
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_close(p), 0);
    mp_forkserver_stop();
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
    ck_assert_int_eq(errno, ECHILD);
}

static void done(void)
{
    mp_fd_close(&news[0]);
    mp_fd_close(&news[1]);
}

/* --- kill_tree ---------------------------------------------------------------------------------
 */

START_TEST(a_child_and_its_children_are_killed)
{
    mproc_process *p = grow("sss");
    int code = 0;
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_exitcode(p, &code), 0);
    ck_assert_int_eq(code, -SIGKILL);
    reap(p);
    done();
}
END_TEST

START_TEST(those_left_behind_by_their_leader_are_killed)
{
    mproc_process *p = grow("ssq");
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    int code = -1;
    ck_assert_int_eq(mproc_process_exitcode(p, &code), 0);
    ck_assert_int_eq(code, 0);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
    done();
}
END_TEST

START_TEST(a_kill_right_after_the_start_hits_too)
{
    int times = run_times(200);
    for (int i = 0; i < times; i++) {
        mproc_process *p = start_group(lead, "s", false);
        ck_assert_int_eq(mproc_process_kill_tree(p), 0);
        reap(p);
    }
    done();
}
END_TEST

START_TEST(nobody_else_is_hit)
{
    mproc_process *sibling = run_start(run_forever, NULL);
    mproc_process *first = grow("ss");
    mproc_process *second = grow("ss");
    ck_assert_int_eq(mproc_process_kill_tree(first), 0);
    ck_assert_int_eq(mproc_process_join(first, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_join(sibling, 0.02), -ETIMEDOUT);
    ck_assert_int_eq(mproc_process_join(second, 0), -ETIMEDOUT);
    ck_assert_int_eq(waitpid(-getpgrp(), NULL, WNOHANG), 0);
    ck_assert_int_eq(mproc_process_kill(sibling), 0);
    ck_assert_int_eq(run_finish(sibling), -SIGKILL);
    ck_assert_int_eq(mproc_process_close(first), 0);
    ck_assert_int_eq(mproc_process_kill_tree(second), 0);
    reap(second);
    done();
}
END_TEST

START_TEST(a_tree_that_has_ended_is_no_error)
{
    mproc_process *p = start_group(run_nothing, "", false);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    ck_assert_int_eq(mproc_process_terminate_tree(p), 0);
    ck_assert_int_eq(run_finish(p), 0);
    done();
}
END_TEST

static int try_to_kill(const mproc_value *args)
{
    (void)args;
    return mproc_process_kill_tree(mproc_parent_process()) == MPROC_ENOTCHILD ? 0 : 1;
}

START_TEST(only_a_child_that_is_a_group_has_a_tree)
{
    mproc_process *p = run_start(run_forever, NULL);
    ck_assert_int_eq(mproc_process_kill_tree(p), -EINVAL);
    ck_assert_int_eq(mproc_process_terminate_tree(NULL), -EINVAL);
    ck_assert_int_eq(mproc_process_kill_tree(mproc_current_process()), MPROC_ENOTCHILD);
    ck_assert_int_eq(mproc_process_kill(p), 0);
    run_finish(p);
    ck_assert_int_eq(run_finish(run_start(try_to_kill, NULL)), 0);
}
END_TEST

START_TEST(a_host_that_ignores_sigchld_can_kill_a_tree)
{
    signal(SIGCHLD, SIG_IGN);
    mproc_process *p = grow("sss");
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
    signal(SIGCHLD, SIG_DFL);
    done();
}
END_TEST

static void *kill_it(void *p)
{
    return (void *)(intptr_t)mproc_process_kill_tree(p);
}

START_TEST(threads_may_kill_one_tree_together)
{
    pthread_t threads[4];
    mproc_process *p = grow("ssss");
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, kill_it, p);
    for (int i = 0; i < 4; i++) {
        void *rc;
        pthread_join(threads[i], &rc);
        ck_assert_ptr_null(rc);
    }
    reap(p);
    done();
}
END_TEST

/* --- terminate_tree ----------------------------------------------------------------------------
 */

START_TEST(sigterm_comes_to_each_once)
{
    mproc_process *p = grow("hss");
    ck_assert_int_eq(mproc_process_terminate_tree(p), 0);
    await_news(1, 'T');
    ck_assert_int_eq(mproc_process_join(p, 0), -ETIMEDOUT);
    /* A second byte would be there before the end of the killed leader. */
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
    ck_assert_int_eq(mp_fd_wait(news[0], POLLIN, MP_NOW), -ETIMEDOUT);
    done();
}
END_TEST

START_TEST(those_that_ignore_sigterm_stay)
{
    mproc_process *p = grow("iis");
    ck_assert_int_eq(mproc_process_terminate_tree(p), 0);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
    done();
}
END_TEST

/* --- every way to start ------------------------------------------------------------------------
 */

/* Two descendants, one of them in a session of its own where that is no way out. */
static int lead_by_connection(const mproc_value *args)
{
    mproc_conn *conn;
    if (mproc_unpack(args, "C", &conn) < 0)
        return 1;
    for (int i = 0; i < 2; i++)
        if (fork() == 0) {
            if (i == 0 && finds_escapees())
                setsid();
            mproc_conn_send_bytes(conn, "r", 1);
            sleep_on();
        }
    mproc_conn_send_bytes(conn, "r", 1);
    sleep_on();
    return 2;
}

static void check_method(const char *method, bool daemon)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    mproc_process *p = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    char byte;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = method;
    options.group = true;
    options.daemon = daemon;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_DUPLEX), 0);
    ck_assert_int_eq(mproc_pack(&args, "C", theirs), 0);
    ck_assert_msg(mproc_process_start(&p, lead_by_connection, args, &options, &err) == 0, "%s: %s",
                  method, err.text);
    mproc_value_free(args);
    mproc_conn_close(theirs);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(mproc_conn_recv_bytes_into(ours, &byte, 1), 1);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    /* The last of them has ended when the connection has. */
    ck_assert_int_eq(mproc_conn_recv_bytes_into(ours, &byte, 1), MPROC_EOF);
    ck_assert_int_eq(run_finish(p), -SIGKILL);
    mproc_conn_close(ours);
}

static void reap_all(void)
{
    mp_forkserver_stop();
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
}

START_TEST(a_group_is_one_under_every_start_method)
{
    const char *methods[8];
    adopt_orphans();
    size_t n = mproc_start_methods(methods, 8);
    for (size_t i = 0; i < n; i++) {
        check_method(methods[i], false);
        check_method(methods[i], true);
    }
    reap_all();
    done();
}
END_TEST

START_TEST(a_command_is_one_too)
{
    const char *const command[] = {"/bin/sh", "-c", "sleep 120 & sleep 121 & echo ready; wait",
                                   NULL};
    mproc_conn *conn = NULL;
    const mproc_stdio out = {.kind = MPROC_STDIO_PIPE, .conn = &conn};
    mproc_process *p = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    char text[16];
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.command = command;
    options.out = &out;
    options.group = true;
    adopt_orphans();
    ck_assert_msg(mproc_process_start(&p, NULL, NULL, &options, &err) == 0, "%s", err.text);
    ck_assert_int_eq(read(mproc_conn_handle(conn), text, sizeof text), 6);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    ck_assert_int_eq(read(mproc_conn_handle(conn), text, sizeof text), 0);
    mproc_conn_close(conn);
    reap(p);
    done();
}
END_TEST

/* --- those that leave the process group --------------------------------------------------------
 */

#if defined __linux__ && !defined MP_PORTABLE

static void check_killed(const char *kinds)
{
    mproc_process *p = grow(kinds);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
}

START_TEST(a_new_session_is_no_way_out)
{
    check_killed("ee");
    check_killed("eeq");
    done();
}
END_TEST

START_TEST(nor_is_the_way_of_daemon_programs)
{
    check_killed("dd");
    check_killed("ddq");
    done();
}
END_TEST

START_TEST(nor_is_another_program)
{
    check_killed("xx");
    check_killed("xxq");
    done();
}
END_TEST

START_TEST(nor_is_being_a_new_process_all_the_time)
{
    check_killed("cc");
    check_killed("ccq");
    check_killed("bb");
    check_killed("bbq");
    done();
}
END_TEST

START_TEST(all_kinds_at_once)
{
    int times = run_times(20);
    for (int i = 0; i < times; i++)
        check_killed(i % 2 ? "sedxbsedxb" : "sedxbsedxbq");
    done();
}
END_TEST

START_TEST(sigterm_finds_them_too_once_each)
{
    mproc_process *p = grow("htt");
    ck_assert_int_eq(mproc_process_terminate_tree(p), 0);
    await_news(3, 'T');
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
    ck_assert_int_eq(mp_fd_wait(news[0], POLLIN, MP_NOW), -ETIMEDOUT);
    done();
}
END_TEST

/* A group inside of a group, from which somebody has gone astray. */
static int lead_inner(const mproc_value *args)
{
    mproc_process *inner = start_group(lead, "ds", false);
    (void)inner;
    return lead(args);
}

START_TEST(a_tree_has_the_groups_inside_of_it)
{
    if (!run_is("fork"))
        return; /* what starts the inner group has its assertions from the test itself */
    mproc_process *p = start_group(lead_inner, "d", false);
    await_news(5, 'r');
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
    done();
}
END_TEST

static int kill_inner(const mproc_value *args)
{
    mproc_process *inner = start_group(lead, "dsq", false);
    int code = 1;
    choose_news_out();
    plant("d");
    if (mproc_process_join(inner, MPROC_FOREVER) < 0 || mproc_process_kill_tree(inner) < 0 ||
        mproc_process_exitcode(inner, &code) < 0 || code != 0)
        return 1;
    return run_nothing(args);
}

/* The one of the outer group that went the way of daemon programs is alive until the outer group
 * is killed; that of the inner one is not. */
START_TEST(an_inner_tree_is_not_the_outer_one)
{
    if (!run_is("fork"))
        return; /* what starts the inner group has its assertions from the test itself */
    mproc_process *p = start_group(kill_inner, "", false);
    await_news(1, 'r');
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    int code = 1;
    ck_assert_int_eq(mproc_process_exitcode(p, &code), 0);
    ck_assert_int_eq(code, 0);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    reap(p);
    done();
}
END_TEST

static void check_with_limit(rlim_t limit, const char *kinds)
{
    const struct rlimit locks = {limit, limit};
    ck_assert_int_eq(setrlimit(RLIMIT_LOCKS, &locks), 0);
    check_killed(kinds);
    done();
}

START_TEST(a_limit_of_the_hosts_own_leaves_room_for_marks)
{
    check_with_limit((rlim_t)1 << 50, "ddq");
}
END_TEST

START_TEST(without_marks_descent_is_what_counts)
{
    check_with_limit(1000, "ee");
}
END_TEST

static int wipe_mark_and_lead(const mproc_value *args)
{
    const struct rlimit locks = {12345, 12345};
    return setrlimit(RLIMIT_LOCKS, &locks) < 0 ? 3 : lead(args);
}

/* A child without its mark has children in sessions of their own. */
START_TEST(a_lost_mark_is_made_up_for_by_descent)
{
    mproc_process *p = start_group(wipe_mark_and_lead, "sse", false);
    await_news(4, 'r');
    ck_assert_int_eq(mproc_process_terminate_tree(p), 0);
    reap(p);
    done();
}
END_TEST

static void sweep_kill(enum mp_fault_kind kind, int error)
{
    bool fired = true;
    for (unsigned n = 1; fired; n += n < 8 ? 1 : n) {
        mproc_process *p = grow("sde");
        mp_fault_arm(kind, n, error);
        int rc = mproc_process_kill_tree(p);
        fired = mp_fault_disarm();
        ck_assert(rc == 0 || rc == -error);
        ck_assert_int_eq(mproc_process_kill_tree(p), 0);
        reap(p);
    }
}

START_TEST(a_kill_that_failed_can_be_repeated)
{
    sweep_kill(MP_FAULT_ALLOC, ENOMEM);
    sweep_kill(MP_FAULT_SYSCALL, EMFILE);
    sweep_kill(MP_FAULT_SYSCALL, EINTR);
    done();
}
END_TEST

START_TEST(names_in_proc_may_contain_anything)
{
    struct mp_proc proc;
    const char *tail = "S 12 13 14 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654321 0 0";
    const char *names[] = {"sh", "a) R 1 1 1", "((", ")))", "x\ny", " "};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "11 (%s) %s", names[i], tail);
        ck_assert_msg(mp_proc_parse(text, &proc), "%s", text);
        ck_assert_int_eq(proc.pid, 11);
        ck_assert_int_eq(proc.state, 'S');
        ck_assert_int_eq(proc.parent, 12);
        ck_assert_int_eq(proc.group, 13);
        ck_assert_uint_eq(proc.started, 987654321);
    }
}
END_TEST

START_TEST(what_is_no_process_is_not_read)
{
    struct mp_proc proc;
    ck_assert(!mp_proc_parse("", &proc));
    ck_assert(!mp_proc_parse("1", &proc));
    ck_assert(!mp_proc_parse("1 (sh", &proc));
    ck_assert(!mp_proc_parse("1 (sh) S 1 2 3", &proc));
    ck_assert(!mp_proc_parse("x (sh) S 1 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 0", &proc));
    ck_assert(!mp_proc_read(-1, &proc));
    ck_assert(mp_proc_read(getpid(), &proc));
    ck_assert_int_eq(proc.parent, getppid());
    ck_assert_int_eq(proc.group, getpgrp());
    ck_assert(!mp_proc_has_ended(&proc));
    ck_assert(mp_proc_usable());
}
END_TEST

START_TEST(the_newest_process_is_known)
{
    int times = run_times(50);
    for (int i = 0; i < times; i++) {
        pid_t before = mp_proc_newest();
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        pid_t after = mp_proc_newest();
        ck_assert_int_gt(before, 0);
        ck_assert_int_gt(after, 0);
        ck_assert_int_ne(before, after);
        /* Others start processes too; and numbers begin anew some day. */
        ck_assert(before > after || (before < child && child <= after));
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
    }
}
END_TEST

#endif

static void add_escapees(Suite *suite)
{
#if defined __linux__ && !defined MP_PORTABLE
    TCase *tc = mp_case(suite, "proc", 30);
    tcase_add_test(tc, names_in_proc_may_contain_anything);
    tcase_add_test(tc, what_is_no_process_is_not_read);
    tcase_add_test(tc, the_newest_process_is_known);
    if (!finds_escapees())
        return;
    tc = mp_case(suite, "escapees", 60);
    tcase_add_test(tc, a_new_session_is_no_way_out);
    tcase_add_test(tc, nor_is_the_way_of_daemon_programs);
    tcase_add_test(tc, nor_is_another_program);
    tcase_add_test(tc, nor_is_being_a_new_process_all_the_time);
    tcase_add_test(tc, all_kinds_at_once);
    tcase_add_test(tc, sigterm_finds_them_too_once_each);
    tcase_add_test(tc, a_tree_has_the_groups_inside_of_it);
    tcase_add_test(tc, an_inner_tree_is_not_the_outer_one);
    tcase_add_test(tc, a_limit_of_the_hosts_own_leaves_room_for_marks);
    tcase_add_test(tc, without_marks_descent_is_what_counts);
    tcase_add_test(tc, a_lost_mark_is_made_up_for_by_descent);
    tcase_add_test(tc, a_kill_that_failed_can_be_repeated);
#else
    (void)suite;
#endif
}

Suite *mp_suite(void)
{
    Suite *suite = suite_create("process tree");
    TCase *tc = mp_case(suite, "kill", 60);
    tcase_add_test(tc, a_child_and_its_children_are_killed);
    tcase_add_test(tc, those_left_behind_by_their_leader_are_killed);
    tcase_add_test(tc, a_kill_right_after_the_start_hits_too);
    tcase_add_test(tc, nobody_else_is_hit);
    tcase_add_test(tc, a_tree_that_has_ended_is_no_error);
    tcase_add_test(tc, only_a_child_that_is_a_group_has_a_tree);
    tcase_add_test(tc, a_host_that_ignores_sigchld_can_kill_a_tree);
    tcase_add_test(tc, threads_may_kill_one_tree_together);
    tc = mp_case(suite, "terminate", 60);
    tcase_add_test(tc, sigterm_comes_to_each_once);
    tcase_add_test(tc, those_that_ignore_sigterm_stay);
    tc = mp_case(suite, "methods", 60);
    tcase_add_test(tc, a_group_is_one_under_every_start_method);
    tcase_add_test(tc, a_command_is_one_too);
    add_escapees(suite);
    return suite;
}
