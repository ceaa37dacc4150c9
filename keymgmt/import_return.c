/*
 * `posgate-keymgmt import-return`: what became of the keys at a mother POS.
 *
 * The file is read whole and verified first. Then every key of it is held against the library, and
 * every batch of that mother POS against the file; what fits moves on, what does not fit is listed
 * and left alone. Writing is in chunks, each with its audit record: after an interruption the same
 * command does what is left, and done twice it does nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/progress.h"
#include "keymgmt/reconcile.h"
#include "keymgmt/report.h"
#include "keymgmt/return_reader.h"
#include "keymgmt/serial_list.h"

enum { KEY_SERIALS = 0x200, KEY_DRY_RUN, CHUNK_COUNT_MAX = 500, ON_WHAT_SIZE_MAX = 256 };

struct import {
    /* asked for */
    const char *path;
    const char *serials_path; /* NULL: none */
    bool dry_run;
    /* under way */
    struct pos_home *home;
    struct pos_error *error;
    struct pos_return_file file;
    struct pos_serial_list serials;
    bool *fits;                             /* of each key: nothing is wrong with it */
    struct pos_key_settlement *settlements; /* room for all keys */
    size_t settlement_count;
    uint32_t *batches; /* to be marked loaded */
    size_t batch_count, batch_capacity;
    uint64_t counts[POS_RETURN_STATE_COUNT]; /* as the file says */
    uint64_t issued, burned;                 /* keys that move */
    uint64_t waiting; /* batches exported to the mother POS and not there: on their way */
    struct pos_findings *findings;
    enum pos_status status; /* of a walk */
    struct pos_progress progress;
};

