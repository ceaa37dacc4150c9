/*
 * The terminals of the bench's tables (bench/table.h), and their requests as a load source.
 *
 * SMNs are a function of the row's number, so two runs ask for the same ones. Without MACs every
 * request names a uniformly random row. With MACs the requests are made beforehand: so many
 * uniformly random rows, each with its own TAK and a MAC under it, asked for in random order.
 * A request's STAN decides whether it names a stranger, so the reply's STAN tells what it should
 * be: 00, or 97 for a stranger.
 */
#ifndef POS_BENCH_TERMINALS_H
#define POS_BENCH_TERMINALS_H

#include "bench/load.h"
#include "core/base/smn.h"
#include "core/wire/dialect.h"

struct pos_terminals;

struct pos_terminals_options {
    const char *folder;    /* of the table, for open */
    uint64_t rows;         /* 1 to POS_KEY_INDEX_MAX */
    uint64_t working_set;  /* so many of them are asked for, evenly spread; 0: all */
    uint32_t unregistered; /* percent of the requests */
    bool mac;
    const struct pos_dialect *dialect;
};

/* How many different requests there are with MACs. */
enum { POS_TERMINALS_REQUEST_COUNT_MAX = 1048576 };

/* For the table in `folder`. POS_ERR_MISMATCH: it has not as many rows; and what reading it says.
 */
POS_MUST_USE enum pos_status pos_terminals_open(const struct pos_terminals_options *options,
                                                struct pos_terminals **terminals,
                                                struct pos_error *error);
/* Without MACs, for a table that is somewhere else. `folder` and `mac` are not used. */
POS_MUST_USE enum pos_status pos_terminals_assume(const struct pos_terminals_options *options,
                                                  struct pos_terminals **terminals,
                                                  struct pos_error *error);
void pos_terminals_destroy(struct pos_terminals *terminals);

struct pos_load_source pos_terminals_source(struct pos_terminals *terminals);
uint64_t pos_terminals_request_count(const struct pos_terminals *terminals);

/* Replies with 00 that carried no MAC though their request did. */
uint64_t pos_terminals_missing_macs(const struct pos_terminals *terminals);

/* The SMN of row 0 and on; they ascend. */
struct pos_smn pos_terminals_smn(uint64_t row);
/* One beside it, of the same index, that is in no table of the bench. */
struct pos_smn pos_terminals_stranger(uint64_t row);

#endif
