/* SPDX-License-Identifier: MIT */
/* Waiting for several processes with one deadline, and what a process has used. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/run.h"

#define CROWD 20

/* --- join_all ----------------------------------------------------------------------------------
 */

START_TEST(all_are_joined)
{
    mproc_process *crowd[CROWD];
    for (int i = 0; i < CROWD; i++)
        crowd[i] = run_start(run_number, "i", i);
    ck_assert_int_eq(mproc_process_join_all(crowd, CROWD, MPROC_FOREVER), 0);
    for (int i = 0; i < CROWD; i++) {
        ck_assert_int_eq(mproc_process_is_alive(crowd[i]), 0);
        ck_assert_int_eq(run_finish(crowd[i]), i);
    }
}
END_TEST

START_TEST(one_deadline_holds_for_all_together)
{
    mproc_process *crowd[CROWD];
    for (int i = 0; i < CROWD; i++)
        crowd[i] = run_start(run_forever, NULL);
    int64_t before = mp_clock_now();
    ck_assert_int_eq(mproc_process_join_all(crowd, CROWD, 0.1), -ETIMEDOUT);
    double took = (double)(mp_clock_now() - before) * 1e-9;
    ck_assert(took >= 0.1 && took < 0.1 * CROWD / 2);
    for (int i = 0; i < CROWD; i++)
        mproc_process_kill(crowd[i]);
    ck_assert_int_eq(mproc_process_join_all(crowd, CROWD, MPROC_FOREVER), 0);
    for (int i = 0; i < CROWD; i++)
        ck_assert_int_eq(run_finish(crowd[i]), -SIGKILL);
}
END_TEST

