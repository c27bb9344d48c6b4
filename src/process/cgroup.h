/* SPDX-License-Identifier: MIT */
/*
 * The CPU quota of control groups, read from their files. The parsers are pure; formats are those
 * of proc_pid_cgroup(5), proc_pid_mountinfo(5), and the kernel's cgroup-v2 and sched-bwc texts.
 */
#ifndef MP_PROCESS_CGROUP_H
#define MP_PROCESS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#define MP_CGROUP_PATH 4096 /* longest path looked at, NUL included, bytes */

/* Where one hierarchy is mounted: `root` is the group that shows at directory `point`. */
struct mp_cgroup_mount {
    char root[MP_CGROUP_PATH];
    char point[MP_CGROUP_PATH];
};

/* From a line of /proc/self/cgroup, the path of this process's group; false: another hierarchy. */
bool mp_cgroup_parse_group(const char *line, bool v2, char path[MP_CGROUP_PATH]);

/* From a line of /proc/self/mountinfo; false: not the mount of this hierarchy. */
bool mp_cgroup_parse_mount(const char *line, bool v2, struct mp_cgroup_mount *mount);

/* The directory of group `path` under this mount; false: it does not show there, or is too long. */
bool mp_cgroup_directory(const struct mp_cgroup_mount *mount, const char *path,
                         char directory[MP_CGROUP_PATH]);

/* CPUs allowed by a text such as cpu.max's "150000 100000", rounded up; 0 for no limit. */
int mp_cgroup_parse_quota(const char *text);

/* The limit for this process, 0 if there is none; `top` is put before each absolute path. */
int mp_cgroup_cpus(const char *top);

#endif
