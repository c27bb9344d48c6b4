/* SPDX-License-Identifier: MIT */
#include "process/image.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "process/place.h"

/* The link leads to the very file that runs, even if that was deleted or replaced since
 * (proc_pid_exe(5)). */
static const char link_to_self[] = "/proc/self/exe";

static char *real_path; /* where the link leads elsewhere */

/*
 * Tools that run a program in an interpreter of their own, such as valgrind, are what the link
 * leads to, but pretend to readlink(2) that it is the program.
 */
static void look_behind_link(void)
{
    struct mp_identity linked;
    struct mp_identity named;
    char *path = realpath(link_to_self, NULL);
    bool pretends = path && mp_identity_of_file(link_to_self, &linked) == 0 &&
                    mp_identity_of_file(path, &named) == 0 && !mp_identity_equal(&linked, &named) &&
                    mp_place_is_program(path);
    if (pretends)
        real_path = path;
    else
        free(path);
}

int mp_image_path(const char **path, mproc_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)err;
    pthread_once(&once, look_behind_link);
    const char *found = real_path ? real_path : link_to_self;
    *path = mp_image_given() ? mp_image_given() : found;
    return 0;
}

/* Each look at /proc takes as long as many other steps of a start together. */
static char called[256];
static char titled[MP_IMAGE_TITLE];

static void read_name(void)
{
    int fd = mp_fd_own(open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
    ssize_t n = fd < 0 ? -1 : read(fd, called, sizeof called - 1);
    mp_fd_close(&fd);
    called[n > 0 ? n : 0] = '\0';
    if (called[0] == '\0')
        snprintf(called, sizeof called, "mproc");
}

void mp_image_name(char *name, size_t room)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_name);
    snprintf(name, room, "%s", called);
}

/* In the main thread, whose name is that of the process. */
void mp_image_note(void)
{
    prctl(PR_GET_NAME, titled);
}

void mp_image_title(char title[MP_IMAGE_TITLE])
{
    memcpy(title, titled, MP_IMAGE_TITLE);
}

void mp_image_set_title(const char title[MP_IMAGE_TITLE])
{
    if (title[0] == '\0')
        return;
    prctl(PR_SET_NAME, title);
    memcpy(titled, title, MP_IMAGE_TITLE);
}
