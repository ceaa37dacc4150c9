#include "keymgmt/rotate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/failpoint.h"
#include "core/base/secret.h"
#include "keymgmt/approval.h"
#include "keymgmt/command.h"
#include "keymgmt/progress.h"
#include "keymgmt/report.h"

enum { KEY_TABLE = 0x280, KEY_TABLE_ANCHOR, KEY_NO_GATEWAY, KEY_TO_LABEL, SUBJECT_SIZE = 256 };

/* ---- the new LMK ---- */

static enum pos_status open_next_file(struct pos_rotation *rotation, struct pos_error *error)
{
    struct pos_credential credential;
    enum pos_status status = pos_home_credential(rotation->home, false, &credential, error);
    if (status != POS_OK)
        return status;
    status = pos_hsm_software_open(rotation->next_path, pos_bytes(credential.data, credential.size),
                                   &rotation->next, error);
    pos_credential_fini(&credential);
    return status;
}

static enum pos_status open_next(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status = rotation->on_token ? pos_rotation_token_open_next(rotation, error)
                                                : open_next_file(rotation, error);
    if (status != POS_OK)
        return status;
    status = pos_hsm_session_open(rotation->next, &rotation->next_session);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot open a session with the security module");
    rotation->to = pos_hsm_lmk_kcv(rotation->next);
    return POS_OK;
}

static enum pos_status seal_next(struct pos_rotation *rotation, const struct pos_custody *custody,
                                 struct pos_error *error)
{
    struct pos_credential credential;
    struct pos_kcv kcv;
    enum pos_status status = pos_home_credential(rotation->home, false, &credential, error);
    if (status != POS_OK)
        return status;
    status = pos_hsm_software_init(rotation->next_path, pos_bytes(credential.data, credential.size),
                                   custody->components, custody->count, &kcv, error);
    pos_credential_fini(&credential);
    struct pos_kcv old = pos_hsm_lmk_kcv(rotation->home->hsm);
    if (status != POS_OK || !pos_kcv_equal(&kcv, &old))
        return status;
    status = pos_rotation_shred(rotation->next_path, error);
    return status != POS_OK ? status
                            : pos_error_set(error, POS_ERR_USAGE,
                                            "these components make the LMK that is there already");
}

/* There are no custodians: so somebody else must agree. */
static enum pos_status agree(struct pos_rotation *rotation, struct pos_error *error)
{
    char subject[SUBJECT_SIZE];
    (void)snprintf(subject, sizeof subject, "lmk=%s from-label=%s to-label=%s", rotation->mark.from,
                   rotation->mark.from_label, rotation->mark.to_label);
    return pos_approval_require(rotation->home, "lmk-rotate", subject, error);
}

/* By its custodians, as the first one. */
static enum pos_status make_next(struct pos_rotation *rotation, struct pos_error *error)
{
    struct pos_custody *custody;
    enum pos_status status =
        pos_rotation_shred(rotation->next_path, error); /* nothing is under it */
    if (status != POS_OK)
        return status;
    status = pos_ceremony_gather(rotation->home, &rotation->ceremony, "LMK", POS_ALGORITHM_A256,
                                 &custody, error);
    if (status == POS_OK)
        status = seal_next(rotation, custody, error);
    pos_custody_destroy(custody);
    POS_FAILPOINT("rotate-next-made");
    return status;
}

/* ---- how far it is ---- */

static enum pos_status take_table_path(struct pos_rotation *rotation, struct pos_error *error)
{
    char path[PATH_MAX];
    if (rotation->table_path == NULL)
        return POS_OK;
    if (realpath(rotation->table_path, path) == NULL || strlen(path) >= POS_PATH_SIZE_MAX)
        return pos_error_set(error, POS_ERR_DATABASE, "there is no gateway's terminal table in %s",
                             rotation->table_path);
    if (rotation->resumed && strcmp(path, rotation->mark.table) != 0)
        return pos_error_set(error, POS_ERR_USAGE,
                             "the rotation that is to be finished is about the table %s: leave out "
                             "--gateway-table",
                             rotation->mark.table[0] == '\0' ? "of no gateway"
                                                             : rotation->mark.table);
    (void)snprintf(rotation->mark.table, sizeof rotation->mark.table, "%s", path);
    return POS_OK;
}

