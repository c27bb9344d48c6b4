/* SPDX-License-Identifier: MIT */
#include "value/map.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_SLOTS 64

/* Addresses are multiples of 8, or of nothing for texts; the product spreads them. */
static size_t spread(const void *key)
{
    uint64_t product = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u;
    return (size_t)(product ^ product >> 32);
}

static struct mp_map_slot *find_slot(const struct mp_map *map, const void *key)
{
    size_t at = spread(key) & map->mask;
    while (map->slots[at].key && map->slots[at].key != key)
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

static bool grow(struct mp_map *map)
{
    size_t n = map->slots ? 2 * (map->mask + 1) : FIRST_SLOTS;
    struct mp_map grown = {calloc(n, sizeof *map->slots), n - 1, map->count};
    if (!grown.slots)
        return false;
    for (size_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].key)
            *find_slot(&grown, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = grown;
    return true;
}

size_t *mp_map_at(struct mp_map *map, const void *key)
{
    if ((!map->slots || 2 * map->count > map->mask) && !grow(map))
        return NULL;
    struct mp_map_slot *slot = find_slot(map, key);
    if (!slot->key) {
        slot->key = key;
        slot->value = 0;
        map->count++;
    }
    return &slot->value;
}

size_t *mp_map_find(const struct mp_map *map, const void *key)
{
    if (!map->slots)
        return NULL;
    struct mp_map_slot *slot = find_slot(map, key);
    return slot->key ? &slot->value : NULL;
}

void mp_map_clear(struct mp_map *map)
{
    free(map->slots);
    *map = (struct mp_map){0};
}
