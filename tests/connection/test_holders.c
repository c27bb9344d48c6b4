/* SPDX-License-Identifier: MIT */
/* Who holds a stream: it is read ahead if and only if that is nobody else. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/connection.h>
#include <mproc/error.h>
#include <mproc/listener.h>
#include <mproc/process.h>

#include "connection/holders.h"
#include "connection/sharing.h"
#include "connection/transport.h"
#include "process/run.h"
#include "support/fault.h"
#include "support/pairs.h"
#include "support/suite.h"

/* When is there read-ahead? */

START_TEST(an_end_is_read_ahead_only_while_nobody_else_has_it)
{
    make_stream(_i);
    open_token();
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    pid_t child = fork();
    if (child == 0) {
        take_token();
        mproc_conn_close(in);
        _exit(0);
    }
    put_range(BATCH, 2 * BATCH);
    ck_assert(reads_exactly(BATCH));
    give_token();
    expect_exit(child, 0);
    put_range(2 * BATCH, 3 * BATCH);
    ck_assert(reads_ahead(2 * BATCH));
    close_token();
    close_pair();
}
END_TEST

/* Ways in which a child loses an end without mproc_conn_close(). Then it closes or writes to its
 * standard output. */

static void end(void)
{
    _exit(0);
}

#if defined __linux__ && !defined MP_PORTABLE

static void execute(void)
{
    execl("/bin/sh", "sh", "-c", "echo; sleep 100", (char *)NULL);
}

static void close_behind_our_back(void)
{
    close(mproc_conn_handle(in));
    if (write(1, "", 1) == 1)
        pause();
}

#endif

static void (*const losses[])(void) = {
    end,
#if defined __linux__ && !defined MP_PORTABLE
    execute,
    close_behind_our_back,
#endif
};

static const int losses_count = sizeof losses / sizeof losses[0];

START_TEST(an_end_that_a_child_has_lost_is_read_ahead_again)
{
    char byte;
    int said[2];
    make_pipe();
    ck_assert_int_eq(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(said[1], 1);
        close(said[1]);
        losses[_i]();
        _exit(1);
    }
    close(said[1]);
    bool has_ended = read(said[0], &byte, 1) == 0;
    if (has_ended)
        waitpid(child, NULL, 0);
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    if (!has_ended) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(said[0]);
    close_pair();
}
END_TEST

START_TEST(an_end_that_many_children_have_is_read_ahead_once_they_have_closed)
{
    enum { CHILDREN = 2 * MP_HOLDERS_NAMED };
    pid_t children[CHILDREN];
    make_pipe();
    open_token();
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            take_token();
            mproc_conn_close(in);
            _exit(0);
        }
    }
    put_range(0, BATCH);
    ck_assert(reads_exactly(0));
    put_range(BATCH, 2 * BATCH);
    for (int i = 0; i < CHILDREN; i++) {
        if (i == CHILDREN - 1)
            ck_assert(reads_exactly(BATCH));
        give_token();
        ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
    }
    put_range(2 * BATCH, 3 * BATCH);
    ck_assert(reads_ahead(2 * BATCH));
    close_token();
    close_pair();
}
END_TEST

START_TEST(ended_children_leave_room_for_the_pids_of_others)
{
    make_pipe();
    for (int i = 0; i < 2 * MP_HOLDERS_NAMED; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        expect_exit(child, 0);
    }
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    close_pair();
}
END_TEST

#if defined __linux__ && !defined MP_PORTABLE

static pid_t fork_stopped(void (*then)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        then();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    ck_assert(WIFSTOPPED(status));
    return child;
}

static void stop(void)
{
    kill(getpid(), SIGSTOP);
}

static void lose_and_stop_and_close(void)
{
    close(mproc_conn_handle(in));
    kill(getpid(), SIGSTOP);
    mproc_conn_close(in);
}

