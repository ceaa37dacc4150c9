/*
 * `posgate-keymgmt export`: a batch becomes the key file of one mother POS, once.
 *
 * Order, so that no crash lets a batch go to two mother POSes or be lost: the whole file is written
 * to OUT.part and synced; then the batch is marked exported, with its audit record; then OUT.part
 * is renamed to OUT. After a crash before the mark the batch is as it was. After a crash behind it
 * the same command finds OUT.part, verifies it and finishes the rename: the same file, not another.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/key_file_scan.h"
#include "keymgmt/key_file_sink.h"
#include "keymgmt/progress.h"
#include "keymgmt/report.h"

enum { KEY_BATCH = 0x200, KEY_COUNT, KEY_DEST, KEY_OUT, KEY_DRY_RUN, ON_WHAT_SIZE_MAX = 128 };

struct export
{
    /* asked for */
    uint32_t number; /* of the batch; 0: by count */
    uint32_t count;
    const char *destination;
    const char *out;
    bool dry_run;
    /* under way */
    struct pos_home *home;
    struct pos_error *error;
    struct pos_batch_row batch;
    struct pos_mother_row mother;
    char part[POS_PATH_SIZE_MAX];
    struct pos_key_file_sink sink;
    enum pos_status status; /* of the walk */
    struct pos_progress progress;
};

