/*
 * What is kept of a person's credential: scrypt over it with a salt of its own, and the parameters
 * that were used. Any thread. About a tenth of a second and 32 MB each.
 */
#ifndef POS_CRYPTO_PASSWORD_H
#define POS_CRYPTO_PASSWORD_H

#include "core/base/bytes.h"

/* version 1, log2 of the cost 1, block factor 1, parallel 1, salt 16, hash 32 */
enum { POS_PASSWORD_SIZE = 52 };

/* `kept` has POS_PASSWORD_SIZE bytes. POS_ERR_LENGTH for an empty one; POS_ERR_CRYPTO. */
POS_MUST_USE enum pos_status pos_password_make(struct pos_bytes password, uint8_t *kept);
/* Constant-time. POS_ERR_MISMATCH: another one. POS_ERR_CORRUPT: not what make wrote, or it asks
 * for more memory or time than is allowed. */
POS_MUST_USE enum pos_status pos_password_check(struct pos_bytes password, const uint8_t *kept);

#endif