static void end_child(pid_t child, int signal)
{
    kill(child, signal);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

START_TEST(a_child_that_was_thought_gone_does_not_close_for_another)
{
    pid_t named[MP_HOLDERS_NAMED - 1]; /* and this process */
    make_pipe();
    named[0] = fork_stopped(lose_and_stop_and_close);
    for (int i = 1; i < MP_HOLDERS_NAMED - 1; i++)
        named[i] = fork_stopped(stop);
    pid_t nameless = fork_stopped(stop);
    put_range(0, BATCH);
    ck_assert(reads_exactly(0));
    end_child(named[0], SIGCONT);
    for (int i = 1; i < MP_HOLDERS_NAMED - 1; i++)
        end_child(named[i], SIGKILL);
    put_range(BATCH, 2 * BATCH);
    ck_assert(reads_exactly(BATCH));
    end_child(nameless, SIGKILL);
    close_pair();
}
END_TEST

#endif

START_TEST(an_end_that_is_passed_on_while_others_have_it_is_never_read_ahead)
{
    mproc_conn *carrier[2];
    mproc_value *value;
    make_pipe();
    open_token();
    ck_assert_int_eq(mproc_pipe(&carrier[0], &carrier[1], MPROC_PIPE_STREAM), 0);
    pid_t child = fork();
    if (child == 0) {
        take_token();
        _exit(0);
    }
    ck_assert_int_eq(mproc_conn_sendf(carrier[0], "C", in), 0);
    ck_assert_int_eq(mproc_conn_recv(carrier[1], &value, NULL), 0);
    mproc_conn_close(in);
    in = mproc_value_conn(value);
    ck_assert_int_eq(mproc_value_take_conn(value, in), 0);
    mproc_value_free(value);
    put_range(0, BATCH);
    ck_assert(reads_exactly(0));
    give_token();
    expect_exit(child, 0);
    mproc_conn_close(carrier[0]);
    mproc_conn_close(carrier[1]);
    close_token();
    close_pair();
}
END_TEST

/* Children started by mproc_process_start(). */

/* A worker that runs has said of what it inherited that it does not need it. */
static int running[2];

static void expect_running(void)
{
    char byte;
    ck_assert_int_eq(read(running[0], &byte, 1), 1);
}

static void close_running(void)
{
    close(running[0]);
    close(running[1]);
    close_token();
}

static int wait_for_token(const mproc_value *args)
{
    (void)args;
    ssize_t n = write(running[1], "", 1);
    take_token();
    return n == 1 ? 0 : 1;
}

START_TEST(workers_that_inherit_an_end_do_not_cost_its_read_ahead)
{
    enum { WORKERS = 3 };
    mproc_process *workers[WORKERS];
    make_stream(_i);
    open_token();
    ck_assert_int_eq(pipe(running), 0);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = run_start(wait_for_token, NULL);
    for (int i = 0; i < WORKERS; i++)
        expect_running();
    put_range(0, BATCH);
    ck_assert(reads_ahead(0));
    for (int i = 0; i < WORKERS; i++)
        give_token();
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(run_finish(workers[i]), 0);
    close_running();
    close_pair();
}
END_TEST

static int get_five(const mproc_value *args)
{
    (void)args;
    return gets_range(1, 6) ? 0 : 1;
}

START_TEST(a_worker_can_use_an_end_that_it_was_not_given)
{
    make_stream(_i);
    put_range(0, 3);
    ck_assert(gets_range(0, 1));
    mproc_process *worker = run_start(get_five, NULL);
    put_range(3, 7);
    ck_assert_int_eq(run_finish(worker), 0);
    ck_assert(gets_range(6, 7));
    close_pair();
}
END_TEST

static int want_busy(const mproc_value *args)
{
    char byte;
    bool right = wait_for_token(args) == 0 && mproc_conn_poll(in, 0) == 1 &&
                 mproc_conn_recv_bytes_into(in, &byte, 1) == -EBUSY &&
                 mproc_conn_recv_bytes_into(in, &byte, 1) == -EBUSY;
    return right ? 0 : 1;
}

START_TEST(a_worker_cannot_use_an_end_from_which_its_parent_has_read_ahead_since)
{
    make_stream(_i);
    open_token();
    ck_assert_int_eq(pipe(running), 0);
    mproc_process *worker = run_start(want_busy, NULL);
    expect_running();
    put_range(0, 3);
    ck_assert(gets_range(0, 1));
    give_token();
    ck_assert_int_eq(run_finish(worker), 0);
    ck_assert(gets_range(1, 3));
    close_running();
    close_pair();
}
END_TEST

static void run_workers(const char *format, bool close_here)
{
    mproc_process *workers[CONSUMERS];
    open_results();
    for (int i = 0; i < CONSUMERS; i++)
        workers[i] = run_start(consume, format, in);
    if (close_here) {
        mproc_conn_close(in);
        in = NULL;
    }
    feed_consumers(0, 0);
    for (int i = 0; i < CONSUMERS; i++)
        ck_assert_int_eq(run_finish(workers[i]), 0);
    close_results();
}

START_TEST(workers_get_each_message_of_an_end_they_were_given_once)
{
    make_stream(_i / 2);
    run_workers("C", _i % 2);
    close_pair();
}
END_TEST

START_TEST(workers_get_each_message_of_an_end_they_inherited_once)
{
    make_stream(_i / 2);
    run_workers(NULL, _i % 2);
    close_pair();
}
END_TEST

static int go_on(const mproc_value *args)
{
    (void)args;
    take_token();
    return gets_range(1, BATCH) && reads_ahead(BATCH) ? 0 : 1;
}

START_TEST(an_end_given_to_a_worker_takes_along_what_was_read_ahead)
{
    make_stream(_i);
    open_token();
    put_range(0, BATCH);
    ck_assert(gets_range(0, 1));
    mproc_process *worker = run_start(go_on, "C", in);
    mproc_conn_close(in);
    in = NULL;
    put_range(BATCH, 2 * BATCH);
    give_token();
    ck_assert_int_eq(run_finish(worker), 0);
    close_token();
    close_pair();
}
END_TEST

/* The counts themselves. */

static void do_nothing(struct mp_hold *hold)
{
    (void)hold;
}

static const struct mp_hold_ops no_ops = {.before_fork = do_nothing, .after_fork = do_nothing};

START_TEST(a_count_is_used_again_once_everybody_has_closed)
{
    struct mp_hold hold;
    ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
    struct mp_holders *first = hold.holders;
    open_token();
    pid_t child = fork();
    if (child == 0) {
        take_token();
        mp_hold_close(&hold);
        _exit(0);
    }
    mp_hold_close(&hold);
    mp_hold_close(&hold);
    ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
    ck_assert_ptr_ne(hold.holders, first);
    ck_assert_uint_eq(atomic_load(&first->all), 1);
    mp_hold_close(&hold);
    give_token();
    expect_exit(child, 0);
    ck_assert_uint_eq(atomic_load(&first->all), 0);
    struct mp_hold two[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(mp_hold_open(&two[i], -1, &no_ops), 0);
    ck_assert(two[0].holders == first || two[1].holders == first);
    for (int i = 0; i < 2; i++)
        mp_hold_close(&two[i]);
    close_token();
}
END_TEST

START_TEST(a_child_rests_what_it_does_not_use)
{
    struct mp_hold used;
    struct mp_hold unused;
    ck_assert_int_eq(mp_hold_open(&used, -1, &no_ops), 0);
    ck_assert_int_eq(mp_hold_open(&unused, -1, &no_ops), 0);
    pid_t child = fork();
    if (child == 0) {
        struct mp_hold fresh;
        if (mp_hold_open(&fresh, -1, &no_ops) < 0 || !mp_hold_use(&used))
            _exit(2);
        mp_hold_rest_others();
        mp_hold_rest_others();
        _exit(atomic_load(&used.holders->active) == 2 && atomic_load(&used.holders->all) == 2 &&
                      atomic_load(&unused.holders->active) == 1 &&
                      atomic_load(&unused.holders->all) == 2 &&
                      atomic_load(&fresh.holders->active) == 1
                  ? 0
                  : 1);
    }
    expect_exit(child, 0);
    mp_hold_close(&used);
    mp_hold_close(&unused);
}
END_TEST

/* Whether children close, or end without. */
START_TEST(thousands_of_connections_take_little_memory)
{
    struct mp_hold kept;
    struct mp_hold hold;
    ck_assert_int_eq(mp_hold_open(&kept, -1, &no_ops), 0);
    ptrdiff_t most = 0;
    for (unsigned i = 0; i < 20000; i += mp_stride(20)) {
        ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
        ptrdiff_t distance = hold.holders - kept.holders;
        most = distance > most ? distance : most;
        pid_t child = i % 200 == 0 ? fork() : -1;
        if (child == 0) {
            if (_i == 0)
                mp_hold_close(&hold);
            _exit(0);
        }
        mp_hold_close(&hold);
        if (child > 0)
            expect_exit(child, 0);
    }
    ck_assert_int_lt(most, 8);
    mp_hold_close(&kept);
}
END_TEST

/* To a sanitizer, what takes a few instructions takes thousands. */
#if defined __linux__ && !defined MP_UNDER_ASAN && !defined MP_UNDER_TSAN
#define KILLS_ANYWHERE

/* Let a child go so many instructions further. How many it went: fewer if it ended. */
static unsigned step(pid_t child, unsigned steps)
{
    int status;
    for (unsigned i = 0; i < steps; i++)
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) < 0 ||
            waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
            return i;
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    return steps;
}

/* Kill a child somewhere on its way to rest. As step(), and 0 if that cannot be done here. */
static unsigned rest_for(unsigned steps)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(0);
        kill(getpid(), SIGSTOP);
        mp_hold_rest_others();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSTOPPED(status) ? step(child, steps) : 0;
}