static error_t parse_export(int key, char *argument, struct argp_state *state)
{
    struct export *export = state->input;
    switch (key) {
    case KEY_BATCH:
        export->number =
            (uint32_t)pos_options_number(state, "--batch", argument, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_COUNT:
        export->count =
            (uint32_t)pos_options_number(state, "--count", argument, POS_KEY_FILE_COUNT_MAX);
        return 0;
    case KEY_DEST:
        export->destination = argument;
        return 0;
    case KEY_OUT:
        export->out = argument;
        return 0;
    case KEY_DRY_RUN:
        export->dry_run = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- which batch, for whom ---- */

static bool take_batch_of_count(void *context, const struct pos_batch_row *row)
{
    struct export *export = context;
    if (row->state != POS_BATCH_GENERATED || row->count != export->count)
        return true;
    export->number = row->number;
    return false;
}

static enum pos_status find_batch(struct export *export)
{
    struct pos_key_library *library = export->home->library;
    enum pos_status status = POS_OK;
    if (export->number == 0)
        status = pos_key_library_walk_batches(library, take_batch_of_count, export);
    if (status == POS_OK && export->number == 0)
        return pos_error_set(export->error, POS_ERR_NOT_FOUND,
                             "no batch of exactly %u keys waits to be exported: see 'list "
                             "--batches', or make one with 'generate --count %u'",
                             export->count, export->count);
    if (status == POS_OK)
        status = pos_key_library_find_batch(library, export->number, &export->batch);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(export->error, status, "there is no batch %u", export->number);
    if (status != POS_OK)
        return pos_error_set(export->error, status, "cannot read the key library");
    if (export->batch.count > POS_KEY_FILE_COUNT_MAX)
        return pos_error_set(export->error, POS_ERR_LIMIT, "batch %u has %u keys, a file %d",
                             export->number, export->batch.count, POS_KEY_FILE_COUNT_MAX);
    return POS_OK;
}

static enum pos_status find_mother(struct export *export)
{
    enum pos_status status =
        pos_key_library_find_mother(export->home->library, export->destination, &export->mother);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(export->error, status,
                             "there is no mother POS '%.32s': see 'list --mothers', or make its "
                             "KTK with 'ceremony ktk --name NAME'",
                             export->destination);
    if (status != POS_OK)
        return pos_error_set(export->error, status, "cannot read the key library");
    if (pos_algorithm_key_size(export->mother.ktk.algorithm) <
        pos_algorithm_key_size(export->batch.algorithm))
        return pos_error_set(export->error, POS_ERR_NOT_ALLOWED,
                             "the KTK of %s is %s and may not protect stronger keys (%s)",
                             export->mother.name, pos_algorithm_name(export->mother.ktk.algorithm),
                             pos_algorithm_name(export->batch.algorithm));
    return POS_OK;
}

static enum pos_status check_out(struct export *export)
{
    int size = snprintf(export->part, sizeof export->part, "%s.part", export->out);
    if (size < 0 || (size_t)size >= sizeof export->part)
        return pos_error_set(export->error, POS_ERR_USAGE, "the file's path is too long");
    if (access(export->out, F_OK) == 0)
        return pos_error_set(export->error, POS_ERR_EXISTS,
                             "%s is there already: name another file with --out", export->out);
    return POS_OK;
}

/* ---- writing ---- */

static enum pos_status export_key(struct export *export, const struct pos_key_row *row)
{
    if (row->batch != export->batch.number || row->state != POS_KEY_GENERATED)
        return pos_error_set(export->error, POS_ERR_CORRUPT,
                             "key %08u is not a new key of batch %u: the library is damaged",
                             row->index, export->batch.number);
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_hsm_export_tmk(export->home->session, &row->tmk, &export->mother.ktk, &block);
    if (status != POS_OK)
        return pos_error_set(export->error, status,
                             "the security module cannot export key %08u: %s", row->index,
                             pos_status_text(status));
    const struct pos_key_file_key key = {
        .index = row->index, .block = pos_buffer_view(&block), .kcv = row->tmk_kcv};
    return pos_key_file_sink_add(&export->sink, &key, export->error);
}

static bool each_key(void *context, const struct pos_key_row *row)
{
    struct export *export = context;
    if (row->index - export->batch.first >= export->batch.count)
        return false;
    if (pos_interrupted())
        export->status = pos_error_set(export->error, POS_ERR_BUSY,
                                       "interrupted: batch %u is not exported, nothing is changed",
                                       export->batch.number);
    else
        export->status = export_key(export, row);
    pos_progress_show(&export->progress, export->sink.count);
    return export->status == POS_OK;
}

static void fill_header(const struct export *export, struct pos_key_file_header *header)
{
    *header = (struct pos_key_file_header){.batch = export->batch.number,
                                           .created_utc_ms = pos_clock_utc_ms(),
                                           .algorithm = export->batch.algorithm,
                                           .ktk_kcv = export->mother.ktk_kcv,
                                           .count = export->batch.count,
                                           .first = export->batch.first,
                                           .last = export->batch.first + export->batch.count - 1};
    memcpy(header->ktk, export->mother.name, sizeof header->ktk);
    memcpy(header->destination, export->mother.name, sizeof header->destination);
}

static enum pos_status write_keys(struct export *export)
{
    pos_progress_start(&export->progress, "keys written", export->batch.count);
    enum pos_status status =
        pos_key_library_walk(export->home->library, export->batch.first, each_key, export);
    pos_progress_end(&export->progress);
    if (export->status != POS_OK)
        return export->status;
    if (status != POS_OK)
        return pos_error_set(export->error, status, "cannot read the key library: %s",
                             pos_status_text(status));
    if (export->sink.count != export->batch.count)
        return pos_error_set(export->error, POS_ERR_CORRUPT,
                             "batch %u has %u keys, %u were found: the library is damaged",
                             export->batch.number, export->batch.count, export->sink.count);
    return pos_key_file_sink_finish(&export->sink, export->error);
}

static enum pos_status write_part(struct export *export)
{
    struct pos_key_file_header header;
    fill_header(export, &header);
    pos_interrupt_catch();
    enum pos_status status =
        pos_key_file_sink_open(&export->sink, export->part, export->home->session,
                               &export->mother.ktk, &header, export->error);
    if (status != POS_OK)
        return status;
    status = write_keys(export);
    pos_key_file_sink_close(&export->sink, status != POS_OK);
    return status;
}

static enum pos_status mark_exported(struct export *export)
{
    char on_what[ON_WHAT_SIZE_MAX];
    (void)snprintf(on_what, sizeof on_what, "batch=%08u dest=%s count=%u first=%08u",
                   export->batch.number, export->mother.name, export->batch.count,
                   export->batch.first);
    struct pos_audit_event event = pos_home_event(export->home, "export", on_what);
    enum pos_status status =
        pos_key_library_move_batch(export->home->library, export->batch.number, POS_KEY_EXPORTED,
                                   export->mother.name, event.utc_ms, &event);
    if (status == POS_OK)
        return POS_OK;
    (void)unlink(export->part);
    return pos_error_set(export->error, status, "batch %u cannot be marked exported: %s",
                         export->batch.number, pos_status_text(status));
}

static enum pos_status give_name(struct export *export)
{
    enum pos_status status = pos_file_rename(export->part, export->out, export->error);
    if (status == POS_OK)
        return POS_OK;
    return pos_error_prefix(export->error,
                            "the batch is exported and its file complete, but it "
                            "still has the name of %s; run the command again",
                            export->part);
}

/* ---- again ---- */

/* Exported before: either our own work broke off before the rename, and is finished, or a second
 * file is asked for, and refused. */
static enum pos_status finish_or_refuse(struct export *export)
{
    char when[POS_TIME_TEXT_SIZE];
    pos_time_text(export->batch.exported_ms, 0, when);
    struct pos_key_file_header header;
    if (strcmp(export->batch.mother, export->mother.name) == 0 &&
        pos_key_file_scan(export->part, export->home->session, &export->mother.ktk, &header,
                          export->error) == POS_OK &&
        header.batch == export->batch.number &&
        strcmp(header.destination, export->mother.name) == 0)
        return export->dry_run ? POS_OK : give_name(export);
    return pos_error_set(export->error, POS_ERR_STATE,
                         "batch %u was exported to %s on %s, and a batch is exported once: use "
                         "that file, or generate a new batch",
                         export->batch.number, export->batch.mother, when);
}

static enum pos_status export_batch(struct export *export)
{
    enum pos_status status = find_batch(export);
    if (status == POS_OK)
        status = find_mother(export);
    if (status == POS_OK)
        status = check_out(export);
    if (status == POS_OK)
        status = pos_home_open_hsm(export->home, export->error);
    if (status == POS_OK && export->batch.state != POS_BATCH_GENERATED)
        return finish_or_refuse(export);
    if (status != POS_OK || export->dry_run)
        return status;
    status = write_part(export);
    if (status == POS_OK)
        status = mark_exported(export);
    if (status == POS_OK)
        status = give_name(export);
    return status;
}

static void report(const struct export *export)
{
    struct pos_report *answer = pos_report_create(stdout, export->home->options->json, NULL, 0);
    if (export->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    pos_report_number(answer, "batch", export->batch.number);
    pos_report_text(answer, "mother", export->mother.name);
    pos_report_text(answer, "algorithm", pos_algorithm_name(export->batch.algorithm));
    pos_report_number(answer, "count", export->batch.count);
    pos_report_index(answer, "first", export->batch.first);
    pos_report_index(answer, "last", export->batch.first + export->batch.count - 1);
    pos_report_text(answer, "file", export->out);
    pos_report_destroy(answer);
}

enum pos_status pos_command_export(struct pos_options *options, int argc, char **argv,
                                   struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"batch", KEY_BATCH, "B", 0, "The batch to export", 0},
        {"count", KEY_COUNT, "N", 0,
         "Instead of --batch: the oldest batch of exactly N keys that waits to be exported", 0},
        {"dest", KEY_DEST, "MOTHER", 0, "The mother POS that the file is for", 0},
        {"out", KEY_OUT, "FILE", 0, "The key file; it must not exist", 0},
        {"dry-run", KEY_DRY_RUN, NULL, 0, "Check everything and say what would be exported", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_export,
        .doc = "Writes a batch as the key file of one mother POS, its keys under that mother POS's "
               "KTK. A batch is exported once."};
    struct pos_home home;
    struct export export = {.home = &home, .error = error};
    pos_options_parse(options, &argp, &export, argc, argv);
    if ((export.number == 0) == (export.count == 0) || export.destination == NULL ||
        export.out == NULL)
        return pos_error_set(error, POS_ERR_USAGE,
                             "export needs --batch B or --count N, --dest MOTHER and --out FILE");
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_open_writer(&home, false, error);
    if (status == POS_OK)
        status = export_batch(&export);
    if (status == POS_OK)
        report(&export);
    pos_home_fini(&home);
    return status;
}
