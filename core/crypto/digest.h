/* SHA-256 (FIPS 180-4) of a few pieces in a row. */
#ifndef POS_CRYPTO_DIGEST_H
#define POS_CRYPTO_DIGEST_H

#include "core/base/bytes.h"

enum { POS_DIGEST_SIZE = 32 };

POS_MUST_USE enum pos_status pos_digest(const struct pos_bytes *pieces, size_t piece_count,
                                        uint8_t digest[POS_DIGEST_SIZE]);

#endif