/* One after the other are killed, each an instruction later, and then struck. */
START_TEST(a_child_killed_at_any_instruction_never_makes_another_look_alone)
{
    struct mp_hold hold;
    if (getenv("MPROC_TEST_VALGRIND")) /* whose own instructions these would be */
        return;
    ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
    unsigned total = rest_for(UINT_MAX);
    for (unsigned steps = 1; steps < total; steps++) {
        ck_assert_uint_eq(rest_for(steps), steps);
        hold.calm = 1;
        mp_hold_may_read_ahead_beside_others(&hold);
        ck_assert_uint_eq(atomic_load(&hold.holders->all), 1);
        ck_assert_uint_ge(atomic_load(&hold.holders->active), 1);
    }
    mp_hold_close(&hold);
}
END_TEST

#endif

#if defined __linux__

START_TEST(a_copy_made_behind_our_back_is_not_counted_down)
{
    struct mp_hold hold;
    ck_assert_int_eq(mp_hold_open(&hold, -1, &no_ops), 0);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        struct mp_hold mine;
        struct mp_holders *next = hold.holders + 1;
        mp_hold_close(&hold);
        bool opened = mp_hold_open(&mine, -1, &no_ops) == 0;
        _exit(opened && mine.holders != next && atomic_load(&mine.holders->all) == 1 ? 0 : 1);
    }
    expect_exit(child, 0);
    ck_assert_uint_eq(atomic_load(&hold.holders->all), 1);
    mp_hold_close(&hold);
}
END_TEST

