/* SPDX-License-Identifier: MIT */
/* A map from addresses to numbers, for what is referred to more than once. */
#ifndef MP_VALUE_MAP_H
#define MP_VALUE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Addresses are multiples of 8, or of nothing for texts; the product spreads them. */
static inline size_t mp_map_spread(const void *key)
{
    uint64_t product = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u;
    return (size_t)(product ^ product >> 32);
}

/* The slot of `key`, or the free one where it would go, of a map that is not empty. */
static inline struct mp_map_slot *mp_map_slot(const struct mp_map *map, const void *key)
{
    size_t at = mp_map_spread(key) & map->mask;
    while (map->slots[at].key && map->slots[at].key != key)
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

/* The value of `key`, or NULL if it is not there. */
static inline size_t *mp_map_find(const struct mp_map *map, const void *key)
{
    if (!map->slots)
        return NULL;
    struct mp_map_slot *slot = mp_map_slot(map, key);
    return slot->key ? &slot->value : NULL;
}

void mp_map_clear(struct mp_map *map);

#endif
