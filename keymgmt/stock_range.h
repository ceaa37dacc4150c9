/* How much of the range of key indexes is used up; an index is never used twice, so it ends. */
#ifndef POS_KEYMGMT_STOCK_RANGE_H
#define POS_KEYMGMT_STOCK_RANGE_H

#include "core/base/error.h"

#include <stdint.h>

/* 0, 80 or 95: the highest limit (percent of the range) that the used indexes have reached.
 * `next_index` is the next one that would be given. */
unsigned pos_stock_range_limit(uint32_t next_index);

/* POS_ERR_EXHAUSTED when `count` more do not fit the range. */
POS_MUST_USE enum pos_status pos_stock_range_check(uint32_t next_index, uint32_t count,
                                                   struct pos_error *error);

/* Warns on stderr when a limit is reached. */
void pos_stock_range_warn(uint32_t next_index);

#endif
