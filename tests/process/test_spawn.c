/* SPDX-License-Identifier: MIT */
/* Children that are no copies: what they get, how their target is found, and what can go wrong on
 * the way. What holds for the fork server's children too is tested with both. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "process/boot.h"
#include "process/run.h"

static const char *const methods[] = {"spawn", "forkserver"};

static mproc_process_options options_of(int method)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = methods[method];
    options.start_timeout = 30;
    return options;
}

/* The start fails, with a text that contains `expected`. */
static void check_refused(const mproc_process_options *options, mproc_target target, int code,
                          const char *expected)
{
    mproc_process *p = NULL;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_process_start(&p, target, NULL, options, &err);
    ck_assert_msg(rc == code, "%s where %s is expected: %s", mproc_error_name(rc),
                  mproc_error_name(code), err.text);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.text, expected) != NULL, "\"%s\" says nothing of \"%s\"", err.text,
                  expected);
    ck_assert_ptr_null(p);
    ck_assert_uint_eq(mproc_active_children(NULL, 0), 0);
}

/* Where a file of the build lies: beside this executable. */
static const char *beside(const char *name)
{
    static char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 64);
    ck_assert_int_gt(len, 0);
    path[len] = '\0';
    snprintf(strrchr(path, '/') + 1, 64, "%s", name);
    return path;
}

/* Also in helpers, where libcheck's assertions have nobody to tell. */
static bool copy_file(const char *from, const char *to)
{
    char bytes[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    ssize_t n = -1;
    while (in >= 0 && out >= 0 && (n = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)n) != n)
            break;
    close(in);
    close(out);
    return n == 0;
}

/* --- what a child gets -------------------------------------------------------------------------
 */

/* Descriptors beyond stdio that are none of `allowed`, by which their links begin. */
static int count_strange(const char *const *allowed)
{
    DIR *dir = opendir("/proc/self/fd");
    int strange = 0;
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char path[300];
        char link[256] = "";
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd <= STDERR_FILENO || fd == dirfd(dir))
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, link, sizeof link - 1) < 0)
            continue;
        bool known = false;
        for (int i = 0; allowed[i] && !known; i++)
            known = strncmp(link, allowed[i], strlen(allowed[i])) == 0;
        strange += known ? 0 : 1;
    }
    if (dir)
        closedir(dir);
    return dir ? strange : 99;
}

/* Its own: a pidfd, or a pipe for the same purpose. */
static int look_at_descriptors(const mproc_value *args)
{
    static const char *const own[] = {"anon_inode:", "pipe:", NULL};
    static const char *const and_pipe[] = {"anon_inode:", "pipe:", "socket:", "/memfd:mproc-",
                                           NULL};
    mproc_conn *conn;
    if (mproc_value_kind(args) == MPROC_KIND_NONE)
        return mp_count_fds() > 10 ? 98 : count_strange(own);
    if (mproc_unpack(args, "C", &conn) < 0)
        return 97;
    int strange = count_strange(and_pipe);
    mproc_conn_close(conn);
    return strange + count_strange(own);
}

START_TEST(a_child_inherits_stdio_and_its_arguments_and_nothing_else)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which has descriptors of its own */
        return;
    mproc_process_options options = options_of(_i);
    mproc_conn *here;
    mproc_conn *there;
    mproc_value *args;
    int files[16];
    for (int i = 0; i < 16; i++) /* without close-on-exec, as careless libraries open them */
        files[i] = open("/dev/zero", O_RDONLY);
    ck_assert_int_eq(mproc_pipe(&here, &there, MPROC_DUPLEX), 0);
    ck_assert_int_eq(mproc_pack(&args, "C", there), 0);
    ck_assert_int_eq(run_finish(run_start_with(&options, look_at_descriptors, NULL)), 0);
    ck_assert_int_eq(run_finish(run_start_with(&options, look_at_descriptors, args)), 0);
    mproc_value_free(args);
    mproc_conn_close(here);
    mproc_conn_close(there);
    for (int i = 0; i < 16; i++)
        close(files[i]);
}
END_TEST

