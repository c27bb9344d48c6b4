/* SPDX-License-Identifier: MIT */
#include "process/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is `item` one of the comma-separated words of the `len` bytes at `list`? */
static bool lists(const char *list, size_t len, const char *item)
{
    size_t want = strlen(item);
    const char *end = list + len;
    while (list < end) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        size_t n = (size_t)((comma ? comma : end) - list);
        if (n == want && memcmp(list, item, n) == 0)
            return true;
        list += n + 1;
    }
    return false;
}

/* "0::/user.slice" is the v2 group, "4:cpu,cpuacct:/docker/1" one of v1. */
bool mp_cgroup_parse_group(const char *line, bool v2, char path[MP_CGROUP_PATH])
{
    const char *controllers = strchr(line, ':');
    const char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group || group[1] != '/')
        return false;
    size_t listed = (size_t)(group - controllers - 1);
    bool wanted = v2 ? strncmp(line, "0::", 3) == 0 : lists(controllers + 1, listed, "cpu");
    size_t len = strcspn(group + 1, "\n");
    if (!wanted || len >= MP_CGROUP_PATH)
        return false;
    memcpy(path, group + 1, len);
    path[len] = '\0';
    return true;
}

static bool is_octal(const char *digits)
{
    for (int i = 0; i < 3; i++)
        if (digits[i] < '0' || digits[i] > '7')
            return false;
    return true;
}

/* Copy a field of mountinfo, in which blanks and backslashes are written as \ooo. */
static bool copy_field(const char *field, size_t len, char out[MP_CGROUP_PATH])
{
    if (len >= MP_CGROUP_PATH)
        return false;
    while (len > 0) {
        if (*field == '\\' && len >= 4 && is_octal(field + 1)) {
            *out++ = (char)((field[1] - '0') << 6 | (field[2] - '0') << 3 | (field[3] - '0'));
            field += 4;
            len -= 4;
        } else {
            *out++ = *field++;
            len--;
        }
    }
    *out = '\0';
    return true;
}

/* The n-th blank-separated field, n from 0; its length is 0 behind the last one. */
static const char *find_field(const char *line, int n, size_t *len)
{
    while (n-- > 0) {
        line += strcspn(line, " \n");
        line += strspn(line, " ");
    }
    *len = strcspn(line, " \n");
    return line;
}

/* id parent dev ROOT POINT options tags… - TYPE source SUPER-OPTIONS */
bool mp_cgroup_parse_mount(const char *line, bool v2, struct mp_cgroup_mount *mount)
{
    const char *tail = strstr(line, " - ");
    if (!tail)
        return false;
    size_t len;
    const char *type = find_field(tail + 3, 0, &len);
    const char *wanted = v2 ? "cgroup2" : "cgroup";
    if (len != strlen(wanted) || memcmp(type, wanted, len) != 0)
        return false;
    const char *options = find_field(tail + 3, 2, &len);
    if (!v2 && !lists(options, len, "cpu"))
        return false;
    const char *root = find_field(line, 3, &len);
    if (root > tail || !copy_field(root, len, mount->root))
        return false;
    const char *point = find_field(line, 4, &len);
    return point < tail && copy_field(point, len, mount->point);
}

bool mp_cgroup_directory(const struct mp_cgroup_mount *mount, const char *path,
                         char directory[MP_CGROUP_PATH])
{
    /* In a cgroup namespace, groups outside of it begin with "/..": what shows is all there is. */
    bool outside = strncmp(path, "/..", 3) == 0;
    size_t root = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    if (!outside && (strncmp(path, mount->root, root) != 0 || (path[root] && path[root] != '/')))
        return false;
    const char *below = outside ? "" : path + root;
    if (strcmp(below, "/") == 0)
        below = "";
    int n = snprintf(directory, MP_CGROUP_PATH, "%s%s", mount->point, below);
    return n >= 0 && n < MP_CGROUP_PATH;
}

