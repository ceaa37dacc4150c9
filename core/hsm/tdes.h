/*
 * What is peculiar to DES keys: a parity bit in each byte, and parts that may be equal. Internal to
 * core/hsm.
 *
 * Parity: keys that a module makes have odd parity, because some terminals look. Keys that
 * come from elsewhere, and components, are taken as they are: no bit of a custodian's component is
 * changed, and no check is made of its parity, for check values do not depend on it either. Derived
 * keys are not adjusted.
 */
#ifndef POS_HSM_TDES_H
#define POS_HSM_TDES_H

#include "core/base/key.h"

enum { POS_DES_KEY_SIZE = 8 };

bool pos_is_tdes(enum pos_algorithm algorithm);
/* Makes every byte's count of ones odd, by its lowest bit. */
void pos_tdes_set_parity(uint8_t *key, size_t size);
/* Are two of the 8-byte parts the same but for parity, and so the key weaker than its length says?
 * Constant-time. */
bool pos_tdes_repeats(enum pos_algorithm algorithm, const uint8_t *key);

#endif
