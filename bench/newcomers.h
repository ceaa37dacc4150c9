/*
 * Terminals that have a TMK of their own in the key library and have not been to the gateway yet:
 * each comes once, to register, or registered already to sign on. What they send is made
 * beforehand.
 */
#ifndef POS_BENCH_NEWCOMERS_H
#define POS_BENCH_NEWCOMERS_H

#include "bench/load.h"
#include "bench/module.h"
#include "core/wire/message.h"

struct pos_newcomers;

struct pos_newcomers_options {
    const char *folder; /* of the module; gets keys/ or more keys there, and for sign-ons terminals/
                           or more rows there */
    uint64_t first_row; /* the first of them, as of pos_terminals_smn: behind all rows there are */
    uint64_t count;
    enum pos_kind kind; /* REGISTER or SIGN_ON */
    const struct pos_dialect *dialect;
};

/* POS_ERR_USAGE: too many; and what the stores and the module say. */
POS_MUST_USE enum pos_status pos_newcomers_create(const struct pos_newcomers_options *options,
                                                  struct pos_module *module,
                                                  struct pos_newcomers **newcomers,
                                                  struct pos_error *error);
void pos_newcomers_destroy(struct pos_newcomers *newcomers); /* NULL is fine */

/* Good is 00 with a MAC. A newcomer that comes twice, because there were too few, is never good. */
struct pos_load_source pos_newcomers_source(struct pos_newcomers *newcomers);
#endif
