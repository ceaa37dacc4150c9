/*
 * `posgate-keymgmt backup DIR`: a copy of the key library that is whole and can be opened, while
 * other programs read on. DIR gets two things: `library`, the copy, and `posgate-backup`, which
 * says what it is. The keys in it are under the LMK; neither the LMK nor what opens it is there,
 * so that a backup alone is of no use to anybody.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/report.h"

enum { ON_WHAT_SIZE_MAX = 256, NOTE_SIZE_MAX = 1024 };

static error_t parse_backup(int key, char *argument, struct argp_state *state)
{
    const char **folder = state->input;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (*folder != NULL)
        argp_error(state, "one folder");
    *folder = argument;
    return 0;
}

/* For whoever finds it one day. */
static enum pos_status write_note(const struct pos_home *home, const char *folder,
                                  struct pos_error *error)
{
    char memory[NOTE_SIZE_MAX], path[POS_PATH_SIZE_MAX + 32], time[POS_TIME_TEXT_SIZE];
    char kcv[POS_KCV_TEXT_SIZE] = "-";
    struct pos_buffer note = pos_buffer(memory, sizeof memory);
    if (home->hsm != NULL) {
        struct pos_kcv lmk = pos_hsm_lmk_kcv(home->hsm);
        pos_kcv_text(&lmk, kcv);
    }
    pos_time_text(pos_clock_utc_ms(), 0, time);
    pos_buffer_format(
        &note,
        "Backup of a posgate key library, made %s from %s.\n"
        "lmk=%s\nrecords=%llu\n"
        "In it: every key under that LMK, batches, mother POSes, host links, people, "
        "approvals, the audit chain.\n"
        "Not in it: the LMK, the credential, the anchor, keymgmt.conf, key files, the "
        "gateway's table, mother POSes.\n"
        "Put it back with 'posgate-keymgmt restore'.\n",
        time, home->library_path, kcv, (unsigned long long)home->chain.kept.sequence);
    (void)snprintf(path, sizeof path, "%s/posgate-backup", folder);
    return pos_file_write(path, pos_buffer_view(&note), 0600, error);
}

static enum pos_status make_folder(const char *folder, struct pos_error *error)
{
    if (strlen(folder) >= POS_PATH_SIZE_MAX)
        return pos_error_set(error, POS_ERR_USAGE, "the folder's path is too long");
    if (mkdir(folder, 0700) == 0)
        return POS_OK;
    if (errno == EEXIST)
        return pos_error_set(error, POS_ERR_EXISTS, "%s is there already: name a new folder",
                             folder);
    return pos_error_set(error, POS_ERR_IO, "cannot make %s: %s", folder, strerror(errno));
}

static enum pos_status copy_library(struct pos_home *home, const char *folder,
                                    struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 32], on_what[ON_WHAT_SIZE_MAX], whole[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/library", folder);
    (void)snprintf(on_what, sizeof on_what, "%.240s",
                   realpath(folder, whole) != NULL ? whole : folder);
    struct pos_audit_event event = pos_home_event(home, "backup", on_what);
    enum pos_status status = pos_key_library_checkpoint(home->library, path, &event);
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status,
                         "no copy was made: %s. The folder must be on the file system of %s, "
                         "because it is copied by links; take it elsewhere from there",
                         pos_status_text(status), home->library_path);
}

static enum pos_status back_up(struct pos_home *home, const char *folder, struct pos_error *error)
{
    enum pos_status status = make_folder(folder, error);
    if (status != POS_OK)
        return status;
    status = copy_library(home, folder, error);
    if (status == POS_OK)
        status = write_note(home, folder, error);
    else
        (void)rmdir(folder);
    return status;
}

static void report(const struct pos_home *home, const char *folder)
{
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    pos_report_text(answer, "backup", folder);
    pos_report_number(answer, "audit_records", home->chain.kept.sequence);
    pos_report_text(answer, "in_it", "the key library: keys under the LMK, people, audit chain");
    pos_report_text(answer, "not_in_it",
                    "the LMK and its credential, keymgmt.conf, the anchor, the gateway's table "
                    "(posgatectl backup), mother POSes");
    pos_report_destroy(answer);
}

enum pos_status pos_command_backup(struct pos_options *options, int argc, char **argv,
                                   struct pos_error *error)
{
    static const struct argp argp = {
        .parser = parse_backup,
        .args_doc = "DIR",
        .doc = "Copies the key library into the new folder DIR, on the same file system. The "
               "sealed LMK and its credential are not in it: keep those apart from it, and from "
               "each other. Keys that are destroyed later are still in it."};
    const char *folder = NULL;
    pos_options_parse(options, &argp, &folder, argc, argv);
    if (folder == NULL)
        return pos_error_set(error, POS_ERR_USAGE, "backup needs a folder");
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_OPERATOR, "backup", error);
    if (status == POS_OK)
        status = back_up(&home, folder, error);
    if (status == POS_OK)
        report(&home, folder);
    pos_home_fini(&home);
    return status;
}
