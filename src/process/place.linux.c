/* SPDX-License-Identifier: MIT */
/* By the loader's own list of what it has loaded (dl_iterate_phdr(3)), static programs included. */
#include "process/place.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "process/build_id.h"

struct module {
    uintptr_t base;
    uintptr_t code; /* an address of its code */
    bool program;   /* first in the list is the program itself */
    struct mp_identity build_id;
};

struct search {
    uintptr_t address; /* the module with this address in its code, or */
    size_t wanted;     /* the one with this number */
    bool by_address;
    size_t at;
    struct module *found;
};

static bool code_contains(const struct dl_phdr_info *info, uintptr_t address)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && address >= start &&
            address - start < segment->p_memsz)
            return true;
    }
    return false;
}

static uintptr_t find_code(const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X))
            return info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    return 0;
}

/* cppcheck-suppress constParameterCallback ; the type is dl_iterate_phdr's */
static int look_at(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct search *s = user;
    bool hit = s->by_address ? code_contains(info, s->address) : s->at == s->wanted;
    if (hit) {
        *s->found = (struct module){
            .base = info->dlpi_addr,
            .code = s->by_address ? s->address : find_code(info),
            .program = s->at == 0,
        };
        mp_build_id_of_module(info, &s->found->build_id);
    }
    s->at++;
    return hit;
}

static bool find_by_address(uintptr_t address, struct module *module)
{
    struct search s = {.address = address, .by_address = true, .found = module};
    return dl_iterate_phdr(look_at, &s) == 1;
}

static bool find_by_number(size_t number, struct module *module)
{
    struct search s = {.wanted = number, .found = module};
    return dl_iterate_phdr(look_at, &s) == 1;
}

/* Path of the file that is mapped there: the line of proc_pid_maps(5) ends with it. */
static bool find_path(FILE *maps, uintptr_t address, char path[MP_PLACE_PATH])
{
    char *line = NULL;
    size_t cap = 0;
    bool found = false;
    while (!found && getline(&line, &cap, maps) > 0) {
        unsigned long start;
        unsigned long end;
        int at = 0;
        /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &at) < 2 || at == 0 ||
            address < start || address >= end)
            continue;
        size_t len = strcspn(line + at, "\n");
        found = line[at] == '/' && len < MP_PLACE_PATH;
        if (found)
            snprintf(path, MP_PLACE_PATH, "%.*s", (int)len, line + at);
    }
    free(line);
    return found;
}

static bool path_of(uintptr_t address, char path[MP_PLACE_PATH])
{
    FILE *maps = fopen("/proc/self/maps", "re");
    bool found = maps && find_path(maps, address, path);
    if (maps)
        fclose(maps);
    return found;
}

/* False: it has none, since its file is gone or was replaced. */
static bool identify(const struct module *module, const char *path, struct mp_identity *identity)
{
    *identity = module->build_id;
    if (identity->kind != MP_NO_IDENTITY)
        return true;
    /* The link leads to the very file that runs, wherever that is now. */
    return mp_identity_of_file(module->program ? "/proc/self/exe" : path, identity) == 0;
}

int mp_place_of(mp_function function, struct mp_place *place, mproc_error *err)
{
    struct module module;
    uintptr_t address = (uintptr_t)function;
    memset(place, 0, sizeof *place);
    if (!find_by_address(address, &module))
        return mp_fail(err, MPROC_ETARGET, "target: a function of no program or library");
    if (!module.program && !path_of(module.code, place->module))
        return mp_fail(err, MPROC_ETARGET, "target: its library is unknown to /proc/self/maps");
    if (!identify(&module, place->module, &place->identity))
        return mp_fail(err, MPROC_ETARGET, "target: %.160s cannot be identified", place->module);
    place->offset = address - module.base;
    return 0;
}

static bool is_same(const struct module *module, const struct mp_place *place)
{
    char path[MP_PLACE_PATH] = "";
    struct mp_identity identity;
    if (place->identity.kind == MP_BUILD_ID)
        return mp_identity_equal(&module->build_id, &place->identity);
    return (module->program || path_of(module->code, path)) && identify(module, path, &identity) &&
           mp_identity_equal(&identity, &place->identity);
}

static bool find_loaded(const struct mp_place *place, struct module *module)
{
    for (size_t i = 1; find_by_number(i, module); i++)
        if (is_same(module, place))
            return true;
    return false;
}

/* Before a library's constructors run, it must be known to be the one that is meant. */
static int check_file(const struct mp_place *place, mproc_error *err)
{
    struct mp_identity identity = {0};
    int rc = mp_identity_of_file(place->module, &identity);
    if (rc < 0)
        return mp_fail(err, MPROC_ETARGET, "target: %.160s: %s", place->module, mproc_strerror(rc));
    if (place->identity.kind == MP_BUILD_ID)
        mp_build_id_of_file(place->module, &identity);
    if (mp_identity_equal(&identity, &place->identity))
        return 0;
    return mp_fail(err, MPROC_ETARGET, "target: %.160s is another file now", place->module);
}

static int load(const struct mp_place *place, struct module *module, mproc_error *err)
{
    int rc = check_file(place, err);
    if (rc < 0)
        return rc;
    if (!dlopen(place->module, RTLD_NOW | RTLD_GLOBAL))
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): before the child has threads */
        return mp_fail(err, MPROC_ETARGET, "target: %.200s", dlerror());
    if (!find_loaded(place, module))
        return mp_fail(err, MPROC_ETARGET, "target: %.160s is another file now", place->module);
    return 0;
}

int mp_place_find(const struct mp_place *place, mp_function *function, mproc_error *err)
{
    struct module module = {0};
    struct module there;
    int rc = 0;
    if (place->module[0] == '\0') {
        if (!find_by_number(0, &module) || !is_same(&module, place))
            rc = mp_fail(err, MPROC_ETARGET, "target: this is not the program of its parent");
    } else if (!find_loaded(place, &module)) {
        rc = load(place, &module, err);
    }
    if (rc < 0)
        return rc;
    uintptr_t address = module.base + (uintptr_t)place->offset;
    if (!find_by_address(address, &there) || there.base != module.base)
        return mp_fail(err, MPROC_ETARGET, "target: no function at its place");
    *function = (mp_function)address;
    return 0;
}

bool mp_place_is_program(const char *path)
{
    struct module program = {0};
    struct mp_identity file = {0};
    return find_by_number(0, &program) && mp_build_id_of_file(path, &file) &&
           mp_identity_equal(&program.build_id, &file);
}

void mp_place_note_program(const void *address)
{
    (void)address; /* the loader's list knows */
}
