/*
 * Texts of one length under one AES key, each chained by itself (CBC) and all at the same time.
 * Internal to core/crypto.
 *
 * A block of a chain waits for the block in front of it, so a processor that could have eight under
 * way has one. Here the same block of every text goes through the cipher in one call (ECB), and the
 * chaining is done around it: with 48 texts a block takes 2 ns instead of 15, and the call, which
 * takes as long as a block, is shared. One thread at a time.
 */
#ifndef POS_CRYPTO_CHAINS_H
#define POS_CRYPTO_CHAINS_H

#include "core/base/key.h"

enum { POS_CHAIN_BLOCK_SIZE = 16 };

struct pos_chains;

struct pos_texts {
    uint8_t *data; /* the first one */
    size_t stride; /* bytes from one to the next */
    size_t size;   /* bytes of each: whole blocks, one or more */
    size_t count;
};

/* `key` is not kept; its schedule is on OpenSSL's heap, wiped on release and not locked.
 * POS_ERR_USAGE for what is not AES, POS_ERR_CRYPTO, POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_chains_create(enum pos_algorithm algorithm, const uint8_t *key,
                                               struct pos_chains **chains);
void pos_chains_destroy(struct pos_chains *chains); /* NULL is fine */

/* The CMAC (SP 800-38B) of each text; `macs` has a block for each. */
POS_MUST_USE enum pos_status pos_chains_cmac(struct pos_chains *chains,
                                             const struct pos_texts *texts, uint8_t *macs);

/* Encrypts each text in place. `chain` has the IV of each, and its last block afterwards. After an
 * error the texts are partly encrypted. */
POS_MUST_USE enum pos_status pos_chains_encrypt(struct pos_chains *chains,
                                                const struct pos_texts *texts, uint8_t *chain);

#endif
