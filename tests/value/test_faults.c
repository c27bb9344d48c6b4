/* SPDX-License-Identifier: MIT */
/*
 * The n-th allocation fails, for n = 1, 2, … until nothing does. The leak check is valgrind's and
 * the sanitizers'.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <mproc/value.h>

#include "support/fault.h"
#include "support/suite.h"

/* Everything the module does, once. 0 or the first failure. */
static int work(void)
{
    static const char literal[] =
        "[1, 'a', {1: (2, 3.5), 'k': [None, b'x', bytearray(b'y'), 2j]}, {(1, 2), 'm'}, "
        "frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), 123456789012345678901234567890, "
        "[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]";
    mproc_value *v = NULL;
    mproc_value *given = NULL;
    mproc_value *packed = NULL;
    mproc_value *copy = NULL;
    mproc_value *back = NULL;
    char *repr = NULL;
    void *pickle = NULL;
    size_t len = 0;
    int rc = mproc_value_parse(&v, literal, SIZE_MAX, NULL);
    if (rc == 0)
        rc = mproc_value_append(v, v);
    if (rc == 0)
        rc = mproc_value_extend(v, "O(is{si})", v, 1, "s", "k", 2);
    if (rc == 0)
        rc = mproc_pack(&given, "[i]", 1);
    if (rc == 0)
        rc = mproc_pack(&packed, "(O[iK])", given, 1, ~0ULL);
    if (!packed) /* not taken over, or given back */
        mproc_value_free(given);
    if (rc == 0)
        rc = mproc_value_copy(&copy, v);
    if (rc == 0)
        rc = mproc_value_repr(copy, &repr, NULL);
    for (uint64_t protocol = 2; protocol <= 5 && rc == 0; protocol++) {
        mproc_pickle_options options = MPROC_PICKLE_OPTIONS_INIT;
        options.protocol = protocol;
        rc = mproc_value_pickle(copy, &pickle, &len, &options, NULL);
        if (rc == 0)
            rc = mproc_value_unpickle(&back, pickle, len, NULL, NULL);
        if (rc == 0) {
            int equal = mproc_value_equal(v, back);
            /* An assertion of check's would allocate, too. */
            rc = equal > 0 ? 0 : equal < 0 ? equal : -EDOM;
        }
        mproc_free(pickle);
        mproc_value_free(back);
        pickle = NULL;
        back = NULL;
    }
    mproc_free(repr);
    mproc_value_free(v);
    mproc_value_free(copy);
    mproc_value_free(packed);
    return rc;
}

START_TEST(a_failing_allocation_is_an_error_and_nothing_else)
{
    unsigned n = 0;
    bool failed = true;
    while (failed) {
        mp_fault_arm(MP_FAULT_ALLOC, ++n, 0);
        int rc = work();
        failed = mp_fault_disarm();
        ck_assert_int_eq(rc, failed ? -ENOMEM : 0);
    }
    ck_assert_uint_gt(n, 30);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("value_faults");
    TCase *tc = mp_case(suite, "value_faults", 20);
    tcase_add_test(tc, a_failing_allocation_is_an_error_and_nothing_else);
    return suite;
}
