/* SPDX-License-Identifier: MIT */
/*
 * Option structs that can grow: each begins with its own size as the caller's compiler saw it, and
 * has no padding at its end, where an older caller's garbage would be read as a newer field.
 */
#ifndef MP_BASE_OPTIONS_H
#define MP_BASE_OPTIONS_H

#include "base/error.h"

/*
 * Copy a caller's options over `defaults`, which holds `size` bytes as this library knows them.
 *
 * An older, shorter struct leaves the defaults behind its end. A newer, longer one is accepted
 * while what this library does not know is zero, else -E2BIG. `given` NULL leaves the defaults; a
 * size that does not even cover the size field is -EINVAL.
 */
int mp_options_read(void *defaults, size_t size, const void *given, mproc_error *err);

#endif