START_TEST(those_behind_one_that_runs_are_reaped)
{
    if (run_is("forkserver"))
        return; /* whose children are not for this process to reap */
    mproc_process *pair[2] = {run_start(run_forever, NULL), run_start(run_nothing, NULL)};
    ck_assert_int_eq(mproc_process_join(pair[1], MPROC_FOREVER), 0);
    mproc_process *second = run_start(run_nothing, NULL);
    mproc_process *all[3] = {pair[0], pair[1], second};
    while (waitid(P_PID, (id_t)mproc_process_pid(second), &(siginfo_t){.si_pid = 0},
                  WEXITED | WNOWAIT) < 0)
        ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(mproc_process_join_all(all, 3, 0), -ETIMEDOUT);
    errno = 0;
    ck_assert_int_eq(waitpid(mproc_process_pid(second), NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    mproc_process_kill(pair[0]);
    run_finish(pair[0]);
    run_finish(pair[1]);
    run_finish(second);
}
END_TEST

START_TEST(nobody_at_all_is_joined_at_once)
{
    mproc_process *none[2] = {NULL, NULL};
    ck_assert_int_eq(mproc_process_join_all(NULL, 0, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_join_all(none, 2, MPROC_FOREVER), 0);
}
END_TEST

START_TEST(what_cannot_be_joined_is_an_error_before_any_wait)
{
    mproc_process *pair[2] = {run_start(run_forever, NULL), mproc_current_process()};
    ck_assert_int_eq(mproc_process_join_all(pair, 2, MPROC_FOREVER), MPROC_ENOTCHILD);
    ck_assert_int_eq(mproc_process_join_all(pair, 1, (double)NAN), -EINVAL);
    ck_assert_int_eq(mproc_process_join_all(NULL, 1, MPROC_FOREVER), -EINVAL);
    mproc_process_kill(pair[0]);
    run_finish(pair[0]);
}
END_TEST

/* --- rusage ------------------------------------------------------------------------------------
 */

enum { BLOCK = 20 << 20 };

/* A tenth of a second of CPU time, and 20 MiB. */
static int work_hard(const mproc_value *args)
{
    (void)args;
    volatile unsigned char *block = malloc(BLOCK);
    if (!block)
        return 1;
    for (size_t i = 0; i < BLOCK; i += 4096)
        block[i] = 1;
    while (clock() < CLOCKS_PER_SEC / 10)
        block[0]++;
    free((void *)(uintptr_t)block);
    return 0;
}

START_TEST(a_running_child_has_no_bill_yet)
{
    mproc_rusage usage = MPROC_RUSAGE_INIT;
    mproc_process *p = run_start(run_forever, NULL);
    ck_assert_int_eq(mproc_process_rusage(p, &usage), MPROC_ERUNNING);
    ck_assert_int_eq(mproc_process_rusage(p, NULL), -EINVAL);
    ck_assert_int_eq(mproc_process_rusage(NULL, &usage), -EINVAL);
    ck_assert_int_eq(mproc_process_rusage(mproc_current_process(), &usage), MPROC_ENOTCHILD);
    usage.size = 0;
    ck_assert_int_eq(mproc_process_rusage(p, &usage), -EINVAL);
    mproc_process_kill(p);
    run_finish(p);
}
END_TEST

#if defined __linux__ && !defined MP_PORTABLE

START_TEST(an_ended_child_tells_what_it_used)
{
    mproc_rusage usage = MPROC_RUSAGE_INIT;
    mproc_process *p = run_start(work_hard, NULL);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(mproc_process_rusage(p, &usage), 0);
        ck_assert(usage.user + usage.system > 0.09 && usage.user + usage.system < 60);
        ck_assert_uint_gt(usage.max_rss, BLOCK);
        ck_assert_uint_gt(usage.minor_faults, 0);
    }
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

START_TEST(an_older_program_gets_what_it_knows)
{
    mproc_rusage usage = MPROC_RUSAGE_INIT;
    mproc_process *p = run_start(work_hard, NULL);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    usage.size = offsetof(mproc_rusage, max_rss);
    usage.max_rss = 12345;
    ck_assert_int_eq(mproc_process_rusage(p, &usage), 0);
    ck_assert(usage.user + usage.system > 0.09);
    ck_assert_uint_eq(usage.max_rss, 12345);
    ck_assert_uint_eq(usage.size, offsetof(mproc_rusage, max_rss));
    run_finish(p);
}
END_TEST

START_TEST(a_status_that_went_elsewhere_took_the_bill_along)
{
    if (run_is("forkserver"))
        return; /* whose children are not for this process to reap */
    mproc_rusage usage = MPROC_RUSAGE_INIT;
    mproc_process *p = run_start(run_nothing, NULL);
    ck_assert_int_eq(waitpid(mproc_process_pid(p), NULL, 0), mproc_process_pid(p));
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_rusage(p, &usage), MPROC_ESTATUS);
    ck_assert_int_eq(mproc_process_close(p), 0);
}
END_TEST

#else

START_TEST(the_portable_build_has_no_bills)
{
    mproc_rusage usage = MPROC_RUSAGE_INIT;
    mproc_process *p = run_start(work_hard, NULL);
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_rusage(p, &usage), -ENOTSUP);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

#endif

Suite *mp_suite(void)
{
    Suite *suite = suite_create("many processes");
    TCase *tc = mp_case(suite, "join_all", 30);
    tcase_add_test(tc, all_are_joined);
    tcase_add_test(tc, one_deadline_holds_for_all_together);
    tcase_add_test(tc, those_behind_one_that_runs_are_reaped);
    tcase_add_test(tc, nobody_at_all_is_joined_at_once);
    tcase_add_test(tc, what_cannot_be_joined_is_an_error_before_any_wait);
    tc = mp_case(suite, "rusage", 30);
    tcase_add_test(tc, a_running_child_has_no_bill_yet);
#if defined __linux__ && !defined MP_PORTABLE
    tcase_add_test(tc, an_ended_child_tells_what_it_used);
    tcase_add_test(tc, an_older_program_gets_what_it_knows);
    tcase_add_test(tc, a_status_that_went_elsewhere_took_the_bill_along);
#else
    tcase_add_test(tc, the_portable_build_has_no_bills);
#endif
    return suite;
}
