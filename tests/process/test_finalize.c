/* SPDX-License-Identifier: MIT */
/* Finalizers: order, once, and only in the process that registered them. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/finalize.h>

#include "process/run.h"
#include "support/fault.h"

#define THREADS 4
#define EACH 200

/* --- helper programs: what they print as they end ----------------------------------------------
 */

static void say(void *word)
{
    printf("%s ", (const char *)word);
}

static void add(const char *word, int priority)
{
    if (mproc_finalizer_register(NULL, say, (void *)(uintptr_t)word, priority) < 0)
        _exit(97);
}

static void say_children(void *word)
{
    printf("%s:%zu ", (const char *)word, mproc_active_children(NULL, 0));
}

static void early_handler(void)
{
    printf("early ");
}

static void late_handler(void)
{
    printf("late ");
}

static int help_order(void)
{
    atexit(early_handler);
    add("zero", 0);
    add("minus", -1);
    add("ten-a", 10);
    add("ten-b", 10);
    add("lowest", INT32_MIN);
    add("five", 5);
    add("zero-again", 0);
    atexit(late_handler);
    return 0;
}

static int help_children(void)
{
    run_start_in_helper(run_forever, true);
    static char words[][16] = {"before", "after"};
    mproc_finalizer_register(NULL, say_children, words[0], 0);
    mproc_finalizer_register(NULL, say_children, words[1], -1);
    printf("main ");
    fflush(stdout);
    exit(3);
}

static int have_finalizers(const mproc_value *args)
{
    (void)args;
    atexit(late_handler);
    add("child-last", -1);
    add("child-first", 1);
    return 5;
}

static int finish(mproc_process *p)
{
    int code = -1000;
    mproc_process_join(p, MPROC_FOREVER);
    mproc_process_exitcode(p, &code);
    mproc_process_close(p);
    return code;
}

static int help_child(void)
{
    add("parent", 0);
    int code = finish(run_start_in_helper(have_finalizers, false));
    printf("%d ", code);
    return 0;
}

static int have_finalizers_and_exit(const mproc_value *args)
{
    have_finalizers(args);
    exit(6);
}

static int help_child_exits(void)
{
    add("parent", 0);
    int code = finish(run_start_in_helper(have_finalizers_and_exit, false));
    printf("%d ", code);
    return 0;
}

static int help_copy(void)
{
    add("parent", 0);
    fflush(stdout);
    pid_t copy = fork();
    if (copy == 0) {
        add("copy", 1);
        exit(0);
    }
    waitpid(copy, NULL, 0);
    return 0;
}

static int help_copy_without(void)
{
    add("parent", 0);
    pid_t copy = fork();
    if (copy == 0)
        exit(0);
    waitpid(copy, NULL, 0);
    return 0;
}

static void add_more(void *arg)
{
    (void)arg;
    printf("adds ");
    add("more-high", 100);
    add("more-low", -100);
}

static int help_adds(void)
{
    add("zero", 0);
    mproc_finalizer_register(NULL, add_more, NULL, 1);
    return 0;
}

static void leave(void *arg)
{
    printf("leaves ");
    exit((int)(intptr_t)arg);
}

/* A daemon that nobody terminates would hold the helper's output open. */
static int help_leaves(void)
{
    run_start_in_helper(run_forever, true);
    atexit(late_handler);
    add("last", -1);
    mproc_finalizer_register(NULL, leave, (void *)(intptr_t)9, 5);
    mproc_finalizer_register(NULL, leave, (void *)(intptr_t)8, 4);
    add("zero", 0);
    return 7;
}

static int leave_from_child(const mproc_value *args)
{
    (void)args;
    run_start_in_helper(run_forever, true);
    add("last", -1);
    mproc_finalizer_register(NULL, leave, (void *)(intptr_t)9, 5);
    add("zero", 0);
    return 7;
}

static int help_child_leaves(void)
{
    atexit(early_handler);
    int code = finish(run_start_in_helper(leave_from_child, false));
    printf("%d ", code);
    return 0;
}

static void call_other(void *arg)
{
    printf("calls %d ", mproc_finalizer_call(*(mproc_finalizer *)arg));
}

static int help_calls(void)
{
    static mproc_finalizer other;
    static mproc_finalizer cancelled;
    static char words[][16] = {"other", "cancelled"};
    mproc_finalizer_register(&other, say, words[0], 0);
    mproc_finalizer_register(&cancelled, say, words[1], 0);
    mproc_finalizer_register(NULL, call_other, &other, 1);
    mproc_finalizer_cancel(cancelled);
    return 0;
}

static int help_killed(void)
{
    add("never", 0);
    fflush(stdout);
    return raise(SIGKILL);
}

