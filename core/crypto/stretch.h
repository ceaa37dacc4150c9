/*
 * scrypt (RFC 7914) with parameters that stand beside its result. Internal to core/crypto.
 */
#ifndef POS_CRYPTO_STRETCH_H
#define POS_CRYPTO_STRETCH_H

#include "core/base/bytes.h"

enum { POS_STRETCH_SALT_SIZE = 16, POS_STRETCH_KEY_SIZE = 32 };

/* As they are stored, a byte each. */
struct pos_stretch {
    uint8_t cost_bits; /* log2 of scrypt's N */
    uint8_t block_factor;
    uint8_t parallel;
};

/* What we write: 32 MB and about a tenth of a second. */
extern const struct pos_stretch pos_stretch_own;

/* What we read: parameters from elsewhere must not take all memory or the day. */
bool pos_stretch_acceptable(struct pos_stretch stretch);

/* `salt` of POS_STRETCH_SALT_SIZE bytes, `key` of POS_STRETCH_KEY_SIZE. POS_ERR_CRYPTO, also for
 * parameters that are not acceptable. */
POS_MUST_USE enum pos_status pos_stretch(struct pos_stretch stretch, struct pos_bytes secret,
                                         const uint8_t *salt, uint8_t *key);

#endif
