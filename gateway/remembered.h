/*
 * Terminals' rows that a loop has looked up before, so that a busy terminal is authenticated
 * without asking RocksDB. One table a loop, touched by its thread alone.
 *
 * A row is good for as long as its shard's count of changes is what it was before the row was
 * looked up (core/store/terminal_table.h); so a suspension or revocation holds from the very next
 * request. That there is no row is never remembered.
 *
 * Bounded: in sets of eight, one of which a terminal's hash says; in a full set the row that was
 * not asked for since the set's hand passed makes room. So a look at it is one cache line, then the
 * row's own, however full it is and whoever chose the SMNs.
 */
#ifndef POS_GATEWAY_REMEMBERED_H
#define POS_GATEWAY_REMEMBERED_H

#include "core/store/terminal_table.h"

enum {
    POS_REMEMBERED_COUNT_MIN = 8,
    POS_REMEMBERED_COUNT_MAX = 1 << 24,
    POS_REMEMBERED_ROW_SIZE_MAX = 512, /* bytes of memory a row, all told */
};

struct pos_remembered;

/* Room for at least `count` rows, up to the next power of two; memory is touched as it is used. */
POS_MUST_USE enum pos_status pos_remembered_create(uint32_t count,
                                                   struct pos_remembered **remembered);
void pos_remembered_destroy(struct pos_remembered *remembered);

/* The row, until the next call; NULL: not remembered, or changed since. */
const struct pos_terminal_hot *pos_remembered_find(struct pos_remembered *remembered,
                                                   const struct pos_smn *smn, uint64_t changes);

/* `changes`: as it was before the row was looked up. */
void pos_remembered_keep(struct pos_remembered *remembered, const struct pos_smn *smn,
                         uint64_t changes, const struct pos_terminal_hot *row);

#endif
