/* What the headers of key blocks say of each key: for the blocks that go out, and for those that
 * the software module has at rest. Internal to core/hsm; modules share it. */
#ifndef POS_HSM_KEY_ATTRIBUTES_H
#define POS_HSM_KEY_ATTRIBUTES_H

#include "core/crypto/key_block.h"

/* As under an LMK: mode and exportability are the caller's to change for a block that goes out. No
 * two usages share one. */
struct pos_key_block_attributes pos_key_attributes(enum pos_key_usage usage,
                                                   enum pos_algorithm algorithm);

#endif