static error_t parse_import(int key, char *argument, struct argp_state *state)
{
    struct import *import = state->input;
    switch (key) {
    case KEY_SERIALS:
        import->serials_path = argument;
        return 0;
    case KEY_DRY_RUN:
        import->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        if (import->path != NULL)
            argp_error(state, "one return file at a time");
        import->path = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- reading ---- */

static enum pos_status find_ktk(void *context, const struct pos_return_file_header *header,
                                struct pos_key *ktk)
{
    struct import *import = context;
    struct pos_mother_row mother;
    enum pos_status status =
        pos_key_library_find_mother(import->home->library, header->mother, &mother);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(import->error, status, "%s is from %s, which is no mother POS here",
                             import->path, header->mother);
    if (status != POS_OK)
        return pos_error_set(import->error, status, "cannot read the key library");
    if (strcmp(header->ktk, mother.name) != 0 || !pos_kcv_equal(&header->ktk_kcv, &mother.ktk_kcv))
        return pos_error_set(import->error, POS_ERR_MISMATCH,
                             "%s is under another KTK than %s has here: name or check value differ",
                             import->path, mother.name);
    *ktk = mother.ktk;
    return POS_OK;
}

/* A file that was changed is worth a record, whoever tried. */
static void note_refusal(struct import *import)
{
    char on_what[ON_WHAT_SIZE_MAX];
    (void)snprintf(on_what, sizeof on_what, "mother=%s", import->file.header.mother);
    struct pos_audit_event event = pos_home_event(import->home, "import-return", on_what);
    event.outcome = "refused: its MAC does not verify";
    if (pos_key_library_audit(import->home->library, &event) != POS_OK)
        (void)fputs("posgate-keymgmt: this refusal could not be recorded\n", stderr);
}

static enum pos_status read_all(struct import *import)
{
    enum pos_status status = POS_OK;
    if (import->serials_path != NULL)
        status = pos_serial_list_read(import->serials_path, &import->serials, import->error);
    if (status == POS_OK)
        status = pos_return_file_load(import->path, import->home->session, find_ktk, import,
                                      &import->file, import->error);
    if (status == POS_ERR_MAC && !import->dry_run)
        note_refusal(import);
    return status;
}

/* ---- the file's keys against the library ---- */

static void settle(struct import *import, const struct pos_return_file_key *key, uint64_t now_ms)
{
    bool issued = key->state == POS_RETURN_ISSUED;
    struct pos_key_settlement *settlement = &import->settlements[import->settlement_count++];
    *settlement = (struct pos_key_settlement){
        .index = key->index,
        .state = issued ? POS_KEY_ISSUED : POS_KEY_BURNED,
        .utc_ms = key->changed_utc_ms != 0 ? key->changed_utc_ms : now_ms};
    memcpy(settlement->serial, key->serial, sizeof settlement->serial);
    *(issued ? &import->issued : &import->burned) += 1;
}

static enum pos_status judge_key(struct import *import, size_t place, uint64_t now_ms)
{
    const struct pos_return_file_key *key = &import->file.keys[place];
    struct pos_key_row row;
    enum pos_status status = pos_key_library_find(import->home->library, key->index, &row);
    if (status != POS_OK && status != POS_ERR_NOT_FOUND)
        return pos_error_set(import->error, status, "cannot read key %08u", key->index);
    struct pos_judgement judgement =
        pos_reconcile_key(key, status == POS_OK ? &row : NULL, import->file.header.mother);
    import->counts[key->state]++;
    import->fits[place] = judgement.finding == POS_FINDING_NONE;
    if (judgement.finding != POS_FINDING_NONE)
        pos_findings_add(import->findings, judgement.finding, key->index, key->serial);
    if (judgement.settles)
        settle(import, key, now_ms);
    return POS_OK;
}

static enum pos_status judge_keys(struct import *import)
{
    uint64_t now_ms = pos_home_event(import->home, "", "").utc_ms;
    pos_progress_start(&import->progress, "keys compared", import->file.count);
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < import->file.count && status == POS_OK; i++) {
        status = judge_key(import, i, now_ms);
        pos_progress_show(&import->progress, i);
    }
    pos_progress_end(&import->progress);
    return status;
}

/* ---- the library's batches against the file ---- */

static bool all_fit(const struct import *import, size_t place, size_t count)
{
    for (size_t i = place; i < place + count; i++)
        if (!import->fits[i])
            return false;
    return true;
}

static void list_gaps(struct import *import, const struct pos_batch_row *batch, size_t place,
                      size_t count)
{
    const struct pos_return_file_key *keys = import->file.keys + place;
    size_t at = 0;
    for (uint32_t index = batch->first; index - batch->first < batch->count; index++)
        if (at < count && keys[at].index == index)
            at++;
        else
            pos_findings_add(import->findings, POS_FINDING_MISSING, index, "");
}

static enum pos_status will_load(struct import *import, uint32_t number)
{
    if (import->batch_count == import->batch_capacity) {
        import->batch_capacity = import->batch_capacity == 0 ? 64 : 2 * import->batch_capacity;
        void *batches = realloc(import->batches, import->batch_capacity * sizeof *import->batches);
        if (batches == NULL)
            return pos_error_set(import->error, POS_ERR_MEMORY, "no memory for the batches");
        import->batches = batches;
    }
    import->batches[import->batch_count++] = number;
    return POS_OK;
}

static bool judge_batch(void *context, const struct pos_batch_row *batch)
{
    struct import *import = context;
    size_t place;
    if (batch->state == POS_BATCH_GENERATED ||
        strcmp(batch->mother, import->file.header.mother) != 0)
        return true;
    size_t there = pos_reconcile_range(import->file.keys, import->file.count, batch->first,
                                       batch->count, &place);
    if (there == 0 && batch->state == POS_BATCH_EXPORTED)
        import->waiting++;
    else if (there == 0)
        pos_findings_add(import->findings, POS_FINDING_BATCH_MISSING, batch->number, "");
    else if (there < batch->count)
        list_gaps(import, batch, place, there);
    else if (batch->state == POS_BATCH_EXPORTED && all_fit(import, place, there))
        import->status = will_load(import, batch->number);
    return import->status == POS_OK;
}

static enum pos_status judge_batches(struct import *import)
{
    enum pos_status status =
        pos_key_library_walk_batches(import->home->library, judge_batch, import);
    if (status != POS_OK)
        return pos_error_set(import->error, status, "cannot read the key library");
    return import->status;
}

/* ---- serials ---- */

static enum pos_status judge_serials(struct import *import)
{
    size_t count = 0;
    const struct pos_return_file_key **issued =
        calloc(import->file.count + 1, sizeof(const struct pos_return_file_key *));
    if (issued == NULL)
        return pos_error_set(import->error, POS_ERR_MEMORY, "no memory for the serials");
    for (size_t i = 0; i < import->file.count; i++) {
        const struct pos_return_file_key *key = &import->file.keys[i];
        if (key->state != POS_RETURN_ISSUED)
            continue;
        issued[count++] = key;
        if (import->serials_path != NULL && !pos_serial_list_see(&import->serials, key->serial))
            pos_findings_add(import->findings, POS_FINDING_UNKNOWN_SERIAL, key->index, key->serial);
    }
    pos_reconcile_two_keys(issued, count, import->findings);
    free(issued);
    for (size_t i = 0; i < import->serials.count; i++)
        if (!import->serials.serials[i].seen)
            pos_findings_add(import->findings, POS_FINDING_SERIAL_WITHOUT_KEY, 0,
                             import->serials.serials[i].text);
    return POS_OK;
}

/* ---- writing ---- */

static enum pos_status write_chunk(struct import *import, size_t from, size_t count)
{
    char on_what[ON_WHAT_SIZE_MAX];
    const struct pos_key_settlement *chunk = &import->settlements[from];
    (void)snprintf(on_what, sizeof on_what, "mother=%s file=%s keys=%zu first=%08u last=%08u",
                   import->file.header.mother, import->file.mac, count, chunk[0].index,
                   chunk[count - 1].index);
    struct pos_audit_event event = pos_home_event(import->home, "settle", on_what);
    enum pos_status status = pos_key_library_settle(import->home->library, chunk, count, &event);
    POS_FAILPOINT("import-return-chunk");
    if (status != POS_OK)
        return pos_error_set(import->error, status, "keys %08u to %08u cannot be settled: %s",
                             chunk[0].index, chunk[count - 1].index, pos_status_text(status));
    return POS_OK;
}

static enum pos_status write_keys(struct import *import)
{
    enum pos_status status = POS_OK;
    pos_progress_start(&import->progress, "keys settled", import->settlement_count);
    for (size_t done = 0; done < import->settlement_count && status == POS_OK;) {
        if (pos_interrupted()) {
            status = pos_error_set(import->error, POS_ERR_BUSY,
                                   "interrupted: %zu of %zu keys are settled; run the command "
                                   "again for the rest",
                                   done, import->settlement_count);
            break;
        }
        size_t left = import->settlement_count - done;
        size_t count = left < CHUNK_COUNT_MAX ? left : CHUNK_COUNT_MAX;
        status = write_chunk(import, done, count);
        done += count;
        pos_progress_show(&import->progress, done);
    }
    pos_progress_end(&import->progress);
    return status;
}

/* What the mother POS has was loaded, whatever became of the answer that said so. */
static enum pos_status write_batches(struct import *import)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < import->batch_count && status == POS_OK; i++) {
        char on_what[ON_WHAT_SIZE_MAX];
        (void)snprintf(on_what, sizeof on_what, "batch=%08u dest=%s file=%s", import->batches[i],
                       import->file.header.mother, import->file.mac);
        struct pos_audit_event event = pos_home_event(import->home, "load", on_what);
        status =
            pos_key_library_move_batch(import->home->library, import->batches[i], POS_KEY_LOADED,
                                       import->file.header.mother, event.utc_ms, &event);
        POS_FAILPOINT("import-return-batch");
        if (status != POS_OK)
            return pos_error_set(import->error, status, "batch %u cannot be marked loaded: %s",
                                 import->batches[i], pos_status_text(status));
    }
    return status;
}

