/* SPDX-License-Identifier: MIT */
#include "process/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "process/limits.h"
#include "value/pickle.h"

extern char **environ;

static int add_environment(mproc_value *list, const char *const *environment)
{
    int rc = 0;
    for (; rc == 0 && environment && *environment; environment++)
        rc = mproc_value_extend(list, "y#", *environment, strlen(*environment) + 1);
    return rc;
}

static int add_limits(mproc_value *rlimits, mproc_value *cpus, const mproc_process_options *o)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < o->n_rlimits; i++)
        rc = mproc_value_extend(rlimits, "(iKK)", o->rlimits[i].resource,
                                (unsigned long long)o->rlimits[i].soft,
                                (unsigned long long)o->rlimits[i].hard);
    for (size_t i = 0; rc == 0 && i < o->n_cpus; i++)
        rc = mproc_value_extend(cpus, "i", o->cpus[i]);
    return rc;
}

/* [environment], [(resource, soft, hard), …], [cpu, …], nice */
static int build(mproc_value **out, const mproc_process_options *options)
{
    mproc_value *value;
    int rc = mproc_pack(&value, "([][][]i)", options->nice);
    if (rc < 0)
        return rc;
    mproc_value *environment = mproc_value_item_mut(value, 0);
    rc = add_environment(environment, options->environment ? options->environment
                                                           : (const char *const *)environ);
    if (rc == 0)
        rc = add_limits(mproc_value_item_mut(value, 1), mproc_value_item_mut(value, 2), options);
    if (rc < 0)
        mproc_value_free(value);
    else
        *out = value;
    return rc;
}

int mp_settings_pickle(const mproc_process_options *options, struct mp_buffer *out,
                       mproc_error *err)
{
    mproc_value *value;
    int rc = build(&value, options);
    if (rc == 0) {
        rc = mp_pickle(value, out, NULL, NULL, err);
        mproc_value_free(value);
    }
    return rc < 0 ? mp_fail(err, rc, "the child's environment: %s", mproc_strerror(rc)) : 0;
}

/* The strings live as long as the value, which is for ever. */
static int take_environment(const mproc_value *list)
{
    size_t n = mproc_value_length(list);
    char **array = calloc(n + 1, sizeof *array);
    if (!array)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *entry;
        size_t len;
        if (mproc_unpack(mproc_value_item(list, i), "y#", &entry, &len) < 0 || len == 0 ||
            entry[len - 1] != '\0')
            return MPROC_EPROTO;
        array[i] = (char *)(uintptr_t)entry;
    }
    environ = array;
    return 0;
}

static int take_limits(const mproc_value *list, const mproc_value *set, int nice, mproc_error *err)
{
    struct mp_limits limits = {
        .nice = nice,
        .n_rlimits = mproc_value_length(list),
        .n_cpus = mproc_value_length(set),
    };
    mproc_rlimit *rlimits = calloc(limits.n_rlimits + 1, sizeof *rlimits);
    int *cpus = calloc(limits.n_cpus + 1, sizeof *cpus);
    const char *what = "limits";
    int rc = rlimits && cpus ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < limits.n_rlimits; i++) {
        unsigned long long soft;
        unsigned long long hard;
        rc = mproc_unpack(mproc_value_item(list, i), "(iKK)", &rlimits[i].resource, &soft, &hard);
        if (rc == 0)
            rlimits[i] = (mproc_rlimit){rlimits[i].resource, soft, hard};
    }
    for (size_t i = 0; rc == 0 && i < limits.n_cpus; i++)
        rc = mproc_unpack(mproc_value_item(set, i), "i", &cpus[i]);
    limits.rlimits = rlimits;
    limits.cpus = cpus;
    if (rc == 0)
        rc = mp_limits_apply(&limits, &what);
    free(rlimits);
    free(cpus);
    return rc < 0 ? mp_fail(err, rc, "the child's %s: %s", what, mproc_strerror(rc)) : 0;
}

int mp_settings_apply(void *message, size_t len, mproc_error *err)
{
    static mproc_value *value; /* see take_environment() */
    const mproc_value *environment;
    const mproc_value *rlimits;
    const mproc_value *cpus;
    int nice;
    int rc = mp_unpickle_message(&value, message, 0, len, NULL, NULL, err);
    if (rc < 0) {
        free(message);
        return rc;
    }
    rc = mproc_unpack(value, "(OOOi)", &environment, &rlimits, &cpus, &nice);
    if (rc == 0)
        rc = take_environment(environment);
    return rc < 0 ? mp_fail(err, rc, "the child's environment: %s", mproc_strerror(rc))
                  : take_limits(rlimits, cpus, nice, err);
}
