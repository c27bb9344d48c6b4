/* SPDX-License-Identifier: MIT */
/* What a child's streams, directory and environment are, the same for a target and for a command.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/mproc.h>

#include "base/fd.h"
#include "process/run.h"
#include "support/fault.h"

/* --- what children do, as targets and as programs -----------------------------------------------
 */

static int write_both(void)
{
    return write(1, "out", 3) == 3 && write(2, "err", 3) == 3 ? 0 : 1;
}

static int copy_stdin(void)
{
    char text[256];
    ssize_t n;
    while ((n = read(0, text, sizeof text)) > 0)
        if (write(1, text, (size_t)n) != n)
            return 1;
    return n == 0 ? 0 : 1;
}

/* Messages from stdin go back through stdout. */
static int echo_messages(void)
{
    mproc_conn *in;
    mproc_conn *out;
    void *message;
    size_t len;
    if (mproc_conn_from_handle(&in, 0, 0) < 0 || mproc_conn_from_handle(&out, 1, 0) < 0)
        return 1;
    while (mproc_conn_recv_bytes(in, &message, &len) == 0) {
        if (mproc_conn_send_bytes(out, message, len) < 0)
            return 2;
        mproc_free(message);
    }
    mproc_conn_close(in);
    mproc_conn_close(out);
    return 0;
}

static int print_directory(void)
{
    char path[4096];
    return getcwd(path, sizeof path) && fputs(path, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* Less what valgrind gives to every program. */
static int print_environment(void)
{
    for (char **entry = environ; *entry; entry++)
        if (strncmp(*entry, "VALGRIND_", 9) != 0 && strncmp(*entry, "LD_PRELOAD=", 11) != 0)
            printf("%s\n", *entry);
    return fflush(stdout);
}

/* Which of 0, 1 and 2 are open, and are they /dev/null? */
static int print_streams(void)
{
    struct stat null;
    char text[4] = "";
    stat("/dev/null", &null);
    for (int i = 0; i < 3; i++) {
        struct stat st;
        bool is_open = fstat(i, &st) == 0;
        text[i] = 'c';
        if (is_open && S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev)
            text[i] = 'n';
        else if (is_open)
            text[i] = 'o';
    }
    const char *path = getenv("STREAMS_TO");
    int fd = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd > 2 && write(fd, text, 3) == 3 ? 0 : 1;
}

static const struct {
    const char *name;
    int (*run)(void);
} children[] = {
    {"both", write_both},
    {"cat", copy_stdin},
    {"echo", echo_messages},
    {"directory", print_directory},
    {"environment", print_environment},
    {"streams", print_streams},
};

enum { BOTH, CAT, ECHO, DIRECTORY, ENVIRONMENT, STREAMS };

static int target(const mproc_value *args)
{
    int which = 0;
    mproc_unpack(args, "i", &which);
    mp_fault_disarm();
    return children[which].run();
}

int mp_helper(const char *name, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++)
        if (strcmp(name, children[i].name) == 0)
            return children[i].run();
    return 127;
}

/* Ways to start, the loop variable of each test. */
enum { FORK, COMMAND, WAYS };

static int try_start(mproc_process **p, int way, int which, mproc_process_options *options,
                     mproc_error *err)
{
    if (way == COMMAND) {
        options->command = run_own_command(children[which].name, NULL, NULL);
        return mproc_process_start(p, NULL, NULL, options, err);
    }
    mproc_value *args;
    ck_assert_int_eq(mproc_pack(&args, "i", which), 0);
    int rc = mproc_process_start(p, target, args, options, err);
    mproc_value_free(args);
    return rc;
}

static mproc_process *start(int way, int which, mproc_process_options *options)
{
    mproc_process *p = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    ck_assert_msg(try_start(&p, way, which, options, &err) == 0, "start: %s", err.text);
    return p;
}

static void fails(int way, mproc_process_options *options, int code, const char *where)
{
    mproc_process *p = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    int before = mp_count_fds();
    ck_assert_int_eq(try_start(&p, way, BOTH, options, &err), code);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.text, where), "%s", err.text);
    ck_assert_ptr_null(p);
    ck_assert_int_eq(mp_count_fds(), before);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
}