static enum pos_status look_at_mark(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status =
        pos_rotation_mark_read(rotation->home->rotating_path, &rotation->mark, error);
    rotation->swapped = access(rotation->next_path, F_OK) != 0;
    if (status == POS_OK && (rotation->ceremony.file_count > 0 || rotation->to_label != NULL))
        return pos_error_set(error, POS_ERR_USAGE,
                             "a rotation is under way, and its LMK is there: leave out --component "
                             "and --to-label");
    return status;
}

static enum pos_status find_out(struct pos_rotation *rotation, struct pos_error *error)
{
    const struct pos_home *home = rotation->home;
    enum pos_status status = POS_OK;
    pos_rotation_paths(rotation);
    rotation->on_token = pos_home_has_token(home);
    rotation->resumed = access(home->rotating_path, F_OK) == 0;
    if (rotation->resumed) {
        status = look_at_mark(rotation, error);
    } else if ((rotation->table_path == NULL) == !rotation->no_gateway) {
        return pos_error_set(error, POS_ERR_USAGE,
                             "the working keys in the gateway's table must be moved too: name its "
                             "database.path with --gateway-table, or say --no-gateway when there "
                             "is none");
    }
    if (status == POS_OK && rotation->on_token)
        status = pos_rotation_token_look(rotation, error);
    return status == POS_OK ? take_table_path(rotation, error) : status;
}

/* As its writer: so the gateway is stopped, and cannot start before this is through. */
static enum pos_status open_table(struct pos_rotation *rotation, struct pos_error *error)
{
    if (rotation->mark.table[0] == '\0')
        return POS_OK;
    char anchor[POS_ANCHOR_PATH_SIZE_MAX];
    pos_anchor_beside(rotation->mark.table, anchor);
    const struct pos_terminal_table_options options = {
        .path = rotation->mark.table,
        .audit = pos_audit_chain_init(&rotation->table_chain),
        .anchor.path = rotation->table_anchor == NULL ? anchor : rotation->table_anchor};
    enum pos_status status = pos_terminal_table_open(&options, &rotation->table, error);
    rotation->table_chain.sealer = rotation->home->chain.sealer;
    if (status == POS_OK)
        return POS_OK;
    return pos_error_prefix(error, "%s",
                            status == POS_ERR_BUSY ? "stop the gateway first" : "terminal table");
}

/* ---- the steps ---- */

/* Up to the mark nothing is under the new LMK. */
static enum pos_status begin(struct pos_rotation *rotation, struct pos_error *error)
{
    struct pos_kcv old = pos_hsm_lmk_kcv(rotation->home->hsm);
    pos_kcv_text(&old, rotation->mark.from);
    enum pos_status status =
        rotation->on_token ? agree(rotation, error) : make_next(rotation, error);
    if (status == POS_OK)
        status = pos_rotation_mark_write(rotation->home->rotating_path, &rotation->mark, error);
    POS_FAILPOINT("rotate-marked");
    return status;
}

/* From here on every key and every audit record is under the new LMK. */
static void take_over(struct pos_rotation *rotation)
{
    struct pos_home *home = rotation->home;
    pos_hsm_session_close(home->session);
    pos_hsm_close(home->hsm);
    home->hsm = rotation->next;
    home->session = rotation->next_session;
    rotation->next = NULL;
    rotation->next_session = NULL;
    pos_home_seal_audit(home);
    rotation->table_chain.sealer = home->chain.sealer;
}

static enum pos_status move_over(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status = open_next(rotation, error);
    if (status == POS_OK)
        status = pos_rotation_record_begin(rotation, error);
    if (status == POS_OK)
        status = pos_rotation_move_keys(rotation, error);
    if (status == POS_OK && rotation->on_token)
        return pos_error_set(
            error, POS_ERR_BUSY,
            "every key is under the new LMK. Now set lmk_label = \"%s\" in "
            "keymgmt.conf and in the gateway's configuration, and run "
            "'posgate-keymgmt lmk rotate' again: it takes the old LMK off the token",
            rotation->mark.to_label);
    if (status == POS_OK)
        status = pos_rotation_swap_files(rotation, error);
    if (status == POS_OK)
        take_over(rotation);
    return status;
}

