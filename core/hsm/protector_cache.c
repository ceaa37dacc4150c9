#include "core/hsm/protector_cache.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto/kcv.h"

struct entry {
    struct pos_key key; /* size 0: none */
    struct pos_protection protection;
    uint64_t used; /* at this turn */
};

struct pos_protector_cache {
    uint64_t turn;
    struct entry entries[POS_PROTECTOR_COUNT_MAX];
};

struct pos_protector_cache *pos_protector_cache_create(void)
{
    return calloc(1, sizeof(struct pos_protector_cache));
}

static void empty(struct entry *entry)
{
    pos_key_block_protector_destroy(entry->protection.protector);
    *entry = (struct entry){0};
}

void pos_protector_cache_destroy(struct pos_protector_cache *cache)
{
    for (size_t i = 0; cache != NULL && i < POS_PROTECTOR_COUNT_MAX; i++)
        empty(&cache->entries[i]);
    free(cache);
}

static bool is_of(const struct entry *entry, const struct pos_key *key)
{
    return entry->key.size != 0 && entry->key.size == key->size && entry->key.usage == key->usage &&
           entry->key.algorithm == key->algorithm &&
           memcmp(entry->key.data, key->data, key->size) == 0;
}

const struct pos_protection *pos_protector_cache_find(struct pos_protector_cache *cache,
                                                      const struct pos_key *key)
{
    for (size_t i = 0; i < POS_PROTECTOR_COUNT_MAX; i++)
        if (is_of(&cache->entries[i], key)) {
            cache->entries[i].used = ++cache->turn;
            return &cache->entries[i].protection;
        }
    return NULL;
}

static struct entry *oldest(struct pos_protector_cache *cache)
{
    struct entry *found = &cache->entries[0];
    for (size_t i = 1; i < POS_PROTECTOR_COUNT_MAX; i++)
        if (cache->entries[i].used < found->used)
            found = &cache->entries[i];
    return found;
}

static const struct pos_protection *keep(struct pos_protector_cache *cache,
                                         const struct pos_key *key, struct pos_protection made)
{
    struct entry *entry = oldest(cache);
    empty(entry);
    *entry = (struct entry){.key = *key, .protection = made, .used = ++cache->turn};
    return &entry->protection;
}

enum pos_status pos_protector_cache_put(struct pos_protector_cache *cache,
                                        const struct pos_key *key, const uint8_t *clear,
                                        const struct pos_protection **protection)
{
    struct pos_protection made = {0};
    enum pos_status status = pos_kcv_compute(key->algorithm, clear, &made.kcv);
    if (status == POS_OK)
        status = pos_key_block_protector_create(key->algorithm, clear, &made.protector);
    if (status == POS_OK)
        *protection = keep(cache, key, made);
    return status;
}

enum pos_status pos_protector_cache_put_derived(struct pos_protector_cache *cache,
                                                const struct pos_key *key,
                                                const struct pos_kcv *kcv,
                                                const struct pos_key_block_derived *derived,
                                                const struct pos_protection **protection)
{
    struct pos_protection made = {.kcv = *kcv};
    enum pos_status status =
        pos_key_block_protector_create_derived(key->algorithm, derived, &made.protector);
    if (status == POS_OK)
        *protection = keep(cache, key, made);
    return status;
}
