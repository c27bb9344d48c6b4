/* SPDX-License-Identifier: MIT */
/* A map from addresses to numbers, for what is referred to more than once. */
#ifndef MP_VALUE_MAP_H
#define MP_VALUE_MAP_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty map. */
struct mp_map {
    struct mp_map_slot {
        const void *key;
        size_t value;
    } * slots;
    size_t mask;
    size_t count;
};

/* The value of `key`, 0 if it is new. NULL if out of memory. Valid until the next call. */
size_t *mp_map_at(struct mp_map *map, const void *key);

/* The value of `key`, or NULL if it is not there. */
size_t *mp_map_find(const struct mp_map *map, const void *key);

void mp_map_clear(struct mp_map *map);

#endif