static int look_at_environment(const mproc_value *args)
{
    char here[4096];
    const char *directory;
    const char *value = getenv("MPROC_TEST_VALUE");
    if (mproc_unpack(args, "s", &directory) < 0 || getenv(MP_BOOT_VARIABLE))
        return 1;
    if (!value || strcmp(value, "as it is now") != 0)
        return 2;
    return getcwd(here, sizeof here) && strcmp(here, directory) == 0 ? 0 : 3;
}

START_TEST(environment_and_directory_are_those_of_the_start)
{
    mproc_process_options options = options_of(_i);
    char before[4096];
    mproc_value *args;
    ck_assert_int_eq(run_finish(run_start_with(&options, run_nothing, NULL)), 0);
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    setenv("MPROC_TEST_VALUE", "as it is now", 1);
    ck_assert_int_eq(chdir("/usr"), 0);
    ck_assert_int_eq(mproc_pack(&args, "s", "/usr"), 0);
    ck_assert_int_eq(run_finish(run_start_with(&options, look_at_environment, args)), 0);
    mproc_value_free(args);
    ck_assert_int_eq(chdir(before), 0);
    const char *const environment[] = {"MPROC_TEST_VALUE=as it is now", NULL};
    setenv("MPROC_TEST_VALUE", "something else", 1);
    options.environment = environment;
    options.directory = "/";
    ck_assert_int_eq(mproc_pack(&args, "s", "/"), 0);
    ck_assert_int_eq(run_finish(run_start_with(&options, look_at_environment, args)), 0);
    mproc_value_free(args);
    options.directory = "/nonexistent";
    check_refused(&options, run_nothing, -ENOENT, "/nonexistent");
}
END_TEST

static int print_and_return(const mproc_value *args)
{
    (void)args;
    printf("out");
    fprintf(stderr, "err");
    return getchar() == 'i' ? 0 : 1;
}

START_TEST(stdio_goes_where_it_is_told_to)
{
    mproc_process_options options = options_of(_i);
    ck_assert_int_eq(run_finish(run_start_with(&options, run_nothing, NULL)), 0);
    char text[8] = "";
    mproc_conn *in = NULL;
    mproc_stdio input = {.kind = MPROC_STDIO_PIPE, .conn = &in};
    mproc_stdio output = {.kind = MPROC_STDIO_FILE, .path = mp_test_path("out")};
    mproc_stdio error = {.kind = MPROC_STDIO_STDOUT};
    options.in = &input;
    options.out = &output;
    options.err = &error;
    mproc_process *p = run_start_with(&options, print_and_return, NULL);
    ck_assert_int_eq(write(mproc_conn_handle(in), "i", 1), 1);
    mproc_conn_close(in);
    ck_assert_int_eq(run_finish(p), 0);
    int fd = open(mp_test_path("out"), O_RDONLY);
    ck_assert_int_eq(read(fd, text, sizeof text - 1), 6);
    ck_assert_str_eq(text, "errout");
    close(fd);
}
END_TEST

static int sum(const mproc_value *args)
{
    size_t len;
    const unsigned char *bytes = mproc_value_bytes(args, &len);
    unsigned total = 0;
    for (size_t i = 0; i < len; i += 4096)
        total += bytes[i];
    return (int)(total % 251);
}

START_TEST(arguments_may_be_long)
{
    mproc_process_options options = options_of(_i);
    size_t len = (size_t)run_times(256) << 20;
    unsigned char *bytes = malloc(len);
    mproc_value *args;
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 3, len);
    ck_assert_int_eq(mproc_value_new_bytes(&args, bytes, len), 0);
    free(bytes);
    ck_assert_int_eq(run_finish(run_start_with(&options, sum, args)), (int)(len / 4096 * 3 % 251));
    mproc_value_free(args);
}
END_TEST

static int log_something(const mproc_value *args)
{
    (void)args;
    mp_log(MPROC_LOG_INFO, "here");
    mp_log(MPROC_LOG_DEBUG, "not here");
    return 0;
}

