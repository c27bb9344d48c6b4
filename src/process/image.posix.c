/* SPDX-License-Identifier: MIT */
/*
 * POSIX does not say where a process finds its own program. The C libraries of Linux keep the name
 * by which it was called; others are told by mproc_set_executable().
 */
#include "process/image.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static char *noted;

#if defined __linux__
static const char *name_of_call(void)
{
    return program_invocation_name;
}
#else
static const char *name_of_call(void)
{
    return NULL;
}
#endif

static char *absolute_if_program(const char *path)
{
    return access(path, X_OK) == 0 ? realpath(path, NULL) : NULL;
}

/* As execvp(3) found it. */
static char *look_in_path(const char *name)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): unsafe beside setenv(3) only */
    const char *list = getenv("PATH");
    char *found = NULL;
    while (list && *list && !found) {
        char path[PATH_MAX];
        size_t len = strcspn(list, ":");
        int n = snprintf(path, sizeof path, "%.*s/%s", (int)len, len > 0 ? list : ".", name);
        if (n > 0 && (size_t)n < sizeof path)
            found = absolute_if_program(path);
        list += len;
        list += *list == ':';
    }
    return found;
}

/* While the working directory and PATH are still those of the call. */
void mp_image_note(void)
{
    const char *name = name_of_call();
    if (noted || !name || name[0] == '\0')
        return;
    noted = strchr(name, '/') ? absolute_if_program(name) : look_in_path(name);
}

int mp_image_path(const char **path, mproc_error *err)
{
    const char *known = mp_image_given() ? mp_image_given() : noted;
    if (!known)
        return mp_fail(err, -ENOENT, "this program's file is unknown: see mproc_set_executable()");
    *path = known;
    return 0;
}

void mp_image_name(char *name, size_t room)
{
    /* Absolute, so that the child knows it in whatever directory it begins. */
    const char *path = noted ? noted : name_of_call();
    snprintf(name, room, "%s", path ? path : "mproc");
}

void mp_image_title(char title[MP_IMAGE_TITLE])
{
    title[0] = '\0';
}

void mp_image_set_title(const char title[MP_IMAGE_TITLE])
{
    (void)title;
}
