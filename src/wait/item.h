/* SPDX-License-Identifier: MIT */
/* What an item of the public face names, as the base can wait for it. */
#ifndef MP_WAIT_ITEM_H
#define MP_WAIT_ITEM_H

#include <mproc/wait.h>

#include "base/pollable.h"

/* A descriptor by itself, dressed as an object. */
struct mp_bare {
    struct mp_pollable pollable;
    mproc_handle handle;
};

void mp_bare_init(struct mp_bare *bare, mproc_handle handle);

/* The item's object, or `bare` made to stand for its handle. NULL if the item names nothing. */
struct mp_pollable *mp_item_pollable(const mproc_wait_item *item, struct mp_bare *bare);

#endif