START_TEST(messages_to_stderr_are_a_childs_too)
{
    mproc_process_options options = options_of(_i);
    char text[64] = "";
    mproc_stdio error = {.kind = MPROC_STDIO_FILE, .path = mp_test_path("err")};
    options.err = &error;
    options.name = "worker";
    mproc_log_to_stderr(MPROC_LOG_INFO);
    ck_assert_int_eq(run_finish(run_start_with(&options, log_something, NULL)), 0);
    mproc_log_set(NULL, NULL, MPROC_LOG_OFF);
    int fd = open(mp_test_path("err"), O_RDONLY);
    ck_assert_int_gt(read(fd, text, sizeof text - 1), 0);
    ck_assert_str_eq(text, "[INFO/worker] here\n");
    close(fd);
}
END_TEST

#if defined __linux__ && !defined MP_PORTABLE
static void read_proc(pid_t pid, const char *name, char text[256])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, 255);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
}

START_TEST(a_child_is_called_like_its_parent)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which is the program then */
        return;
    mproc_process_options options = options_of(_i);
    char ours[256];
    char theirs[256];
    mproc_process *p = run_start_with(&options, run_forever, NULL);
    read_proc(getpid(), "comm", ours);
    read_proc(mproc_process_pid(p), "comm", theirs);
    ck_assert_str_eq(ours, theirs);
    read_proc(getpid(), "cmdline", ours);
    read_proc(mproc_process_pid(p), "cmdline", theirs);
    ck_assert_str_eq(ours, theirs); /* the first argument ends the string */
    ck_assert_str_eq(theirs + strlen(theirs) + 1, "mproc");
    mproc_process_kill(p);
    run_finish(p);
}
END_TEST
#endif

/* --- where the target is -----------------------------------------------------------------------
 */

static mproc_target find(void *library, const char *name)
{
    mproc_target target = NULL;
    void *symbol = dlsym(library, name);
    ck_assert_ptr_nonnull(symbol);
    memcpy(&target, &symbol, sizeof target);
    return target;
}

START_TEST(a_target_may_be_in_a_library_that_was_loaded)
{
    mproc_process_options options = options_of(_i);
    void *library = dlopen(beside("process_plugin.so"), RTLD_NOW);
    ck_assert_msg(library != NULL, "%s", dlerror());
    ck_assert_int_eq(run_finish(run_start_with(&options, find(library, "plugin_seven"), NULL)), 7);
#if !defined MP_PORTABLE
    mproc_target (*hidden)(void);
    void *symbol = dlsym(library, "plugin_hidden");
    memcpy(&hidden, &symbol, sizeof hidden);
    ck_assert_int_eq(run_finish(run_start_with(&options, hidden(), NULL)), 8);
#endif
    dlclose(library);
}
END_TEST

START_TEST(a_library_that_is_another_one_now_is_not_loaded)
{
    mproc_process_options options = options_of(_i);
    char path[256];
    snprintf(path, sizeof path, "%s", mp_test_path("plugin.so"));
    ck_assert(copy_file(beside("process_plugin.so"), path));
    void *library = dlopen(path, RTLD_NOW);
    ck_assert_msg(library != NULL, "%s", dlerror());
    mproc_target seven = find(library, "plugin_seven");
    ck_assert_int_eq(run_finish(run_start_with(&options, seven, NULL)), 7);
    ck_assert_int_eq(unlink(path), 0);
    check_refused(&options, seven, MPROC_ETARGET, "plugin.so");
    ck_assert(copy_file("/proc/self/exe", path));
    setenv("MPROC_TEST_PLUGIN_DIES", "1", 1);
    check_refused(&options, seven, MPROC_ETARGET, "plugin.so");
    dlclose(library);
}
END_TEST

