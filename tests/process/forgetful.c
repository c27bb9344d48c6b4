/* SPDX-License-Identifier: MIT */
/*
 * A program that does not call mproc_init(). It starts itself by the method given, and as the child
 * does what it was told to: return from main(), sleep, close all descriptors and sleep, start a
 * process itself. It prints what came of that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/process.h>

static int never_run(const mproc_value *args)
{
    (void)args;
    puts("ran");
    return 0;
}

static int start(const char *method, double timeout)
{
    mproc_process *process;
    mproc_error err = MPROC_ERROR_INIT;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = method;
    options.start_timeout = timeout;
    int rc = mproc_process_start(&process, never_run, NULL, &options, &err);
    printf("%s: %s\n", mproc_error_name(rc), err.text);
    fflush(stdout);
    return 0;
}

static int be_child(const char *what)
{
    mproc_process *process;
    if (strcmp(what, "quietly") == 0)
        return mproc_process_start(&process, never_run, NULL, NULL, NULL) == 0;
    if (strcmp(what, "return") == 0)
        return 3;
    if (strcmp(what, "start") == 0)
        return start("fork", 5) + start("spawn", 5);
    for (int fd = 3; strcmp(what, "close") == 0 && fd < 100; fd++)
        close(fd);
    sleep(60);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = getenv("FORGETFUL");
    if (argc > 1 && what && strcmp(argv[1], "mproc") == 0)
        return be_child(what);
    if (argc < 4)
        return 99;
    setenv("FORGETFUL", argv[2], 1);
    return start(argv[1], strtod(argv[3], NULL));
}