#endif

START_TEST(without_memory_for_a_count_there_is_no_connection)
{
    int fds[2];
    mp_raw_pair(fds);
    int rc = -1;
    for (unsigned n = 1; rc < 0; n++) {
        mp_fault_arm(MP_FAULT_SYSCALL, n, ENOMEM);
        rc = mproc_conn_from_handle(&in, fds[0], 0);
        mp_fault_disarm();
        ck_assert(rc == 0 || rc == -ENOMEM);
    }
    mproc_conn_close(in);
    close(fds[1]);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("holders");
    find_streams();

    TCase *tc = mp_case(suite, "alone", 30);
    tcase_add_loop_test(tc, an_end_is_read_ahead_only_while_nobody_else_has_it, 0, streams_count);
    tcase_add_loop_test(tc, an_end_that_a_child_has_lost_is_read_ahead_again, 0, losses_count);
    tcase_add_test(tc, an_end_that_many_children_have_is_read_ahead_once_they_have_closed);
    tcase_add_test(tc, ended_children_leave_room_for_the_pids_of_others);
#if defined __linux__ && !defined MP_PORTABLE
    tcase_add_test(tc, a_child_that_was_thought_gone_does_not_close_for_another);
#endif
    tcase_add_test(tc, an_end_that_is_passed_on_while_others_have_it_is_never_read_ahead);

    tc = mp_case(suite, "workers", 60);
    tcase_add_loop_test(tc, workers_that_inherit_an_end_do_not_cost_its_read_ahead, 0,
                        streams_count);
    tcase_add_loop_test(tc, a_worker_can_use_an_end_that_it_was_not_given, 0, streams_count);
    tcase_add_loop_test(tc, a_worker_cannot_use_an_end_from_which_its_parent_has_read_ahead_since,
                        0, streams_count);
    tcase_add_loop_test(tc, workers_get_each_message_of_an_end_they_were_given_once, 0,
                        2 * streams_count);
    tcase_add_loop_test(tc, workers_get_each_message_of_an_end_they_inherited_once, 0,
                        2 * streams_count);
    tcase_add_loop_test(tc, an_end_given_to_a_worker_takes_along_what_was_read_ahead, 0,
                        streams_count);

    tc = mp_case(suite, "counts", 60);
    tcase_add_test(tc, a_count_is_used_again_once_everybody_has_closed);
    tcase_add_test(tc, a_child_rests_what_it_does_not_use);
    tcase_add_loop_test(tc, thousands_of_connections_take_little_memory, 0, 2);
#if defined KILLS_ANYWHERE
    tcase_add_test(tc, a_child_killed_at_any_instruction_never_makes_another_look_alone);
#endif
#if defined __linux__
    tcase_add_test(tc, a_copy_made_behind_our_back_is_not_counted_down);
#endif
    tcase_add_test(tc, without_memory_for_a_count_there_is_no_connection);
    return suite;
}
