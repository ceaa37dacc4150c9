/*
 * Key blocks of TR-31 / ANSI X9.143: written in version D under AES and in version B under TDES,
 * read in D under AES and in A, B and C under TDES. A protector holds the keys derived from one
 * block-protection key, because deriving them is where the time goes. One thread at a time per
 * protector.
 */
#ifndef POS_CRYPTO_KEY_BLOCK_H
#define POS_CRYPTO_KEY_BLOCK_H

#include "core/base/limits.h"

enum { POS_KEY_BLOCK_HEADER_SIZE = 16, POS_KEY_BLOCK_D_MAC_SIZE = 16 };

/* The header's fields as the standard's characters (X9.143 clause 6, table 1). */
struct pos_key_block_attributes {
    char usage[2];   /* "K1" "P0" "M6" */
    char algorithm;  /* 'A' AES, 'T' TDES, '4' SM4 between posgate's own programs */
    char mode;       /* 'B' both, 'D' decrypt, 'E' encrypt, 'C' MAC both ways, 'X', 'N' */
    char version[2]; /* "00" */
    char exportable; /* 'E' 'N' 'S' */
};

/* Optional blocks to write: KC (check value of the key), KP (of the protection key); PB is added
 * where the length needs it. */
struct pos_key_block_optional {
    const struct pos_kcv *kc; /* NULL: none */
    const struct pos_kcv *kp; /* NULL: none */
};

/* What the caller insists on; a block that is anything else is refused. */
struct pos_key_block_expectation {
    struct pos_key_block_attributes attributes; /* mode, exportable, version[0] of 0: any */
    enum pos_algorithm key_algorithm;           /* and so the key's length */
};

/* The header's letter for an algorithm: 'A', 'T', '4'. */
char pos_key_block_algorithm_letter(enum pos_algorithm algorithm);

/* The derived keys are scheduled on OpenSSL's heap, which is wiped on release and not locked. */
struct pos_key_block_protector;

/* TDES or AES protection key, not kept; POS_ERR_USAGE for SM4, which has no block version. */
POS_MUST_USE enum pos_status
pos_key_block_protector_create(enum pos_algorithm algorithm, const uint8_t *key,
                               struct pos_key_block_protector **protector);

/* What a device derives from a protection key that stays inside it. */
struct pos_key_block_derived {
    const uint8_t *encryption, *mac;    /* by pos_derive; not kept */
    struct pos_kcv zeros_kcv, cmac_kcv; /* the protection key's, of POS_KCV_SIZE_MAX bytes each:
                                           what a KP may hold */
};
/* A protector like the one that the protection key itself makes, but that blocks of versions A and
 * C, whose keys are no derived ones, are POS_ERR_USAGE. */
POS_MUST_USE enum pos_status
pos_key_block_protector_create_derived(enum pos_algorithm algorithm,
                                       const struct pos_key_block_derived *derived,
                                       struct pos_key_block_protector **protector);
void pos_key_block_protector_destroy(struct pos_key_block_protector *protector);

/* Appends the block's characters to `block`, whole or not at all. attributes->algorithm must be
 * key_algorithm's letter. The key is padded with random bytes to the longest
 * length of its algorithm (X9.143: hide the length). POS_ERR_LENGTH, POS_ERR_CRYPTO;
 * POS_ERR_NOT_ALLOWED when the protection key is weaker than the key. */
POS_MUST_USE enum pos_status pos_key_block_wrap(struct pos_key_block_protector *protector,
                                                const struct pos_key_block_attributes *attributes,
                                                const struct pos_key_block_optional *optional,
                                                enum pos_algorithm key_algorithm,
                                                const uint8_t *key, struct pos_buffer *block);

/* Reads D under AES, A, B and C under TDES; an unpadded key is as good as a padded one, and unknown
 * optional blocks are carried. Checks length, header, optional blocks, MAC, expectation and the
 * key's length, in this order of trust: nothing decrypted is used before the MAC verified. `key`
 * has POS_KEY_SIZE_MAX bytes. POS_ERR_FORMAT (not a block we read), POS_ERR_MAC, POS_ERR_MISMATCH
 * (not what was expected, or a KC that is not this key's, or a KP that is not the protection
 * key's); *error (may be NULL) names the part. */
POS_MUST_USE enum pos_status pos_key_block_unwrap(struct pos_key_block_protector *protector,
                                                  struct pos_bytes block,
                                                  const struct pos_key_block_expectation *expected,
                                                  uint8_t *key, struct pos_error *error);

/*
 * The same in the compact binary form in which keys rest in databases: ciphertext and MAC of a
 * version D block, the header not stored but rebuilt from attributes and algorithm, which the MAC
 * covers. A sealer holds the derived keys as a protector does, and locked memory for what it works
 * on; it seals many keys at once, because their blocks can go through the cipher side by side. One
 * thread at a time.
 */
struct pos_key_block_sealer;

/* A key that is to be sealed, and where to. */
struct pos_key_block_sealing {
    struct pos_key_block_attributes attributes; /* its algorithm is key_algorithm's letter */
    enum pos_algorithm key_algorithm;
    const uint8_t *key;
    uint8_t *sealed;      /* POS_KEY_VALUE_SIZE_MAX bytes */
    uint8_t *sealed_size; /* set; 0 after an error */
};

/* AES protection key, not kept; POS_ERR_USAGE for any other. */
POS_MUST_USE enum pos_status pos_key_block_sealer_create(enum pos_algorithm algorithm,
                                                         const uint8_t *key,
                                                         struct pos_key_block_sealer **sealer);
void pos_key_block_sealer_destroy(struct pos_key_block_sealer *sealer); /* NULL is fine */

/* All of them or none; padded as in a block. POS_ERR_CRYPTO; POS_ERR_NOT_ALLOWED when the
 * protection key is weaker than one of the keys. */
POS_MUST_USE enum pos_status pos_key_block_seal(struct pos_key_block_sealer *sealer,
                                                const struct pos_key_block_sealing *sealings,
                                                size_t count);

/* With a protector of the same protection key. POS_ERR_FORMAT for the wrong size, POS_ERR_MAC when
 * it is damaged or was sealed with other attributes, POS_ERR_MISMATCH when the key has another
 * length, POS_ERR_USAGE under TDES. */
POS_MUST_USE enum pos_status pos_key_block_unseal(struct pos_key_block_protector *protector,
                                                  const struct pos_key_block_attributes *attributes,
                                                  enum pos_algorithm key_algorithm,
                                                  struct pos_bytes sealed, uint8_t *key);

#endif