START_TEST(a_child_that_dies_while_it_loads_a_library_is_reported)
{
    mproc_process_options options = options_of(_i);
    void *library = dlopen(beside("process_plugin.so"), RTLD_NOW);
    ck_assert_msg(library != NULL, "%s", dlerror());
    mproc_target seven = find(library, "plugin_seven");
    setenv("MPROC_TEST_PLUGIN_DIES", "1", 1);
    check_refused(&options, seven, MPROC_ESTART, "signal 9");
    unsetenv("MPROC_TEST_PLUGIN_DIES");
    ck_assert_int_eq(run_finish(run_start_with(&options, seven, NULL)), 7);
    dlclose(library);
}
END_TEST

START_TEST(a_target_in_no_file_is_refused)
{
    mproc_process_options options = options_of(_i);
    char *memory = calloc(1, 64);
    mproc_target target = NULL;
    memcpy(&target, &memory, sizeof target);
    check_refused(&options, target, MPROC_ETARGET, "target");
    char *stack = (char *)&options;
    memcpy(&target, &stack, sizeof target);
    check_refused(&options, target, MPROC_ETARGET, "target");
    free(memory);
}
END_TEST

/* --- which program -----------------------------------------------------------------------------
 */

START_TEST(a_program_that_cannot_be_executed_is_an_error_with_its_errno)
{
    mproc_process_options options = options_of(_i);
    ck_assert_int_eq(mproc_set_executable("relative"), -EINVAL);
    ck_assert_int_eq(mproc_set_executable("/nonexistent"), 0);
    check_refused(&options, run_nothing, -ENOENT, "/nonexistent");
    ck_assert_int_eq(mproc_set_executable("/etc/passwd"), 0);
    check_refused(&options, run_nothing, -EACCES, "/etc/passwd");
    ck_assert_int_eq(mproc_set_executable("/bin/false"), 0);
    check_refused(&options, run_nothing, MPROC_ESTART, "exit code 1");
    ck_assert_int_eq(mproc_set_executable(NULL), 0);
    ck_assert_int_eq(run_finish(run_start_with(&options, run_nothing, NULL)), 0);
}
END_TEST

static void check_helper(const char *const args[], const char *expected)
{
    char text[512];
    struct run_helper helper = run_helper_start(args, -1);
    int status = run_helper_finish(&helper, text, sizeof text);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(status, 0);
}

