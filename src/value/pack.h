/* SPDX-License-Identifier: MIT */
#ifndef MP_VALUE_PACK_H
#define MP_VALUE_PACK_H

#include <stdarg.h>

#include <mproc/value.h>

/* mproc_pack_err() with its arguments in a list, which is left alone. */
int mp_vpack(mproc_value **out, mproc_error *err, const char *format, va_list args);

#endif
