/* SPDX-License-Identifier: MIT */
#ifndef MP_VALUE_COPY_H
#define MP_VALUE_COPY_H

#include "value/tree.h"

/* Copy what is below `from` into `tree`, shared references kept. 0 or mp_alloc_error(). */
int mp_copy_into(struct mp_tree *tree, const mproc_value *from, mproc_value *out);

#endif
