/* SPDX-License-Identifier: MIT */
/* Children that run another program, and the connections that they are given. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/mproc.h>

#include "base/fd.h"
#include "process/pidfd.h"
#include "process/run.h"
#include "support/fault.h"

/* --- what the programs do -----------------------------------------------------------------------
 */

static int echo_until_end(mproc_conn *conn)
{
    void *message;
    size_t len;
    int rc;
    while ((rc = mproc_conn_recv_bytes(conn, &message, &len)) == 0) {
        rc = mproc_conn_send_bytes(conn, message, len);
        mproc_free(message);
        if (rc < 0)
            break;
    }
    mproc_conn_close(conn);
    return rc == MPROC_EOF ? 0 : 3;
}

/* What comes by the connection `name` (or the only one) goes back by it. */
static int echo(const char *name)
{
    mproc_conn *conn;
    return mproc_inherited_conn(&conn, name, NULL) < 0 ? 2 : echo_until_end(conn);
}

/* From the first connection to the second. */
static int forward(const char *first, const char *second)
{
    mproc_conn *from;
    mproc_conn *to;
    mproc_value *value;
    if (mproc_inherited_conn(&from, first, NULL) < 0 || mproc_inherited_conn(&to, second, NULL) < 0)
        return 2;
    if (mproc_conn_writable(from) || mproc_conn_readable(to))
        return 3;
    while (mproc_conn_recv(from, &value, NULL) == 0) {
        if (mproc_conn_send(to, value, NULL) < 0)
            return 4;
        mproc_value_free(value);
    }
    mproc_conn_close(from);
    mproc_conn_close(to);
    return 0;
}

static int list_descriptors(void)
{
    for (int fd = 0; fd < 2048; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    return 0;
}

static _Noreturn int sleep_forever(void)
{
    printf("up");
    fflush(stdout);
    for (;;)
        pause();
}

int mp_helper(const char *name, int argc, char **argv)
{
    const char *first = argc > 0 ? argv[0] : "";
    const char *second = argc > 1 ? argv[1] : NULL;
    if (strcmp(name, "exit") == 0)
        return (int)strtol(first, NULL, 10);
    if (strcmp(name, "echo") == 0)
        return echo(argc > 0 ? first : NULL);
    if (strcmp(name, "forward") == 0)
        return forward(first, second);
    if (strcmp(name, "descriptors") == 0)
        return list_descriptors();
    if (strcmp(name, "getenv") == 0)
        return fputs(getenv(first) ? getenv(first) : "(none)", stdout) < 0;
    if (strcmp(name, "sleep") == 0)
        return sleep_forever();
    return 127;
}

/* --- starting them ------------------------------------------------------------------------------
 */

static mproc_process *start_with(const char *const *command, const mproc_value *args,
                                 const mproc_process_options *given)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    mproc_process *p = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    if (given)
        options = *given;
    options.command = command;
    int rc = mproc_process_start(&p, NULL, args, &options, &err);
    ck_assert_msg(rc == 0, "start: %s", err.text);
    return p;
}

static mproc_process *start(const char *name, const char *argument)
{
    return start_with(run_own_command(name, argument, NULL), NULL, NULL);
}

static void fails_with(const char *const *command, const mproc_value *args,
                       const mproc_process_options *given, int code, const char *where)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    mproc_process *p = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    int before = mp_count_fds();
    if (given)
        options = *given;
    options.command = command;
    ck_assert_int_eq(mproc_process_start(&p, NULL, args, &options, &err), code);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.text, where), "%s", err.text);
    ck_assert_ptr_null(p);
    ck_assert_int_eq(mp_count_fds(), before);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
}

/* Run a command with its stdout caught. */
static const char *output_of(const char *const *command, const mproc_value *args,
                             const mproc_process_options *given)
{
    static char text[8192];
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    mproc_conn *conn = NULL;
    const mproc_stdio pipe = {.kind = MPROC_STDIO_PIPE, .conn = &conn};
    if (given)
        options = *given;
    options.out = &pipe;
    mproc_process *p = start_with(command, args, &options);
    run_read_all(mproc_conn_handle(conn), text, sizeof text);
    mproc_conn_close(conn);
    ck_assert_int_eq(run_finish(p), 0);
    return text;
}

/* --- like any other child -----------------------------------------------------------------------
 */

