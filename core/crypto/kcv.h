/* Key check values: TDES zeros encrypted, 3 bytes; AES CMAC over 16 zero bytes, 5 bytes (X9.24-1);
 * SM4 zeros encrypted, 4 bytes. */
#ifndef POS_CRYPTO_KCV_H
#define POS_CRYPTO_KCV_H

#include "core/base/key.h"

POS_MUST_USE enum pos_status pos_kcv_compute(enum pos_algorithm algorithm, const uint8_t *key,
                                             struct pos_kcv *kcv);

/* The same by a method that is named (a key block may carry one that is not the key's usual one).
 */
POS_MUST_USE enum pos_status pos_kcv_compute_by(enum pos_kcv_method method,
                                                enum pos_algorithm algorithm, const uint8_t *key,
                                                struct pos_kcv *kcv);

/* For who makes many: the ciphers behind them, which are keyed with zeros again when a check value
 * is made, so that nothing of its key stays. One thread at a time. */
struct pos_kcv_maker;
struct pos_kcv_maker *pos_kcv_maker_create(void);        /* NULL: no memory */
void pos_kcv_maker_destroy(struct pos_kcv_maker *maker); /* NULL is fine */
/* As pos_kcv_compute: POS_ERR_CRYPTO, POS_ERR_MEMORY, POS_ERR_USAGE without an algorithm. */
POS_MUST_USE enum pos_status pos_kcv_make(struct pos_kcv_maker *maker, enum pos_algorithm algorithm,
                                          const uint8_t *key, struct pos_kcv *kcv);
/* The same of one key after another: what there is of it stays until the next one, or until
 * pos_kcv_forget, which must come last. That fails when a cipher cannot be keyed with zeros; it is
 * released then, and holds no key either. */
POS_MUST_USE enum pos_status pos_kcv_make_next(struct pos_kcv_maker *maker,
                                               enum pos_algorithm algorithm, const uint8_t *key,
                                               struct pos_kcv *kcv);
POS_MUST_USE enum pos_status pos_kcv_forget(struct pos_kcv_maker *maker);

#endif
