/* SPDX-License-Identifier: MIT */
#include <mproc/process.h>

#include "support/suite.h"

static int give_byte(const void *args, size_t len)
{
    return len == 1 ? *(const unsigned char *)args : 255;
}

START_TEST(exit_codes_come_back)
{
    for (int i = 0; i < 256; i++) {
        mproc_process *p;
        unsigned char byte = (unsigned char)i;
        int code;
        ck_assert_int_eq(mproc_process_start(&p, give_byte, &byte, 1, NULL, NULL), 0);
        ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
        ck_assert_int_eq(mproc_process_exitcode(p, &code), 0);
        ck_assert_int_eq(code, i);
        ck_assert_int_eq(mproc_process_close(p), 0);
    }
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("process");
    TCase *tc = mp_case(suite, "process", 20);
    tcase_add_test(tc, exit_codes_come_back);
    return suite;
}
