/* SPDX-License-Identifier: MIT */
#include "process/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"

/*
 * The link leads to the very file that runs, even if that was deleted or replaced since
 * (proc_pid_exe(5)).
 */
int mp_image_path(const char **path, mproc_error *err)
{
    (void)err;
    *path = mp_image_given() ? mp_image_given() : "/proc/self/exe";
    return 0;
}

static ssize_t read_file(const char *path, char *to, size_t room)
{
    int fd = mp_fd_own(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = fd < 0 ? -1 : read(fd, to, room);
    mp_fd_close(&fd);
    return n;
}

void mp_image_name(char *name, size_t room)
{
    ssize_t n = read_file("/proc/self/cmdline", name, room - 1);
    name[n > 0 ? n : 0] = '\0';
    if (name[0] == '\0')
        snprintf(name, room, "mproc");
}

void mp_image_title(char title[MP_IMAGE_TITLE])
{
    ssize_t n = read_file("/proc/self/comm", title, MP_IMAGE_TITLE - 1);
    title[n > 0 ? n : 0] = '\0';
    title[strcspn(title, "\n")] = '\0';
}

void mp_image_set_title(const char title[MP_IMAGE_TITLE])
{
    if (title[0] != '\0')
        prctl(PR_SET_NAME, title);
}

void mp_image_note(void)
{
}