START_TEST(its_exit_code_comes_back)
{
    ck_assert_int_eq(run_finish(start("exit", "0")), 0);
    ck_assert_int_eq(run_finish(start("exit", "255")), 255);
}
END_TEST

START_TEST(it_is_watched_and_signalled_like_any_child)
{
    mproc_process *p = start("sleep", NULL);
    mproc_process *children[2];
    ck_assert_int_eq(mproc_process_is_alive(p), 1);
    ck_assert_uint_eq(mproc_active_children(children, 2), 1);
    ck_assert_ptr_eq(children[0], p);
    ck_assert_int_eq(mproc_process_join(p, 0), -ETIMEDOUT);
    ck_assert_int_eq(mproc_process_terminate(p), 0);
    mproc_wait_item item = mproc_wait_process(p);
    ck_assert_int_eq(mproc_wait(&item, 1, MPROC_FOREVER), 1);
    ck_assert_int_eq(run_finish(p), -SIGTERM);
}
END_TEST

START_TEST(it_may_be_killed_at_any_time)
{
    for (int i = 0; i < run_times(200); i++) {
        mproc_process *p = start("exit", "0");
        ck_assert_int_eq(mproc_process_kill(p), 0);
        int code = run_finish(p);
        ck_assert(code == -SIGKILL || code == 0);
    }
}
END_TEST

START_TEST(its_name_is_its_programs_unless_it_has_one)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const char *command[] = {"true", NULL};
    mproc_process *p = start_with(command, NULL, NULL);
    ck_assert_str_eq(mproc_process_name(p), "true");
    run_finish(p);
    p = start("exit", "0");
    ck_assert_str_eq(mproc_process_name(p), "test_command");
    run_finish(p);
    options.name = "worker";
    p = start_with(command, NULL, &options);
    ck_assert_str_eq(mproc_process_name(p), "worker");
    run_finish(p);
}
END_TEST

START_TEST(its_limits_are_set)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which has limits of its own */
        return;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const char *command[] = {"sh", "-c", "ulimit -n", NULL};
    struct rlimit now;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    const mproc_rlimit limit = {.resource = RLIMIT_NOFILE, .soft = 77, .hard = now.rlim_max};
    options.rlimits = &limit;
    options.n_rlimits = 1;
    ck_assert_str_eq(output_of(command, NULL, &options), "77\n");
}
END_TEST

/* Without pidfds it has a descriptor whose end tells this process of the program's. */
static bool has_pidfds(void)
{
    int fd = mp_pidfd_open(getpid());
    bool has = fd >= 0;
    mp_fd_close(&fd);
    return has;
}

static void assert_descriptors(const mproc_value *args, int given)
{
    char expected[64];
    const char *const *command = run_own_command("descriptors", NULL, NULL);
    const char *text = output_of(command, args, NULL);
    int n = snprintf(expected, sizeof expected, given >= 0 ? "0 1 2 %d " : "0 1 2 ", given);
    if (has_pidfds()) {
        ck_assert_str_eq(text, expected);
        return;
    }
    ck_assert_int_eq(strncmp(text, expected, (size_t)n), 0);
    ck_assert_ptr_eq(strchr(text + n, ' '), strrchr(text + n, ' '));
}

START_TEST(it_inherits_nothing_but_what_it_is_given)
{
    int noise[50];
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    for (int i = 0; i < 50; i++)
        noise[i] = dup(0);
    assert_descriptors(NULL, -1);
    for (int i = 40; i < 50; i++)
        close(noise[i]);
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_pack(&args, "C", theirs), 0);
    assert_descriptors(args, mproc_conn_handle(theirs));
    mproc_value_free(args);
    mproc_conn_close(ours);
    mproc_conn_close(theirs);
    for (int i = 0; i < 40; i++)
        close(noise[i]);
}
END_TEST

START_TEST(its_descendants_are_killed_with_it_if_it_is_a_group)
{
    char text[16];
    mproc_conn *conn = NULL;
    const mproc_stdio pipe = {.kind = MPROC_STDIO_PIPE, .conn = &conn};
    const char *command[] = {"sh", "-c", "sleep 1000 & sleep 1000 & echo up; wait", NULL};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.out = &pipe;
    options.group = true;
    mproc_process *p = start_with(command, NULL, &options);
    ck_assert_int_eq(read(mproc_conn_handle(conn), text, 3), 3);
    ck_assert_int_eq(mproc_process_kill_tree(p), 0);
    /* All that had the pipe are gone when it ends. */
    ck_assert_str_eq(run_read_all(mproc_conn_handle(conn), text, sizeof text), "");
    mproc_conn_close(conn);
    ck_assert_int_eq(run_finish(p), -SIGKILL);
}
END_TEST