int mp_helper(const char *name, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*help)(void);
    } helpers[] = {
        {"order", help_order},
        {"children", help_children},
        {"child", help_child},
        {"child_exits", help_child_exits},
        {"copy", help_copy},
        {"copy_without", help_copy_without},
        {"adds", help_adds},
        {"leaves", help_leaves},
        {"child_leaves", help_child_leaves},
        {"calls", help_calls},
        {"killed", help_killed},
    };
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++)
        if (strcmp(name, helpers[i].name) == 0)
            return helpers[i].help();
    return 127;
}

static void check(const char *name, int expected_status, const char *expected)
{
    char text[256];
    struct run_helper helper = run_helper_start((const char *[]){name, NULL}, -1);
    int status = run_helper_finish(&helper, text, sizeof text);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(status, expected_status);
}

START_TEST(higher_priorities_first_then_the_last_registered)
{
    check("order", 0, "late ten-b ten-a five zero-again zero minus lowest early ");
}
END_TEST

START_TEST(children_end_between_the_two_rounds)
{
    check("children", 3 << 8, "main before:1 after:0 ");
}
END_TEST

START_TEST(a_child_runs_its_own_and_not_its_parents)
{
    check("child", 0, "late child-first child-last 5 parent ");
}
END_TEST

START_TEST(a_child_that_calls_exit_runs_them_too)
{
    check("child_exits", 0, "late child-first child-last 6 parent ");
}
END_TEST

START_TEST(a_plain_copy_has_none_but_its_own)
{
    check("copy", 0, "copy parent ");
    check("copy_without", 0, "parent ");
}
END_TEST

START_TEST(one_that_registers_others_has_them_run)
{
    check("adds", 0, "adds more-high zero more-low ");
}
END_TEST

START_TEST(one_that_calls_exit_stops_nothing)
{
    check("leaves", 8 << 8, "late leaves leaves zero last ");
}
END_TEST

START_TEST(nor_in_a_child_whose_exit_code_stays)
{
    check("child_leaves", 0, "leaves zero last 7 early ");
}
END_TEST

START_TEST(one_may_call_another_and_a_cancelled_one_never_runs)
{
    check("calls", 0, "other calls 0 ");
}
END_TEST

START_TEST(death_by_a_signal_runs_nothing)
{
    check("killed", SIGKILL, "");
}
END_TEST

/* --- in this process ---------------------------------------------------------------------------
 */

