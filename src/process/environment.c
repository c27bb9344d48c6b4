/* SPDX-License-Identifier: MIT */
#include "process/environment.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

int mp_environment_check(const char *const *environment, mproc_error *err)
{
    for (; environment && *environment; environment++)
        if ((*environment)[0] == '=' || !strchr(*environment, '='))
            return mp_fail(err, -EINVAL, "environment: an entry is not NAME=value");
    return 0;
}

/* The strings are the child's own copy of the caller's memory, which nobody frees there. */
void mp_environment_adopt(const char *const *environment)
{
    if (environment)
        environ = (char **)(uintptr_t)environment;
}

static int is_called(const char *entry, const char *name, size_t len)
{
    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

char **mp_environment_with(const char *const *environment, const char *name, char *entry)
{
    static char *const none[] = {NULL};
    char *const *from = environment ? (char *const *)(uintptr_t)environment : environ;
    if (!from) /* after clearenv(3) */
        from = none;
    size_t n = 0;
    while (from[n])
        n++;
    char **list = malloc((n + 2) * sizeof *list);
    if (!list)
        return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!is_called(from[i], name, strlen(name)))
            list[kept++] = from[i];
    if (entry)
        list[kept++] = entry;
    list[kept] = NULL;
    return list;
}
