/*
 * How many rows are in each state: moved by decides, shown to others once the batch is written.
 * Moves come from the committer's thread alone; counts are read from any.
 */
#ifndef POS_STORE_TALLY_H
#define POS_STORE_TALLY_H

#include <stdint.h>
#include <string.h>

#include "core/base/counter.h"

enum { POS_TALLY_STATE_COUNT_MAX = 8 };

struct pos_tally {
    int64_t staged[POS_TALLY_STATE_COUNT_MAX];
    struct pos_counter counts[POS_TALLY_STATE_COUNT_MAX];
};

/* `count` rows went from a state to another. State 0 is "no row" and is not counted. To be called
 * once nothing can refuse the write any more. */
static inline void pos_tally_move(struct pos_tally *tally, unsigned from, unsigned to,
                                  uint32_t count)
{
    if (from != 0)
        tally->staged[from] -= count;
    if (to != 0)
        tally->staged[to] += count;
}

static inline void pos_tally_apply(struct pos_tally *tally)
{
    for (unsigned i = 0; i < POS_TALLY_STATE_COUNT_MAX; i++)
        pos_counter_add(&tally->counts[i], (uint64_t)tally->staged[i]);
    memset(tally->staged, 0, sizeof tally->staged);
}

#endif