static enum pos_status record_import(struct import *import)
{
    char on_what[ON_WHAT_SIZE_MAX];
    (void)snprintf(
        on_what, sizeof on_what,
        "mother=%s file=%s keys=%zu issued=%llu burned=%llu batches=%zu differences=%llu",
        import->file.header.mother, import->file.mac, import->file.count,
        (unsigned long long)import->issued, (unsigned long long)import->burned, import->batch_count,
        (unsigned long long)pos_findings_differences(import->findings));
    struct pos_audit_event event = pos_home_event(import->home, "import-return", on_what);
    enum pos_status status = pos_key_library_audit(import->home->library, &event);
    POS_FAILPOINT("import-return-recorded");
    if (status != POS_OK)
        return pos_error_set(import->error, status, "the import cannot be recorded");
    return POS_OK;
}

static enum pos_status write_all(struct import *import)
{
    pos_interrupt_catch();
    POS_FAILPOINT("import-return-checked");
    enum pos_status status = write_keys(import);
    if (status == POS_OK)
        status = write_batches(import);
    return status == POS_OK ? record_import(import) : status;
}

/* ---- the answer ---- */

static void report_findings(struct pos_report *answer, const struct pos_findings *findings)
{
    static const struct pos_column columns[] = {
        {"finding", -18}, {"index", -8}, {"serial", -8}, {"about", -1}};
    pos_report_table(answer, "findings", columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < findings->kept; i++) {
        const struct pos_finding *finding = &findings->list[i];
        pos_report_text(answer, "finding", pos_finding_name(finding->kind));
        if (finding->index == 0)
            pos_report_text(answer, "index", "-");
        else
            pos_report_index(answer, "index", finding->index);
        pos_report_text(answer, "serial", finding->serial[0] == '\0' ? "-" : finding->serial);
        pos_report_text(answer, "about", pos_finding_about(finding->kind));
        pos_report_end_row(answer);
    }
}

