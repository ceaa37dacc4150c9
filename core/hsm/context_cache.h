/*
 * Keyed MAC contexts of one session, found by key value and purpose. Internal to core/hsm.
 *
 * A hit costs a hash, one comparison and no allocation. A miss costs the caller the opening of the
 * key and here the key's schedule; when the cache is full the context of an entry that was not used
 * lately is keyed anew (clock), so that at the bound nothing is allocated either.
 *
 * The contexts are OpenSSL's and live on its heap: wiped when they are keyed anew or released, kept
 * out of core files only by what the process does for itself (pos_secret_protect_process), not
 * locked. Locking them would take a page each.
 */
#ifndef POS_HSM_CONTEXT_CACHE_H
#define POS_HSM_CONTEXT_CACHE_H

#include "core/crypto/mac.h"
#include "core/hsm/hsm.h"

struct pos_context_cache;

/* `capacity` of 1 to POS_KEY_CONTEXT_COUNT_MAX contexts. NULL: no memory. */
struct pos_context_cache *pos_context_cache_create(size_t capacity);
void pos_context_cache_destroy(struct pos_context_cache *cache);

/* Borrowed until the next put; NULL when it is not there. key->size is 16 or more: a value ends
 * with its MAC, and so its last bytes are the hash. */
struct pos_mac *pos_context_cache_find(struct pos_context_cache *cache, const struct pos_key *key,
                                       enum pos_mac_purpose purpose);

/* Adds one that find did not find: the context is keyed with `clear`, of key's algorithm, for the
 * MAC algorithm that the purpose has with it.
 * POS_ERR_CRYPTO, POS_ERR_MEMORY: nothing was added. */
POS_MUST_USE enum pos_status pos_context_cache_put(struct pos_context_cache *cache,
                                                   const struct pos_key *key,
                                                   enum pos_mac_purpose purpose,
                                                   const uint8_t *clear, struct pos_mac **mac);

#endif
