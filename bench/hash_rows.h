/*
 * The rows of a terminal table in memory, found by a hash of their SMN: what a look-up costs at the
 * least. The rows are the table's own bytes, encoded and decoded by core/store.
 */
#ifndef POS_BENCH_HASH_ROWS_H
#define POS_BENCH_HASH_ROWS_H

#include "core/store/terminal_table.h"

struct pos_hash_rows;

/* For so many rows, at most 2^31, each as large as `sample`; NULL: no memory, or not a row. */
struct pos_hash_rows *pos_hash_rows_create(uint64_t rows, const struct pos_terminal_hot *sample);
void pos_hash_rows_destroy(struct pos_hash_rows *table); /* NULL is fine */
/* POS_ERR_LIMIT: more rows than it was made for; POS_ERR_LENGTH: not as large as the sample;
 * POS_ERR_FORMAT as of the encoder. */
POS_MUST_USE enum pos_status pos_hash_rows_add(struct pos_hash_rows *table,
                                               const struct pos_smn *smn,
                                               const struct pos_terminal_hot *row);
/* As pos_terminal_table_find does for one. */
enum pos_status pos_hash_rows_find(const struct pos_hash_rows *table, const struct pos_smn *smn,
                                   struct pos_terminal_hot *row);
uint64_t pos_hash_rows_size(const struct pos_hash_rows *table); /* bytes of memory */
/* What one for so many rows of so many bytes would take. */
uint64_t pos_hash_rows_size_of(uint64_t rows, size_t row_size);

#endif
