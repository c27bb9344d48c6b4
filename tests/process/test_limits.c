/* SPDX-License-Identifier: MIT */
/* Nice values, resource limits and CPUs that a child is started with. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process/limits.h"
#include "process/run.h"
#include "support/fault.h"

enum { NOBODY = 65534, ODD_LIMIT = 77 };

static int start_with(mproc_process **p, mproc_target target, const mproc_process_options *options,
                      mproc_error *err)
{
    *p = NULL;
    return mproc_process_start(p, target, NULL, options, err);
}

static int run_with(mproc_target target, const mproc_process_options *options)
{
    mproc_process *p;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_msg(start_with(&p, target, options, &err) == 0, "start: %s", err.text);
    return run_finish(p);
}

/* No child, and an error that says what it was. */
static void check_refused(const mproc_process_options *options, int code, const char *word)
{
    mproc_process *p;
    mproc_error err = MPROC_ERROR_INIT;
    int before = run_count_fds();
    ck_assert_int_eq(start_with(&p, run_nothing, options, &err), code);
    ck_assert_ptr_null(p);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.text, word) != NULL, "error: %s", err.text);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
    ck_assert_int_eq(run_count_fds(), before);
}

static int tell_nice(const mproc_value *args)
{
    (void)args;
    return getpriority(PRIO_PROCESS, 0);
}

START_TEST(a_child_is_as_nice_as_asked_for)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.nice = 3;
    int own = getpriority(PRIO_PROCESS, 0);
    int most = own + 3 < 19 ? own + 3 : 19;
    ck_assert_int_eq(run_with(tell_nice, &options), most);
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), own);
    options.nice = 2147483647;
    ck_assert_int_eq(run_with(tell_nice, &options), 19);
}
END_TEST

START_TEST(less_nice_than_allowed_is_an_error_of_start)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which another user cannot end well */
        return;
    if (geteuid() == 0)
        ck_assert_int_eq(setuid(NOBODY), 0);
    const struct rlimit none = {0, 0};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.nice = -5;
#if defined RLIMIT_NICE
    ck_assert_int_eq(setrlimit(RLIMIT_NICE, &none), 0);
#endif
    (void)none;
    mproc_process *p;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = start_with(&p, run_nothing, &options, &err);
    ck_assert_msg(rc == -EPERM || rc == -EACCES, "start: %d %s", rc, err.text);
    check_refused(&options, rc, "nice");
}
END_TEST

static int tell_limit(const mproc_value *args)
{
    (void)args;
    struct rlimit limit;
    struct rlimit core;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || getrlimit(RLIMIT_CORE, &core) < 0)
        return 1;
    return core.rlim_cur == 0 && core.rlim_max == 0 ? (int)limit.rlim_cur : 2;
}

START_TEST(a_child_has_the_resource_limits_asked_for)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which has limits of its own */
        return;
    struct rlimit own;
    struct rlimit after;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &own), 0);
    const mproc_rlimit limits[] = {{RLIMIT_NOFILE, ODD_LIMIT, ODD_LIMIT + 1}, {RLIMIT_CORE, 0, 0}};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.rlimits = limits;
    options.n_rlimits = 2;
    ck_assert_int_eq(run_with(tell_limit, &options), ODD_LIMIT);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &after), 0);
    ck_assert(after.rlim_cur == own.rlim_cur && after.rlim_max == own.rlim_max);
}
END_TEST

static int tell_unlimited(const mproc_value *args)
{
    (void)args;
    struct rlimit limit;
    return getrlimit(RLIMIT_CPU, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

START_TEST(unlimited_is_the_largest_number)
{
    const mproc_rlimit limits[] = {{RLIMIT_CPU, UINT64_MAX, UINT64_MAX}};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.rlimits = limits;
    options.n_rlimits = 1;
    ck_assert_int_eq(run_with(tell_unlimited, &options), 1);
}
END_TEST

/* Even root may not have more descriptors than fs.nr_open. */
START_TEST(a_limit_that_the_system_refuses_is_an_error_of_start)
{
    mproc_rlimit limits[] = {{RLIMIT_CORE, 0, 0}, {12345, 1, 1}};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.rlimits = limits;
    options.n_rlimits = 2;
    check_refused(&options, -EINVAL, "resource limits");
    limits[1] = (mproc_rlimit){RLIMIT_NOFILE, UINT64_MAX, UINT64_MAX};
    check_refused(&options, -EPERM, "resource limits");
    options.daemon = true;
    check_refused(&options, -EPERM, "resource limits");
}
END_TEST

START_TEST(impossible_limits_are_refused_before_the_fork)
{
    mproc_rlimit limits[] = {{RLIMIT_NOFILE, 9, 8}};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.rlimits = limits;
    options.n_rlimits = 1;
    check_refused(&options, -EINVAL, "soft above hard");
    options.rlimits = NULL;
    check_refused(&options, -EINVAL, "NULL");
}
END_TEST

/* With no descriptor to spare and no core, the target still runs: the limits come last. */
START_TEST(the_tightest_limits_do_not_hinder_the_start)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which has limits of its own */
        return;
    const mproc_rlimit limits[] = {
        {RLIMIT_NOFILE, 0, 0}, {RLIMIT_NPROC, 0, 0}, {RLIMIT_CORE, 0, 0}};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.rlimits = limits;
    options.n_rlimits = 3;
    options.daemon = true;
    ck_assert_int_eq(run_with(run_nothing, &options), 0);
}
END_TEST

static int wait_stopped(const mproc_value *args)
{
    (void)args;
    raise(SIGSTOP);
    return 0;
}

/* The child that is limited is one that was started, whatever its target does. */
START_TEST(a_target_that_stops_at_once_is_started)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.nice = 1;
    mproc_process *p;
    ck_assert_int_eq(start_with(&p, wait_stopped, &options, NULL), 0);
    ck_assert_int_eq(mproc_process_kill(p), 0);
    ck_assert_int_eq(run_finish(p), -SIGKILL);
}
END_TEST

