/*
 * RRNs: numbers that every transaction takes one of, so they are saved ahead, many with one write.
 *
 * Terminals' transactions must not end with the disk. What was saved lasts for a while; when it is
 * used up and cannot be saved, numbers go on all the same, each given once by this process, and
 * only a restart within the same hour may give some of them again.
 */
#ifndef POS_GATEWAY_RRN_BLOCKS_H
#define POS_GATEWAY_RRN_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

enum { POS_RRN_AHEAD_COUNT = 100000 }; /* saved at once; a start leaves the rest of the last ones */

struct pos_rrn_blocks {
    /* pos_terminal_table_reserve, and nobody else reserves */
    enum pos_status (*save)(void *context, uint64_t count, uint64_t *first);
    void *context;
    uint64_t next, saved_end; /* saved_end: the first that is not on disk */
    bool unsaved;             /* said already */
};

/* Saves the first ones: one durable write, which a start does not go without. */
POS_MUST_USE enum pos_status pos_rrn_blocks_start(struct pos_rrn_blocks *blocks);

/* The next `count` numbers, at most POS_RRN_AHEAD_COUNT / 2. Saves ahead when it is time and the
 * disk `has_room`. One thread at a time; not an event loop. */
uint64_t pos_rrn_blocks_take(struct pos_rrn_blocks *blocks, uint32_t count, bool has_room);

#endif
