/* SPDX-License-Identifier: MIT */
/* Connections inside values, as the connection layer sees them. */
#ifndef MP_VALUE_CONNECTION_H
#define MP_VALUE_CONNECTION_H

#include "value/tree.h"

/* A new root of kind CONNECTION. `drop` NULL: borrowed. 0 or -ENOMEM. */
int mp_value_new_connection(mproc_value **out, void *connection, void (*drop)(void *));

/* The connection of a CONNECTION cell, NULL for other kinds. */
void *mp_value_connection(const mproc_value *v);

/* Call `fn` for each connection below a root until it returns true; whether it did. */
typedef bool (*mp_connection_fn)(void *user, struct mp_connection *connection);
bool mp_value_any_connection(const mproc_value *root, mp_connection_fn fn, void *user);

/* The tree below `root` no longer drops this connection. False if it did not own it. */
bool mp_value_disown_connection(mproc_value *root, void *connection);

#endif
