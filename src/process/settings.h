/* SPDX-License-Identifier: MIT */
/*
 * What a child gets that neither an exec nor a copy of its parent gives it: environment and limits,
 * as a message.
 */
#ifndef MP_PROCESS_SETTINGS_H
#define MP_PROCESS_SETTINGS_H

#include <mproc/start.h>

#include "base/buffer.h"

/* Append the message to an empty buffer. 0 or a negative code. */
int mp_settings_pickle(const mproc_process_options *options, struct mp_buffer *out,
                       mproc_error *err);

/* In the child: take the message, `len` bytes, which it takes over, and do what it says. */
int mp_settings_apply(void *message, size_t len, mproc_error *err);

#endif
