/* SPDX-License-Identifier: MIT */
#include "value/map.h"

#include <stdlib.h>

#define FIRST_SLOTS 64

static bool grow(struct mp_map *map)
{
    size_t n = map->slots ? 2 * (map->mask + 1) : FIRST_SLOTS;
    struct mp_map grown = {calloc(n, sizeof *map->slots), n - 1, map->count};
    if (!grown.slots)
        return false;
    for (size_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].key)
            *mp_map_slot(&grown, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = grown;
    return true;
}

size_t *mp_map_at(struct mp_map *map, const void *key)
{
    if ((!map->slots || 2 * map->count > map->mask) && !grow(map))
        return NULL;
    struct mp_map_slot *slot = mp_map_slot(map, key);
    if (!slot->key) {
        slot->key = key;
        slot->value = 0;
        map->count++;
    }
    return &slot->value;
}

void mp_map_clear(struct mp_map *map)
{
    free(map->slots);
    *map = (struct mp_map){0};
}
