/* SPDX-License-Identifier: MIT */
#include "support/suite.h"
Suite *mp_suite(void)
{
    return suite_create("x");
}
