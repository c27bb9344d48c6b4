/* SPDX-License-Identifier: MIT */
/* Environments: lists of "NAME=value" with NULL at the end. */
#ifndef MP_PROCESS_ENVIRONMENT_H
#define MP_PROCESS_ENVIRONMENT_H

#include <mproc/error.h>

/* Has each entry a name? 0 or -EINVAL. NULL is fine. */
int mp_environment_check(const char *const *environment, mproc_error *err);

/* In a forked child: this is its environment from now on, for ever; NULL: what it has. */
void mp_environment_adopt(const char *const *environment);

/*
 * A new list, to be freed with free(3), of the entries of `environment` (NULL: this process's),
 * less the one called `name`, plus `entry`, "name=value", unless that is NULL. NULL if out of
 * memory.
 */
char **mp_environment_with(const char *const *environment, const char *name, char *entry);

#endif
