/* SPDX-License-Identifier: MIT */
#include "process/context.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const struct mp_start_method *const methods[] = {
    &mp_start_fork,
    &mp_start_spawn,
    &mp_start_forkserver,
};
#define METHODS (sizeof methods / sizeof methods[0])

static _Atomic(const struct mp_start_method *) chosen;

static const struct mp_start_method *find(const char *name)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(name, methods[i]->name) == 0)
            return methods[i];
    return NULL;
}

static int unknown(const char *name, mproc_error *err)
{
    char known[METHODS * (MP_METHOD_NAME + 2)] = "";
    size_t at = 0;
    for (size_t i = 0; i < METHODS; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i > 0 ? ", " : "",
                               methods[i]->name); /* NOLINT(clang-analyzer-core.NullDereference) */
    return mp_fail(err, -EINVAL, "start method \"%.40s\" is none of %s", name, known);
}

int mp_context_find(const char *name, const struct mp_start_method **method, mproc_error *err)
{
    const struct mp_start_method *usual = atomic_load(&chosen);
    const struct mp_start_method *found = name ? find(name) : usual ? usual : methods[0];
    if (!found)
        return unknown(name, err);
    *method = found;
    return 0;
}

const char *mp_context_chosen(void)
{
    const struct mp_start_method *method = atomic_load(&chosen);
    return method ? method->name : "";
}

void mp_context_inherit(const char *name)
{
    atomic_store(&chosen, find(name));
}

int mproc_set_start_method(const char *name, bool force, mproc_error *err)
{
    mp_error_clear(err);
    if (!name && !force)
        return mp_fail(err, -EINVAL, "start method: NULL");
    const struct mp_start_method *method = name ? find(name) : NULL;
    if (name && !method)
        return unknown(name, err);
    const struct mp_start_method *none = NULL;
    if (force)
        atomic_store(&chosen, method);
    else if (!atomic_compare_exchange_strong(&chosen, &none, method))
        return mp_fail(err, MPROC_ECONTEXT, "start method: set already, to %s", none->name);
    return 0;
}

const char *mproc_get_start_method(void)
{
    const char *name = mp_context_chosen();
    return name[0] ? name : methods[0]->name;
}

size_t mproc_start_methods(const char **names, size_t room)
{
    for (size_t i = 0; i < METHODS && i < room; i++)
        names[i] = methods[i]->name;
    return METHODS;
}