static void assert_file(const char *name, const char *expected)
{
    char text[4096];
    int fd = open(mp_test_path(name), O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_str_eq(run_read_all(fd, text, sizeof text), expected);
    close(fd);
}

static char *path_of(const char *name)
{
    char *path = strdup(mp_test_path(name));
    ck_assert_ptr_nonnull(path);
    return path;
}

/* Run a child with its stdout caught in `text`. */
static void catch_output(int way, int which, mproc_process_options *options, char *text,
                         size_t room)
{
    mproc_conn *conn = NULL;
    const mproc_stdio pipe = {.kind = MPROC_STDIO_PIPE, .conn = &conn};
    options->out = &pipe;
    mproc_process *p = start(way, which, options);
    run_read_all(mproc_conn_handle(conn), text, room);
    mproc_conn_close(conn);
    ck_assert_int_eq(run_finish(p), 0);
    options->out = NULL;
}

/* --- files -------------------------------------------------------------------------------------
 */

START_TEST(output_goes_to_files)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    char *out_path = path_of("out");
    char *err_path = path_of("err");
    const mproc_stdio out = {.kind = MPROC_STDIO_FILE, .path = out_path};
    const mproc_stdio err = {.kind = MPROC_STDIO_FILE, .path = err_path};
    options.out = &out;
    options.err = &err;
    for (int i = 0; i < 2; i++) { /* the second truncates what the first wrote */
        ck_assert_int_eq(run_finish(start(_i, BOTH, &options)), 0);
        assert_file("out", "out");
        assert_file("err", "err");
    }
    free(out_path);
    free(err_path);
}
END_TEST

START_TEST(output_is_appended)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    char *path = path_of("log");
    const mproc_stdio log = {.kind = MPROC_STDIO_APPEND, .path = path};
    options.out = &log;
    options.err = &log;
    ck_assert_int_eq(run_finish(start(_i, BOTH, &options)), 0);
    ck_assert_int_eq(run_finish(start(_i, BOTH, &options)), 0);
    assert_file("log", "outerrouterr");
    free(path);
}
END_TEST

START_TEST(errors_go_where_output_goes)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    char *path = path_of("log");
    const mproc_stdio log = {.kind = MPROC_STDIO_FILE, .path = path};
    const mproc_stdio same = {.kind = MPROC_STDIO_STDOUT};
    options.out = &log;
    options.err = &same;
    ck_assert_int_eq(run_finish(start(_i, BOTH, &options)), 0);
    assert_file("log", "outerr");
    free(path);
}
END_TEST

START_TEST(input_comes_from_a_file)
{
    char text[64];
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    char *path = path_of("in");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, "from a file", 11), 11);
    close(fd);
    const mproc_stdio in = {.kind = MPROC_STDIO_FILE, .path = path};
    options.in = &in;
    catch_output(_i, CAT, &options, text, sizeof text);
    ck_assert_str_eq(text, "from a file");
    free(path);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_is_named)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const mproc_stdio missing = {.kind = MPROC_STDIO_FILE, .path = "/nonexistent/file"};
    const mproc_stdio directory = {.kind = MPROC_STDIO_FILE, .path = "/"};
    options.in = &missing;
    fails(_i, &options, -ENOENT, "stdin: open /nonexistent/file");
    options.in = NULL;
    options.err = &missing;
    fails(_i, &options, -ENOENT, "stderr: open /nonexistent/file");
    options.out = &directory;
    fails(_i, &options, -EISDIR, "stdout: open /");
}
END_TEST

START_TEST(a_fifo_without_a_reader_does_not_hang_the_start)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    char *path = path_of("fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    const mproc_stdio fifo = {.kind = MPROC_STDIO_FILE, .path = path};
    options.out = &fifo;
    fails(_i, &options, -ENXIO, "stdout: open");
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    char text[16];
    ck_assert_int_eq(run_finish(start(_i, BOTH, &options)), 0);
    ck_assert_str_eq(run_read_all(reader, text, sizeof text), "out");
    close(reader);
    free(path);
}
END_TEST

/* --- pipes -------------------------------------------------------------------------------------
 */

/* Its standard input is a pipe from `to`, its output one to `from`. */
static mproc_process *start_piped(int way, int which, mproc_conn **to, mproc_conn **from)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const mproc_stdio in = {.kind = MPROC_STDIO_PIPE, .conn = to};
    const mproc_stdio out = {.kind = MPROC_STDIO_PIPE, .conn = from};
    options.in = &in;
    options.out = &out;
    return start(way, which, &options);
}

