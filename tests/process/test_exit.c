/* SPDX-License-Identifier: MIT */
/* How processes end, with and without being asked, seen from outside of a whole program. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "process/run.h"

/* --- helper programs: stdout is a pipe to the test, which all descendants inherit ------------- */

static int print_child(const mproc_value *args)
{
    (void)args;
    printf("child ");
    return 0;
}

/* Text that waits in buffers must not be written by the child too. */
static int help_print(void)
{
    FILE *other = fdopen(dup(STDOUT_FILENO), "w");
    printf("one ");
    fprintf(other, "one ");
    for (int i = 0; i < 2; i++) {
        mproc_process *p = run_start_in_helper(print_child, false);
        mproc_process_join(p, MPROC_FOREVER);
        mproc_process_close(p);
    }
    printf("three");
    fflush(stdout);
    fclose(other);
    return 0;
}

static int finish_writing(const mproc_value *args)
{
    (void)args;
    FILE *own = fdopen(dup(STDOUT_FILENO), "w");
    fprintf(own, "never closed ");
    return 0;
}

/* What the child's own streams hold is written at its end. */
static int help_own_stream(void)
{
    mproc_process *p = run_start_in_helper(finish_writing, false);
    mproc_process_join(p, MPROC_FOREVER);
    mproc_process_close(p);
    return 0;
}

static void *wait_for_ever(void *arg)
{
    pause();
    return arg;
}

static int help_print_beside_threads(void)
{
    pthread_t other;
    pthread_create(&other, NULL, wait_for_ever, NULL);
    printf("once ");
    mproc_process *p = run_start_in_helper(print_child, false);
    mproc_process_join(p, MPROC_FOREVER);
    mproc_process_close(p);
    return 0;
}

static void first_handler(void)
{
    printf("first %s ", mproc_process_name(mproc_current_process()));
}

static void second_handler(void)
{
    printf("second %s ", mproc_process_name(mproc_current_process()));
}

static int register_and_return(const mproc_value *args)
{
    (void)args;
    atexit(second_handler);
    return 5;
}

static int register_and_exit(const mproc_value *args)
{
    register_and_return(args);
    exit(6);
}

static int print_code(mproc_process *p)
{
    int code = -1000;
    mproc_process_join(p, MPROC_FOREVER);
    mproc_process_exitcode(p, &code);
    printf("%d ", code);
    return mproc_process_close(p);
}

static int help_handlers(void)
{
    atexit(first_handler);
    print_code(run_start_in_helper(register_and_return, false));
    return 0;
}

static int help_handlers_after_exit(void)
{
    atexit(first_handler);
    print_code(run_start_in_helper(register_and_exit, false));
    return 0;
}

static int gate[2];

static int wait_for_gate(const mproc_value *args)
{
    (void)args;
    char byte;
    printf(read(gate[0], &byte, 1) == 0 ? "worker " : "strange ");
    return 0;
}

/* The worker ends once the daemon is dead, which only happens at the end of the helper. */
static void start_daemon_and_worker(void)
{
    if (mp_fd_pipe(gate) < 0)
        _exit(98);
    run_start_in_helper(run_forever, true);
    close(gate[1]);
    run_start_in_helper(wait_for_gate, false);
}

static void last_handler(void)
{
    printf("last %zu ", mproc_active_children(NULL, 0));
}

static int help_normal_exit(void)
{
    atexit(last_handler); /* before the first start, so it runs after the children were joined */
    start_daemon_and_worker();
    return 0;
}

static int have_family(const mproc_value *args)
{
    (void)args;
    start_daemon_and_worker();
    return 4;
}

static int have_family_and_exit(const mproc_value *args)
{
    have_family(args);
    exit(4);
}

static int help_child_with_family(void)
{
    print_code(run_start_in_helper(have_family, false));
    print_code(run_start_in_helper(have_family_and_exit, false));
    return 0;
}

/* A copy made by a plain fork ends normally: nothing happens to the children of the original. */
static int help_copy_exits(void)
{
    mproc_process *daemon = run_start_in_helper(run_forever, true);
    pid_t copy = fork();
    if (copy == 0)
        exit(0);
    waitpid(copy, NULL, 0);
    printf(mproc_process_join(daemon, 0.02) == -ETIMEDOUT ? "alive " : "dead ");
    return 0;
}

