/*
 * What destroy, compromise and revoke have in common: an action on keys, or on the terminals that
 * hold them, that two people agree to once, that may be interrupted anywhere, and that the gateway
 * takes part in.
 *
 * It begins with an audit record "begun" and ends with one "done", with the same words. A command
 * that finds its words begun and not done finishes what was agreed to, without asking again. The
 * gateway does its part only while that record stands open (gateway/admin.h).
 */
#ifndef POS_KEYMGMT_LIFE_H
#define POS_KEYMGMT_LIFE_H

#include "keymgmt/gateway_link.h"
#include "keymgmt/home.h"
#include "keymgmt/key_selection.h"

enum { POS_LIFE_SUBJECT_SIZE = 240 };

struct pos_life {
    struct pos_home *home;
    const char *action; /* static: "destroy" */
    char subject[POS_LIFE_SUBJECT_SIZE];
    struct pos_gateway_link *gateway; /* NULL: without one */
    struct pos_audit_head begun;      /* the record */
    bool resumed;
};

/* The audit record of the last change that this process wrote. */
struct pos_audit_head pos_life_head(const struct pos_home *home);

/* Connects to the gateway at `socket` (NULL: none), and asks it whether it follows this library. */
POS_MUST_USE enum pos_status pos_life_connect(struct pos_life *life, const char *socket,
                                              struct pos_error *error);
/* Is what the words say begun, and not done? Sets resumed and begun. */
POS_MUST_USE enum pos_status pos_life_look_back(struct pos_life *life, struct pos_error *error);
/* Unless resumed: asks for the approval (when `approval`) and records that it begins; as
 * pos_approval_require. Then has the gateway read that record. */
POS_MUST_USE enum pos_status pos_life_begin(struct pos_life *life, bool approval,
                                            struct pos_error *error);
/* The gateway has read everything that was written until now. Nothing without one. */
POS_MUST_USE enum pos_status pos_life_catch_up(struct pos_life *life, struct pos_error *error);
/* Records that it is done, and lets the gateway read it. */
POS_MUST_USE enum pos_status pos_life_end(struct pos_life *life, struct pos_error *error);
void pos_life_close(struct pos_life *life);

/* ---- the options that these commands share ---- */

struct pos_life_options {
    struct pos_key_selection keys;
    uint32_t batch;      /* 0: not named */
    const char *list;    /* borrowed from argv, as what follows; NULL: not named */
    const char *gateway; /* its admin socket */
    bool no_gateway, dry_run;
};

/* --index, --batch, --list, --gateway, --no-gateway, --dry-run; its input is a struct
 * pos_life_options, zeroed. */
extern const struct argp pos_life_argp;

/* POS_ERR_USAGE unless exactly one of --gateway and --no-gateway is there, or --dry-run. */
POS_MUST_USE enum pos_status pos_life_check_gateway(const struct pos_life_options *options,
                                                    struct pos_error *error);
/* Gathers the keys that the options name into options->keys, settled; each is in the library.
 * POS_ERR_USAGE: none are named; POS_ERR_NOT_FOUND, POS_ERR_FORMAT. */
POS_MUST_USE enum pos_status
pos_life_select(struct pos_home *home, struct pos_life_options *options, struct pos_error *error);

#endif
