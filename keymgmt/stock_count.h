/* Counting keys by mother POS, algorithm and state. */
#ifndef POS_KEYMGMT_STOCK_COUNT_H
#define POS_KEYMGMT_STOCK_COUNT_H

#include "core/store/key_library.h"

struct pos_stock_group {
    char mother[POS_KEY_NAME_SIZE_MAX + 1]; /* "" before export */
    enum pos_algorithm algorithm;
    uint64_t counts[POS_KEY_STATE_COUNT];
};

struct pos_stock {
    struct pos_stock_group *groups; /* owned */
    size_t group_count, capacity;
    size_t latest; /* where the last key went: neighbours go together */
};

/* Zeroed is empty. POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_stock_add(struct pos_stock *stock, const struct pos_key_row *row);
void pos_stock_sort(struct pos_stock *stock); /* by mother POS, then algorithm */
/* Keys of a group that can still be given away: before export those that wait for it, then those
 * that are exported or loaded and not issued. */
uint64_t pos_stock_left(const struct pos_stock_group *group);
/* The group with the fewest of these, false when there are no keys at all. Of an algorithm that is
 * in use and has no key that waits for export, that is a group of none. */
bool pos_stock_lowest(const struct pos_stock *stock, struct pos_stock_group *lowest);
void pos_stock_fini(struct pos_stock *stock);

#endif
