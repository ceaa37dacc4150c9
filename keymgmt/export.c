/*
 * `posgate-keymgmt export`: a batch becomes the key file of one mother POS, once.
 *
 * Order, so that no crash lets a batch go to two mother POSes or be lost: the whole file is written
 * to OUT.part and synced; then the batch is marked exported, with its audit record, which names the
 * file by its SHA-256; then OUT.part is renamed to OUT. After a crash before the mark the batch is
 * as it was. After a crash behind it the same command finds OUT.part, knows it again and finishes
 * the rename: the same file, not another.
 */
#include "keymgmt/export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/failpoint.h"
#include "core/base/file.h"
#include "keymgmt/approval.h"
#include "keymgmt/command.h"
#include "keymgmt/report.h"

enum {
    KEY_BATCH = 0x200,
    KEY_COUNT,
    KEY_DEST,
    KEY_OUT,
    KEY_FORMAT,
    KEY_CONFIG,
    KEY_DRY_RUN,
    ON_WHAT_SIZE_MAX = 256, /* what an audit record takes */
    MISTAKES_SIZE_MAX = 400,
};

static error_t parse_export(int key, char *argument, struct argp_state *state)
{
    struct pos_export *export = state->input;
    switch (key) {
    case KEY_BATCH:
        export->number =
            (uint32_t)pos_option_number(state, "--batch", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_COUNT:
        export->count =
            (uint32_t)pos_option_number(state, "--count", argument, 1, POS_KEY_FILE_COUNT_MAX);
        return 0;
    case KEY_DEST:
        export->destination = argument;
        return 0;
    case KEY_OUT:
        export->out = argument;
        return 0;
    case KEY_FORMAT:
        export->format_name = argument;
        return 0;
    case KEY_CONFIG:
        export->config_path = argument;
        return 0;
    case KEY_DRY_RUN:
        export->dry_run = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- in which format ---- */

static struct pos_keymgmt_settings settings;

static enum pos_status read_settings(struct pos_export *export)
{
    static struct pos_config_report report;
    char own[POS_PATH_SIZE_MAX + 16];
    const char *path = export->config_path;
    if (path == NULL) {
        (void)snprintf(own, sizeof own, "%s/keymgmt.conf", export->home->options->home);
        path = own;
    }
    if (pos_keymgmt_settings_read(path, &settings, &report) == POS_OK)
        return POS_OK;
    char memory[MISTAKES_SIZE_MAX];
    struct pos_buffer mistakes = pos_buffer(memory, sizeof memory - 1);
    for (size_t i = 0; i < report.count && i < POS_CONFIG_MISTAKE_COUNT_MAX; i++)
        pos_buffer_format(&mistakes, "%s%u: %s", i == 0 ? "" : "; ", report.mistakes[i].line,
                          report.mistakes[i].text);
    memory[mistakes.size] = '\0';
    return pos_error_set(export->error, POS_ERR_CONFIG, "%s:%s%s", path, memory,
                         mistakes.overflow ? " ..." : "");
}

static enum pos_status find_format(struct pos_export *export)
{
    if (export->format_name == NULL)
        return POS_OK;
    enum pos_status status = read_settings(export);
    if (status != POS_OK)
        return status;
    export->format = pos_format_find(&settings, export->format_name);
    if (export->format == NULL)
        return pos_error_set(export->error, POS_ERR_CONFIG,
                             "the configuration has no format '%.32s'; 'posgate-keymgmt "
                             "--dump-defaults' shows how one is written",
                             export->format_name);
    return POS_OK;
}

/* ---- which batch, for whom ---- */

static bool take_batch_of_count(void *context, const struct pos_batch_row *row)
{
    struct pos_export *export = context;
    if (row->state != POS_BATCH_GENERATED || row->count != export->count)
        return true;
    export->number = row->number;
    return false;
}

static enum pos_status find_batch(struct pos_export *export)
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
    if (export->batch.state == POS_BATCH_BURNED)
        return pos_error_set(export->error, POS_ERR_STATE,
                             "batch %u is burned: it may have been exported before a backup was "
                             "restored; generate a new one",
                             export->number);
    if (export->batch.count > POS_KEY_FILE_COUNT_MAX)
        return pos_error_set(export->error, POS_ERR_LIMIT, "batch %u has %u keys, a file %d",
                             export->number, export->batch.count, POS_KEY_FILE_COUNT_MAX);
    return POS_OK;
}

/* The header of an SM4 key's block has a letter that only posgate's own programs know; and what is
 * encrypted bare must be whole blocks. */
static enum pos_status check_format(const struct pos_export *export)
{
    const struct pos_format *format = export->format;
    enum pos_algorithm algorithm = export->batch.algorithm, ktk = export->mother.ktk.algorithm;
    if (format == NULL)
        return POS_OK;
    if (algorithm == POS_ALGORITHM_SM4 && pos_template_has(format->key, 'b'))
        return pos_error_set(
            export->error, POS_ERR_NOT_ALLOWED,
            "format %s has key blocks (%%b), and the standard has no letter for SM4 "
            "keys: nobody else could read them. Use a format with %%c",
            format->name);
    if (pos_template_has(format->key, 'c') && !pos_hsm_bare_possible(algorithm, ktk))
        return pos_error_set(
            export->error, POS_ERR_NOT_ALLOWED,
            "format %s has bare ciphertexts (%%c), and a %s key is %zu bytes, which "
            "are not whole blocks of the KTK's %s. Use a format with %%b, a key file, "
            "or a mother POS with a KTK of T3",
            format->name, pos_algorithm_name(algorithm), pos_algorithm_key_size(algorithm),
            pos_algorithm_name(ktk));
    return POS_OK;
}

static enum pos_status find_mother(struct pos_export *export)
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
    if (export->mother.compromised)
        return pos_error_set(export->error, POS_ERR_STATE,
                             "the KTK of %s is compromised: nothing is exported to it any more",
                             export->mother.name);
    if (pos_algorithm_strength(export->mother.ktk.algorithm) <
        pos_algorithm_strength(export->batch.algorithm))
        return pos_error_set(export->error, POS_ERR_NOT_ALLOWED,
                             "the KTK of %s is %s and may not protect stronger keys (%s)",
                             export->mother.name, pos_algorithm_name(export->mother.ktk.algorithm),
                             pos_algorithm_name(export->batch.algorithm));
    return check_format(export);
}

static enum pos_status name_part(struct pos_export *export)
{
    int size = snprintf(export->part, sizeof export->part, "%s.part", export->out);
    if (size < 0 || (size_t)size >= sizeof export->part)
        return pos_error_set(export->error, POS_ERR_USAGE, "the file's path is too long");
    return POS_OK;
}

/* ---- marking and naming ---- */

static enum pos_status mark_exported(struct pos_export *export)
{
    char on_what[ON_WHAT_SIZE_MAX];
    struct pos_buffer text = pos_buffer(on_what, sizeof on_what - 1);
    pos_buffer_format(&text, "batch=%08u dest=%s count=%u first=%08u sha256=%s",
                      export->batch.number, export->mother.name, export->batch.count,
                      export->batch.first, export->digest);
    if (export->format != NULL)
        pos_buffer_put_text(&text, " ");
    pos_export_put_format(export, &text);
    on_what[text.size] = '\0';
    struct pos_audit_event event = pos_home_event(export->home, "export", on_what);
    enum pos_status status =
        pos_key_library_move_batch(export->home->library, export->batch.number, POS_KEY_EXPORTED,
                                   export->mother.name, event.utc_ms, &event);
    POS_FAILPOINT("export-marked");
    if (status == POS_OK)
        return POS_OK;
    (void)unlink(export->part);
    return pos_error_set(export->error, status, "batch %u cannot be marked exported: %s",
                         export->batch.number, pos_status_text(status));
}

static enum pos_status give_name(struct pos_export *export)
{
    enum pos_status status = pos_file_rename(export->part, export->out, export->error);
    POS_FAILPOINT("export-named");
    if (status == POS_OK)
        return POS_OK;
    return pos_error_prefix(export->error,
                            "the batch is exported and its file complete, but it "
                            "still has the name of %s; run the command again",
                            export->part);
}

/* A second person agrees to which keys go where and in what form; whose they are to open is said by
 * the KTK's check value. */
static enum pos_status require_approval(struct pos_export *export)
{
    char subject[ON_WHAT_SIZE_MAX], kcv[POS_KCV_TEXT_SIZE];
    struct pos_buffer text = pos_buffer(subject, sizeof subject - 1);
    pos_kcv_text(&export->mother.ktk_kcv, kcv);
    pos_buffer_format(&text, "batch=%08u dest=%s ktkkcv=%s algorithm=%s count=%u first=%08u",
                      export->batch.number, export->mother.name, kcv,
                      pos_algorithm_name(export->batch.algorithm), export->batch.count,
                      export->batch.first);
    if (export->format != NULL)
        pos_buffer_put_text(&text, " ");
    pos_export_put_format(export, &text);
    subject[text.size] = '\0';
    return pos_approval_require(export->home, "export", subject, export->error);
}

static enum pos_status export_again(struct pos_export *export)
{
    enum pos_status status = pos_export_find_again(export);
    if (status != POS_OK || export->again || export->dry_run)
        return status;
    return give_name(export);
}

static enum pos_status export_first(struct pos_export *export)
{
    if (access(export->out, F_OK) == 0)
        return pos_error_set(export->error, POS_ERR_EXISTS,
                             "%s is there already: name another file with --out", export->out);
    enum pos_status status = pos_home_open_hsm(export->home, export->error);
    if (status != POS_OK || export->dry_run)
        return status;
    status = require_approval(export);
    if (status == POS_OK)
        status = pos_export_write(export);
    if (status == POS_OK)
        status = mark_exported(export);
    return status == POS_OK ? give_name(export) : status;
}

static enum pos_status export_batch(struct pos_export *export)
{
    enum pos_status status = find_format(export);
    if (status == POS_OK)
        status = find_batch(export);
    if (status == POS_OK)
        status = find_mother(export);
    if (status == POS_OK)
        status = name_part(export);
    if (status != POS_OK)
        return status;
    return export->batch.state == POS_BATCH_GENERATED ? export_first(export) : export_again(export);
}

static void report(const struct pos_export *export)
{
    struct pos_report *answer = pos_report_create(stdout, export->home->options->json, NULL, 0);
    if (export->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    if (export->again)
        pos_report_text(answer, "again", "exported before: this is the same file");
    pos_report_number(answer, "batch", export->batch.number);
    pos_report_text(answer, "mother", export->mother.name);
    pos_report_text(answer, "algorithm", pos_algorithm_name(export->batch.algorithm));
    pos_report_number(answer, "count", export->batch.count);
    pos_report_index(answer, "first", export->batch.first);
    pos_report_index(answer, "last", export->batch.first + export->batch.count - 1);
    pos_report_text(answer, "file", export->out);
    if (export->format != NULL)
        pos_report_text(answer, "format", export->format->name);
    pos_report_destroy(answer);
    if (export->format != NULL)
        (void)fprintf(stderr,
                      "posgate-keymgmt: nothing in a file of format %s shows whether it was "
                      "changed: protect it on its way by other means\n",
                      export->format->name);
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
        {"format", KEY_FORMAT, "NAME", 0,
         "For a recipient with a format of its own: the lines that the configuration has under "
         "this name. Nothing protects such a file against changes",
         0},
        {"config", KEY_CONFIG, "FILE", 0, "The configuration (default: HOME/keymgmt.conf)", 0},
        {"dry-run", KEY_DRY_RUN, NULL, 0, "Check everything and say what would be exported", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_export,
        .doc = "Writes a batch as the key file of one mother POS, its keys under that mother POS's "
               "KTK. A batch is exported once; the same command again, while its file is there, "
               "changes nothing and is no error."};
    struct pos_home home;
    struct pos_export export = {.home = &home, .error = error};
    pos_options_parse(options, &argp, &export, argc, argv);
    if ((export.number == 0) == (export.count == 0) || export.destination == NULL ||
        export.out == NULL)
        return pos_error_set(error, POS_ERR_USAGE,
                             "export needs --batch B or --count N, --dest MOTHER and --out FILE");
    if (export.config_path != NULL && export.format_name == NULL)
        return pos_error_set(error, POS_ERR_USAGE, "--config is for --format");
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_OPERATOR, "export", error);
    if (status == POS_OK)
        status = export_batch(&export);
    if (status == POS_OK)
        report(&export);
    pos_home_fini(&home);
    return status;
}