START_TEST(pipes_carry_what_a_foreign_program_reads_and_writes)
{
    char text[64];
    mproc_conn *in = NULL;
    mproc_conn *out = NULL;
    mproc_process *p = start_piped(_i, CAT, &in, &out);
    ck_assert_int_eq(mproc_conn_readable(in), 0);
    ck_assert_int_eq(mproc_conn_writable(out), 0);
    ck_assert_int_eq(write(mproc_conn_handle(in), "raw bytes", 9), 9);
    ck_assert_int_eq(mproc_conn_poll(out, MPROC_FOREVER), 1); /* reads nothing */
    ck_assert_int_eq(read(mproc_conn_handle(out), text, 3), 3);
    mproc_conn_close(in); /* the child's end of file: nobody else has this end */
    ck_assert_str_eq(run_read_all(mproc_conn_handle(out), text, sizeof text), " bytes");
    mproc_conn_close(out);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

START_TEST(pipes_carry_messages)
{
    char text[64];
    mproc_conn *in = NULL;
    mproc_conn *out = NULL;
    mproc_process *p = start_piped(_i, ECHO, &in, &out);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mproc_conn_send_bytes(in, "message", 7), 0);
        ck_assert_int_eq(mproc_conn_recv_bytes_into(out, text, sizeof text), 7);
    }
    mproc_conn_close(in);
    ck_assert_int_eq(mproc_conn_recv_bytes_into(out, text, sizeof text), MPROC_EOF);
    mproc_conn_close(out);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

START_TEST(errors_have_a_pipe_of_their_own)
{
    char text[64];
    mproc_conn *conn = NULL;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const mproc_stdio null = {.kind = MPROC_STDIO_NULL};
    const mproc_stdio pipe = {.kind = MPROC_STDIO_PIPE, .conn = &conn};
    options.out = &null;
    options.err = &pipe;
    mproc_process *p = start(_i, BOTH, &options);
    ck_assert_str_eq(run_read_all(mproc_conn_handle(conn), text, sizeof text), "err");
    mproc_conn_close(conn);
    ck_assert_int_eq(run_finish(p), 0);
}
END_TEST

/* Of two children, neither holds the other's pipes open. */
START_TEST(pipes_end_with_their_own_child)
{
    char text[16];
    mproc_conn *ends[4] = {NULL};
    mproc_process *p[2];
    for (int i = 0; i < 2; i++)
        p[i] = start_piped(i == 0 ? _i : COMMAND, CAT, &ends[2 * i], &ends[2 * i + 1]);
    mproc_conn_close(ends[0]);
    ck_assert_str_eq(run_read_all(mproc_conn_handle(ends[1]), text, sizeof text), "");
    ck_assert_int_eq(run_finish(p[0]), 0);
    ck_assert_int_eq(mproc_process_is_alive(p[1]), 1);
    for (int i = 1; i < 4; i++)
        mproc_conn_close(ends[i]);
    ck_assert_int_eq(run_finish(p[1]), 0);
}
END_TEST

/* --- handles, nothing, and what is there --------------------------------------------------------
 */

START_TEST(handles_stay_with_their_owner)
{
    char text[64];
    int fds[2];
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    const mproc_stdio handle = {.kind = MPROC_STDIO_HANDLE, .handle = fds[1]};
    options.out = &handle;
    options.err = &handle;
    ck_assert_int_eq(run_finish(start(_i, BOTH, &options)), 0);
    ck_assert_int_eq(run_finish(start(_i, BOTH, &options)), 0);
    close(fds[1]);
    ck_assert_str_eq(run_read_all(fds[0], text, sizeof text), "outerrouterr");
    close(fds[0]);
    const mproc_stdio closed = {.kind = MPROC_STDIO_HANDLE, .handle = fds[1]};
    const mproc_stdio none = {.kind = MPROC_STDIO_HANDLE, .handle = MPROC_INVALID_HANDLE};
    options.out = &closed;
    fails(_i, &options, -EBADF, "stdout: handle");
    options.err = &none;
    options.out = NULL;
    fails(_i, &options, -EBADF, "stderr: handle -1");
}
END_TEST

static void assert_streams(int way, mproc_process_options *options, const char *expected)
{
    char *path = path_of("streams");
    char variable[300];
    snprintf(variable, sizeof variable, "STREAMS_TO=%s", path);
    const char *environment[] = {variable, NULL};
    options->environment = environment;
    mproc_process *p = start(way, STREAMS, options);
    ck_assert_int_eq(run_finish(p), 0);
    assert_file("streams", expected);
    options->environment = NULL;
    free(path);
}

