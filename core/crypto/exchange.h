/*
 * The session key of the mother POS link: X25519 (RFC 7748), then HKDF-SHA-256 (RFC 5869) with salt
 * terminal key | mother key (64 bytes), info "posgate mother v1", 32 bytes out: an AES-256
 * block-protection key.
 */
#ifndef POS_CRYPTO_EXCHANGE_H
#define POS_CRYPTO_EXCHANGE_H

#include "core/base/key.h"

enum { POS_EXCHANGE_KEY_SIZE = 32 };

struct pos_exchange; /* one ephemeral key pair */

POS_MUST_USE enum pos_status pos_exchange_create(struct pos_exchange **exchange);
void pos_exchange_destroy(struct pos_exchange *exchange);
void pos_exchange_public(const struct pos_exchange *exchange,
                         uint8_t public_key[POS_EXCHANGE_KEY_SIZE]);

/* A pair whose private part is known: that of a published example. */
POS_MUST_USE enum pos_status pos_exchange_restore(const uint8_t private_key[POS_EXCHANGE_KEY_SIZE],
                                                  struct pos_exchange **exchange);

enum pos_exchange_side { POS_EXCHANGE_TERMINAL, POS_EXCHANGE_MOTHER };

/* POS_ERR_FORMAT: the peer's key makes an all-zero secret. session_key is the caller's to wipe. */
POS_MUST_USE enum pos_status
pos_exchange_session_key(const struct pos_exchange *exchange, enum pos_exchange_side own_side,
                         const uint8_t peer_public[POS_EXCHANGE_KEY_SIZE],
                         uint8_t session_key[POS_KEY_SIZE_MAX]);

#endif
