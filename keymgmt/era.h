/*
 * Audit chains across a rotation of the LMK. Their MACs are made with a key that belongs to the
 * LMK, and goes with it. The rotation ends with a record under the new LMK, POS_ERA_WORD; the
 * hash in it, and so its MAC, covers every record before it: what was changed there shows by the
 * chain of hashes up to a record whose MAC verifies. So MACs are checked from the newest such
 * record on, and nothing of the old LMK has to be kept.
 */
#ifndef POS_KEYMGMT_ERA_H
#define POS_KEYMGMT_ERA_H

#include "core/audit/audit.h"

#define POS_ERA_WORD "lmk-rotated"

/* Give it every record of a chain, in order; then *sequence is that of the record with which the
 * present era began: 0 without a rotation, as it is before the first record. */
void pos_era_look_at(struct pos_bytes record, uint64_t *sequence);

#endif
