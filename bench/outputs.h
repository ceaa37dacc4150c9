/*
 * What a run gives besides its text: the report in JSON on standard output, and a page that draws
 * it. Both are of one document, so the page shows nothing that programs cannot read.
 */
#ifndef POS_BENCH_OUTPUTS_H
#define POS_BENCH_OUTPUTS_H

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "core/base/error.h"

struct json_t;

struct pos_outputs {
    bool json;
    const char *html; /* file; NULL: none */
    FILE *page;       /* of that name */
    int argc;         /* what the command was called with; argv[0] is program and command */
    char **argv;
    time_t started;
};

/* --json and --html; its input is an empty struct pos_outputs, which it fills. A page that cannot
 * be written ends the process with 1, before the run. */
extern const struct argp pos_outputs_argp;

/* Somebody wants the report. */
bool pos_outputs_wanted(const struct pos_outputs *outputs);

/* Gives it, takes it over, and closes what was opened. NULL: no memory. POS_ERR_MEMORY,
 * POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_outputs_give(struct pos_outputs *outputs, struct json_t *report,
                                              struct pos_error *error);

#endif
