/* SPDX-License-Identifier: MIT */
#include "value/names.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct moved_name {
    const char *module;
    const char *name;
    const char *to_module;
    const char *to_name;
};

struct moved_module {
    const char *module;
    const char *to;
};

#include "value/names_table.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static int compare_name(const void *a, const void *b)
{
    const struct moved_name *x = a;
    const struct moved_name *y = b;
    int order = strcmp(x->module, y->module);
    return order ? order : strcmp(x->name, y->name);
}

static int compare_module(const void *a, const void *b)
{
    return strcmp(((const struct moved_module *)a)->module,
                  ((const struct moved_module *)b)->module);
}

/* A name that moved alone goes before the module that moved as a whole, as in CPython. */
static void translate(const struct moved_name *names, size_t n_names,
                      const struct moved_module *modules, size_t n_modules, const char **module,
                      const char **name)
{
    struct moved_name name_key = {.module = *module, .name = *name};
    const struct moved_name *moved =
        bsearch(&name_key, names, n_names, sizeof *names, compare_name);
    if (moved) {
        *module = moved->to_module;
        *name = moved->to_name;
        return;
    }
    struct moved_module module_key = {.module = *module};
    const struct moved_module *whole =
        bsearch(&module_key, modules, n_modules, sizeof *modules, compare_module);
    if (whole)
        *module = whole->to;
}

void mp_names_from_python2(const char **module, const char **name)
{
    translate(old_names, COUNT(old_names), old_modules, COUNT(old_modules), module, name);
}

void mp_names_to_python2(const char **module, const char **name)
{
    translate(new_names, COUNT(new_names), new_modules, COUNT(new_modules), module, name);
}