START_TEST(streams_are_null_or_this_processs_own)
{
    int fds[2];
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    dup2(fds[0], 0);
    const mproc_stdio null = {.kind = MPROC_STDIO_NULL};
    const mproc_stdio own = {.kind = MPROC_STDIO_INHERIT};
    const mproc_stdio pipe = {.kind = MPROC_STDIO_HANDLE, .handle = fds[1]};
    options.out = &pipe;
    options.err = &pipe;
    assert_streams(_i, &options, "noo");
    options.in = &own;
    assert_streams(_i, &options, "ooo");
    options.in = &null;
    options.out = &null;
    assert_streams(_i, &options, "nno");
    options.err = &null;
    assert_streams(_i, &options, "nnn");
    dup2(saved, 0);
    close(saved);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(what_is_closed_here_is_null_there)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const mproc_stdio own = {.kind = MPROC_STDIO_INHERIT};
    const mproc_stdio same = {.kind = MPROC_STDIO_STDOUT};
    int saved[] = {fcntl(0, F_DUPFD_CLOEXEC, 3), fcntl(1, F_DUPFD_CLOEXEC, 3)};
    options.in = &own;
    options.err = &same;
    close(0);
    close(1);
    assert_streams(_i, &options, "nnn");
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    close(saved[0]);
    close(saved[1]);
}
END_TEST

START_TEST(impossible_streams_are_errors)
{
    mproc_conn *conn = NULL;
    const struct {
        int stream;
        mproc_stdio stdio;
    } rows[] = {
        {0, {.kind = MPROC_STDIO_APPEND, .path = "x"}},
        {0, {.kind = MPROC_STDIO_STDOUT}},
        {0, {.kind = (mproc_stdio_kind)99}},
        {0, {.kind = MPROC_STDIO_FILE}},
        {1, {.kind = MPROC_STDIO_STDOUT}},
        {1, {.kind = MPROC_STDIO_PIPE}},
        {1, {.kind = MPROC_STDIO_APPEND}},
        {2, {.kind = (mproc_stdio_kind)-1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
        const mproc_stdio pipe = {.kind = MPROC_STDIO_PIPE, .conn = &conn};
        options.in = rows[i].stream == 0 ? &rows[i].stdio : &pipe;
        options.out = rows[i].stream == 1 ? &rows[i].stdio : &pipe;
        options.err = rows[i].stream == 2 ? &rows[i].stdio : &pipe;
        fails(_i, &options, -EINVAL, rows[i].stream == 0 ? "stdin: " : ": ");
        ck_assert_ptr_null(conn);
    }
}
END_TEST

/* --- directory, environment --------------------------------------------------------------------
 */

START_TEST(a_child_starts_in_its_directory)
{
    char text[4096];
    char real[4096];
    char *path = path_of("");
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.directory = path;
    catch_output(_i, DIRECTORY, &options, text, sizeof text);
    ck_assert_ptr_nonnull(realpath(path, real));
    ck_assert_str_eq(text, real);
    options.directory = "/nonexistent/place";
    fails(_i, &options, -ENOENT, "chdir /nonexistent/place");
    options.directory = "";
    fails(_i, &options, -ENOENT, "chdir");
    free(path);
}
END_TEST

START_TEST(an_environment_is_the_whole_of_it)
{
    char text[4096];
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const char *some[] = {"COLOUR=blue", "EMPTY=", "TWICE=a=b", NULL};
    const char *none[] = {NULL};
    options.environment = some;
    catch_output(_i, ENVIRONMENT, &options, text, sizeof text);
    ck_assert_str_eq(text, "COLOUR=blue\nEMPTY=\nTWICE=a=b\n");
    options.environment = none;
    catch_output(_i, ENVIRONMENT, &options, text, sizeof text);
    ck_assert_str_eq(text, "");
    ck_assert_ptr_nonnull(environ); /* and this process's is what it was */
    ck_assert(environ != (char **)(uintptr_t)none);
}
END_TEST

START_TEST(an_environment_without_names_is_an_error)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const char *nameless[] = {"A=1", "=2", NULL};
    const char *no_value[] = {"A", NULL};
    options.environment = nameless;
    fails(_i, &options, -EINVAL, "environment");
    options.environment = no_value;
    fails(_i, &options, -EINVAL, "environment");
}
END_TEST

/* --- faults ------------------------------------------------------------------------------------
 */

/* Nothing but the start itself happens while the fault is armed. */
static int start_with_fault(mproc_process **p, int way, mproc_conn *conns[3], mproc_error *err,
                            bool *fired, enum mp_fault_kind kind, unsigned n, int error)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    const mproc_stdio in = {.kind = MPROC_STDIO_PIPE, .conn = &conns[0]};
    const mproc_stdio out = {.kind = MPROC_STDIO_PIPE, .conn = &conns[1]};
    const mproc_stdio errors = {.kind = MPROC_STDIO_PIPE, .conn = &conns[2]};
    mproc_value *args = NULL;
    options.in = &in;
    options.out = &out;
    options.err = &errors;
    if (way == COMMAND)
        options.command = run_own_command("cat", NULL, NULL);
    else
        ck_assert_int_eq(mproc_pack(&args, "i", CAT), 0);
    mp_fault_arm(kind, n, error);
    int rc = mproc_process_start(p, way == COMMAND ? NULL : target, args, &options, err);
    *fired = mp_fault_disarm();
    mproc_value_free(args);
    return rc;
}

