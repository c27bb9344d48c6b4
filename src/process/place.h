/* SPDX-License-Identifier: MIT */
/*
 * Where a function lies, in words that another process of the same program understands.
 *
 * Addresses differ from one run to the next, so a function is named by the file it was loaded from
 * and its distance from where that begins. A file can be another one by the time it is looked at
 * again, so its identity goes along: its build id, or else which file it is.
 */
#ifndef MP_PROCESS_PLACE_H
#define MP_PROCESS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/error.h>

#define MP_PLACE_PATH 4096 /* longest path, NUL included, bytes */

enum mp_identity_kind {
    MP_NO_IDENTITY,
    MP_BUILD_ID, /* NT_GNU_BUILD_ID, which the linker computed from the contents */
    MP_FILE_ID   /* device, inode, size and time of the last change */
};

struct mp_identity {
    uint32_t kind;
    uint32_t len; /* bytes in use; the others are zero */
    unsigned char bytes[64];
};

struct mp_place {
    char module[MP_PLACE_PATH]; /* "" is the program itself, else the path of a library */
    char symbol[256];           /* of a library, where no other way is portable; else "" */
    uint64_t offset;            /* from the symbol, or from the module's load address */
    struct mp_identity identity;
};

typedef void (*mp_function)(void);

/* 0 or MPROC_ETARGET: it lies in no file, or that was replaced since. */
int mp_place_of(mp_function function, struct mp_place *place, mproc_error *err);

/*
 * The function at that place in this process; its library is loaded if it is not yet, after a look
 * whether it is still the same. 0 or MPROC_ETARGET.
 */
int mp_place_find(const struct mp_place *place, mp_function *function, mproc_error *err);

/* Is the program itself in that file? False also if nothing is known of either. */
bool mp_place_is_program(const char *path);

/* Identity of the file at `path` by which file it is. 0 or -errno. */
int mp_identity_of_file(const char *path, struct mp_identity *identity);
bool mp_identity_equal(const struct mp_identity *a, const struct mp_identity *b);

/* The main program calls this from its own code with an address there; see place.posix.c. */
void mp_place_note_program(const void *address);

#endif