static uint64_t finding_count(const struct pos_findings *findings)
{
    return pos_findings_differences(findings) + findings->counts[POS_FINDING_TWO_KEYS];
}

static void report(const struct import *import)
{
    const struct pos_findings *findings = import->findings;
    struct pos_report *answer = pos_report_create(stdout, import->home->options->json, NULL, 0);
    if (import->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    pos_report_text(answer, "mother", import->file.header.mother);
    pos_report_time(answer, "created", import->file.header.created_utc_ms);
    pos_report_number(answer, "keys", import->file.count);
    for (int state = 0; state < POS_RETURN_STATE_COUNT; state++)
        pos_report_number(answer, pos_return_state_name((enum pos_return_state)state),
                          import->counts[state]);
    pos_report_number(answer, "newly_issued", import->issued);
    pos_report_number(answer, "newly_burned", import->burned);
    pos_report_number(answer, "batches_loaded", import->batch_count);
    pos_report_number(answer, "batches_waiting", import->waiting);
    pos_report_number(answer, "differences", pos_findings_differences(findings));
    if (finding_count(findings) > findings->kept)
        pos_report_number(answer, "not_listed", finding_count(findings) - findings->kept);
    if (findings->kept > 0 || import->home->options->json)
        report_findings(answer, findings);
    pos_report_destroy(answer);
    if (import->counts[POS_RETURN_RESERVED] > 0)
        (void)fprintf(stderr,
                      "posgate-keymgmt: %llu keys were handed out and not confirmed: the session "
                      "at %s is not closed\n",
                      (unsigned long long)import->counts[POS_RETURN_RESERVED],
                      import->file.header.mother);
}

static enum pos_status make_room(struct import *import)
{
    import->fits = calloc(import->file.count + 1, sizeof *import->fits);
    import->settlements = calloc(import->file.count + 1, sizeof *import->settlements);
    import->findings = calloc(1, sizeof *import->findings);
    if (import->fits == NULL || import->settlements == NULL || import->findings == NULL)
        return pos_error_set(import->error, POS_ERR_MEMORY, "no memory for %zu keys",
                             import->file.count);
    return POS_OK;
}

static enum pos_status import_file(struct import *import)
{
    enum pos_status status = read_all(import);
    if (status == POS_OK)
        status = make_room(import);
    if (status == POS_OK)
        status = judge_keys(import);
    if (status == POS_OK)
        status = judge_batches(import);
    if (status == POS_OK)
        status = judge_serials(import);
    if (status == POS_OK && !import->dry_run)
        status = write_all(import);
    if (status != POS_OK)
        return status;
    report(import);
    uint64_t differences = pos_findings_differences(import->findings);
    if (differences > 0)
        return pos_error_set(import->error, POS_ERR_MISMATCH,
                             "%llu differences between mother POS and library need somebody's "
                             "eyes; what fits is %s",
                             (unsigned long long)differences,
                             import->dry_run ? "left alone too (--dry-run)" : "imported");
    return POS_OK;
}

static void release(struct import *import)
{
    pos_return_file_free(&import->file);
    pos_serial_list_free(&import->serials);
    free(import->fits);
    free(import->settlements);
    free(import->batches);
    free(import->findings);
}

enum pos_status pos_command_import_return(struct pos_options *options, int argc, char **argv,
                                          struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"serials", KEY_SERIALS, "FILE", 0,
         "The serials of the terminals that were to get a key, one a line: others, and those that "
         "got none, are listed",
         0},
        {"dry-run", KEY_DRY_RUN, NULL, 0, "Compare and list, but change nothing", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_import,
        .args_doc = "FILE",
        .doc = "Takes in what a mother POS says of its keys ('posgate-emulator mother "
               "--return-file'): issued keys get their serials, burned ones are marked, batches "
               "that it holds are loaded. What does not fit is listed and left as it is, and then "
               "the command ends with 1. Twice the same file changes nothing."};
    struct pos_home home;
    struct import import = {.home = &home, .error = error};
    pos_options_parse(options, &argp, &import, argc, argv);
    if (import.path == NULL)
        return pos_error_set(error, POS_ERR_USAGE, "import-return needs a return file");
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_OPERATOR, "import-return", error);
    if (status == POS_OK)
        status = pos_home_open_hsm(&home, error);
    if (status == POS_OK)
        status = import_file(&import);
    release(&import);
    pos_home_fini(&home);
    return status;
}
