/*
 * A folder with a terminal table for the bench, made with the product's own means: a security
 * module with an LMK of its own (lmk, credential), an empty key library (keys/), and the table
 * (terminals/) with rows as registration and sign-on would leave them. It can be kept, and serves
 * every command afterwards: with MACs and without, gateway or none.
 *
 * Row N is registered under pos_terminals_smn(N), without a proof: a row that proved its key is
 * refused where none is asked for, one that did not is taken where MACs are asked for, too. Each
 * has a TAK of its own, as each costs a gateway a context. One TMK and one TPK serve all: no
 * authentication depends on them.
 */
#ifndef POS_BENCH_TABLE_H
#define POS_BENCH_TABLE_H

#include "core/base/error.h"
#include "core/base/key.h"
#include "core/base/limits.h"

/* Bytes of cache that hold a row: 121 of a table, and an eighth more as the gateway has it. */
enum { POS_TABLE_ROW_CACHE_SIZE = 140 };

/* What is known of a folder. */
struct pos_table {
    uint64_t rows;
    struct pos_key tmk; /* under its LMK */
};

/* What making it took. */
struct pos_table_made {
    double seconds;      /* until all rows were on disk */
    uint64_t disk_bytes; /* of terminals/ */
};

/* In `folder`, which is empty. Uses every core; the progress line says how far it is. `made` may be
 * NULL. POS_ERR_CLOSED: a signal came. */
POS_MUST_USE enum pos_status pos_table_make(const char *folder, uint64_t rows,
                                            struct pos_table_made *made, struct pos_error *error);

/* POS_ERR_NOT_FOUND: there is none, or it was not finished; POS_ERR_CORRUPT. */
POS_MUST_USE enum pos_status pos_table_read(const char *folder, struct pos_table *table,
                                            struct pos_error *error);

/* POS_ERR_MISMATCH: it does not have so many. */
POS_MUST_USE enum pos_status pos_table_expect(const struct pos_table *table, uint64_t rows,
                                              struct pos_error *error);

/* A copy to work on in a new folder beside `kept`, which stays as it is: its tables are links, as
 * RocksDB never changes one. Also reads it. POS_ERR_BUSY: somebody has it open. */
POS_MUST_USE enum pos_status pos_table_borrow(const char *kept, char folder[POS_PATH_SIZE_MAX],
                                              struct pos_table *table, struct pos_error *error);

#endif
