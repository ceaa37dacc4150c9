/*
 * `posgate-keymgmt restore`: puts a backup in the place of a key library that is lost.
 *
 * A library that is older than its anchor may have given out indexes, and exported batches, that it
 * does not know of. So nothing works with it until `restore --accept-old`, which two people agree
 * to: indexes up to the anchor's high-water mark are never given out again, batches that are only
 * generated are burned, and then the anchor starts anew. In this order: a crash in between leaves a
 * library that is still refused.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/failpoint.h"
#include "core/base/file.h"
#include "keymgmt/command.h"
#include "keymgmt/folder_copy.h"
#include "keymgmt/life.h"
#include "keymgmt/report.h"

enum { KEY_ACCEPT = 0x280, KEY_HIGH_WATER, KEY_DRY_RUN };

struct restoration {
    struct pos_home home;
    struct pos_life life;
    const char *folder; /* borrowed from argv; NULL: it is there already */
    bool accept_old, dry_run;
    uint32_t high_water; /* --high-water; 0: not said */
    struct pos_anchor_report found;
    uint64_t indexes; /* burned */
    uint32_t batches;
};

static error_t parse_restore(int key, char *argument, struct argp_state *state)
{
    struct restoration *restoration = state->input;
    switch (key) {
    case KEY_ACCEPT:
        restoration->accept_old = true;
        return 0;
    case KEY_HIGH_WATER:
        restoration->high_water =
            (uint32_t)pos_option_number(state, "--high-water", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_DRY_RUN:
        restoration->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        if (restoration->folder != NULL)
            argp_error(state, "one folder");
        restoration->folder = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- putting it there ---- */

static enum pos_status check_free(const struct pos_home *home, struct pos_error *error)
{
    if (access(home->library_path, F_OK) == 0)
        return pos_error_set(error, POS_ERR_EXISTS,
                             "there is a key library in %s. A backup never goes over one: move "
                             "that away first, and keep it",
                             home->options->home);
    return POS_OK;
}

static enum pos_status copy_back(struct restoration *restoration, struct pos_error *error)
{
    const struct pos_home *home = &restoration->home;
    char from[POS_PATH_SIZE_MAX + 32], part[POS_PATH_SIZE_MAX + 32];
    if (strlen(restoration->folder) >= POS_PATH_SIZE_MAX)
        return pos_error_set(error, POS_ERR_USAGE, "the folder's path is too long");
    (void)snprintf(from, sizeof from, "%s/library", restoration->folder);
    (void)snprintf(part, sizeof part, "%s.restoring", home->library_path);
    enum pos_status status = check_free(home, error);
    if (status == POS_OK)
        status = pos_file_make_folder(home->options->home, error);
    if (status == POS_OK)
        status = pos_folder_copy(from, part, error);
    POS_FAILPOINT("restore-copied");
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no backup in %s: it has a folder 'library'",
                             restoration->folder);
    if (status == POS_OK)
        status = pos_file_rename(part, home->library_path, error);
    POS_FAILPOINT("restore-named");
    return status;
}

/* ---- old, or as it was left ---- */

static bool is_old(const struct pos_home *home)
{
    return home->anchor.finding == POS_ANCHOR_BEHIND ||
           home->anchor.finding == POS_ANCHOR_MISSING || home->anchor.finding == POS_ANCHOR_FOREIGN;
}

static enum pos_status explain_old(const struct pos_home *home, struct pos_error *error)
{
    const struct pos_anchor_report *found = &home->anchor;
    if (found->finding == POS_ANCHOR_BEHIND)
        return pos_error_set(
            error, POS_ERR_STATE,
            "the backup is there, and older than the library was: %llu writes and "
            "the audit records up to %llu are lost, indexes up to %08u may be out. "
            "Nothing works with it until 'posgate-keymgmt restore --accept-old'",
            (unsigned long long)found->batches_lost, (unsigned long long)found->audit_sequence,
            found->high_water);
    return pos_error_set(error, POS_ERR_STATE,
                         "the backup is there, but %s does not say how old it is: %s. Find the "
                         "anchor, or find out the highest index that was ever given out and run "
                         "'posgate-keymgmt restore --accept-old --high-water INDEX'",
                         home->anchor_path,
                         found->finding == POS_ANCHOR_MISSING ? "the file is not there"
                                                              : "it is another library's");
}

static void report(const struct restoration *restoration)
{
    const struct pos_home *home = &restoration->home;
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    if (restoration->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    pos_report_text(answer, "library", home->library_path);
    if (restoration->accept_old) {
        pos_report_text(answer, "subject", restoration->life.subject);
        pos_report_number(answer, "writes_lost", restoration->found.batches_lost);
        pos_report_index(answer, "high_water", restoration->high_water);
        pos_report_number(answer, "indexes_burned", restoration->indexes);
        pos_report_number(answer, "batches_burned", restoration->batches);
    }
    pos_report_destroy(answer);
}

/* Behind the copy: it is recorded, or it is said why nothing may be done with it yet. */
static enum pos_status look_at_copy(struct restoration *restoration, struct pos_error *error)
{
    struct pos_home *home = &restoration->home;
    char on_what[256];
    home->settles_old = true;
    enum pos_status status = pos_home_begin(home, POS_ROLE_OPERATOR, "restore", error);
    if (status != POS_OK)
        return pos_error_prefix(error, "the backup is copied, but");
    (void)snprintf(on_what, sizeof on_what, "%.240s", restoration->folder);
    struct pos_audit_event event = pos_home_event(home, "restore", on_what);
    event.outcome = is_old(home) ? "done: older than its anchor" : "done";
    status = pos_key_library_audit(home->library, &event);
    if (status != POS_OK)
        return pos_error_set(error, status, "the audit record cannot be written");
    return is_old(home) ? explain_old(home, error) : POS_OK;
}

/* ---- accepting it ---- */

static enum pos_status find_high_water(struct restoration *restoration, struct pos_error *error)
{
    const struct pos_anchor_report *found = &restoration->found;
    bool known = found->same_database;
    if (!known && restoration->high_water == 0)
        return explain_old(&restoration->home, error);
    if (known && restoration->high_water < found->high_water)
        restoration->high_water = found->high_water;
    (void)snprintf(restoration->life.subject, sizeof restoration->life.subject,
                   "accept-old high-water=%08u lost-records-to=%llu", restoration->high_water,
                   known ? (unsigned long long)found->audit_sequence : 0);
    return POS_OK;
}

static enum pos_status burn(struct restoration *restoration, struct pos_error *error)
{
    struct pos_home *home = &restoration->home;
    struct pos_audit_event event = pos_home_event(home, "burn-since", restoration->life.subject);
    enum pos_status status =
        pos_key_library_burn_since(home->library, restoration->high_water, event.utc_ms,
                                   &restoration->indexes, &restoration->batches, &event);
    POS_FAILPOINT("restore-burned");
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status, "what was given out since cannot be burned: %s",
                         pos_status_text(status));
}

/* Opened once more, so that the anchor starts anew from what is there now. */
static enum pos_status start_anchor(struct restoration *restoration, struct pos_error *error)
{
    struct pos_home *home = &restoration->home;
    pos_key_library_close(home->library);
    home->library = NULL;
    home->settles_old = false;
    home->accept_old = true;
    enum pos_status status = pos_home_open_writer(home, false, error);
    POS_FAILPOINT("restore-accepted");
    if (status == POS_OK && home->session != NULL)
        pos_home_seal_audit(home);
    return status;
}

static enum pos_status accept_old(struct restoration *restoration, struct pos_error *error)
{
    struct pos_home *home = &restoration->home;
    struct pos_life *life = &restoration->life;
    *life = (struct pos_life){.home = home, .action = "restore"};
    home->settles_old = true;
    enum pos_status status = pos_home_begin(home, POS_ROLE_OPERATOR, "restore", error);
    if (status != POS_OK)
        return status;
    restoration->found = home->anchor;
    if (!is_old(home))
        return pos_error_set(error, POS_ERR_STATE,
                             "the key library is what its anchor says: there is nothing to accept");
    status = find_high_water(restoration, error);
    if (status != POS_OK || restoration->dry_run)
        return status;
    status = pos_life_look_back(life, error);
    if (status == POS_OK)
        status = pos_life_begin(life, true, error);
    if (status == POS_OK)
        status = burn(restoration, error);
    if (status == POS_OK)
        status = start_anchor(restoration, error);
    return status == POS_OK ? pos_life_end(life, error) : status;
}

enum pos_status pos_command_restore(struct pos_options *options, int argc, char **argv,
                                    struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"accept-old", KEY_ACCEPT, NULL, 0,
         "Go on with a library that is older than its anchor: burns what may have been given out "
         "since. Needs a second person's approval",
         0},
        {"high-water", KEY_HIGH_WATER, "INDEX", 0,
         "With --accept-old, where the anchor is lost: the highest index that was ever given out",
         0},
        {"dry-run", KEY_DRY_RUN, NULL, 0, "With --accept-old: say what would be burned", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_restore,
        .args_doc = "[DIR]",
        .doc = "Puts the backup in DIR into a home folder that has no key library. The sealed LMK "
               "and its credential are not in a backup: they must be there already, or are made "
               "again by 'ceremony lmk' with the same components."};
    struct restoration restoration = {.folder = NULL};
    pos_options_parse(options, &argp, &restoration, argc, argv);
    if ((restoration.folder != NULL) == restoration.accept_old)
        return pos_error_set(error, POS_ERR_USAGE,
                             "restore needs a backup's folder, or --accept-old for what is there");
    if (!restoration.accept_old && (restoration.dry_run || restoration.high_water != 0))
        return pos_error_set(error, POS_ERR_USAGE,
                             "--high-water and --dry-run are for --accept-old");
    enum pos_status status = pos_home_init(&restoration.home, options, error);
    if (status == POS_OK && !restoration.accept_old)
        status = copy_back(&restoration, error);
    if (status == POS_OK)
        status = restoration.accept_old ? accept_old(&restoration, error)
                                        : look_at_copy(&restoration, error);
    if (status == POS_OK)
        report(&restoration);
    pos_home_fini(&restoration.home);
    return status;
}
