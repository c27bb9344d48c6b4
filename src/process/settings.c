/* SPDX-License-Identifier: MIT */
#include "process/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "process/limits.h"
#include "value/pickle.h"

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

/* [environment] or None, [(resource, soft, hard), …], [cpu, …], nice */
static int build(mproc_value **out, const mproc_process_options *options,
                 const char *const *environment)
{
    mproc_value *value;
    int rc = environment ? mproc_pack(&value, "([][][]i)", options->nice)
                         : mproc_pack(&value, "(z[][]i)", (const char *)NULL, options->nice);
    if (rc < 0)
        return rc;
    if (environment)
        rc = add_environment(mproc_value_item_mut(value, 0), environment);
    if (rc == 0)
        rc = add_limits(mproc_value_item_mut(value, 1), mproc_value_item_mut(value, 2), options);
    if (rc < 0)
        mproc_value_free(value);
    else
        *out = value;
    return rc;
}

int mp_settings_pickle(const mproc_process_options *options, const char *const *environment,
                       struct mp_buffer *out, mproc_error *err)
{
    mproc_value *value;
    int rc = build(&value, options, environment);
    if (rc == 0) {
        rc = mp_pickle(value, out, NULL, NULL, err);
        mproc_value_free(value);
    }
    return rc < 0 ? mp_fail(err, rc, "the child's environment: %s", mproc_strerror(rc)) : 0;
}

/* In the child, for the rest of its life: the strings of its environment lie in the value. */
static mproc_value *settings;
/* For leak checkers, before which the C library lets go of it. */
static char **volatile list_of_strings;

static int take_environment(const mproc_value *list)
{
    if (mproc_value_kind(list) == MPROC_KIND_NONE)
        return 0;
    size_t n = mproc_value_length(list);
    char **array = calloc(n + 1, sizeof *array);
    if (!array)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *entry;
        size_t len;
        if (mproc_unpack(mproc_value_item(list, i), "y#", &entry, &len) < 0 || len == 0 ||
            entry[len - 1] != '\0') {
            free(array);
            return MPROC_EPROTO;
        }
        array[i] = (char *)(uintptr_t)entry;
    }
    list_of_strings = array;
    environ = array;
    return 0;
}

int mp_settings_receive(void *message, size_t len, mproc_error *err)
{
    int rc = mp_unpickle_message(&settings, message, 0, len, NULL, NULL, err);
    if (rc < 0)
        free(message);
    else
        rc = take_environment(mproc_value_item(settings, 0));
    return rc < 0 ? mp_fail(err, rc, "the child's environment: %s", mproc_strerror(rc)) : 0;
}

static int unpack_rlimits(const mproc_value *list, mproc_rlimit *to, size_t n)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        unsigned long long soft;
        unsigned long long hard;
        rc = mproc_unpack(mproc_value_item(list, i), "(iKK)", &to[i].resource, &soft, &hard);
        if (rc == 0) {
            to[i].soft = soft;
            to[i].hard = hard;
        }
    }
    return rc;
}

static int unpack_cpus(const mproc_value *list, int *to, size_t n)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = mproc_unpack(mproc_value_item(list, i), "i", &to[i]);
    return rc;
}

static int apply(mproc_rlimit *rlimits, size_t n_rlimits, int *cpus, size_t n_cpus,
                 mproc_error *err)
{
    struct mp_limits limits = {
        .rlimits = rlimits, .n_rlimits = n_rlimits, .cpus = cpus, .n_cpus = n_cpus};
    const char *what = "limits";
    int rc = unpack_rlimits(mproc_value_item(settings, 1), rlimits, n_rlimits);
    if (rc == 0)
        rc = unpack_cpus(mproc_value_item(settings, 2), cpus, n_cpus);
    if (rc == 0)
        rc = mproc_unpack(mproc_value_item(settings, 3), "i", &limits.nice);
    if (rc == 0)
        rc = mp_limits_apply(&limits, &what);
    return rc < 0 ? mp_fail(err, rc, "%s: %s", what, mproc_strerror(rc)) : 0;
}

int mp_settings_limit(mproc_error *err)
{
    if (!settings)
        return 0;
    size_t n_rlimits = mproc_value_length(mproc_value_item(settings, 1));
    size_t n_cpus = mproc_value_length(mproc_value_item(settings, 2));
    mproc_rlimit *rlimits = calloc(n_rlimits + 1, sizeof *rlimits);
    int *cpus = calloc(n_cpus + 1, sizeof *cpus);
    int rc = rlimits && cpus ? apply(rlimits, n_rlimits, cpus, n_cpus, err)
                             : mp_fail_errno(err, ENOMEM, "limits");
    free(rlimits);
    free(cpus);
    return rc;
}
