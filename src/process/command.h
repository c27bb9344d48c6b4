/* SPDX-License-Identifier: MIT */
/* Children that run another program: what is special about their options. */
#ifndef MP_PROCESS_COMMAND_H
#define MP_PROCESS_COMMAND_H

#include "process/process.h"

/* The variable that says which descriptors are connections, see mproc_inherited_conn(). */
#define MP_CONNECTIONS_VARIABLE "MPROC_CONNECTIONS"

/* A connection's entry in it: "3:rw" or "NAME=3:r"; entries are separated by commas. */
bool mp_command_is_name(const char *name, size_t len);

/* Do the options go with a command? 0 or -EINVAL. */
int mp_command_check(const mproc_process_options *options, mproc_target target, mproc_error *err);

/* What the child is called if nothing else was said: the last part of the program's path. */
void mp_command_name(const char *const *command, char name[MP_PROCESS_NAME]);

#endif
