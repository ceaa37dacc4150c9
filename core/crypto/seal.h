/*
 * A small secret at rest under a passphrase or a credential: scrypt (RFC 7914) makes a key,
 * AES-256-GCM seals. The parameters stand in the sealed form and are covered by the tag.
 * Layout: "PSL1" | log2 N 1 | r 1 | p 1 | 0 | salt 16 | nonce 12 | ciphertext | tag 16.
 */
#ifndef POS_CRYPTO_SEAL_H
#define POS_CRYPTO_SEAL_H

#include "core/base/bytes.h"

enum { POS_SEAL_OVERHEAD = 4 + 4 + 16 + 12 + 16, POS_SEAL_SECRET_SIZE_MAX = 1024 };

/* Appends to `sealed`. `context` is covered by the tag and not stored (what the secret is for). */
POS_MUST_USE enum pos_status pos_seal(struct pos_bytes passphrase, struct pos_bytes context,
                                      struct pos_bytes secret, struct pos_buffer *sealed);
/* `secret` has room for sealed.size - POS_SEAL_OVERHEAD bytes. POS_ERR_FORMAT: not such a form, or
 * parameters above what we accept; POS_ERR_MAC: wrong passphrase or damaged. */
POS_MUST_USE enum pos_status pos_unseal(struct pos_bytes passphrase, struct pos_bytes context,
                                        struct pos_bytes sealed, uint8_t *secret,
                                        size_t *secret_size);

#endif
