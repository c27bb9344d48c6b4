/* SPDX-License-Identifier: MIT */
/* Which start method is used, and who says so. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "process/run.h"

START_TEST(fork_is_the_default)
{
    const char *names[4] = {NULL};
    ck_assert_str_eq(mproc_get_start_method(), "fork");
    ck_assert_uint_eq(mproc_start_methods(NULL, 0), 3);
    ck_assert_uint_eq(mproc_start_methods(names, 2), 3);
    ck_assert_ptr_null(names[2]);
    mproc_start_methods(names, 4);
    ck_assert_str_eq(names[0], "fork");
    ck_assert_str_eq(names[1], "spawn");
    ck_assert_str_eq(names[2], "forkserver");
    ck_assert_ptr_null(names[3]);
}
END_TEST

START_TEST(it_is_set_once_unless_forced)
{
    mproc_error err;
    ck_assert_int_eq(mproc_set_start_method("spawn", false, &err), 0);
    ck_assert_str_eq(mproc_get_start_method(), "spawn");
    ck_assert_int_eq(mproc_set_start_method("fork", false, &err), MPROC_ECONTEXT);
    ck_assert_int_eq(err.code, MPROC_ECONTEXT);
    ck_assert_ptr_nonnull(strstr(err.text, "spawn"));
    ck_assert_int_eq(mproc_set_start_method("spawn", false, NULL), MPROC_ECONTEXT);
    ck_assert_str_eq(mproc_get_start_method(), "spawn");
    ck_assert_int_eq(mproc_set_start_method("forkserver", true, &err), 0);
    ck_assert_str_eq(mproc_get_start_method(), "forkserver");
    ck_assert_int_eq(mproc_set_start_method(NULL, true, &err), 0);
    ck_assert_str_eq(mproc_get_start_method(), "fork");
    ck_assert_int_eq(mproc_set_start_method("spawn", false, &err), 0);
}
END_TEST

START_TEST(unknown_names_are_errors_that_list_the_known_ones)
{
    static const char *const wrong[] = {"", "Spawn", "spawn ", "thread", "fork server"};
    mproc_error err;
    mproc_process *p = NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(mproc_set_start_method(wrong[i], true, &err), -EINVAL);
        ck_assert_ptr_nonnull(strstr(err.text, "fork, spawn, forkserver"));
        options.start_method = wrong[i];
        ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, &err), -EINVAL);
        ck_assert_ptr_nonnull(strstr(err.text, "fork, spawn, forkserver"));
        ck_assert_ptr_null(p);
    }
    ck_assert_int_eq(mproc_set_start_method(NULL, false, &err), -EINVAL);
    ck_assert_str_eq(mproc_get_start_method(), "fork");
}
END_TEST

/* A child knows how it came into being by who its parent is, and whether it has our memory. */
static int in_memory;

enum { COPY = 1, PARENT_IS_SERVER = 2 };

static int tell_method(const mproc_value *args)
{
    (void)args;
    int told = in_memory ? COPY : 0;
    if (mproc_process_pid(mproc_parent_process()) != getppid())
        told |= PARENT_IS_SERVER;
    return told;
}

static int start_by(const char *method)
{
    mproc_process *p;
    mproc_error err = MPROC_ERROR_INIT;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = method;
    ck_assert_msg(mproc_process_start(&p, tell_method, NULL, &options, &err) == 0, "%s", err.text);
    return run_finish(p);
}

START_TEST(each_start_may_have_a_method_of_its_own)
{
    in_memory = 1;
    ck_assert_int_eq(start_by(NULL), COPY);
    ck_assert_int_eq(start_by("spawn"), 0);
    ck_assert_int_eq(start_by("forkserver"), PARENT_IS_SERVER);
    ck_assert_int_eq(start_by("fork"), COPY);
    ck_assert_int_eq(mproc_set_start_method("forkserver", false, NULL), 0);
    ck_assert_int_eq(start_by(NULL), PARENT_IS_SERVER);
    ck_assert_int_eq(start_by("spawn"), 0);
}
END_TEST

static int tell_default(const mproc_value *args)
{
    const char *expected;
    return mproc_unpack(args, "s", &expected) == 0 &&
                   strcmp(mproc_get_start_method(), expected) == 0
               ? 0
               : 1;
}

START_TEST(children_inherit_the_default)
{
    static const char *const methods[] = {"fork", "spawn", "forkserver"};
    for (size_t i = 0; i < 3; i++) {
        mproc_set_start_method(methods[i], true, NULL);
        for (size_t k = 0; k < 3; k++) {
            mproc_process *p;
            mproc_value *args;
            mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
            options.start_method = methods[k];
            ck_assert_int_eq(mproc_pack(&args, "s", methods[i]), 0);
            ck_assert_int_eq(mproc_process_start(&p, tell_default, args, &options, NULL), 0);
            ck_assert_int_eq(run_finish(p), 0);
            mproc_value_free(args);
        }
    }
}
END_TEST

/* One generation down for each letter: the product of all ways of three generations. */
static int nest(const mproc_value *args)
{
    static const char *const methods[] = {"fork", "spawn", "forkserver"};
    const char *path;
    mproc_process *p;
    mproc_value *rest;
    int code = -1;
    if (mproc_unpack(args, "s", &path) < 0)
        return 1;
    if (!path[0])
        return 42;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = methods[path[0] - '0'];
    if (mproc_pack(&rest, "s", path + 1) < 0 ||
        mproc_process_start(&p, nest, rest, &options, NULL) < 0 ||
        mproc_process_join(p, MPROC_FOREVER) < 0 || mproc_process_exitcode(p, &code) < 0 ||
        mproc_process_close(p) < 0)
        return 2;
    mproc_value_free(rest);
    return code;
}

START_TEST(children_of_every_method_start_children_by_every_method)
{
    for (int i = 0; i < 27; i += run_times(27) < 27 ? 7 : 1) {
        const char path[] = {(char)('0' + i / 9), (char)('0' + i / 3 % 3), (char)('0' + i % 3), 0};
        mproc_value *args;
        ck_assert_int_eq(mproc_pack(&args, "s", path), 0);
        ck_assert_int_eq(nest(args), 42);
        mproc_value_free(args);
    }
}
END_TEST

START_TEST(a_start_timeout_must_be_a_number)
{
    static const char *const methods[] = {"fork", "spawn", "forkserver"};
    for (size_t i = 0; i < 3; i++) {
        mproc_process *p = NULL;
        mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
        options.start_method = methods[i];
        options.start_timeout = NAN;
        ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, NULL), -EINVAL);
        if (i == 0)
            continue; /* a copy runs its target at once */
        options.start_timeout = 0;
        ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, NULL), -ETIMEDOUT);
        ck_assert_ptr_null(p);
        options.start_timeout = MPROC_FOREVER;
        ck_assert_int_eq(mproc_process_start(&p, run_nothing, NULL, &options, NULL), 0);
        ck_assert_int_eq(run_finish(p), 0);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("context");
    TCase *tc = mp_case(suite, "context", 60);
    tcase_add_test(tc, fork_is_the_default);
    tcase_add_test(tc, it_is_set_once_unless_forced);
    tcase_add_test(tc, unknown_names_are_errors_that_list_the_known_ones);
    tcase_add_test(tc, each_start_may_have_a_method_of_its_own);
    tcase_add_test(tc, children_inherit_the_default);
    tcase_add_test(tc, children_of_every_method_start_children_by_every_method);
    tcase_add_test(tc, a_start_timeout_must_be_a_number);
    return suite;
}
