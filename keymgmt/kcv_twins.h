/*
 * Which keys of a library have the same check value. Some must: a check value of 3 bytes has 16
 * million values, and among many keys two meet by chance. Two keys that are really the same are
 * something else. Pure; in memory, 16 bytes a key.
 */
#ifndef POS_KEYMGMT_KCV_TWINS_H
#define POS_KEYMGMT_KCV_TWINS_H

#include "core/base/key.h"

struct pos_kcv_entry {
    uint64_t value; /* algorithm and check value */
    uint32_t index;
};

struct pos_kcv_twins {
    struct pos_kcv_entry *entries; /* owned */
    size_t count, capacity;
    uint64_t counts[POS_ALGORITHM_COUNT]; /* keys of each algorithm */
};

/* Zeroed is empty. POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_kcv_twins_add(struct pos_kcv_twins *twins, uint32_t index,
                                               enum pos_algorithm algorithm,
                                               const struct pos_kcv *kcv);
/* Calls `each` for every pair of indexes with the same algorithm and check value, until it returns
 * false; a value that three keys have makes three pairs. */
void pos_kcv_twins_pairs(struct pos_kcv_twins *twins,
                         bool (*each)(void *context, uint32_t a, uint32_t b), void *context);
/* How many pairs among `count` keys have the same value of `size` bytes by chance. */
double pos_kcv_twins_expected(uint64_t count, size_t size);
void pos_kcv_twins_fini(struct pos_kcv_twins *twins);

#endif
