/* SPDX-License-Identifier: MIT */
/*
 * By dladdr(3), which tells of an address the file it was loaded from and where that begins. Which
 * file is the program itself, the call of mproc_init() from its main() tells.
 */
#include "process/place.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "process/image.h"

static const void *program;

void mp_place_note_program(const void *address)
{
    program = address;
}

static int identify_program(struct mp_identity *identity, mproc_error *err)
{
    const char *path;
    int rc = mp_image_path(&path, err);
    if (rc < 0)
        return rc;
    rc = mp_identity_of_file(path, identity);
    return rc < 0 ? mp_fail_errno(err, -rc, "target: %.160s", path) : 0;
}

static int identify_library(const char *name, struct mp_place *place, mproc_error *err)
{
    char *path = realpath(name, NULL);
    int n = path ? snprintf(place->module, sizeof place->module, "%s", path) : -1;
    free(path);
    if (n < 0 || (size_t)n >= sizeof place->module ||
        mp_identity_of_file(place->module, &place->identity) < 0)
        return mp_fail(err, MPROC_ETARGET, "target: %.160s cannot be identified", name);
    return 0;
}

static const void *base_of(const void *address)
{
    Dl_info info;
    return address && dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

/* POSIX has no way from a library to where it begins, but one from a name in it to its address. */
static int name_in_library(const Dl_info *info, uintptr_t address, struct mp_place *place,
                           mproc_error *err)
{
    if (!info->dli_sname || strlen(info->dli_sname) >= sizeof place->symbol)
        return mp_fail(err, MPROC_ETARGET, "target: its library %.160s does not export it",
                       info->dli_fname);
    memcpy(place->symbol, info->dli_sname, strlen(info->dli_sname) + 1);
    place->offset = address - (uintptr_t)info->dli_saddr;
    return identify_library(info->dli_fname, place, err);
}

int mp_place_of(mp_function function, struct mp_place *place, mproc_error *err)
{
    Dl_info info;
    uintptr_t address = (uintptr_t)function;
    memset(place, 0, sizeof *place);
    if (dladdr((const void *)address, &info) == 0 || !info.dli_fname || !info.dli_fbase)
        return mp_fail(err, MPROC_ETARGET, "target: a function of no program or library");
    if (!program)
        return mp_fail(err, MPROC_EBOOTSTRAP, "target: main() has not called mproc_init()");
    if (info.dli_fbase != base_of(program))
        return name_in_library(&info, address, place, err);
    place->offset = address - (uintptr_t)info.dli_fbase;
    return identify_program(&place->identity, err);
}

static int find_in_program(const struct mp_place *place, uintptr_t *address, mproc_error *err)
{
    struct mp_identity identity;
    const void *base = base_of(program);
    int rc = identify_program(&identity, err);
    if (rc == 0 && (!base || !mp_identity_equal(&identity, &place->identity)))
        rc = mp_fail(err, MPROC_ETARGET, "target: this is not the program of its parent");
    *address = (uintptr_t)base + (uintptr_t)place->offset;
    return rc;
}

static int find_in_library(const struct mp_place *place, uintptr_t *address, mproc_error *err)
{
    struct mp_identity identity;
    if (mp_identity_of_file(place->module, &identity) < 0 ||
        !mp_identity_equal(&identity, &place->identity))
        return mp_fail(err, MPROC_ETARGET, "target: %.160s is another file now", place->module);
    void *library = dlopen(place->module, RTLD_NOW | RTLD_GLOBAL);
    const void *symbol = library ? dlsym(library, place->symbol) : NULL;
    if (!symbol)
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): before the child has threads */
        return mp_fail(err, MPROC_ETARGET, "target: %.200s", dlerror());
    *address = (uintptr_t)symbol + (uintptr_t)place->offset;
    return 0;
}

int mp_place_find(const struct mp_place *place, mp_function *function, mproc_error *err)
{
    uintptr_t address = 0;
    int rc = place->module[0] == '\0' ? find_in_program(place, &address, err)
                                      : find_in_library(place, &address, err);
    if (rc == 0)
        *function = (mp_function)address;
    return rc;
}