/* Run another file than this one; it prints at most so many lines, each with `expected` in it. */
static void check_program(const char *const argv[], const char *expected, int most)
{
    int fds[2];
    char text[2048];
    size_t used = 0;
    ck_assert_int_eq(mp_fd_pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    mp_fd_close(&fds[1]);
    ssize_t n;
    while (used < sizeof text - 1 && (n = read(fds[0], text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    mp_fd_close(&fds[0]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "status %d, text \"%s\"", status, text);
    int lines = 0;
    for (const char *at = text; *at; at = strchr(at, '\n') + 1, lines++)
        ck_assert_msg(strstr(at, expected) != NULL && strchr(at, '\n') != NULL,
                      "\"%s\" where \"%s\" is expected", text, expected);
    ck_assert_msg(lines > 0 && lines <= most, "%d lines: %s", lines, text);
}

START_TEST(a_deleted_or_replaced_program_still_starts_itself)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* which is the program then */
        return;
#if !defined MP_PORTABLE /* which goes by the file's name */
    char path[256];
    snprintf(path, sizeof path, "%s", mp_test_path("program"));
    ck_assert(copy_file("/proc/self/exe", path));
    check_program((const char *[]){path, "helper", "unlink", methods[_i], path, NULL}, "7", 1);
    ck_assert(copy_file("/proc/self/exe", path));
    check_program((const char *[]){path, "helper", "replace", methods[_i], path, NULL}, "7", 1);
#endif
}
END_TEST

static int help_without_file(const char *method, const char *path, bool replace)
{
    mproc_process *p;
    mproc_value *args;
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    int code = -1;
    options.start_method = method;
    if (unlink(path) < 0)
        return 1;
    if (replace && !copy_file("/bin/sh", path))
        return 1;
    if (mproc_pack(&args, "i", 7) < 0 ||
        mproc_process_start(&p, run_number, args, &options, NULL) < 0 ||
        mproc_process_join(p, MPROC_FOREVER) < 0 || mproc_process_exitcode(p, &code) < 0)
        return 2;
    mproc_value_free(args);
    printf("%d\n", code);
    return mproc_process_close(p);
}

START_TEST(a_program_that_forgot_its_first_line_is_told_so)
{
    char path[4096];
    snprintf(path, sizeof path, "%s", beside("process_forgetful"));
    const char *method = methods[_i];
#if !defined MP_PORTABLE
    check_program((const char *[]){path, method, "return", "20", NULL}, "mproc_init()", 1);
    check_program((const char *[]){path, method, "return", "20", NULL}, "MPROC_ESTART", 1);
    check_program((const char *[]){path, method, "sleep", "0.3", NULL}, "ETIMEDOUT", 1);
    check_program((const char *[]){path, method, "close", "20", NULL}, "MPROC_ESTART", 1);
    /* One line of the parent, which need not wait for its deadline, and at most two of the child,
     * which is killed then. */
    check_program((const char *[]){path, method, "start", "20", NULL}, "mproc_init()", 3);
    check_program((const char *[]){path, method, "quietly", "20", NULL},
                  "MPROC_ESTART: the child: this process was started", 1);
#else
    check_program((const char *[]){path, method, "return", "20", NULL}, "MPROC_EBOOTSTRAP", 1);
#endif
}
END_TEST

/* Prints what mproc_init() and a start say of the variable. */
static int help_init(void)
{
    mproc_process *p;
    mproc_error err = MPROC_ERROR_INIT;
    int rc = mproc_init();
    bool there = getenv(MP_BOOT_VARIABLE) != NULL;
    int started = mproc_process_start(&p, run_nothing, NULL, NULL, &err);
    printf("%s %d %s", mproc_error_name(rc), there, mproc_error_name(started));
    return strstr(err.text, MP_BOOT_VARIABLE) ? 0 : 1;
}

START_TEST(a_variable_that_the_parent_did_not_set_is_an_error)
{
    int fds[2];
    char socket[64];
    ck_assert_int_eq(mp_fd_socketpair(fds), 0);
    fcntl(fds[0], F_SETFD, 0);
    snprintf(socket, sizeof socket, "%d:1", fds[0]);
    const char *const values[] = {"",     "x",     "5",    "5:",           "0:1",
                                  "-7:1", "900:1", "99:9", "3000000000:1", ":1",
                                  "1:1",  "7:x",   socket};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        setenv(MP_BOOT_VARIABLE, values[i], 1);
        check_helper((const char *[]){"init", NULL}, "MPROC_EBOOTSTRAP 0 MPROC_EBOOTSTRAP");
    }
    unsetenv(MP_BOOT_VARIABLE);
    mp_fd_close(&fds[0]);
    mp_fd_close(&fds[1]);
}
END_TEST

/* --- deaths on the way -------------------------------------------------------------------------
 */

/* In every program that this test executes: a child may be told to stop or die before main(). */
__attribute__((constructor)) static void meet_fate(void)
{
    const char *after = getenv("MPROC_TEST_DIES_AFTER_US");
    if (!getenv(MP_BOOT_VARIABLE))
        return;
    if (getenv("MPROC_TEST_STOPS"))
        raise(SIGSTOP);
    if (after) {
        long us = strtol(after, NULL, 10);
        struct itimerval timer = {.it_value = {.tv_sec = us / 1000000, .tv_usec = us % 1000000}};
        setitimer(ITIMER_REAL, &timer, NULL);
    }
}

START_TEST(a_child_that_is_stopped_on_its_way_costs_no_more_than_the_timeout)
{
    mproc_process_options options = options_of(0);
    options.start_timeout = 0.2;
    setenv("MPROC_TEST_STOPS", "1", 1);
    int64_t before = mp_clock_now();
    check_refused(&options, run_nothing, -ETIMEDOUT, "0.2 s");
    ck_assert_int_lt((mp_clock_now() - before) / 1000000, 10000);
    unsetenv("MPROC_TEST_STOPS");
}
END_TEST

static int sleep_a_little(const mproc_value *args)
{
    (void)args;
    usleep(2000);
    return 0;
}

/* A timer kills the child at one moment after the other, before its target runs or after. */
START_TEST(a_child_may_die_at_any_moment_of_its_way)
{
    mproc_process_options options = options_of(0);
    int died[2] = {0, 0};
    for (int us = 1; us < 20000; us += us / (run_times(1000) < 1000 ? 3 : 30) + 10) {
        char text[16];
        mproc_process *p = NULL;
        mproc_error err = MPROC_ERROR_INIT;
        snprintf(text, sizeof text, "%d", us);
        setenv("MPROC_TEST_DIES_AFTER_US", text, 1);
        int rc = mproc_process_start(&p, sleep_a_little, NULL, &options, &err);
        if (rc < 0) {
            ck_assert_msg(rc == MPROC_ESTART, "%s: %s", mproc_error_name(rc), err.text);
            ck_assert_ptr_nonnull(strstr(err.text, "signal 14"));
            died[0]++;
            continue;
        }
        int code = run_finish(p);
        ck_assert(code == 0 || code == -SIGALRM);
        died[1] += code != 0;
    }
    unsetenv("MPROC_TEST_DIES_AFTER_US");
    ck_assert_int_gt(died[0], 0);
}
END_TEST

/* Start daemons until the test kills us; all that lives of them then must end. */
static int help_storm(const char *method)
{
    mproc_process_options options = MPROC_PROCESS_OPTIONS_INIT;
    options.start_method = method;
    options.daemon = true;
    for (int i = 0; i < 30; i++) {
        mproc_process *p;
        (void)!write(STDOUT_FILENO, ".", 1);
        if (mproc_process_start(&p, run_forever, NULL, &options, NULL) < 0)
            return 1;
    }
    return run_forever(NULL);
}

START_TEST(no_child_escapes_the_death_of_its_parent)
{
    unsigned seed = (unsigned)getpid();
    unsigned state = seed;
    int times = run_times(60);
    for (int i = 0; i < times; i++) {
        char text[64];
        struct run_helper helper =
            run_helper_start((const char *[]){"storm", methods[_i], NULL}, -1);
        state = state * 1103515245U + 12345U;
        for (unsigned k = (state >> 16) % 12 + 1; k > 0; k--)
            ck_assert_int_eq(read(helper.out, text, 1), 1);
        usleep((state >> 20) % 3000); /* which moment it is, is no matter */
        kill(helper.pid, SIGKILL);
        bool ended = run_helper_read(&helper, text, sizeof text);
        int status = run_helper_reap(&helper);
        ck_assert_msg(ended, "a child was left behind, seed %u, round %d", seed, i);
        ck_assert_int_eq(status, SIGKILL);
    }
}
END_TEST

/* --- others meanwhile --------------------------------------------------------------------------
 */

static atomic_bool is_starting;

static void *start_a_stopped_one(void *arg)
{
    mproc_process *p = NULL;
    mproc_process_options options = options_of(0);
    const char *const environment[] = {"MPROC_TEST_STOPS=1", NULL};
    options.environment = environment;
    options.start_timeout = 1.5;
    atomic_store(&is_starting, true);
    int rc = mproc_process_start(&p, run_nothing, NULL, &options, NULL);
    atomic_store(&is_starting, false);
    return rc == -ETIMEDOUT && !p ? arg : NULL;
}

START_TEST(a_slow_start_holds_up_nobody)
{
    if (getenv("MPROC_TEST_VALGRIND")) /* under which every start is slow */
        return;
    pthread_t thread;
    int started = 0;
    void *result;
    mproc_process_options options = options_of(_i);
    ck_assert_int_eq(run_finish(run_start_with(&options, run_nothing, NULL)), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, start_a_stopped_one, &started), 0);
    while (!atomic_load(&is_starting))
        sched_yield();
    while (atomic_load(&is_starting)) {
        mproc_process *found[4];
        mproc_process *p = run_start_with(&options, run_forever, NULL);
        ck_assert_uint_eq(mproc_active_children(found, 4), 1);
        ck_assert_ptr_eq(found[0], p);
        mproc_process_kill(p);
        ck_assert_int_eq(run_finish(p), -SIGKILL);
        started++;
    }
    pthread_join(thread, &result);
    ck_assert_ptr_eq(result, &started);
    ck_assert_int_gt(started, 1);
}
END_TEST

static void *start_many(void *arg)
{
    const mproc_process_options *options = arg;
    int times = run_times(20);
    for (int i = 0; i < times; i++) {
        mproc_process *p;
        int code = -1;
        if (mproc_process_start(&p, run_nothing, NULL, options, NULL) < 0 ||
            mproc_process_join(p, MPROC_FOREVER) < 0 || mproc_process_exitcode(p, &code) < 0 ||
            code != 0 || mproc_process_close(p) < 0)
            return arg;
    }
    return NULL;
}

START_TEST(threads_start_by_all_methods_at_once)
{
    static const char *const all[] = {"spawn", "forkserver", "spawn", "forkserver"};
    mproc_process_options options[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        options[i] = options_of(0);
        options[i].start_method = all[i];
        pthread_create(&threads[i], NULL, start_many, &options[i]);
    }
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

int mp_helper(const char *name, int argc, char **argv)
{
    if (strcmp(name, "storm") == 0 && argc > 0)
        return help_storm(argv[0]);
    if (strcmp(name, "init") == 0)
        return help_init();
    if (argc > 1)
        return help_without_file(argv[0], argv[1], strcmp(name, "replace") == 0);
    return 127;
}

Suite *mp_suite(void)
{
    Suite *suite = suite_create("spawn");
    TCase *tc = mp_case(suite, "inherited", 60);
    tcase_add_loop_test(tc, a_child_inherits_stdio_and_its_arguments_and_nothing_else, 0, 2);
    tcase_add_loop_test(tc, environment_and_directory_are_those_of_the_start, 0, 2);
    tcase_add_loop_test(tc, stdio_goes_where_it_is_told_to, 0, 2);
    tcase_add_loop_test(tc, arguments_may_be_long, 0, 2);
    tcase_add_loop_test(tc, messages_to_stderr_are_a_childs_too, 0, 2);
#if defined __linux__ && !defined MP_PORTABLE
    tcase_add_loop_test(tc, a_child_is_called_like_its_parent, 0, 1);
#endif
    tc = mp_case(suite, "target", 60);
    tcase_add_loop_test(tc, a_target_may_be_in_a_library_that_was_loaded, 0, 2);
    tcase_add_loop_test(tc, a_library_that_is_another_one_now_is_not_loaded, 0, 2);
    tcase_add_loop_test(tc, a_child_that_dies_while_it_loads_a_library_is_reported, 0, 2);
    tcase_add_loop_test(tc, a_target_in_no_file_is_refused, 0, 2);
    tc = mp_case(suite, "program", 60);
    tcase_add_loop_test(tc, a_program_that_cannot_be_executed_is_an_error_with_its_errno, 0, 2);
    tcase_add_loop_test(tc, a_deleted_or_replaced_program_still_starts_itself, 0, 2);
    tcase_add_loop_test(tc, a_program_that_forgot_its_first_line_is_told_so, 0, 2);
    tcase_add_test(tc, a_variable_that_the_parent_did_not_set_is_an_error);
    tc = mp_case(suite, "deaths", 60);
    tcase_add_test(tc, a_child_that_is_stopped_on_its_way_costs_no_more_than_the_timeout);
    tcase_add_test(tc, a_child_may_die_at_any_moment_of_its_way);
    tcase_add_loop_test(tc, no_child_escapes_the_death_of_its_parent, 0, 2);
    tc = mp_case(suite, "meanwhile", 60);
    tcase_add_loop_test(tc, a_slow_start_holds_up_nobody, 0, 2);
    tcase_add_test(tc, threads_start_by_all_methods_at_once);
    return suite;
}