START_TEST(a_broken_pipe_kills_it_though_this_process_ignores_that)
{
    const char *command[] = {"sh", "-c", "kill -PIPE $$", NULL};
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(run_finish(start_with(command, NULL, NULL)), -SIGPIPE);
}
END_TEST

START_TEST(it_has_the_callers_signal_mask)
{
    const char *command[] = {"sh", "-c", "kill -USR1 $$", NULL};
    sigset_t mask;
    ck_assert_int_eq(run_finish(start_with(command, NULL, NULL)), -SIGUSR1);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    ck_assert_int_eq(run_finish(start_with(command, NULL, NULL)), 0);
}
END_TEST

/* --- what cannot be started ---------------------------------------------------------------------
 */

START_TEST(why_it_cannot_be_executed_comes_back)
{
    const char *missing[] = {"/nonexistent/program", NULL};
    const char *unknown[] = {"mproc-no-such-program", NULL};
    const char *directory[] = {"/", NULL};
    const char *not_one[] = {"/dev/null/x", NULL};
    char *path = strdup(mp_test_path("noise"));
    const char *noise[] = {path, NULL};
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    ck_assert_int_eq(write(fd, "noise\n", 6), 6);
    close(fd);
    fails_with(missing, NULL, NULL, -ENOENT, "exec /nonexistent/program");
    fails_with(unknown, NULL, NULL, -ENOENT, "exec mproc-no-such-program");
    fails_with(directory, NULL, NULL, -EACCES, "exec /");
    fails_with(not_one, NULL, NULL, -ENOTDIR, "exec /dev/null/x");
    fails_with(noise, NULL, NULL, -ENOEXEC, path);
    free(path);
}
END_TEST

static int target(const mproc_value *args)
{
    (void)args;
    return 0;
}

START_TEST(impossible_commands_are_errors)
{
    const char *empty[] = {NULL};
    const char *nameless[] = {"", NULL};
    const char *command[] = {"true", NULL};
    mproc_process *p = NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    fails_with(empty, NULL, NULL, -EINVAL, "empty command");
    fails_with(nameless, NULL, NULL, -EINVAL, "empty command");
    options.command = command;
    ck_assert_int_eq(mproc_process_start(&p, target, NULL, &options, NULL), -EINVAL);
    options.start_method = "fork";
    ck_assert_int_lt(mproc_process_start(&p, NULL, NULL, &options, NULL), 0);
    options.start_method = NULL;
    options.start_timeout = NAN;
    fails_with(command, NULL, &options, -EINVAL, "start_timeout");
    ck_assert_ptr_null(p);
}
END_TEST

/* --- connections --------------------------------------------------------------------------------
 */

static void assert_echo(mproc_conn *conn)
{
    mproc_value *value;
    char *text;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mproc_conn_sendf(conn, "(is)", i, "text"), 0);
        ck_assert_int_eq(mproc_conn_recv(conn, &value, NULL), 0);
        ck_assert_int_eq(mproc_value_repr(value, &text, NULL), 0);
        ck_assert_int_eq(strncmp(text, "(", 1), 0);
        mproc_free(text);
        mproc_value_free(value);
    }
}

/* The program is given one end as `format` has it, and adopts it as `name`. */
static void assert_adopted(const char *format, const char *name)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_PIPE_STREAM), 0);
    if (name)
        ck_assert_int_eq(mproc_pack(&args, format, name, theirs), 0);
    else
        ck_assert_int_eq(mproc_pack(&args, format, theirs), 0);
    mproc_process *p = start_with(run_own_command("echo", name, NULL), args, NULL);
    mproc_value_free(args);
    mproc_conn_close(theirs);
    assert_echo(ours);
    mproc_conn_close(ours); /* the program sees the end */
    ck_assert_int_eq(run_finish(p), 0);
}

START_TEST(connections_arrive_alone_in_lists_and_by_name)
{
    assert_adopted("C", NULL);
    assert_adopted("[C]", NULL);
    assert_adopted("(C)", NULL);
    assert_adopted("{sC}", "jobs");
    assert_adopted("{sC}", "A-name_of.9");
}
END_TEST