int mp_cgroup_parse_quota(const char *text)
{
    char *end;
    long long quota = strtoll(text, &end, 10);
    if (end == text || quota <= 0) /* "max" in v2, -1 in v1 */
        return 0;
    char *last;
    long long period = strtoll(end, &last, 10);
    if (last == end || period <= 0)
        return 0;
    long long cpus = quota / period + (quota % period != 0);
    return cpus > INT_MAX ? INT_MAX : (int)cpus;
}

static bool read_line(const char *directory, const char *name, char *text, size_t room)
{
    char path[MP_CGROUP_PATH + 32];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool read = fgets(text, (int)room, file) != NULL;
    fclose(file);
    return read;
}

static int quota_of(const char *directory, bool v2)
{
    char text[128];
    if (v2)
        return read_line(directory, "cpu.max", text, sizeof text) ? mp_cgroup_parse_quota(text) : 0;
    char period[64];
    if (!read_line(directory, "cpu.cfs_quota_us", text, 64) ||
        !read_line(directory, "cpu.cfs_period_us", period, sizeof period))
        return 0;
    text[strcspn(text, "\n")] = '\0';
    snprintf(text + strlen(text), sizeof text - strlen(text), " %s", period);
    return mp_cgroup_parse_quota(text);
}

/* The tightest limit from the group at `directory` up to the mount's own, `stop` bytes long. */
static int tightest(char *directory, size_t stop, bool v2)
{
    int least = 0;
    for (;;) {
        int cpus = quota_of(directory, v2);
        if (cpus > 0 && (least == 0 || cpus < least))
            least = cpus;
        char *slash = strrchr(directory, '/');
        if (!slash || (size_t)(slash - directory) < stop)
            return least;
        *slash = '\0';
    }
}

static bool find_group(const char *top, bool v2, char path[MP_CGROUP_PATH])
{
    char file[MP_CGROUP_PATH];
    char *line = NULL;
    size_t cap = 0;
    bool found = false;
    snprintf(file, sizeof file, "%s/proc/self/cgroup", top);
    FILE *groups = fopen(file, "re");
    while (groups && !found && getline(&line, &cap, groups) >= 0)
        found = mp_cgroup_parse_group(line, v2, path);
    if (groups)
        fclose(groups);
    free(line);
    return found;
}

/* Where the group shows; *stop is the length of the mount point's own path. */
static bool find_directory(const char *top, bool v2, const char *path,
                           char directory[MP_CGROUP_PATH], size_t *stop)
{
    struct mp_cgroup_mount mount;
    char shown[MP_CGROUP_PATH];
    char *line = NULL;
    size_t cap = 0;
    bool found = false;
    snprintf(shown, sizeof shown, "%s/proc/self/mountinfo", top);
    FILE *mounts = fopen(shown, "re");
    while (mounts && !found && getline(&line, &cap, mounts) >= 0)
        found = mp_cgroup_parse_mount(line, v2, &mount) && mp_cgroup_directory(&mount, path, shown);
    if (mounts)
        fclose(mounts);
    free(line);
    int n = found ? snprintf(directory, MP_CGROUP_PATH, "%s%s", top, shown) : -1;
    *stop = found ? strlen(top) + strlen(mount.point) : 0;
    return n >= 0 && n < MP_CGROUP_PATH;
}

static int hierarchy_cpus(const char *top, bool v2)
{
    char path[MP_CGROUP_PATH];
    char directory[MP_CGROUP_PATH];
    size_t stop;
    if (!find_group(top, v2, path) || !find_directory(top, v2, path, directory, &stop))
        return 0;
    return tightest(directory, stop, v2);
}

/* Both, since a hybrid system has a v2 hierarchy without controllers beside those of v1. */
int mp_cgroup_cpus(const char *top)
{
    int v2 = hierarchy_cpus(top, true);
    int v1 = hierarchy_cpus(top, false);
    return v2 == 0 || (v1 > 0 && v1 < v2) ? v1 : v2;
}