static void count(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

START_TEST(a_call_runs_it_once)
{
    atomic_int counter = 0;
    mproc_finalizer f = 0;
    ck_assert_int_eq(mproc_finalizer_register(&f, count, &counter, 0), 0);
    ck_assert_uint_ne(f, 0);
    ck_assert_int_eq(mproc_finalizer_call(f), 0);
    ck_assert_int_eq(mproc_finalizer_call(f), -ENOENT);
    ck_assert_int_eq(mproc_finalizer_cancel(f), -ENOENT);
    ck_assert_int_eq(atomic_load(&counter), 1);
}
END_TEST

START_TEST(a_cancelled_one_cannot_be_called)
{
    atomic_int counter = 0;
    mproc_finalizer f = 0;
    ck_assert_int_eq(mproc_finalizer_register(&f, count, &counter, 0), 0);
    ck_assert_int_eq(mproc_finalizer_cancel(f), 0);
    ck_assert_int_eq(mproc_finalizer_call(f), -ENOENT);
    ck_assert_int_eq(atomic_load(&counter), 0);
}
END_TEST

START_TEST(a_name_is_never_used_again)
{
    atomic_int counter = 0;
    mproc_finalizer first = 0;
    mproc_finalizer second = 0;
    mproc_finalizer_register(&first, count, &counter, 0);
    mproc_finalizer_cancel(first);
    mproc_finalizer_register(&second, count, &counter, 0);
    ck_assert_uint_ne(first, second);
    ck_assert_int_eq(mproc_finalizer_cancel(first), -ENOENT);
    ck_assert_int_eq(mproc_finalizer_cancel(second), 0);
    ck_assert_int_eq(mproc_finalizer_call(0), -ENOENT);
}
END_TEST

START_TEST(nothing_to_call_is_an_error)
{
    mproc_finalizer f = 77;
    ck_assert_int_eq(mproc_finalizer_register(&f, NULL, NULL, 0), -EINVAL);
    ck_assert_uint_eq(f, 77);
}
END_TEST

START_TEST(without_memory_nothing_is_registered)
{
    atomic_int counter = 0;
    mproc_finalizer f = 77;
    mproc_finalizer warm_up = 0;
    mproc_finalizer_register(&warm_up, count, &counter, 0);
    mp_fault_arm(MP_FAULT_ALLOC, 1, ENOMEM);
    ck_assert_int_eq(mproc_finalizer_register(&f, count, &counter, 0), -ENOMEM);
    ck_assert(mp_fault_disarm());
    ck_assert_uint_eq(f, 77);
    ck_assert_int_eq(mproc_finalizer_call(warm_up), 0);
}
END_TEST

static mproc_finalizer inherited;

static int try_inherited(const mproc_value *args)
{
    (void)args;
    atomic_int counter = 0;
    mproc_finalizer own = 0;
    if (mproc_finalizer_call(inherited) != -ENOENT || mproc_finalizer_cancel(inherited) != -ENOENT)
        return 1;
    if (mproc_finalizer_register(&own, count, &counter, 0) < 0 || own == inherited)
        return 2;
    if (mproc_finalizer_call(inherited) != -ENOENT)
        return 3;
    return mproc_finalizer_call(own) == 0 && counter == 1 ? 0 : 4;
}

START_TEST(a_child_can_neither_call_nor_cancel_its_parents)
{
    atomic_int counter = 0;
    ck_assert_int_eq(mproc_finalizer_register(&inherited, count, &counter, 0), 0);
    ck_assert_int_eq(run_finish(run_start(try_inherited, NULL)), 0);
    ck_assert_int_eq(atomic_load(&counter), 0);
    ck_assert_int_eq(mproc_finalizer_call(inherited), 0);
    ck_assert_int_eq(atomic_load(&counter), 1);
}
END_TEST

static mproc_finalizer shared[EACH];

static void *call_all(void *arg)
{
    (void)arg;
    intptr_t ran = 0;
    for (int i = 0; i < EACH; i++)
        ran += mproc_finalizer_call(shared[i]) == 0;
    return (void *)ran;
}

START_TEST(of_many_threads_one_runs_it)
{
    atomic_int counter = 0;
    pthread_t threads[THREADS];
    intptr_t ran = 0;
    for (int i = 0; i < EACH; i++)
        mproc_finalizer_register(&shared[i], count, &counter, i % 7);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, call_all, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ran += (intptr_t)result;
    }
    ck_assert_int_eq(ran, EACH);
    ck_assert_int_eq(atomic_load(&counter), EACH);
}
END_TEST

static atomic_bool stop;

static void *churn(void *arg)
{
    while (!atomic_load(&stop)) {
        mproc_finalizer f = 0;
        mproc_finalizer_register(&f, count, arg, 1);
        mproc_finalizer_cancel(f);
    }
    return NULL;
}

static int end_normally(const mproc_value *args)
{
    add("", 0);
    return run_nothing(args);
}

/* A copy may find the lock held by a thread that it does not have. */
START_TEST(children_end_though_threads_were_registering)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* to which what threads have in hand at a fork is a leak */
        return;
    atomic_int counter = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, churn, &counter);
    int times = run_times(100);
    for (int i = 0; i < times; i++) {
        mproc_process *p = run_start(end_normally, NULL);
        ck_assert_int_eq(mproc_process_join(p, 20), 0);
        ck_assert_int_eq(run_finish(p), 0);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("finalizers");
    TCase *tc = mp_case(suite, "at exit", 30);
    tcase_add_test(tc, higher_priorities_first_then_the_last_registered);
    tcase_add_test(tc, children_end_between_the_two_rounds);
    tcase_add_test(tc, a_child_runs_its_own_and_not_its_parents);
    tcase_add_test(tc, a_child_that_calls_exit_runs_them_too);
    tcase_add_test(tc, a_plain_copy_has_none_but_its_own);
    tcase_add_test(tc, one_that_registers_others_has_them_run);
    tcase_add_test(tc, one_that_calls_exit_stops_nothing);
    tcase_add_test(tc, nor_in_a_child_whose_exit_code_stays);
    tcase_add_test(tc, one_may_call_another_and_a_cancelled_one_never_runs);
    tcase_add_test(tc, death_by_a_signal_runs_nothing);
    tc = mp_case(suite, "calls", 60);
    tcase_add_test(tc, a_call_runs_it_once);
    tcase_add_test(tc, a_cancelled_one_cannot_be_called);
    tcase_add_test(tc, a_name_is_never_used_again);
    tcase_add_test(tc, nothing_to_call_is_an_error);
    tcase_add_test(tc, without_memory_nothing_is_registered);
    tcase_add_test(tc, a_child_can_neither_call_nor_cancel_its_parents);
    tcase_add_test(tc, of_many_threads_one_runs_it);
    tcase_add_test(tc, children_end_though_threads_were_registering);
    return suite;
}
