/* SPDX-License-Identifier: MIT */
/*
 * What a child is given beside what it inherits, as a message: limits, which would hinder it on its
 * way to the target, and the environment, if that is not its own yet.
 */
#ifndef MP_PROCESS_SETTINGS_H
#define MP_PROCESS_SETTINGS_H

#include <mproc/start.h>

#include "base/buffer.h"

/*
 * Append the message to an empty buffer; `environment` NULL leaves the child its own. 0 or a
 * negative code.
 */
int mp_settings_pickle(const mproc_process_options *options, const char *const *environment,
                       struct mp_buffer *out, mproc_error *err);

/* In the child: take the message, malloc'd, over, and with it the environment. */
int mp_settings_receive(void *message, size_t len, mproc_error *err);

/* Then, last of all before the target runs: the limits that it asked for, if any. */
int mp_settings_limit(mproc_error *err);

#endif
