/* SPDX-License-Identifier: MIT */
/* Every allocation and every system call on the way to a child fails once. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process/run.h"
#include "support/fault.h"

enum { SEVEN = 7, ENOUGH = 20 /* descriptors for any start */ };

/* The fault went into the child with the fork, where the target may meet it: no matter here. */
static int disarm_and_return(const mproc_value *args)
{
    mp_fault_disarm();
    return run_number(args);
}

/* The value is made before any fault is armed. */
static mproc_value *args_seven(void)
{
    mproc_value *args;
    ck_assert_int_eq(mproc_pack(&args, "i", SEVEN), 0);
    return args;
}

static int start_once(mproc_process **p, const mproc_value *args, bool daemon, mproc_error *err)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.daemon = daemon;
    return mproc_process_start(p, disarm_and_return, args, &options, err);
}

/* What must hold after a failed start. */
static void check_failure(int rc, int expected, mproc_process *p, const mproc_error *err)
{
    sigset_t mask;
    /* A descriptor that arrives and cannot be kept is one for which there was no room. */
    ck_assert(rc == expected || rc == -EMFILE);
    ck_assert_int_eq(err->code, rc);
    ck_assert_str_ne(err->text, "");
    ck_assert_ptr_null(p);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
}

static void sweep(enum mp_fault_kind kind, int error, bool daemon)
{
    mproc_value *args = args_seven();
    for (unsigned n = 1;; n++) {
        mproc_process *p = NULL;
        mproc_error err = MPROC_ERROR_INIT;
        int before = run_count_fds();
        mp_fault_arm(kind, n, error);
        int rc = start_once(&p, args, daemon, &err);
        bool fired = mp_fault_disarm();
        if (rc < 0) {
            check_failure(rc, -error, p, &err);
            ck_assert_int_eq(run_count_fds(), before);
            continue;
        }
        /* A daemon that cannot watch its parent kills itself. */
        int code = run_finish(p);
        ck_assert(code == SEVEN || (daemon && code == -SIGKILL));
        ck_assert_int_eq(run_count_fds(), before);
        if (!fired && code == SEVEN && n > 30)
            break;
    }
    mproc_value_free(args);
}

START_TEST(no_memory)
{
    sweep(MP_FAULT_ALLOC, ENOMEM, false);
    sweep(MP_FAULT_ALLOC, ENOMEM, true);
}
END_TEST

START_TEST(no_descriptors)
{
    sweep(MP_FAULT_SYSCALL, EMFILE, false);
    sweep(MP_FAULT_SYSCALL, EMFILE, true);
}
END_TEST

START_TEST(no_processes)
{
    sweep(MP_FAULT_SYSCALL, EAGAIN, false);
}
END_TEST

static void *sweep_in_thread(void *arg)
{
    sweep(MP_FAULT_SYSCALL, EMFILE, true);
    return arg;
}

START_TEST(no_descriptors_for_a_daemon_of_a_thread)
{
    pthread_t thread;
    pthread_create(&thread, NULL, sweep_in_thread, NULL);
    pthread_join(thread, NULL);
}
END_TEST

/* For real: what is left for descriptors shrinks until there is nothing. */
START_TEST(the_limit_of_descriptors)
{
    struct rlimit old;
    mproc_value *args = args_seven();
    getrlimit(RLIMIT_NOFILE, &old);
    int before = run_count_fds();
    int failures = 0;
    int last = dup(0);
    close(last);
    /* Where each step of the start has its own lowest free number. */
    for (int room = 0; room < ENOUGH; room++) {
        mproc_process *p = NULL;
        mproc_error err = MPROC_ERROR_INIT;
        struct rlimit limit = {.rlim_cur = (rlim_t)(last + room), .rlim_max = old.rlim_max};
        setrlimit(RLIMIT_NOFILE, &limit);
        int rc = start_once(&p, args, true, &err);
        setrlimit(RLIMIT_NOFILE, &old);
        if (rc < 0) {
            check_failure(rc, -EMFILE, p, &err);
            failures++;
        } else {
            ck_assert_int_eq(run_finish(p), SEVEN);
        }
        ck_assert_int_eq(run_count_fds(), before);
    }
    mproc_value_free(args);
    ck_assert_int_gt(failures, 0);
    ck_assert_int_lt(failures, ENOUGH);
}
END_TEST

START_TEST(a_number_is_not_used_up_by_a_failed_start)
{
    mproc_process *p = NULL;
    mproc_value *args = args_seven();
    char name[32];
    int rc = 0;
    unsigned n = 0;
    while (rc == 0) {
        mp_fault_arm(MP_FAULT_SYSCALL, ++n, EMFILE);
        rc = start_once(&p, args, false, NULL);
        mp_fault_disarm();
        if (rc == 0)
            run_finish(p);
    }
    mproc_value_free(args);
    ck_assert_int_eq(rc, -EMFILE);
    p = run_start(run_nothing, NULL);
    snprintf(name, sizeof name, "Process-%u", n);
    ck_assert_str_eq(mproc_process_name(p), name);
    run_finish(p);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("process faults");
    TCase *tc = mp_case(suite, "faults", 30);
    tcase_add_test(tc, no_memory);
    tcase_add_test(tc, no_descriptors);
    tcase_add_test(tc, no_processes);
    tcase_add_test(tc, no_descriptors_for_a_daemon_of_a_thread);
    tcase_add_test(tc, the_limit_of_descriptors);
    tcase_add_test(tc, a_number_is_not_used_up_by_a_failed_start);
    return suite;
}
