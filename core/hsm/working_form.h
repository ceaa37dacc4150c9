/*
 * The shape of UnionPay's sign-on replies: which bytes of which working key stand where. Internal
 * to core/hsm; modules share it.
 *
 *   form   TDES                                            SM4
 *   24     TPK 8, KCV 4, TAK 8, KCV 4                       -
 *   40     TPK 16, KCV 4, TAK 8, 8 zeros, KCV 4             TPK 16, KCV 4, TAK 16, KCV 4
 *   60     TPK, TAK and TDK, each 16 and KCV 4              TPK, TAK and TDK, each 16 and KCV 4
 *
 * Each key in ECB mode under the TMK; each KCV the first 4 bytes of zeros encrypted.
 */
#ifndef POS_HSM_WORKING_FORM_H
#define POS_HSM_WORKING_FORM_H

#include "core/crypto/block_cipher.h"
#include "core/hsm/hsm.h"

enum { POS_FORM_PART_COUNT_MAX = 3, POS_FORM_KCV_SIZE = 4 };

struct pos_form_part {
    uint8_t key_size;  /* bytes of the key that travel; 8: one of two equal halves */
    uint8_t zero_size; /* bytes of zeros between them and the KCV */
};

/* The parts of a form that is possible for a TDES or SM4 TMK, in the order TPK, TAK, TDK. Returns
 * their count; 0: the form is not possible, or it is key blocks. */
size_t pos_form_parts(enum pos_key_form form, enum pos_algorithm tmk,
                      struct pos_form_part parts[POS_FORM_PART_COUNT_MAX]);

/* Appends one part. `clear` is the working key of `algorithm`, 16 bytes of secret memory, and is
 * encrypted in place; `tmk` encrypts under the TMK. POS_ERR_MISMATCH: the halves are equal where
 * the whole key travels, or differ where one does. */
POS_MUST_USE enum pos_status pos_form_put(const struct pos_form_part *part,
                                          const struct pos_block_cipher *tmk,
                                          enum pos_algorithm algorithm, uint8_t *clear,
                                          struct pos_buffer *out);

#endif
