/* SPDX-License-Identifier: MIT */
/* Globals by name: Python 2's names for Python 3's, and the few globals that stand for data. */
#ifndef MP_VALUE_NAMES_H
#define MP_VALUE_NAMES_H

#include <stdbool.h>

/* Replace Python 2's names by today's. The names given back are static or what was given. */
void mp_names_from_python2(const char **module, const char **name);

/* The other way. */
void mp_names_to_python2(const char **module, const char **name);

#endif
