/* SPDX-License-Identifier: MIT */
/*
 * The other side of start_command.c: connections that this program was started with. The variable
 * that names them comes from outside, so nothing in it is taken on trust.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/start.h>

#include "base/error.h"
#include "process/command.h"

struct entry {
    const char *name; /* NULL: none */
    int fd;
    unsigned flags; /* of mproc_conn_from_handle() */
    atomic_bool taken;
};

static struct {
    pthread_once_t once;
    char *text; /* a copy of the variable, which entries point into */
    struct entry *entries;
    size_t n;
    int rc; /* why there are none */
} inherited = {.once = PTHREAD_ONCE_INIT};

static int parse_mode(const char *text, unsigned *flags)
{
    if (strcmp(text, "rw") == 0)
        *flags = 0;
    else if (strcmp(text, "r") == 0)
        *flags = MPROC_CONN_READONLY;
    else if (strcmp(text, "w") == 0)
        *flags = MPROC_CONN_WRITEONLY;
    else
        return -EINVAL;
    return 0;
}

/* Decimal digits, no more; 0 to 2 are stdio. */
static int parse_number(const char *text, int *fd)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 10 || text[digits] || (text[0] == '0' && digits > 1))
        return -EINVAL;
    long number = strtol(text, NULL, 10);
    if (number <= STDERR_FILENO || number > INT_MAX)
        return -EINVAL;
    *fd = (int)number;
    return 0;
}

/* [NAME=]NUMBER:MODE; the text is cut into its parts. */
static int parse_entry(char *text, struct entry *entry)
{
    char *mode = strchr(text, ':');
    char *number = strchr(text, '=');
    if (!mode || (number && number > mode))
        return -EINVAL;
    *mode++ = '\0';
    entry->name = NULL;
    if (number) {
        if (!mp_command_is_name(text, (size_t)(number - text)))
            return -EINVAL;
        *number++ = '\0';
        entry->name = text;
    }
    int rc = parse_number(number ? number : text, &entry->fd);
    return rc == 0 ? parse_mode(mode, &entry->flags) : rc;
}

static bool is_known(int fd)
{
    for (size_t i = 0; i < inherited.n; i++)
        if (inherited.entries[i].fd == fd)
            return true;
    return false;
}

/* A socket or a pipe that is open here; programs that this one starts shall not get it. */
static int claim(const struct entry *entry)
{
    struct stat st;
    if (is_known(entry->fd))
        return -EINVAL;
    if (fstat(entry->fd, &st) < 0)
        return -errno;
    if (!S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode))
        return -EINVAL;
    return fcntl(entry->fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static int parse(char *text)
{
    int rc = 0;
    while (text && rc == 0) {
        char *comma = strchr(text, ',');
        struct entry *entry = &inherited.entries[inherited.n];
        if (comma)
            *comma++ = '\0';
        rc = parse_entry(text, entry);
        if (rc == 0)
            rc = claim(entry);
        if (rc == 0)
            inherited.n++;
        text = comma;
    }
    return rc;
}

static size_t count_entries(const char *text)
{
    size_t n = 1;
    for (; *text; text++)
        n += *text == ',';
    return n;
}

/* A program with more rights than its caller does not let itself be told which descriptors to use.
 */
static bool has_callers_rights(void)
{
    return getuid() == geteuid() && getgid() == getegid();
}

static void read_variable(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): said in the function's documentation */
    const char *value = has_callers_rights() ? getenv(MP_CONNECTIONS_VARIABLE) : NULL;
    if (!value)
        return;
    inherited.text = strdup(value);
    inherited.entries = calloc(count_entries(value), sizeof *inherited.entries);
    inherited.rc = -ENOMEM;
    if (inherited.text && inherited.entries) {
        unsetenv(MP_CONNECTIONS_VARIABLE); /* NOLINT(concurrency-mt-unsafe) */
        inherited.rc = parse(inherited.text);
    }
    if (inherited.rc < 0)
        inherited.n = 0;
}

static bool take(struct entry *entry, const char *name)
{
    if (name && (!entry->name || strcmp(entry->name, name) != 0))
        return false;
    return !atomic_exchange(&entry->taken, true);
}

static struct entry *find(const char *name)
{
    for (size_t i = 0; i < inherited.n; i++)
        if (take(&inherited.entries[i], name))
            return &inherited.entries[i];
    return NULL;
}

int mproc_inherited_conn(mproc_conn **conn, const char *name, mproc_error *err)
{
    mp_error_clear(err);
    if (!conn)
        return mp_fail(err, -EINVAL, "inherited connection: NULL");
    pthread_once(&inherited.once, read_variable);
    if (inherited.rc < 0)
        return mp_fail_errno(err, -inherited.rc, MP_CONNECTIONS_VARIABLE);
    struct entry *entry = find(name);
    if (!entry)
        return mp_fail(err, -ENOENT, "no inherited connection%s%s is left", name ? " " : "",
                       name ? name : "");
    int rc = mproc_conn_from_handle(conn, entry->fd, entry->flags);
    if (rc == 0)
        return 0;
    atomic_store(&entry->taken, false);
    return mp_fail_errno(err, -rc, "inherited connection %d", entry->fd);
}