#if defined __linux__ && !defined MP_PORTABLE

static int last_cpu(void)
{
    cpu_set_t set;
    int last = -1;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET((size_t)i, &set) ? i : last;
    return last;
}

static int tell_cpu(const mproc_value *args)
{
    (void)args;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) != 1)
        return 255;
    return CPU_ISSET((size_t)sched_getcpu(), &set) ? last_cpu() : 254;
}

START_TEST(a_child_is_bound_to_the_cpus_asked_for)
{
    int cpus[] = {last_cpu(), last_cpu()};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.cpus = cpus;
    options.n_cpus = 2;
    ck_assert_int_eq(run_with(tell_cpu, &options), cpus[0]);
}
END_TEST

START_TEST(cpus_that_are_not_there_are_an_error_of_start)
{
    int cpus[] = {last_cpu(), MP_CPUS - 1};
    static const struct {
        int cpu;
        const char *text;
    } wrong[] = {{MP_CPUS - 1, "CPUs"}, {MP_CPUS, "65536"}, {-1, "-1"}};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.cpus = cpus;
    options.n_cpus = 2;
    check_refused(&options, -EINVAL, "CPUs");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cpus[0] = wrong[i].cpu;
        check_refused(&options, -EINVAL, wrong[i].text);
    }
    options.n_cpus = 0;
    check_refused(&options, -EINVAL, "empty");
    options.cpus = NULL;
    options.n_cpus = 1;
    check_refused(&options, -EINVAL, "empty");
}
END_TEST

#else

START_TEST(binding_to_cpus_is_not_for_the_portable_build)
{
    int cpu = 0;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.cpus = &cpu;
    options.n_cpus = 1;
    check_refused(&options, -ENOTSUP, "CPUs");
}
END_TEST

#endif

static int disarm(const mproc_value *args)
{
    (void)args;
    mp_fault_disarm();
    return 0;
}

static void sweep(enum mp_fault_kind kind, int error)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.nice = 1;
    int rc = -1;
    bool fired = true;
    for (unsigned n = 1; rc < 0 || fired; n++) {
        mproc_process *p;
        mproc_error err = MPROC_ERROR_INIT;
        int before = run_count_fds();
        mp_fault_arm(kind, n, error);
        rc = start_with(&p, disarm, &options, &err);
        fired = mp_fault_disarm();
        ck_assert(rc == 0 || rc == -error || rc == -EMFILE || rc == MPROC_ESTART);
        ck_assert_int_eq(err.code, rc);
        if (rc == 0)
            ck_assert_int_eq(run_finish(p), 0);
        else
            ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
        ck_assert_int_eq(run_count_fds(), before);
    }
}

START_TEST(every_step_of_a_limited_start_may_fail)
{
    sweep(MP_FAULT_ALLOC, ENOMEM);
    sweep(MP_FAULT_SYSCALL, EMFILE);
    sweep(MP_FAULT_SYSCALL, EINTR);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("process limits");
    TCase *tc = mp_case(suite, "limits", 30);
    tcase_add_test(tc, a_child_is_as_nice_as_asked_for);
    tcase_add_test(tc, less_nice_than_allowed_is_an_error_of_start);
    tcase_add_test(tc, a_child_has_the_resource_limits_asked_for);
    tcase_add_test(tc, unlimited_is_the_largest_number);
    tcase_add_test(tc, a_limit_that_the_system_refuses_is_an_error_of_start);
    tcase_add_test(tc, impossible_limits_are_refused_before_the_fork);
    tcase_add_test(tc, the_tightest_limits_do_not_hinder_the_start);
    tcase_add_test(tc, a_target_that_stops_at_once_is_started);
#if defined __linux__ && !defined MP_PORTABLE
    tcase_add_test(tc, a_child_is_bound_to_the_cpus_asked_for);
    tcase_add_test(tc, cpus_that_are_not_there_are_an_error_of_start);
#else
    tcase_add_test(tc, binding_to_cpus_is_not_for_the_portable_build);
#endif
    tcase_add_test(tc, every_step_of_a_limited_start_may_fail);
    return suite;
}
