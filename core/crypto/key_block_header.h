/*
 * The clear part of a key block: its header of 16 characters and the optional blocks behind it
 * (X9.143 clause 6). Internal to core/crypto.
 */
#ifndef POS_CRYPTO_KEY_BLOCK_HEADER_H
#define POS_CRYPTO_KEY_BLOCK_HEADER_H

#include "core/base/error.h"
#include "core/crypto/key_block.h"

/* What a version's letter settles about the form of a block. */
struct pos_key_block_version {
    char letter;
    bool tdes;         /* the protection key is TDES, else AES */
    bool variant;      /* keys are variants of the protection key, else derived from it by CMAC */
    size_t block_size; /* of the cipher, to which data and optional blocks are aligned */
    size_t mac_size;   /* bytes */
};

/* NULL for a letter that is not read. */
const struct pos_key_block_version *pos_key_block_version(char letter);

/* A block taken apart; views borrow from it. */
struct pos_key_block_parts {
    const struct pos_key_block_version *version;
    struct pos_key_block_attributes attributes;
    struct pos_bytes clear;      /* header and optional blocks */
    struct pos_bytes ciphertext; /* hex digits */
    struct pos_bytes mac;        /* hex digits */
    struct pos_kcv kc, kp;       /* method NONE without such a block */
};

/* Checks all that can be said without a key. POS_ERR_FORMAT; *error names the part. */
POS_MUST_USE enum pos_status pos_key_block_split(struct pos_bytes block,
                                                 struct pos_key_block_parts *parts,
                                                 struct pos_error *error);

/* Appends header and optional blocks (NULL: none); `encrypted_size` counts the characters that
 * will follow. */
void pos_key_block_put_header(struct pos_buffer *out, const struct pos_key_block_version *version,
                              const struct pos_key_block_attributes *attributes,
                              const struct pos_key_block_optional *optional, size_t encrypted_size);

#endif
