/* SPDX-License-Identifier: MIT */
/* The order in which a process ends, as _exit_function of multiprocessing/util.py has it. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "process/finalize.h"
#include "process/table.h"

static int prepare_rc;

static void prepare(void)
{
    prepare_rc = atexit(mp_exit_run) == 0 ? 0 : -ENOMEM;
}

int mp_exit_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    return prepare_rc;
}

void mp_exit_run(void)
{
    /* A finalizer that calls exit(3) has the C library go on with the handlers behind this one, and
     * a handler registered by then is first among them. Each call uses up a finalizer. */
    if (mp_finalizers_pending())
        atexit(mp_exit_run);
    mp_finalizers_run(0);
    mp_table_end();
    mp_finalizers_run(INT_MIN);
}
