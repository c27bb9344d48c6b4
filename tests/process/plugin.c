/* SPDX-License-Identifier: MIT */
/* A library that the tests load with dlopen(3), with targets in it. */
#include <signal.h>
#include <stdlib.h>

#include <mproc/process.h>

int plugin_seven(const mproc_value *args);
mproc_target plugin_hidden(void);

__attribute__((visibility("default"))) int plugin_seven(const mproc_value *args)
{
    (void)args;
    return 7;
}

static int eight(const mproc_value *args)
{
    (void)args;
    return 8;
}

/* A target that nobody can look up by its name. */
__attribute__((visibility("default"))) mproc_target plugin_hidden(void)
{
    return eight;
}

/* Dies while it is loaded, if asked to. */
__attribute__((constructor)) static void die(void)
{
    if (getenv("MPROC_TEST_PLUGIN_DIES"))
        raise(SIGKILL);
}
