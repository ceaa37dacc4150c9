/*
 * Each bucket is a chain from its newest row to its oldest. So the first match is the newest, and
 * cutting takes rows off the heads of their chains, in the reverse order of their coming.
 */
#include "core/store/staged.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKET_COUNT = 4096, /* about as many as a full batch of registrations has rows */
    ROW_COUNT_FIRST = 256,
    BYTE_COUNT_FIRST = 16384,
};

struct entry {
    size_t offset, key_size, value_size; /* of the key in `bytes`; the value is behind it */
    uint32_t hash;
    uint32_t older; /* in its chain: 1 + the place, 0 for none, as in `buckets` */
    uint32_t family;
    bool deleted;
};

struct pos_staged {
    struct entry *entries;
    uint8_t *bytes;
    size_t count, room, byte_count, byte_room;
    uint32_t buckets[BUCKET_COUNT];
};

/* FNV-1a */
static uint32_t hash_of(size_t family, struct pos_bytes key)
{
    uint32_t hash = 2166136261U ^ (uint32_t)family;
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.data[i]) * 16777619U;
    return hash ^ hash >> 16;
}

struct pos_staged *pos_staged_create(void)
{
    return calloc(1, sizeof(struct pos_staged));
}

void pos_staged_destroy(struct pos_staged *staged)
{
    if (staged == NULL)
        return;
    free(staged->entries);
    free(staged->bytes);
    free(staged);
}

size_t pos_staged_count(const struct pos_staged *staged)
{
    return staged->count;
}

/* Room for `needed` items in all; what has to grow doubles. */
static bool make_room(void **items, size_t *room, size_t first, size_t needed, size_t size)
{
    size_t wanted = *room > 0 ? *room : first;
    while (wanted < needed)
        wanted *= 2;
    if (wanted == *room)
        return true;
    void *grown = realloc(*items, wanted * size);
    if (grown == NULL)
        return false;
    *items = grown;
    *room = wanted;
    return true;
}

static bool make_rooms(struct pos_staged *staged, size_t bytes)
{
    void *entries = staged->entries, *data = staged->bytes;
    bool made =
        make_room(&entries, &staged->room, ROW_COUNT_FIRST, staged->count + 1,
                  sizeof *staged->entries) &&
        make_room(&data, &staged->byte_room, BYTE_COUNT_FIRST, staged->byte_count + bytes, 1);
    staged->entries = entries;
    staged->bytes = data;
    return made;
}

static void append(struct pos_staged *staged, struct pos_bytes bytes)
{
    if (bytes.size > 0)
        memcpy(staged->bytes + staged->byte_count, bytes.data, bytes.size);
    staged->byte_count += bytes.size;
}

bool pos_staged_add(struct pos_staged *staged, const struct pos_staged_row *row)
{
    if (!make_rooms(staged, row->key.size + row->value.size))
        return false;
    uint32_t hash = hash_of(row->family, row->key);
    uint32_t *bucket = &staged->buckets[hash % BUCKET_COUNT];
    staged->entries[staged->count] = (struct entry){.offset = staged->byte_count,
                                                    .key_size = row->key.size,
                                                    .value_size = row->value.size,
                                                    .hash = hash,
                                                    .older = *bucket,
                                                    .family = (uint32_t)row->family,
                                                    .deleted = row->deleted};
    *bucket = (uint32_t)++staged->count;
    append(staged, row->key);
    append(staged, row->value);
    return true;
}

void pos_staged_cut(struct pos_staged *staged, size_t count)
{
    while (staged->count > count) {
        const struct entry *newest = &staged->entries[--staged->count];
        staged->buckets[newest->hash % BUCKET_COUNT] = newest->older;
        staged->byte_count = newest->offset;
    }
}

struct pos_staged_row pos_staged_at(const struct pos_staged *staged, size_t place)
{
    assert(place < staged->count);
    const struct entry *entry = &staged->entries[place];
    const uint8_t *key = staged->bytes + entry->offset;
    return (struct pos_staged_row){.family = entry->family,
                                   .key = pos_bytes(key, entry->key_size),
                                   .value = pos_bytes(key + entry->key_size, entry->value_size),
                                   .deleted = entry->deleted};
}

bool pos_staged_find(const struct pos_staged *staged, size_t family, struct pos_bytes key,
                     struct pos_staged_row *row)
{
    uint32_t hash = hash_of(family, key);
    for (uint32_t at = staged->buckets[hash % BUCKET_COUNT]; at != 0;
         at = staged->entries[at - 1].older) {
        if (staged->entries[at - 1].hash != hash)
            continue;
        *row = pos_staged_at(staged, at - 1);
        if (row->family == family && pos_bytes_equal(row->key, key))
            return true;
    }
    return false;
}
