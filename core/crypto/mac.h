/*
 * Keyed MAC contexts: made once per key, used for any number of messages, so that a message costs
 * its blocks and not a key schedule. One thread at a time per context.
 */
#ifndef POS_CRYPTO_MAC_H
#define POS_CRYPTO_MAC_H

#include "core/base/key.h"

enum pos_mac_algorithm {
    POS_MAC_CMAC,    /* CMAC (NIST SP 800-38B, RFC 4493) with the key's own cipher */
    POS_MAC_RETAIL,  /* ISO 9797-1 algorithm 3, padding method 1; T2 alone. 8 bytes. With two equal
                        halves it is the single-length DES CBC-MAC */
    POS_MAC_CUP_ECB, /* UnionPay's ECB MAC: XOR of all 8-byte blocks, spelled as 16 upper-case hex
                        characters; encrypt the first 8, XOR the last 8, encrypt, spell, take the
                        first 8 characters. T2 alone. Malleable: for installed terminals only */
};

enum { POS_MAC_FULL_SIZE_MAX = 16 };

struct pos_mac;

/* `key` of pos_algorithm_key_size(algorithm) bytes; not kept. The key schedule lives on OpenSSL's
 * heap, not in locked memory. POS_ERR_CRYPTO, POS_ERR_MEMORY,
 * POS_ERR_USAGE for an algorithm that cannot make this MAC. Owned; destroy wipes. */
POS_MUST_USE enum pos_status pos_mac_create(enum pos_mac_algorithm mac,
                                            enum pos_algorithm algorithm, const uint8_t *key,
                                            struct pos_mac **context);
/* Gives a context another MAC and key, without an allocation when the cipher stays. After an error
 * the context must be keyed again or destroyed. */
POS_MUST_USE enum pos_status pos_mac_rekey(struct pos_mac *context, enum pos_mac_algorithm mac,
                                           enum pos_algorithm algorithm, const uint8_t *key);
void pos_mac_destroy(struct pos_mac *context); /* NULL is fine */

/* Bytes of a full MAC: the cipher's block, 16 or 8. */
size_t pos_mac_size(const struct pos_mac *context);

/* Whole message at once; out has POS_MAC_FULL_SIZE_MAX bytes, pos_mac_size of them are set. */
POS_MUST_USE enum pos_status pos_mac_compute(struct pos_mac *context, struct pos_bytes message,
                                             uint8_t *out);

/* In pieces: start, add any number of times, finish. pos_mac_compute in between starts anew. */
POS_MUST_USE enum pos_status pos_mac_start(struct pos_mac *context);
POS_MUST_USE enum pos_status pos_mac_add(struct pos_mac *context, struct pos_bytes piece);
POS_MUST_USE enum pos_status pos_mac_finish(struct pos_mac *context, uint8_t *out);

#endif
