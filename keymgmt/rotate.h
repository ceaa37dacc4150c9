/*
 * The rotation of the LMK: `posgate-keymgmt lmk rotate`. Every key of the key library and of the
 * gateway's terminal table comes under a new LMK; then the old one is gone.
 *
 * What a rotation under way leaves in the home folder says how far it has come, so that the same
 * command finishes it from anywhere:
 *
 *   lmk.next          the new LMK. Without library.rotating: nothing is under it, it is dropped
 *   library.rotating  keys are being moved. While it is there no other command of keymgmt opens
 *                     the library, and no gateway starts with it
 *   no lmk.next, but library.rotating: lmk.sealed is the new LMK, nothing is under the old one
 *   lmk.old           the old LMK, on its way out
 *
 * On a token both LMKs are objects, told apart by their labels, which library.rotating names. When
 * every key is moved the operator changes lmk_label in keymgmt.conf (and in the gateway's
 * configuration); then the same command takes the old LMK off the token.
 */
#ifndef POS_KEYMGMT_ROTATE_H
#define POS_KEYMGMT_ROTATE_H

#include "keymgmt/ceremony.h"

/* HOME/library.rotating: text, so that a person can read it. */
struct pos_rotation_mark {
    char from[POS_KCV_TEXT_SIZE];          /* check value of the old LMK */
    char table[POS_PATH_SIZE_MAX];         /* the gateway's table; "": there is none */
    char from_label[POS_TOKEN_LABEL_SIZE]; /* on a token; "": in files */
    char to_label[POS_TOKEN_LABEL_SIZE];
};

struct pos_rotation {
    struct pos_home *home;
    struct pos_ceremony ceremony; /* for the new LMK */
    const char *table_path;       /* borrowed from argv; NULL: not named */
    const char *table_anchor;     /* borrowed likewise; NULL: beside the table */
    const char *to_label;         /* borrowed likewise; NULL: not named */
    bool no_gateway, on_token;
    bool resumed, swapped; /* found so */
    struct pos_rotation_mark mark;
    char next_path[POS_PATH_SIZE_MAX + 32];
    char old_path[POS_PATH_SIZE_MAX + 32];
    struct pos_hsm *next;                 /* the new LMK; NULL once it is home->hsm */
    struct pos_hsm_session *next_session; /* likewise */
    struct pos_kcv to;
    struct pos_terminal_table *table; /* NULL: none */
    struct pos_audit_chain table_chain;
    uint64_t library_keys, table_keys; /* under the new LMK */
};

/* ---- the files: rotate_files.c ---- */

void pos_rotation_paths(struct pos_rotation *rotation);
/* POS_ERR_FORMAT: not such a file. Pure. */
POS_MUST_USE enum pos_status pos_rotation_mark_parse(struct pos_bytes text,
                                                     struct pos_rotation_mark *mark);
POS_MUST_USE enum pos_status
pos_rotation_mark_read(const char *path, struct pos_rotation_mark *mark, struct pos_error *error);
POS_MUST_USE enum pos_status pos_rotation_mark_write(const char *path,
                                                     const struct pos_rotation_mark *mark,
                                                     struct pos_error *error);
/* Overwrites a small file's content, syncs it and removes the file; nothing when there is none.
 * What the disk itself kept aside of it is beyond reach. */
POS_MUST_USE enum pos_status pos_rotation_shred(const char *path, struct pos_error *error);
/* lmk.next becomes lmk.sealed in one step; the old one is shredded. */
POS_MUST_USE enum pos_status pos_rotation_swap_files(const struct pos_rotation *rotation,
                                                     struct pos_error *error);

/* ---- on a token: rotate_token.c ---- */

/* Which labels, and whether the settings name the new one already (swapped). POS_ERR_USAGE,
 * POS_ERR_CONFIG. */
POS_MUST_USE enum pos_status pos_rotation_token_look(struct pos_rotation *rotation,
                                                     struct pos_error *error);
/* The options that open, make and drop the LMK of this label; borrows all three. */
POS_MUST_USE enum pos_status pos_rotation_token_options(const struct pos_rotation *rotation,
                                                        const struct pos_credential *pin,
                                                        const char *label,
                                                        struct pos_hsm_options *options,
                                                        struct pos_error *error);
/* Opens the new LMK, which is made when it is not there. Two people have agreed to it: there is no
 * ceremony. */
POS_MUST_USE enum pos_status pos_rotation_token_open_next(struct pos_rotation *rotation,
                                                          struct pos_error *error);
/* Takes the old one off the token; nothing when it is gone. */
POS_MUST_USE enum pos_status pos_rotation_token_drop_old(struct pos_rotation *rotation,
                                                         struct pos_error *error);

/* ---- the keys: rotate_keys.c ---- */

/* Moves every key from home->session to next_session, in the library and in the table; then opens
 * each of them once more under the new LMK; then no file has an old value any more. */
POS_MUST_USE enum pos_status pos_rotation_move_keys(struct pos_rotation *rotation,
                                                    struct pos_error *error);

/* ---- the audit chains: rotate_audit.c ---- */

/* Into both chains, each once for this rotation: that it begins, under the old LMK, ... */
POS_MUST_USE enum pos_status pos_rotation_record_begin(struct pos_rotation *rotation,
                                                       struct pos_error *error);
/* ... and that it is done: the first record under the new one, with which an era begins
 * (keymgmt/era.h). */
POS_MUST_USE enum pos_status pos_rotation_record_done(struct pos_rotation *rotation,
                                                      struct pos_error *error);

#endif