START_TEST(each_goes_its_way)
{
    mproc_conn *ends[4];
    mproc_value *args;
    mproc_value *value;
    char *text;
    ck_assert_int_eq(mproc_pipe(&ends[0], &ends[1], MPROC_PIPE_STREAM | MPROC_SIMPLEX), 0);
    ck_assert_int_eq(mproc_pipe(&ends[2], &ends[3], MPROC_PIPE_STREAM | MPROC_SIMPLEX), 0);
    ck_assert_int_eq(mproc_pack(&args, "{sCsC}", "to", ends[3], "from", ends[0]), 0);
    mproc_process *p = start_with(run_own_command("forward", "from", "to"), args, NULL);
    mproc_value_free(args);
    mproc_conn_close(ends[0]);
    mproc_conn_close(ends[3]);
    ck_assert_int_eq(mproc_conn_sendf(ends[1], "[s]", "there"), 0);
    ck_assert_int_eq(mproc_conn_recv(ends[2], &value, NULL), 0);
    ck_assert_int_eq(mproc_value_repr(value, &text, NULL), 0);
    ck_assert_str_eq(text, "['there']");
    mproc_free(text);
    mproc_value_free(value);
    mproc_conn_close(ends[1]);
    ck_assert_int_eq(mproc_conn_recv(ends[2], &value, NULL), MPROC_EOF);
    mproc_conn_close(ends[2]);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

START_TEST(the_environment_tells_their_numbers)
{
    char expected[64];
    mproc_conn *ends[4];
    mproc_value *args;
    const char *const *command = run_own_command("getenv", "MPROC_CONNECTIONS", NULL);
    ck_assert_int_eq(mproc_pipe(&ends[0], &ends[1], MPROC_PIPE_STREAM | MPROC_SIMPLEX), 0);
    ck_assert_int_eq(mproc_pipe(&ends[2], &ends[3], MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_pack(&args, "[CCC]", ends[0], ends[1], ends[2]), 0);
    snprintf(expected, sizeof expected, "%d:r,%d:w,%d:rw", mproc_conn_handle(ends[0]),
             mproc_conn_handle(ends[1]), mproc_conn_handle(ends[2]));
    ck_assert_str_eq(output_of(command, args, NULL), expected);
    mproc_value_free(args);
    ck_assert_int_eq(mproc_pack(&args, "{sCsC}", "in", ends[0], "out", ends[3]), 0);
    snprintf(expected, sizeof expected, "in=%d:r,out=%d:rw", mproc_conn_handle(ends[0]),
             mproc_conn_handle(ends[3]));
    ck_assert_str_eq(output_of(command, args, NULL), expected);
    mproc_value_free(args);
    for (int i = 0; i < 4; i++)
        mproc_conn_close(ends[i]);
}
END_TEST

/* What this process was told about its own connections, or makes up, is not passed on. */
START_TEST(the_environment_tells_of_no_others)
{
    const char *made_up[] = {"A=1", "MPROC_CONNECTIONS=5:rw", NULL};
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const char *const *command = run_own_command("getenv", "MPROC_CONNECTIONS", NULL);
    mproc_value *args;
    setenv("MPROC_CONNECTIONS", "77:r", 1);
    ck_assert_str_eq(output_of(command, NULL, NULL), "(none)");
    ck_assert_int_eq(mproc_pack(&args, "()"), 0);
    ck_assert_str_eq(output_of(command, args, NULL), "(none)");
    mproc_value_free(args);
    options.environment = made_up;
    ck_assert_str_eq(output_of(command, NULL, &options), "(none)");
    clearenv();
    ck_assert_str_eq(output_of(command, NULL, NULL), "(none)");
}
END_TEST

/* A connection over this process's own stdin reaches the program under another number. */
START_TEST(a_connection_under_a_low_number_moves)
{
    int fds[2];
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
    ck_assert_int_eq(mp_fd_socketpair(fds), 0);
    ck_assert_int_eq(mproc_conn_from_handle(&ours, fds[0], 0), 0);
    dup2(fds[1], 0);
    close(fds[1]);
    ck_assert_int_eq(mproc_conn_from_handle(&theirs, 0, 0), 0);
    ck_assert_int_eq(mproc_pack(&args, "C", theirs), 0);
    mproc_process *p = start_with(run_own_command("echo", NULL, NULL), args, NULL);
    mproc_value_free(args);
    mproc_conn_close(theirs);
    dup2(saved, 0);
    close(saved);
    assert_echo(ours);
    mproc_conn_close(ours);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

START_TEST(args_that_are_no_connections_are_errors)
{
    static const char *const literals[] = {"1", "'text'", "(None,)", "[[]]", "{'a': 1}", "{1}"};
    const char *const *command = run_own_command("exit", "0", NULL);
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        ck_assert_int_eq(mproc_value_parse(&args, literals[i], SIZE_MAX, NULL), 0);
        fails_with(command, args, NULL, -EINVAL, "args of a command: ");
        mproc_value_free(args);
    }
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_PIPE_STREAM), 0);
    static const char *const names[] = {"", "a b", "a=b", "a,b", "a:b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_int_eq(mproc_pack(&args, "{sC}", names[i], theirs), 0);
        fails_with(command, args, NULL, -EINVAL, "a name is made of");
        mproc_value_free(args);
    }
    ck_assert_int_eq(mproc_pack(&args, "{s#C}", "a\0b", (size_t)3, theirs), 0);
    fails_with(command, args, NULL, -EINVAL, "a name is made of");
    mproc_value_free(args);
    ck_assert_int_eq(mproc_pack(&args, "{iC}", 1, theirs), 0);
    fails_with(command, args, NULL, -EINVAL, "a name is made of");
    mproc_value_free(args);
    ck_assert_int_eq(mproc_pack(&args, "[CC]", theirs, theirs), 0);
    fails_with(command, args, NULL, -EINVAL, "twice");
    mproc_value_free(args);
    mproc_conn_close(ours);
    mproc_conn_close(theirs);
}
END_TEST

