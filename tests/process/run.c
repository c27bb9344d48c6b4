/* SPDX-License-Identifier: MIT */
#include "process/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#if defined __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include "base/fd.h"
#include "process/forkserver.h"
#include "value/pack.h"

#if defined MP_UNDER_TSAN
/* A daemonic child of the portable build starts a thread after a fork beside threads. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}
#endif

mproc_process *run_start_with(const mproc_process_options *options, mproc_target target,
                              const mproc_value *args)
{
    mproc_process *process = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_msg(mproc_process_start(&process, target, args, options, &err) == 0, "start: %s",
                  err.text);
    return process;
}

mproc_process *run_start(mproc_target target, const char *format, ...)
{
    mproc_value *args = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    va_list list;
    va_start(list, format);
    ck_assert_msg(!format || mp_vpack(&args, &err, format, list) == 0, "pack: %s", err.text);
    va_end(list);
    mproc_process *process = run_start_with(NULL, target, args);
    mproc_value_free(args);
    return process;
}

mproc_process *run_daemon(mproc_target target)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.daemon = true;
    return run_start_with(&options, target, NULL);
}

mproc_process *run_start_in_helper(mproc_target target, bool daemon)
{
    mproc_process *process = NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.daemon = daemon;
    if (mproc_process_start(&process, target, NULL, &options, NULL) < 0)
        _exit(99);
    return process;
}

int run_finish(mproc_process *process)
{
    int code = -1000;
    ck_assert_int_eq(mproc_process_join(process, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_exitcode(process, &code), 0);
    ck_assert_int_eq(mproc_process_close(process), 0);
    return code;
}

int run_forever(const mproc_value *args)
{
    (void)args;
    for (;;)
        pause();
}

int run_nothing(const mproc_value *args)
{
    (void)args;
    return 0;
}

int run_number(const mproc_value *args)
{
    int number = 99;
    return mproc_unpack(args, "i", &number) < 0 ? 99 : number;
}

bool run_is(const char *method)
{
    return strcmp(mproc_get_start_method(), method) == 0;
}

int run_count_fds(void)
{
    mp_forkserver_stop();
    return mp_count_fds();
}

void run_await_end(const mproc_process *process)
{
    siginfo_t info;
    if (run_is("forkserver"))
        ck_assert_int_eq(mp_fd_wait(mproc_process_sentinel(process), POLLIN, MP_NEVER), 0);
    else
        ck_assert_int_eq(waitid(P_PID, (id_t)mproc_process_pid(process), &info, WEXITED | WNOWAIT),
                         0);
}

int run_times(int count)
{
    const char *slower = getenv("MPROC_TEST_SLOWER");
    int factor = slower ? (int)strtol(slower, NULL, 10) : 1;
    return factor > 1 ? (count + factor - 1) / factor : count;
}

/* Helpers call this too, where check has no test to fail. */
static const char *own_path(void)
{
    static char exe[4096];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (len < 0)
        abort();
    exe[len] = '\0';
    return exe;
}

const char *const *run_own_command(const char *name, const char *first, const char *second)
{
    static const char *command[6] = {NULL, "helper"};
    command[0] = own_path();
    command[2] = name;
    command[3] = first;
    command[4] = first ? second : NULL;
    return command;
}

const char *run_read_all(int fd, char *text, size_t room)
{
    size_t used = 0;
    ssize_t n;
    while ((n = read(fd, text + used, room - used - 1)) > 0)
        used += (size_t)n;
    ck_assert_int_eq(n, 0);
    text[used] = '\0';
    return text;
}

static void redirect(posix_spawn_file_actions_t *actions, int fd, int to)
{
    if (fd >= 0)
        ck_assert_int_eq(posix_spawn_file_actions_adddup2(actions, fd, to), 0);
}

/* Orphans come to us, who reap them: not every container has an init that does. */
static void adopt_orphans(void)
{
#if defined __linux__
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
#endif
}

struct run_helper run_helper_start(const char *const args[], int in)
{
    adopt_orphans();
    const char *exe = own_path();
    char *argv[16] = {strdup(exe), (char[]){"helper"}};
    for (int i = 0; args[i]; i++)
        argv[i + 2] = strdup(args[i]);
    int fds[2];
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    redirect(&actions, in, STDIN_FILENO);
    redirect(&actions, fds[1], STDOUT_FILENO);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
    struct run_helper helper = {.out = fds[0]};
    ck_assert_int_eq(posix_spawn(&helper.pid, exe, &actions, &attr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    mp_fd_close(&fds[1]);
    free(argv[0]);
    for (int i = 0; args[i]; i++)
        free(argv[i + 2]);
    return helper;
}

bool run_helper_read(struct run_helper *helper, char *text, size_t room)
{
    mp_deadline deadline;
    mp_deadline_in(30 * 1000 / (double)run_times(1000), &deadline);
    size_t used = 0;
    bool ended = false;
    char scrap[256] = "";
    while (!ended && mp_fd_wait(helper->out, POLLIN, deadline) == 0) {
        bool fits = used + 1 < room;
        ssize_t n = read(helper->out, fits ? text + used : scrap, fits ? room - used - 1 : 256);
        ended = n == 0;
        used += fits && n > 0 ? (size_t)n : 0;
    }
    if (room > 0)
        text[used] = '\0';
    if (!ended)
        kill(-helper->pid, SIGKILL);
    mp_fd_close(&helper->out);
    return ended;
}

int run_helper_reap(const struct run_helper *helper)
{
    int result = -1;
    int status;
    pid_t pid;
    while ((pid = waitpid(-helper->pid, &status, 0)) > 0)
        if (pid == helper->pid)
            result = status;
    return result;
}

int run_helper_finish(struct run_helper *helper, char *text, size_t room)
{
    bool ended = run_helper_read(helper, text, room);
    int status = run_helper_reap(helper);
    ck_assert_msg(ended, "a descendant of the helper was left");
    return status;
}
