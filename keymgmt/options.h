/*
 * The options that every command takes: where the keys are, who is asking, how to answer.
 * Each may stand before or behind the command's name.
 */
#ifndef POS_KEYMGMT_OPTIONS_H
#define POS_KEYMGMT_OPTIONS_H

#include <argp.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/base/option.h"

enum { POS_OPERATOR_SIZE_MAX = 64 };

struct pos_options {
    char home[POS_PATH_SIZE_MAX];
    char credential[POS_PATH_SIZE_MAX]; /* "" until finished: HOME/credential */
    char anchor[POS_PATH_SIZE_MAX];     /* "": as keymgmt.conf says */
    char operator_name[POS_OPERATOR_SIZE_MAX + 1];
    bool operator_given;                         /* by --operator; else it is the login name */
    char operator_credential[POS_PATH_SIZE_MAX]; /* with the operator's password; "": typed */
    uint32_t approval;                           /* --approval; 0: not named */
    bool json;
};

/* --home, --credential, --anchor, --operator and its password, --approval, --json; its input is a
 * struct pos_options. */
extern const struct argp pos_options_argp;

/* From the environment and the login name; before anything is parsed. */
void pos_options_init(struct pos_options *options);

/* Fills in what depends on other options; POS_ERR_CONFIG when no home is named. */
POS_MUST_USE enum pos_status pos_options_finish(struct pos_options *options,
                                                struct pos_error *error);

/*
 * Parses one command's arguments with `own` (its options, with `input`) and the common ones.
 * Ends the process with 0 for --help and 2 for wrong usage, as argp does.
 */
void pos_options_parse(struct pos_options *options, const struct argp *own, void *input, int argc,
                       char **argv);

#endif