START_TEST(what_was_read_ahead_cannot_be_handed_over)
{
    char text[16];
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(ours, "one", 3), 0);
    ck_assert_int_eq(mproc_conn_send_bytes(ours, "two", 3), 0);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(theirs, text, sizeof text), 3);
    ck_assert_int_eq(mproc_pack(&args, "C", theirs), 0);
    fails_with(run_own_command("echo", NULL, NULL), args, NULL, -EBUSY, "connection");
    mproc_value_free(args);
    mproc_conn_close(ours);
    mproc_conn_close(theirs);
}
END_TEST

#if defined __linux__ && !defined MP_PORTABLE
START_TEST(a_pipe_in_shared_memory_cannot_be_handed_over)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_PIPE_RING), 0);
    ck_assert_int_eq(mproc_pack(&args, "C", theirs), 0);
    fails_with(run_own_command("echo", NULL, NULL), args, NULL, MPROC_ECANTPASS,
               "MPROC_PIPE_STREAM");
    mproc_value_free(args);
    mproc_conn_close(ours);
    mproc_conn_close(theirs);
}
END_TEST
#endif

/* --- the hosts ----------------------------------------------------------------------------------
 */

START_TEST(a_host_that_ignores_sigchld_loses_only_the_status)
{
    int code;
    const char *missing[] = {"/nonexistent/program", NULL};
    signal(SIGCHLD, SIG_IGN);
    mproc_process *p = start("exit", "3");
    ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
    ck_assert_int_eq(mproc_process_exitcode(p, &code), MPROC_ESTATUS);
    ck_assert_int_eq(mproc_process_close(p), 0);
    fails_with(missing, NULL, NULL, -ENOENT, "exec");
}
END_TEST

static void reap_all(int number)
{
    (void)number;
    int saved = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    errno = saved;
}