static void finish_with_three_pipes(mproc_process *p, mproc_conn *conns[3])
{
    for (int i = 0; i < 3; i++)
        mproc_conn_close(conns[i]);
    ck_assert_int_eq(run_finish(p), 0);
}

static void sweep(int way, enum mp_fault_kind kind, int error)
{
    for (unsigned n = 1;; n++) {
        mproc_process *p = NULL;
        mproc_conn *conns[3] = {NULL};
        mproc_error err = MPROC_ERROR_INIT;
        int before = mp_count_fds();
        bool fired;
        int rc = start_with_fault(&p, way, conns, &err, &fired, kind, n, error);
        if (rc == 0) {
            finish_with_three_pipes(p, conns);
        } else {
            ck_assert_int_eq(rc, -error);
            ck_assert_str_ne(err.text, "");
            for (int i = 0; i < 3; i++)
                ck_assert_ptr_null(conns[i]);
            ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
        }
        ck_assert_int_eq(mp_count_fds(), before);
        if (rc == 0 && !fired && n > 30)
            break;
    }
}

START_TEST(no_memory)
{
    sweep(_i, MP_FAULT_ALLOC, ENOMEM);
}
END_TEST

START_TEST(no_descriptors)
{
    sweep(_i, MP_FAULT_SYSCALL, EMFILE);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("redirect");
    TCase *tc = mp_case(suite, "files", 20);
    tcase_add_loop_test(tc, output_goes_to_files, 0, WAYS);
    tcase_add_loop_test(tc, output_is_appended, 0, WAYS);
    tcase_add_loop_test(tc, errors_go_where_output_goes, 0, WAYS);
    tcase_add_loop_test(tc, input_comes_from_a_file, 0, WAYS);
    tcase_add_loop_test(tc, a_file_that_cannot_be_opened_is_named, 0, WAYS);
    tcase_add_loop_test(tc, a_fifo_without_a_reader_does_not_hang_the_start, 0, WAYS);
    tc = mp_case(suite, "pipes", 20);
    tcase_add_loop_test(tc, pipes_carry_what_a_foreign_program_reads_and_writes, 0, WAYS);
    tcase_add_loop_test(tc, pipes_carry_messages, 0, WAYS);
    tcase_add_loop_test(tc, errors_have_a_pipe_of_their_own, 0, WAYS);
    tcase_add_loop_test(tc, pipes_end_with_their_own_child, 0, WAYS);
    tc = mp_case(suite, "others", 20);
    tcase_add_loop_test(tc, handles_stay_with_their_owner, 0, WAYS);
    tcase_add_loop_test(tc, streams_are_null_or_this_processs_own, 0, WAYS);
    tcase_add_loop_test(tc, what_is_closed_here_is_null_there, 0, WAYS);
    tcase_add_loop_test(tc, impossible_streams_are_errors, 0, WAYS);
    tc = mp_case(suite, "surroundings", 20);
    tcase_add_loop_test(tc, a_child_starts_in_its_directory, 0, WAYS);
    tcase_add_loop_test(tc, an_environment_is_the_whole_of_it, 0, WAYS);
    tcase_add_loop_test(tc, an_environment_without_names_is_an_error, 0, WAYS);
    tc = mp_case(suite, "faults", 60);
    tcase_add_loop_test(tc, no_memory, 0, WAYS);
    tcase_add_loop_test(tc, no_descriptors, 0, WAYS);
    return suite;
}
