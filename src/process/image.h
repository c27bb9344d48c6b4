/* SPDX-License-Identifier: MIT */
/* The file that this process runs, to be run once more. */
#ifndef MP_PROCESS_IMAGE_H
#define MP_PROCESS_IMAGE_H

#include <stddef.h>

#include <mproc/error.h>

/* What to give to execve(2); lives until mproc_set_executable(). 0 or a negative code. */
int mp_image_path(const char **path, mproc_error *err);

/* The name by which this program was called, cut to `room` bytes; "mproc" if that is unknown. */
void mp_image_name(char *name, size_t room);

/*
 * The kernel calls a process after the last part of the path given to execve(2): this process's
 * name, to be given to the child; and in the child, go by it. "" where there is none.
 */
#define MP_IMAGE_TITLE 16
void mp_image_title(char title[MP_IMAGE_TITLE]);
void mp_image_set_title(const char title[MP_IMAGE_TITLE]);

/* Early in main(): what is known now and perhaps not later. */
void mp_image_note(void);

/* image.c: as mproc_set_executable() said, or NULL. */
const char *mp_image_given(void);

#endif