START_TEST(a_host_that_reaps_everything_loses_only_the_status)
{
    const char *missing[] = {"/nonexistent/program", NULL};
    struct sigaction action = {.sa_handler = reap_all, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    for (int i = 0; i < run_times(20); i++) {
        int code = -1;
        mproc_process *p = start("exit", "3");
        ck_assert_int_eq(mproc_process_join(p, MPROC_FOREVER), 0);
        int rc = mproc_process_exitcode(p, &code);
        ck_assert(rc == MPROC_ESTATUS || (rc == 0 && code == 3));
        ck_assert_int_eq(mproc_process_close(p), 0);
        fails_with(missing, NULL, NULL, -ENOENT, "exec");
    }
}
END_TEST

/* Each thread sees the end of its own child's output, which no sibling holds open. */
static void *start_and_read(void *arg)
{
    char text[64];
    const char *command[] = {"echo", "hello", NULL};
    for (int i = 0; i < run_times(20); i++) {
        mproc_conn *conn = NULL;
        const mproc_stdio pipe = {.kind = MPROC_STDIO_PIPE, .conn = &conn};
        mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
        options.out = &pipe;
        mproc_process *p = start_with(command, NULL, &options);
        ck_assert_str_eq(run_read_all(mproc_conn_handle(conn), text, sizeof text), "hello\n");
        mproc_conn_close(conn);
        ck_assert_int_eq(run_finish(p), 0);
    }
    return arg;
}

START_TEST(many_threads_start_commands_at_the_same_time)
{
    pthread_t threads[4];
    mproc_process *sleeper = start("sleep", NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, start_and_read, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    mproc_process_kill(sleeper);
    ck_assert_int_eq(run_finish(sleeper), -SIGKILL);
}
END_TEST

/* --- faults -------------------------------------------------------------------------------------
 */

static void sweep(enum mp_fault_kind kind, int error)
{
    mproc_conn *ours;
    mproc_conn *theirs;
    mproc_value *args;
    ck_assert_int_eq(mproc_pipe(&ours, &theirs, MPROC_PIPE_STREAM), 0);
    ck_assert_int_eq(mproc_pack(&args, "{sC}", "conn", theirs), 0);
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.command = run_own_command("exit", "7", NULL);
    for (unsigned n = 1;; n++) {
        mproc_process *p = NULL;
        mproc_error err = MPROC_ERROR_INIT;
        int before = mp_count_fds();
        mp_fault_arm(kind, n, error);
        int rc = mproc_process_start(&p, NULL, args, &options, &err);
        bool fired = mp_fault_disarm();
        if (rc == 0) {
            ck_assert_int_eq(run_finish(p), 7);
        } else {
            ck_assert_int_eq(rc, -error);
            ck_assert_str_ne(err.text, "");
            ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
        }
        ck_assert_int_eq(mp_count_fds(), before);
        if (rc == 0 && !fired)
            break;
    }
    mproc_value_free(args);
    mproc_conn_close(ours);
    mproc_conn_close(theirs);
}

START_TEST(no_memory)
{
    sweep(MP_FAULT_ALLOC, ENOMEM);
}
END_TEST

START_TEST(no_descriptors)
{
    sweep(MP_FAULT_SYSCALL, EMFILE);
}
END_TEST

START_TEST(no_processes)
{
    sweep(MP_FAULT_SYSCALL, EAGAIN);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("command");
    TCase *tc = mp_case(suite, "child", 30);
    tcase_add_test(tc, its_exit_code_comes_back);
    tcase_add_test(tc, it_is_watched_and_signalled_like_any_child);
    tcase_add_test(tc, it_may_be_killed_at_any_time);
    tcase_add_test(tc, its_name_is_its_programs_unless_it_has_one);
    tcase_add_test(tc, its_limits_are_set);
    tcase_add_test(tc, it_inherits_nothing_but_what_it_is_given);
    tcase_add_test(tc, its_descendants_are_killed_with_it_if_it_is_a_group);
    tcase_add_test(tc, a_broken_pipe_kills_it_though_this_process_ignores_that);
    tcase_add_test(tc, it_has_the_callers_signal_mask);
    tcase_add_test(tc, why_it_cannot_be_executed_comes_back);
    tcase_add_test(tc, impossible_commands_are_errors);
    tc = mp_case(suite, "connections", 30);
    tcase_add_test(tc, connections_arrive_alone_in_lists_and_by_name);
    tcase_add_test(tc, each_goes_its_way);
    tcase_add_test(tc, the_environment_tells_their_numbers);
    tcase_add_test(tc, the_environment_tells_of_no_others);
    tcase_add_test(tc, a_connection_under_a_low_number_moves);
    tcase_add_test(tc, args_that_are_no_connections_are_errors);
    tcase_add_test(tc, what_was_read_ahead_cannot_be_handed_over);
#if defined __linux__ && !defined MP_PORTABLE
    tcase_add_test(tc, a_pipe_in_shared_memory_cannot_be_handed_over);
#endif
    tc = mp_case(suite, "hosts", 30);
    tcase_add_test(tc, a_host_that_ignores_sigchld_loses_only_the_status);
    tcase_add_test(tc, a_host_that_reaps_everything_loses_only_the_status);
    tcase_add_test(tc, many_threads_start_commands_at_the_same_time);
    tc = mp_case(suite, "faults", 60);
    tcase_add_test(tc, no_memory);
    tcase_add_test(tc, no_descriptors);
    tcase_add_test(tc, no_processes);
    return suite;
}
