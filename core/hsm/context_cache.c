#include "core/hsm/context_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/hsm/module.h"

#define NOWHERE UINT16_MAX /* no entry */
enum { HASH_SIZE = 8 };

_Static_assert(POS_KEY_CONTEXT_COUNT_MAX < NOWHERE, "an entry's index fits 16 bits");

struct entry {
    struct pos_key key;
    enum pos_mac_purpose purpose;
    uint16_t next; /* in its bucket, or in the list of free entries */
    bool linked;   /* is in a bucket */
    bool used;     /* since the clock's hand passed */
    struct pos_mac *mac;
};

struct pos_context_cache {
    size_t capacity;
    size_t touched_count;  /* entries that were ever taken */
    size_t bucket_mask;    /* bucket count, a power of two, minus 1 */
    size_t hand;           /* of the clock */
    uint16_t free_entries; /* that were taken and are in no bucket */
    uint16_t *buckets;
    struct entry *entries;
};

static size_t bucket_count_for(size_t capacity)
{
    size_t count = 1;
    while (count < 2 * capacity)
        count *= 2;
    return count;
}

struct pos_context_cache *pos_context_cache_create(size_t capacity)
{
    assert(capacity >= 1 && capacity <= POS_KEY_CONTEXT_COUNT_MAX);
    struct pos_context_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    size_t bucket_count = bucket_count_for(capacity);
    *cache = (struct pos_context_cache){
        .capacity = capacity,
        .bucket_mask = bucket_count - 1,
        .free_entries = NOWHERE,
        .buckets = malloc(bucket_count * sizeof *cache->buckets),
        .entries = calloc(capacity, sizeof *cache->entries),
    };
    if (cache->buckets == NULL || cache->entries == NULL) {
        pos_context_cache_destroy(cache);
        return NULL;
    }
    memset(cache->buckets, 0xFF, bucket_count * sizeof *cache->buckets);
    return cache;
}

void pos_context_cache_destroy(struct pos_context_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->touched_count; i++)
        pos_mac_destroy(cache->entries[i].mac);
    free(cache->entries);
    free(cache->buckets);
    free(cache);
}

static uint16_t *bucket_of(struct pos_context_cache *cache, const struct pos_key *key,
                           enum pos_mac_purpose purpose)
{
    assert(key->size >= 2 * HASH_SIZE && key->size <= sizeof key->data);
    uint64_t hash;
    memcpy(&hash, key->data + key->size - HASH_SIZE, HASH_SIZE);
    return &cache->buckets[(hash ^ (uint64_t)purpose) & cache->bucket_mask];
}

static bool is_entry_of(const struct entry *entry, const struct pos_key *key,
                        enum pos_mac_purpose purpose)
{
    return entry->purpose == purpose && entry->key.usage == key->usage &&
           entry->key.algorithm == key->algorithm && entry->key.size == key->size &&
           memcmp(entry->key.data, key->data, key->size) == 0;
}

struct pos_mac *pos_context_cache_find(struct pos_context_cache *cache, const struct pos_key *key,
                                       enum pos_mac_purpose purpose)
{
    for (uint16_t i = *bucket_of(cache, key, purpose); i != NOWHERE; i = cache->entries[i].next)
        if (is_entry_of(&cache->entries[i], key, purpose)) {
            cache->entries[i].used = true;
            return cache->entries[i].mac;
        }
    return NULL;
}

static void unlink_entry(struct pos_context_cache *cache, uint16_t index)
{
    struct entry *entry = &cache->entries[index];
    uint16_t *link = bucket_of(cache, &entry->key, entry->purpose);
    while (*link != index)
        link = &cache->entries[*link].next;
    *link = entry->next;
    entry->linked = false;
}

/* The clock: the first entry that was not used since the hand passed it. Two turns at the most. */
static uint16_t evict(struct pos_context_cache *cache)
{
    for (;;) {
        uint16_t index = (uint16_t)cache->hand;
        cache->hand = (cache->hand + 1) % cache->capacity;
        struct entry *entry = &cache->entries[index];
        assert(entry->linked);
        if (!entry->used) {
            unlink_entry(cache, index);
            return index;
        }
        entry->used = false;
    }
}

static uint16_t take_entry(struct pos_context_cache *cache)
{
    uint16_t index = cache->free_entries;
    if (index != NOWHERE) {
        cache->free_entries = cache->entries[index].next;
        return index;
    }
    if (cache->touched_count < cache->capacity)
        return (uint16_t)cache->touched_count++;
    return evict(cache);
}

static enum pos_status key_entry(struct entry *entry, enum pos_mac_algorithm mac,
                                 enum pos_algorithm algorithm, const uint8_t *clear)
{
    if (entry->mac != NULL)
        return pos_mac_rekey(entry->mac, mac, algorithm, clear);
    return pos_mac_create(mac, algorithm, clear, &entry->mac);
}

enum pos_status pos_context_cache_put(struct pos_context_cache *cache, const struct pos_key *key,
                                      enum pos_mac_purpose purpose, const uint8_t *clear,
                                      struct pos_mac **mac)
{
    uint16_t index = take_entry(cache);
    struct entry *entry = &cache->entries[index];
    enum pos_mac_algorithm algorithm = pos_mac_purpose_algorithm(purpose, key->algorithm);
    enum pos_status status = key_entry(entry, algorithm, key->algorithm, clear);
    if (status != POS_OK) {
        entry->next = cache->free_entries;
        cache->free_entries = index;
        return status;
    }
    uint16_t *bucket = bucket_of(cache, key, purpose);
    entry->key = *key;
    entry->purpose = purpose;
    entry->linked = true;
    entry->used = false; /* a key that comes once must not displace one that comes often */
    entry->next = *bucket;
    *bucket = index;
    *mac = entry->mac;
    return POS_OK;
}
