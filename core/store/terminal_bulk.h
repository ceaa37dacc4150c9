/*
 * Tables of millions of rows, for the bench and for tests: written as registration and sign-on
 * would leave them, past the committer. No audit record; only on a table that nobody serves from.
 */
#ifndef POS_STORE_TERMINAL_BULK_H
#define POS_STORE_TERMINAL_BULK_H

#include "core/store/terminal_table.h"

/* Some rows beside those that are there; fast when the SMNs ascend, also from call to call. On disk
 * after pos_terminal_table_flush, and not before. */
POS_MUST_USE enum pos_status pos_terminal_table_load(struct pos_terminal_table *table,
                                                     const struct pos_smn *smns,
                                                     const struct pos_terminal_hot *rows,
                                                     size_t count);
POS_MUST_USE enum pos_status pos_terminal_table_flush(struct pos_terminal_table *table);

enum { POS_TERMINAL_FILL_CHUNK = 1024, POS_TERMINAL_FILL_THREAD_COUNT_MAX = 16 };

struct pos_terminal_row {
    struct pos_smn smn;
    struct pos_terminal_hot hot;
    struct pos_terminal_detail detail;
};

struct pos_terminal_fill {
    uint64_t count;
    size_t thread_count; /* 1 to POS_TERMINAL_FILL_THREAD_COUNT_MAX */
    /* Makes rows number `first` and on, at most POS_TERMINAL_FILL_CHUNK, which are zeroed. SMNs and
     * their key indexes ascend with the number. Each chunk comes once, in no order, from several
     * threads at once; `thread` counts from 0. */
    enum pos_status (*make)(void *context, size_t thread, uint64_t first, size_t count,
                            struct pos_terminal_row *rows);
    /* Told now and then how many rows there are, by one thread at a time; false: give up. NULL:
     * nobody asks. */
    bool (*progress)(void *context, uint64_t done);
    void *context;
};

/* All rows of a table that has none, by way of sorted files: some hundred thousand a second and
 * thread. On disk when it returns. After an error, or when the process dies meanwhile, the table is
 * of no use. POS_ERR_EXISTS: there are rows; POS_ERR_ORDER: they do not ascend; POS_ERR_FORMAT:
 * they are not well formed; POS_ERR_CLOSED: given up; and what `make` returns. */
POS_MUST_USE enum pos_status pos_terminal_table_fill(struct pos_terminal_table *table,
                                                     const struct pos_terminal_fill *fill);

#endif