static void *start_daemon_in_thread(void *arg)
{
    (void)arg;
    return run_start_in_helper(run_forever, true);
}

static mproc_process *start_daemon(bool in_thread)
{
    if (!in_thread)
        return run_start_in_helper(run_forever, true);
    pthread_t thread;
    void *daemon = NULL;
    pthread_create(&thread, NULL, start_daemon_in_thread, NULL);
    pthread_join(thread, &daemon);
    return daemon;
}

/* Tell that a daemon lives (the thread that started it does not), then wait to be killed. */
static int help_daemons(bool in_thread)
{
    mproc_process *daemons[3];
    for (int i = 0; i < 3; i++)
        daemons[i] = start_daemon(in_thread);
    for (int i = 0; i < 3; i++)
        if (mproc_process_join(daemons[i], 0.02) != -ETIMEDOUT)
            return 1;
    (void)!write(STDOUT_FILENO, "r", 1);
    return run_forever(NULL);
}

/* Say so before each start, so that the test can kill us in the middle of any of them. */
static int help_storm(bool in_thread)
{
    for (int i = 0; i < 12; i++) {
        (void)!write(STDOUT_FILENO, ".", 1);
        start_daemon(in_thread);
    }
    return run_forever(NULL);
}

/* The lifeline of the thread's daemon must not live on in a copy of its parent. */
static int help_copy_stays(void)
{
    start_daemon(true);
    if (fork() == 0) {
        char byte;
        close(STDOUT_FILENO);
        _exit(read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1);
    }
    (void)!write(STDOUT_FILENO, "r", 1);
    return run_forever(NULL);
}

static int have_daemon_and_die(const mproc_value *args)
{
    (void)args;
    run_start_in_helper(run_forever, true);
    raise(SIGKILL);
    return 0;
}

static int help_chain(void)
{
    print_code(run_start_in_helper(have_daemon_and_die, false));
    return 0;
}

int mp_helper(const char *name, int argc, char **argv)
{
    bool in_thread = argc > 0 && strcmp(argv[0], "thread") == 0;
    static const struct {
        const char *name;
        int (*run)(void);
    } helpers[] = {
        {"print", help_print},
        {"print_beside_threads", help_print_beside_threads},
        {"own_stream", help_own_stream},
        {"handlers", help_handlers},
        {"handlers_after_exit", help_handlers_after_exit},
        {"normal_exit", help_normal_exit},
        {"child_with_family", help_child_with_family},
        {"copy_exits", help_copy_exits},
        {"copy_stays", help_copy_stays},
        {"chain", help_chain},
    };
    for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++)
        if (strcmp(name, helpers[i].name) == 0)
            return helpers[i].run();
    if (strcmp(name, "daemons") == 0)
        return help_daemons(in_thread);
    return strcmp(name, "storm") == 0 ? help_storm(in_thread) : 127;
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void check_output(const char *name, const char *expected)
{
    char text[512];
    struct run_helper helper = run_helper_start((const char *[]){name, NULL}, -1);
    int status = run_helper_finish(&helper, text, sizeof text);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(status, 0);
}

START_TEST(buffered_output_appears_once)
{
    /* What a copy would write as well is written out before, all of it. */
    check_output("print",
                 run_is("fork") ? "one one child child three" : "one child child threeone ");
}
END_TEST

START_TEST(buffered_output_appears_once_beside_threads_too)
{
    check_output("print_beside_threads", "once child ");
}
END_TEST

START_TEST(a_child_writes_out_its_own_streams)
{
    check_output("own_stream", "never closed ");
}
END_TEST

START_TEST(a_childs_exit_handlers_run_and_its_parents_do_not)
{
    check_output("handlers", "second Process-1 5 first MainProcess ");
}
END_TEST

START_TEST(a_child_that_calls_exit_runs_all_handlers)
{
    check_output("handlers_after_exit",
                 run_is("fork") ? "second Process-1 first Process-1 6 first MainProcess "
                                : "second Process-1 6 first MainProcess ");
}
END_TEST

START_TEST(a_normal_exit_ends_daemons_and_waits_for_the_rest)
{
    check_output("normal_exit", "worker last 0 ");
}
END_TEST

START_TEST(a_child_ends_its_own_children_the_same_way)
{
    check_output("child_with_family", "worker 4 worker 4 ");
}
END_TEST

