/* SPDX-License-Identifier: MIT */
/* Affinity, and the CPU quota in the files of control groups. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/process.h>

#include "process/cgroup.h"
#include "support/suite.h"

START_TEST(there_is_at_least_one_cpu)
{
    ck_assert_int_ge(mproc_cpu_count(), 1);
    ck_assert_int_le(mproc_cpu_count(), (int)sysconf(_SC_NPROCESSORS_CONF));
}
END_TEST

#if !defined MP_PORTABLE
START_TEST(cpus_that_are_not_ours_are_not_counted)
{
    cpu_set_t all;
    cpu_set_t one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_SET(cpu, &one);
        break;
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(mproc_cpu_count(), 1);
    sched_setaffinity(0, sizeof all, &all);
}
END_TEST
#endif

START_TEST(quotas_are_rounded_up)
{
    static const struct {
        const char *text;
        int cpus;
    } cases[] = {
        {"max 100000\n", 0},
        {"100000 100000\n", 1},
        {"150000 100000\n", 2},
        {"1000 100000\n", 1},
        {"400000 100000", 4},
        {"400001 100000", 5},
        {"50000 20000\n", 3},
        {"-1 100000", 0},
        {"0 100000", 0},
        {"100000 0", 0},
        {"100000 -5", 0},
        {"100000", 0},
        {"", 0},
        {"\n", 0},
        {"garbage", 0},
        {"99999999999999999999 1", 2147483647},
        {"4294967296 1", 2147483647},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(mp_cgroup_parse_quota(cases[i].text) == cases[i].cpus, "%s", cases[i].text);
}
END_TEST

START_TEST(the_group_is_found_in_its_hierarchy)
{
    static const struct {
        const char *line;
        bool v2;
        const char *path;
    } cases[] = {
        {"0::/\n", true, "/"},
        {"0::/user.slice/a b\n", true, "/user.slice/a b"},
        {"0::/x:y\n", true, "/x:y"},
        {"0::/", false, NULL},
        {"4:cpu,cpuacct:/docker/1\n", false, "/docker/1"},
        {"4:cpuacct,cpu:/d", false, "/d"},
        {"4:cpu:/", false, "/"},
        {"4:cpuset:/d", false, NULL},
        {"4:cpuacct:/d", false, NULL},
        {"4:cpu,cpuacct:/d", true, NULL},
        {"10::/d", true, NULL},
        {"1:name=systemd:/cpu", false, NULL},
        {"", true, NULL},
        {"0:", true, NULL},
        {"0::", true, NULL},
        {"0::relative", true, NULL},
    };
    char path[MP_CGROUP_PATH];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool found = mp_cgroup_parse_group(cases[i].line, cases[i].v2, path);
        ck_assert_msg(found == (cases[i].path != NULL), "%s", cases[i].line);
        if (found)
            ck_assert_str_eq(path, cases[i].path);
    }
    char longer[2 * MP_CGROUP_PATH] = "0::/";
    memset(longer + 4, 'x', sizeof longer - 5);
    ck_assert(!mp_cgroup_parse_group(longer, true, path));
}
END_TEST

START_TEST(the_mount_is_found_among_mounts)
{
    static const struct {
        const char *line;
        bool v2;
        const char *root;
        const char *point;
    } cases[] = {
        {"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", true,
         "/", "/sys/fs/cgroup"},
        {"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", false, NULL, NULL},
        {"35 30 0:30 /docker/1 /sys/fs/cgroup/cpu,cpuacct ro shared:9 master:1 - cgroup cgroup "
         "rw,cpu,cpuacct\n",
         false, "/docker/1", "/sys/fs/cgroup/cpu,cpuacct"},
        {"36 30 0:31 / /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n", false, NULL, NULL},
        {"36 30 0:31 /a\\040b /srv/c\\134d ro - cgroup2 none rw", true, "/a b", "/srv/c\\d"},
        {"36 30 0:31 / /x\\04 ro - cgroup2 none rw", true, "/", "/x\\04"},
        {"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", true, NULL, NULL},
        {"22 1 8:1 / / rw ext4\n", true, NULL, NULL},
        {" - cgroup2", true, NULL, NULL},
        {"a b - cgroup2 c d", true, NULL, NULL},
        {"", false, NULL, NULL},
    };
    static struct mp_cgroup_mount mount;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool found = mp_cgroup_parse_mount(cases[i].line, cases[i].v2, &mount);
        ck_assert_msg(found == (cases[i].root != NULL), "%s", cases[i].line);
        if (!found)
            continue;
        ck_assert_str_eq(mount.root, cases[i].root);
        ck_assert_str_eq(mount.point, cases[i].point);
    }
}
END_TEST

START_TEST(a_group_shows_below_its_mount)
{
    static const struct {
        const char *root;
        const char *point;
        const char *path;
        const char *directory;
    } cases[] = {
        {"/", "/cg", "/", "/cg"},
        {"/", "/cg", "/a/b", "/cg/a/b"},
        {"/docker/1", "/cg", "/docker/1", "/cg"},
        {"/docker/1", "/cg", "/docker/1/x", "/cg/x"},
        {"/docker/1", "/cg", "/docker/12", NULL},
        {"/docker/1", "/cg", "/", NULL},
        {"/", "/cg", "/../../other", "/cg"},
    };
    static struct mp_cgroup_mount mount;
    char directory[MP_CGROUP_PATH];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(mount.root, sizeof mount.root, "%s", cases[i].root);
        snprintf(mount.point, sizeof mount.point, "%s", cases[i].point);
        bool found = mp_cgroup_directory(&mount, cases[i].path, directory);
        ck_assert_msg(found == (cases[i].directory != NULL), "%s", cases[i].path);
        if (found)
            ck_assert_str_eq(directory, cases[i].directory);
    }
}
END_TEST

/* Write a file under the test's directory, whose own path comes back. */
static const char *put(const char *path, const char *text)
{
    static char top[256];
    char file[512];
    snprintf(top, sizeof top, "%s", mp_test_path(""));
    top[strlen(top) - 1] = '\0';
    snprintf(file, sizeof file, "%s%s", top, path);
    for (char *slash = file + strlen(top) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        ck_assert(mkdir(file, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
    return top;
}

START_TEST(the_tightest_group_on_the_way_up_counts)
{
    put("/proc/self/cgroup", "1:name=systemd:/x\n0::/a/b\n");
    put("/proc/self/mountinfo", "1 1 8:1 / / rw - ext4 x rw\n"
                                "2 1 0:26 / /cg rw shared:4 - cgroup2 cgroup2 rw\n");
    const char *top = put("/cg/a/b/cpu.max", "max 100000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 0);
    put("/cg/a/cpu.max", "250000 100000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 3);
    put("/cg/a/b/cpu.max", "900000 100000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 3);
    put("/cg/a/b/cpu.max", "110000 100000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 2);
    put("/cg/cpu.max", "100000 100000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 1);
    /* Above the mount point is no group. */
    put("/cg/cpu.max", "max 100000\n");
    put("/cpu.max", "100000 100000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 2);
}
END_TEST

START_TEST(the_first_version_has_two_files)
{
    put("/proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n0::/\n");
    put("/proc/self/mountinfo", "2 1 0:26 / /cg/unified rw - cgroup2 cgroup2 rw\n"
                                "3 1 0:27 /docker/1 /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
    put("/cg/cpu/cpu.cfs_quota_us", "-1\n");
    const char *top = put("/cg/cpu/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 0);
    put("/cg/cpu/cpu.cfs_quota_us", "350000\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 4);
}
END_TEST

START_TEST(without_groups_there_is_no_limit)
{
    const char *top = put("/nothing", "");
    ck_assert_int_eq(mp_cgroup_cpus(top), 0);
    put("/proc/self/cgroup", "0::/gone\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 0);
    put("/proc/self/mountinfo", "2 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n");
    ck_assert_int_eq(mp_cgroup_cpus(top), 0);
}
END_TEST

Suite *mp_suite(void)
{
    Suite *suite = suite_create("cpu count");
    TCase *tc = mp_case(suite, "cpu count", 10);
    tcase_add_test(tc, there_is_at_least_one_cpu);
#if !defined MP_PORTABLE
    tcase_add_test(tc, cpus_that_are_not_ours_are_not_counted);
#endif
    tcase_add_test(tc, quotas_are_rounded_up);
    tcase_add_test(tc, the_group_is_found_in_its_hierarchy);
    tcase_add_test(tc, the_mount_is_found_among_mounts);
    tcase_add_test(tc, a_group_shows_below_its_mount);
    tcase_add_test(tc, the_tightest_group_on_the_way_up_counts);
    tcase_add_test(tc, the_first_version_has_two_files);
    tcase_add_test(tc, without_groups_there_is_no_limit);
    return suite;
}
