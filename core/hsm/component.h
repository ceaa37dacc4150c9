/* Putting a key together from its custodians' components. Internal to core/hsm. */
#ifndef POS_HSM_COMPONENT_H
#define POS_HSM_COMPONENT_H

#include "core/hsm/hsm.h"

/* XORs all components into `key` (secret memory). POS_ERR_USAGE: too few or too many, of a wrong
 * size, all zero, two alike, or a key that comes out all zero, or of TDES with a part that repeats
 * another; `key` is wiped then. Bits are taken as they are, those of DES parity too. */
POS_MUST_USE enum pos_status pos_component_combine(const struct pos_component *components,
                                                   size_t component_count,
                                                   enum pos_algorithm algorithm, uint8_t *key,
                                                   struct pos_error *error);

#endif