START_TEST(the_exit_of_a_plain_copy_leaves_the_children_alone)
{
    check_output("copy_exits", "alive ");
}
END_TEST

START_TEST(the_daemon_of_a_killed_child_dies)
{
    check_output("chain", "-9 ");
}
END_TEST

static void check_daemons(const char *thread)
{
    char text[16];
    char byte = 0;
    struct run_helper helper = run_helper_start((const char *[]){"daemons", thread, NULL}, -1);
    ck_assert_int_eq(read(helper.out, &byte, 1), 1);
    ck_assert_int_eq(byte, 'r');
    kill(helper.pid, SIGKILL);
    ck_assert_int_eq(run_helper_finish(&helper, text, sizeof text), SIGKILL);
    ck_assert_str_eq(text, "");
}

START_TEST(daemons_die_with_a_killed_parent)
{
    check_daemons("main");
}
END_TEST

START_TEST(daemons_outlive_the_thread_that_started_them_but_not_the_process)
{
    check_daemons("thread");
}
END_TEST

START_TEST(a_plain_copy_of_the_parent_keeps_no_daemon_alive)
{
    char text[16];
    char byte = 0;
    int in[2];
    ck_assert_int_eq(mp_fd_pipe(in), 0);
    struct run_helper helper = run_helper_start((const char *[]){"copy_stays", NULL}, in[0]);
    mp_fd_close(&in[0]);
    ck_assert_int_eq(read(helper.out, &byte, 1), 1);
    kill(helper.pid, SIGKILL);
    ck_assert(run_helper_read(&helper, text, sizeof text));
    mp_fd_close(&in[1]);
    ck_assert_int_eq(run_helper_reap(&helper), SIGKILL);
}
END_TEST

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245U + 12345U;
    return *state >> 16;
}

static void spin(unsigned times)
{
    static atomic_uint counted;
    while (times-- > 0)
        atomic_fetch_add(&counted, 1);
}

/* Kill at a chance moment after the k-th start was begun; all that was started must end. */
static void check_storm(const char *thread, int times)
{
    unsigned seed = (unsigned)getpid();
    unsigned state = seed;
    for (int i = 0; i < times; i++) {
        char text[16];
        struct run_helper helper = run_helper_start((const char *[]){"storm", thread, NULL}, -1);
        for (unsigned k = next_random(&state) % 12; k > 0; k--) {
            char byte;
            ck_assert_int_eq(read(helper.out, &byte, 1), 1);
        }
        spin(next_random(&state) % 4096);
        kill(helper.pid, SIGKILL);
        bool ended = run_helper_read(&helper, text, sizeof text);
        int status = run_helper_reap(&helper);
        ck_assert_msg(ended, "a daemon was left behind, seed %u, round %d", seed, i);
        ck_assert_int_eq(status, SIGKILL);
    }
}

START_TEST(no_daemon_escapes_a_kill_that_races_its_start)
{
    check_storm("main", run_times(300));
}
END_TEST

START_TEST(nor_one_that_a_thread_starts)
{
    check_storm("thread", run_times(300));
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("process exit");
    TCase *tc = mp_case(suite, "exit", 60);
    tcase_add_test(tc, buffered_output_appears_once);
    tcase_add_test(tc, buffered_output_appears_once_beside_threads_too);
    tcase_add_test(tc, a_child_writes_out_its_own_streams);
    tcase_add_test(tc, a_childs_exit_handlers_run_and_its_parents_do_not);
    tcase_add_test(tc, a_child_that_calls_exit_runs_all_handlers);
    tcase_add_test(tc, a_normal_exit_ends_daemons_and_waits_for_the_rest);
    tcase_add_test(tc, a_child_ends_its_own_children_the_same_way);
    tcase_add_test(tc, the_exit_of_a_plain_copy_leaves_the_children_alone);
    tc = mp_case(suite, "daemons", 60);
    tcase_add_test(tc, the_daemon_of_a_killed_child_dies);
    tcase_add_test(tc, daemons_die_with_a_killed_parent);
    tcase_add_test(tc, daemons_outlive_the_thread_that_started_them_but_not_the_process);
    tcase_add_test(tc, a_plain_copy_of_the_parent_keeps_no_daemon_alive);
    tcase_add_test(tc, no_daemon_escapes_a_kill_that_races_its_start);
    tcase_add_test(tc, nor_one_that_a_thread_starts);
    return suite;
}
