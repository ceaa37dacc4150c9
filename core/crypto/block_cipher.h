/* A block cipher with its key and direction, wherever they are: here (core/crypto/cipher.h), or in
 * a device that only uses the key. */
#ifndef POS_CRYPTO_BLOCK_CIPHER_H
#define POS_CRYPTO_BLOCK_CIPHER_H

#include "core/base/bytes.h"

struct pos_block_cipher {
    /* Encrypts, or decrypts, each of the whole blocks in `data` by itself and in place. */
    enum pos_status (*run)(void *context, uint8_t *data, size_t size);
    void *context; /* borrowed */
};

#endif