static enum pos_status finish(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status = rotation->on_token ? pos_rotation_token_drop_old(rotation, error)
                                                : pos_rotation_shred(rotation->old_path, error);
    rotation->to = pos_hsm_lmk_kcv(rotation->home->hsm);
    if (status == POS_OK)
        status = pos_rotation_record_done(rotation, error);
    if (status == POS_OK && unlink(rotation->home->rotating_path) != 0)
        status = pos_error_set(error, POS_ERR_IO, "cannot remove %s: %s",
                               rotation->home->rotating_path, strerror(errno));
    POS_FAILPOINT("rotate-unmarked");
    return status;
}

static enum pos_status rotate(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status = pos_home_open_hsm(rotation->home, error);
    if (status == POS_OK)
        status = open_table(rotation, error);
    if (status == POS_OK && !rotation->resumed)
        status = begin(rotation, error);
    if (status == POS_OK && !rotation->swapped)
        status = move_over(rotation, error);
    return status == POS_OK ? finish(rotation, error) : status;
}

/* ---- the command ---- */

static void report(const struct pos_rotation *rotation)
{
    struct pos_report *answer = pos_report_create(stdout, rotation->home->options->json, NULL, 0);
    if (rotation->resumed)
        pos_report_text(answer, "again", "what was begun before is finished");
    pos_report_text(answer, "old_lmk", rotation->mark.from);
    pos_report_kcv(answer, "lmk", &rotation->to);
    if (!rotation->swapped) {
        pos_report_number(answer, "keys", rotation->library_keys);
        pos_report_number(answer, "gateway_keys", rotation->table_keys);
    }
    pos_report_destroy(answer);
    (void)fprintf(stderr,
                  "posgate-keymgmt: backups made before this, and copies of the old lmk.sealed, "
                  "still belong to the old LMK. A gateway that has a copy of lmk.sealed of its own "
                  "needs the new one\n");
}

static error_t parse_rotate(int key, char *argument, struct argp_state *state)
{
    struct pos_rotation *rotation = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &rotation->ceremony;
        return 0;
    case KEY_TABLE:
        rotation->table_path = argument;
        return 0;
    case KEY_TABLE_ANCHOR:
        rotation->table_anchor = argument;
        return 0;
    case KEY_TO_LABEL:
        rotation->to_label = argument;
        return 0;
    case KEY_NO_GATEWAY:
        rotation->no_gateway = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pos_status run_rotate(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"gateway-table", KEY_TABLE, "DIR", 0,
         "The gateway's database.path; the gateway must be stopped", 0},
        {"gateway-anchor", KEY_TABLE_ANCHOR, "FILE", 0,
         "The gateway's database.anchor, where it is set", 0},
        {"no-gateway", KEY_NO_GATEWAY, NULL, 0, "There is no gateway with this LMK", 0},
        {"to-label", KEY_TO_LABEL, "LABEL", 0,
         "On a token: the label of the new LMK, which is made inside", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp_child children[] = {{&pos_ceremony_lmk_argp, 0, "The new LMK:", 1},
                                                 {NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_rotate,
        .children = children,
        .doc = "Makes a new LMK from components, as in 'ceremony lmk', and brings every key of the "
               "key library and of the gateway's table under it. The old one is removed when all "
               "are. It can be interrupted and killed: the same command, without components, "
               "finishes it."};
    struct pos_home home;
    struct pos_rotation rotation = {.home = &home};
    pos_options_parse(options, &argp, &rotation, argc, argv);
    pos_ceremony_settle(&rotation.ceremony);
    enum pos_status status = pos_home_init(&home, options, error);
    home.rotates = true;
    if (status == POS_OK)
        status = find_out(&rotation, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_OPERATOR, "lmk rotate", error);
    if (status == POS_OK) {
        pos_interrupt_catch();
        status = rotate(&rotation, error);
    }
    if (status == POS_OK)
        report(&rotation);
    if (rotation.table != NULL)
        pos_terminal_table_close(rotation.table);
    if (rotation.next_session != NULL)
        pos_hsm_session_close(rotation.next_session);
    if (rotation.next != NULL)
        pos_hsm_close(rotation.next);
    pos_home_fini(&home);
    return status;
}

enum pos_status pos_command_lmk(struct pos_options *options, int argc, char **argv,
                                struct pos_error *error)
{
    static const struct pos_command commands[] = {
        {"rotate", "bring every key under a new LMK", run_rotate}, {NULL, NULL, NULL}};
    return pos_command_dispatch(commands, "posgate-keymgmt lmk", "What is done with the LMK.",
                                options, argc, argv, error);
}
