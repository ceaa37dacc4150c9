/*
 * The home folder and what is open in it:
 *
 *   HOME/lmk.sealed   the LMK, sealed under the credential, unless keymgmt.conf names a token
 *   HOME/credential   the credential, or the token's user PIN, unless --credential names another
 *                     file or it is typed
 *   HOME/library      the key library (RocksDB) with the audit chain
 *   HOME/anchor       where the library stands, a second time (core/store/anchor.h), unless
 *                     keymgmt.conf or --anchor puts it somewhere else, best on another disk
 *   HOME/keymgmt.conf settings, when there is one
 *   HOME/library.rotating, HOME/lmk.next, HOME/lmk.old
 *                     while the LMK is rotated (keymgmt/rotate.h)
 *
 * A command begins with pos_home_begin or pos_home_begin_reader. One process at a time has the
 * library open for writing; readers follow it, also while it is being written.
 */
#ifndef POS_KEYMGMT_HOME_H
#define POS_KEYMGMT_HOME_H

#include "core/audit/chain.h"
#include "core/hsm/hsm.h"
#include "core/store/key_library.h"
#include "core/store/terminal_table.h"
#include "keymgmt/options.h"
#include "keymgmt/settings.h"

/* A secret in locked memory. */
struct pos_credential {
    uint8_t *data; /* owned */
    size_t size;
    size_t capacity; /* what pos_secret_create was asked for */
};

struct pos_home {
    const struct pos_options *options; /* borrowed */
    char lmk_path[POS_PATH_SIZE_MAX + 16];
    char library_path[POS_PATH_SIZE_MAX + 16];
    char rotating_path[POS_PATH_SIZE_MAX + 32]; /* there: the LMK is being rotated */
    char anchor_path[POS_PATH_SIZE_MAX + 16];   /* "" until the library is opened for writing */
    /* set by the command, before anything is opened */
    bool rotates;     /* it may find a rotation under way: it is the one that finishes it */
    bool settles_old; /* it is for a library that is older than its anchor: see open_writer */
    bool accept_old;  /* it makes the anchor start anew */
    struct pos_anchor_report anchor; /* what opening for writing found */
    struct pos_key_library *library;
    bool writer;                      /* the library is open for writing */
    struct pos_library_policy policy; /* behind pos_home_begin */
    struct pos_person_row person;     /* who has logged in; "" in a library for a single operator */
    struct pos_audit_chain chain;
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
};

/* Finishes the options and forms the paths; opens nothing. POS_ERR_CONFIG. */
POS_MUST_USE enum pos_status pos_home_init(struct pos_home *home, struct pos_options *options,
                                           struct pos_error *error);
void pos_home_fini(struct pos_home *home); /* closes whatever is open */

/* HOME/keymgmt.conf, read once; the defaults when there is none. POS_ERR_CONFIG with every mistake.
 * Static memory. */
POS_MUST_USE enum pos_status pos_home_settings(const struct pos_home *home,
                                               const struct pos_keymgmt_settings **settings,
                                               struct pos_error *error);

/* Sets home->anchor_path; opening for writing does it too. POS_ERR_CONFIG. */
POS_MUST_USE enum pos_status pos_home_find_anchor(struct pos_home *home, struct pos_error *error);

/* POS_ERR_DATABASE: there is no library, or it cannot be opened. POS_ERR_BUSY: another writer.
 * POS_ERR_STATE: the LMK is being rotated; or the library is older than its anchor, or the anchor
 * is gone or another one's. A command that settles_old gets it opened then all the same, without
 * its anchor, which stays as it is. A new one is made with home->policy. */
POS_MUST_USE enum pos_status pos_home_open_writer(struct pos_home *home, bool create,
                                                  struct pos_error *error);
POS_MUST_USE enum pos_status pos_home_open_reader(struct pos_home *home, struct pos_error *error);
/* A gateway's terminal table for reading, also while the gateway runs; the caller closes it.
 * POS_ERR_DATABASE: there is none, or it cannot be opened. */
POS_MUST_USE enum pos_status
pos_home_follow_table(const char *path, struct pos_terminal_table **table, struct pos_error *error);

/*
 * For a command that writes: opens the library for writing, the security module where there is an
 * LMK (no audit record without its MAC), and lets the operator log in (people.h). `roles`: one of
 * these is needed (POS_ROLE_OPERATOR). `command` is for the audit record of a refusal. As above,
 * and POS_ERR_NOT_ALLOWED: refused, and recorded. In a library for a single operator nobody logs
 * in.
 */
POS_MUST_USE enum pos_status pos_home_begin(struct pos_home *home, unsigned roles,
                                            const char *command, struct pos_error *error);
/* The same for one that only reads; no security module. */
POS_MUST_USE enum pos_status pos_home_begin_reader(struct pos_home *home, unsigned roles,
                                                   const char *command, struct pos_error *error);

/* The credential file's content without its line end, or, when the file is missing and stdin is a
 * terminal, a passphrase typed there (twice when it is `new`). POS_ERR_HSM: neither;
 * POS_ERR_NOT_ALLOWED: others can read the file; POS_ERR_CONFIG: shorter than 8 characters. */
POS_MUST_USE enum pos_status pos_home_credential(const struct pos_home *home, bool is_new,
                                                 struct pos_credential *credential,
                                                 struct pos_error *error);
void pos_credential_fini(struct pos_credential *credential);

/* Does keymgmt.conf name a token? Then the credential is its user PIN. */
bool pos_home_has_token(const struct pos_home *home);
/* False: certainly there is no LMK. On a token only its PIN shows whether there is one. */
bool pos_home_may_have_lmk(const struct pos_home *home);
/* What opens the module that the settings name; borrows home and credential. POS_ERR_CONFIG. */
POS_MUST_USE enum pos_status pos_home_module_options(const struct pos_home *home,
                                                     const struct pos_credential *credential,
                                                     struct pos_hsm_options *options,
                                                     struct pos_error *error);

/* Opens the security module and a session, unless they are open. POS_ERR_HSM: no LMK yet;
 * POS_ERR_NOT_ALLOWED: the credential does not open it. */
POS_MUST_USE enum pos_status pos_home_open_hsm(struct pos_home *home, struct pos_error *error);

/* Where there is an LMK, the same: no record of the audit chain goes without its MAC. Nothing where
 * there is none yet. Before the first write. */
POS_MUST_USE enum pos_status pos_home_open_sealer(struct pos_home *home, struct pos_error *error);
/* Has the audit chain sealed by the session that is open. */
void pos_home_seal_audit(struct pos_home *home);

/* The event that goes with a write, by the operator, now. Borrows all texts. */
struct pos_audit_event pos_home_event(const struct pos_home *home, const char *what,
                                      const char *on_what);

#endif
