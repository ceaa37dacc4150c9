/*
 * Rows that a batch has staged, in their order, and the newest of each key at once: a hash table
 * over a log. A sorted index of the same rows costs several times what looking them up is worth,
 * and only a walk needs one (rocks_batch.c).
 *
 * One thread at a time. Keys may come from peers: at worst all rows of a batch share one bucket,
 * and a batch is bounded by its committer.
 */
#ifndef POS_STORE_STAGED_H
#define POS_STORE_STAGED_H

#include "core/base/bytes.h"

struct pos_staged;

struct pos_staged_row {
    size_t family;
    struct pos_bytes key, value; /* borrowed until the next add or cut */
    bool deleted;                /* without a value */
};

struct pos_staged *pos_staged_create(void); /* 16 KiB, and what is staged; NULL: no memory */
void pos_staged_destroy(struct pos_staged *staged);
size_t pos_staged_count(const struct pos_staged *staged);
/* Copies the row. False: no memory, and nothing was added. */
POS_MUST_USE bool pos_staged_add(struct pos_staged *staged, const struct pos_staged_row *row);
/* The rows after the first `count` never were. */
void pos_staged_cut(struct pos_staged *staged, size_t count);
/* The row at a place below the count. */
struct pos_staged_row pos_staged_at(const struct pos_staged *staged, size_t place);
/* The newest with this key; false: none. */
bool pos_staged_find(const struct pos_staged *staged, size_t family, struct pos_bytes key,
                     struct pos_staged_row *row);

#endif
