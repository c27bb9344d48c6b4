/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/start.h>

#include "process/forkserver.h"

static int fds_before;
static char directory[64];

int mp_count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        dir = opendir("/dev/fd");
    if (!dir)
        return -1;
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

const char *mp_test_path(const char *name)
{
    static char path[256];
    if (!directory[0]) {
        snprintf(directory, sizeof directory, "/tmp/mproc-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
    }
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void before_test(void)
{
    /* check's own handlers, inherited from the runner, kill the whole process group. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    directory[0] = '\0';
    fds_before = mp_count_fds();
}

/* Only the teardown of a checked fixture can fail the test it belongs to. */
static void after_test(void)
{
    if (directory[0])
        nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    mp_forkserver_stop();
    int fds_after = mp_count_fds();
    ck_assert_msg(fds_after == fds_before, "descriptors: %d before the test, %d after it",
                  fds_before, fds_after);
    errno = 0;
    pid_t child = waitpid(-1, NULL, WNOHANG);
    ck_assert_msg(child < 0 && errno == ECHILD, "the test left a child behind: %ld", (long)child);
}

static double slower(void)
{
    const char *factor = getenv("MPROC_TEST_SLOWER");
    double value = factor ? strtod(factor, NULL) : 1;
    return value >= 1 ? value : 1;
}

unsigned mp_stride(unsigned slow)
{
    return getenv("MPROC_TEST_VALGRIND") ? slow : 1;
}

TCase *mp_case(Suite *suite, const char *name, double seconds)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, seconds * slower());
    tcase_add_checked_fixture(tc, before_test, after_test);
    suite_add_tcase(suite, tc);
    return tc;
}

__attribute__((weak)) int mp_helper(const char *name, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fprintf(stderr, "no helper %s\n", name);
    return 127;
}

/* Whole suites run once for each start method. */
static void choose_start_method(void)
{
    const char *method = getenv("MPROC_TEST_METHOD");
    if (method)
        mproc_set_start_method(method, true, NULL);
}

/* What nohup(1) and shells without job control ignore is inherited by every child that is started.
 */
static void take_signals_as_usual(void)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_DFL);
}

int main(int argc, char **argv)
{
    mproc_init();
    choose_start_method();
    if (argc >= 3 && strcmp(argv[1], "helper") == 0)
        return mp_helper(argv[2], argc - 3, argv + 3);
    take_signals_as_usual();
    SRunner *runner = srunner_create(mp_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
