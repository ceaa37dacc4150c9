/*
 * Block protectors of one session, found by the key that they were derived from: a batch has one
 * KTK, a sign-on wraps two keys under one TMK. Internal to core/hsm.
 *
 * When it is full the protector that was not used for longest is destroyed, which wipes its keys.
 * They are on OpenSSL's heap: see context_cache.h.
 */
#ifndef POS_HSM_PROTECTOR_CACHE_H
#define POS_HSM_PROTECTOR_CACHE_H

#include "core/crypto/key_block.h"
#include "core/hsm/hsm.h"

struct pos_protector_cache; /* of POS_PROTECTOR_COUNT_MAX */

struct pos_protection {
    struct pos_key_block_protector *protector;
    struct pos_kcv kcv; /* of the protection key */
};

struct pos_protector_cache *pos_protector_cache_create(void);        /* NULL: no memory */
void pos_protector_cache_destroy(struct pos_protector_cache *cache); /* NULL is fine */

/* Borrowed until the next put; NULL when it is not there. */
const struct pos_protection *pos_protector_cache_find(struct pos_protector_cache *cache,
                                                      const struct pos_key *key);
/* Adds one that find did not find; `clear` is `key` open. POS_ERR_USAGE for SM4, POS_ERR_CRYPTO,
 * POS_ERR_MEMORY: nothing was added. */
POS_MUST_USE enum pos_status pos_protector_cache_put(struct pos_protector_cache *cache,
                                                     const struct pos_key *key,
                                                     const uint8_t *clear,
                                                     const struct pos_protection **protection);
/* The same for a key that stays in a device, of which `kcv` is the check value; the protector reads
 * no blocks of versions A and C. */
POS_MUST_USE enum pos_status pos_protector_cache_put_derived(
    struct pos_protector_cache *cache, const struct pos_key *key, const struct pos_kcv *kcv,
    const struct pos_key_block_derived *derived, const struct pos_protection **protection);

#endif
