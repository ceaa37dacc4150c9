/* Slots of anchor files as core/store/anchor.h lays them out, made by hand. */
#ifndef POS_TESTS_KEYMGMT_MAKE_ANCHOR_H
#define POS_TESTS_KEYMGMT_MAKE_ANCHOR_H

#include <stdint.h>

#include "core/store/anchor.h"

/* One whole slot of POS_ANCHOR_SLOT_SIZE bytes; the hash is zeros but for its last byte, which is
 * the sequence's. */
void make_anchor_slot(uint8_t *slot, uint64_t epoch, uint64_t batches, uint64_t sequence);

#endif
