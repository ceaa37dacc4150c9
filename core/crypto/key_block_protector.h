/*
 * What a protection key does to key data: MAC and encryption of each version. Internal to
 * core/crypto; both forms of a key block (text, and compact at rest) stand on it.
 */
#ifndef POS_CRYPTO_KEY_BLOCK_PROTECTOR_H
#define POS_CRYPTO_KEY_BLOCK_PROTECTOR_H

#include "core/crypto/cipher.h"
#include "core/crypto/key_block_header.h"
#include "core/crypto/mac.h"

struct pos_key_block_protector {
    enum pos_algorithm algorithm;
    const struct pos_key_block_version *version; /* that is written: D or B */
    struct pos_cipher encrypt, decrypt;          /* with the derived keys */
    struct pos_mac *mac;
    bool reads_variants; /* TDES: versions A and C, with these two */
    struct pos_cipher variant_decrypt, variant_mac;
    struct pos_kcv zeros_kcv, cmac_kcv; /* of the protection key, for KP */
};

/* Bytes of key data for a key of this algorithm, with padding to whole blocks of the cipher. */
size_t pos_key_block_data_size(const struct pos_key_block_version *version,
                               enum pos_algorithm key_algorithm);

/* POS_ERR_NOT_ALLOWED for a key that is stronger than the protection key. */
POS_MUST_USE enum pos_status
pos_key_block_may_protect(enum pos_algorithm protection,
                          const struct pos_key_block_attributes *attributes,
                          enum pos_algorithm key_algorithm);

/* Key data of `size` bytes: length, key and random padding. */
POS_MUST_USE enum pos_status pos_key_block_put_key(enum pos_algorithm key_algorithm,
                                                   const uint8_t *key, uint8_t *data, size_t size);

/* Makes key data of `size` bytes that belongs to the clear part, its MAC, and encrypts it in place.
 * Nothing is left of the key when it fails. */
POS_MUST_USE enum pos_status pos_key_block_close_key(struct pos_key_block_protector *protector,
                                                     struct pos_bytes clear,
                                                     enum pos_algorithm key_algorithm,
                                                     const uint8_t *key, uint8_t *data, size_t size,
                                                     uint8_t *mac);

/* Decrypts `data` in place and verifies its MAC as this version has it; data is wiped when that is
 * not right (POS_ERR_MAC). `version` must be of the protection key's cipher. */
POS_MUST_USE enum pos_status pos_key_block_open_data(struct pos_key_block_protector *protector,
                                                     const struct pos_key_block_version *version,
                                                     struct pos_bytes clear, uint8_t *data,
                                                     size_t size, const uint8_t *mac);

/* Only behind open_data: takes the key when it has exactly the length of its algorithm.
 * POS_ERR_MISMATCH. */
POS_MUST_USE enum pos_status pos_key_block_take_key(const uint8_t *data, size_t size,
                                                    enum pos_algorithm key_algorithm, uint8_t *key);

#endif
