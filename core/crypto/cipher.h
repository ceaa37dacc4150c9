/*
 * The block ciphers behind everything here, in CBC, keyed once and used any number of times.
 * Internal to core/crypto.
 *
 * Starting a message on an OpenSSL context costs several times what a block costs, so a context is
 * never started again: CBC XORs into the first block the ciphertext block that went before, which
 * is known, and so that block is XORed away and the wanted IV is put in its place.
 */
#ifndef POS_CRYPTO_CIPHER_H
#define POS_CRYPTO_CIPHER_H

#include "core/base/key.h"

struct evp_cipher_ctx_st;

enum pos_cipher_direction { POS_CIPHER_DECRYPT = 0, POS_CIPHER_ENCRYPT = 1 };
enum { POS_CIPHER_BLOCK_SIZE_MAX = 16 };

struct pos_cipher {
    struct evp_cipher_ctx_st *context; /* owned, on the library's heap; it wipes on release */
    enum pos_algorithm algorithm;
    enum pos_cipher_direction direction;
    size_t block_size;                        /* 16, or 8 for TDES */
    uint8_t chain[POS_CIPHER_BLOCK_SIZE_MAX]; /* the ciphertext block that went last */
};

/* Keys a zeroed cipher, or one that is keyed already (no allocation when algorithm and direction
 * stay). `key` is not kept. POS_ERR_CRYPTO, POS_ERR_MEMORY; the cipher is to be given to fini in
 * any case. */
POS_MUST_USE enum pos_status pos_cipher_init(struct pos_cipher *cipher,
                                             enum pos_algorithm algorithm,
                                             enum pos_cipher_direction direction,
                                             const uint8_t *key);
void pos_cipher_fini(struct pos_cipher *cipher);

/* In place; `size` is one block or more, whole blocks. `iv` has block_size bytes; cipher->chain
 * goes on where the last call ended. After POS_ERR_CRYPTO the cipher must be keyed again. */
POS_MUST_USE enum pos_status pos_cipher_cbc(struct pos_cipher *cipher, const uint8_t *iv,
                                            uint8_t *data, size_t size);

/* Each block by itself, in place; sizes and errors as above. It shows which blocks are equal: for
 * forms that others prescribe. */
POS_MUST_USE enum pos_status pos_cipher_ecb(struct pos_cipher *cipher, uint8_t *data, size_t size);
/* The same for a struct pos_block_cipher; `context` is the struct pos_cipher. */
POS_MUST_USE enum pos_status pos_cipher_run_ecb(void *context, uint8_t *data, size_t size);

#endif
