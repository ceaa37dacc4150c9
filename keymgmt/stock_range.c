#include "keymgmt/stock_range.h"

#include <stdio.h>

#include "core/base/limits.h"

static const unsigned limits[] = {95, 80};

unsigned pos_stock_range_limit(uint32_t next_index)
{
    uint64_t used = (uint64_t)next_index - POS_KEY_INDEX_MIN;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (used * 100 >= (uint64_t)limits[i] * POS_KEY_INDEX_MAX)
            return limits[i];
    return 0;
}

enum pos_status pos_stock_range_check(uint32_t next_index, uint32_t count, struct pos_error *error)
{
    uint32_t left = (uint32_t)POS_KEY_INDEX_MAX + 1 - next_index;
    if (count <= left)
        return POS_OK;
    return pos_error_set(error, POS_ERR_EXHAUSTED,
                         "%u keys do not fit: %u of the %d key indexes are left, and none is ever "
                         "used twice",
                         count, left, POS_KEY_INDEX_MAX);
}

void pos_stock_range_warn(uint32_t next_index)
{
    unsigned limit = pos_stock_range_limit(next_index);
    if (limit == 0)
        return;
    (void)fprintf(stderr,
                  "posgate-keymgmt: warning: over %u %% of the key indexes are used (%u of %d are "
                  "left): plan a new library\n",
                  limit, (uint32_t)POS_KEY_INDEX_MAX + 1 - next_index, POS_KEY_INDEX_MAX);
}
