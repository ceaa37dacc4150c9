/*
 * Keys derived from keys as key blocks derive theirs (ANSI X9.143 clause on key block version D;
 * CMAC in counter mode, NIST SP 800-108): input counter 1 | usage 2 | 00 | algorithm 2 | bits 2.
 */
#ifndef POS_CRYPTO_DERIVE_H
#define POS_CRYPTO_DERIVE_H

#include "core/crypto/mac.h"

enum pos_derivation {
    POS_DERIVE_BLOCK_ENCRYPTION = 0x0000,
    POS_DERIVE_BLOCK_MAC = 0x0001,
    POS_DERIVE_REGISTRATION = 0x8001, /* K_reg from a TMK; not a usage of the standard */
    POS_DERIVE_KEY_FILE = 0x8002,     /* the key file's MAC key from a KTK */
    POS_DERIVE_RETURN_FILE = 0x8003,  /* the return file's MAC key from a KTK */
    POS_DERIVE_AUDIT = 0x8004,        /* the audit chain's MAC key from the LMK */
};

/* Derives a key of the same algorithm and length. `derived` has pos_algorithm_key_size bytes. */
POS_MUST_USE enum pos_status pos_derive(enum pos_algorithm algorithm, const uint8_t *key,
                                        enum pos_derivation usage, uint8_t *derived);
/* The same with a CMAC context that is keyed with the key already: for more than one. */
POS_MUST_USE enum pos_status pos_derive_by(struct pos_mac *mac, enum pos_algorithm algorithm,
                                           enum pos_derivation usage, uint8_t *derived);

/* What is MACed for block `counter` (from 1) of the derived key: for those who have the key where
 * it can only be used. */
enum { POS_DERIVE_INPUT_SIZE = 8 };
void pos_derive_input(enum pos_algorithm algorithm, enum pos_derivation usage, uint8_t counter,
                      uint8_t input[POS_DERIVE_INPUT_SIZE]);

#endif
