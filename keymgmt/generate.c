/*
 * `posgate-keymgmt generate`: new terminal keys into the library, a chunk at a time. A chunk is on
 * disk with its audit record before the next one begins, so an interruption costs nothing: what was
 * counted is there. A batch never has more keys than a key file may.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/progress.h"
#include "keymgmt/report.h"
#include "keymgmt/stock_range.h"

enum {
    KEY_COUNT = 0x200,
    KEY_ALG,
    KEY_FORM,
    KEY_BATCH,
    KEY_DRY_RUN,
    CHUNK_COUNT_MAX = 500,
    ON_WHAT_SIZE_MAX = 128
};

struct generation {
    /* asked for */
    uint32_t count;
    enum pos_algorithm algorithm;
    enum pos_key_form form; /* of the working keys */
    uint32_t continued;     /* batch to go on with; 0: a new one */
    bool dry_run;
    /* where it stands */
    uint32_t done;
    uint32_t next_index;
    struct pos_batch_row batch;  /* under way */
    uint32_t first_batch, first; /* for the answer */
    struct pos_key_row *rows;    /* one chunk */
    struct pos_progress progress;
};

static error_t parse_generate(int key, char *argument, struct argp_state *state)
{
    struct generation *generation = state->input;
    switch (key) {
    case KEY_COUNT:
        generation->count =
            (uint32_t)pos_option_number(state, "--count", argument, 1, POS_GENERATE_COUNT_MAX);
        return 0;
    case KEY_ALG:
        generation->algorithm = pos_option_algorithm(state, "--alg", argument);
        return 0;
    case KEY_FORM:
        generation->form = pos_key_form_parse(pos_bytes_text(argument));
        if (generation->form == POS_FORM_COUNT)
            argp_error(state, "--form takes 60, 40 or 24, not '%.16s'", argument);
        return 0;
    case KEY_BATCH:
        generation->continued =
            (uint32_t)pos_option_number(state, "--batch", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_DRY_RUN:
        generation->dry_run = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A working key, of single length where the form has it so. */
static enum pos_status make_working_key(struct pos_hsm_session *session, enum pos_key_usage usage,
                                        const struct generation *generation, struct pos_key *key,
                                        struct pos_kcv *kcv)
{
    enum pos_algorithm algorithm = pos_algorithm_working(generation->algorithm);
    bool tdes = algorithm == POS_ALGORITHM_T2;
    bool single = tdes && (generation->form == POS_FORM_24 ||
                           (generation->form == POS_FORM_40 && usage == POS_USAGE_TAK));
    return single ? pos_hsm_generate_single(session, usage, key, kcv)
                  : pos_hsm_generate(session, usage, algorithm, key, kcv);
}

static enum pos_status make_key(struct pos_hsm_session *session,
                                const struct generation *generation, uint32_t index,
                                uint64_t utc_ms, struct pos_key_row *row)
{
    enum pos_algorithm algorithm = generation->algorithm;
    *row = (struct pos_key_row){.index = index,
                                .state = POS_KEY_GENERATED,
                                .algorithm = algorithm,
                                .form = generation->form,
                                .batch = generation->batch.number,
                                .generated_ms = utc_ms,
                                .changed_ms = utc_ms};
    enum pos_status status =
        pos_hsm_generate(session, POS_USAGE_TMK, algorithm, &row->tmk, &row->tmk_kcv);
    if (status == POS_OK)
        status = make_working_key(session, POS_USAGE_TPK, generation, &row->tpk, &row->tpk_kcv);
    if (status == POS_OK)
        status = make_working_key(session, POS_USAGE_TAK, generation, &row->tak, &row->tak_kcv);
    if (status == POS_OK && pos_key_form_has_tdk(generation->form, algorithm))
        status = make_working_key(session, POS_USAGE_TDK, generation, &row->tdk, &row->tdk_kcv);
    return status;
}

static enum pos_status add_chunk(struct pos_home *home, struct generation *generation,
                                 uint32_t count, struct pos_error *error)
{
    uint64_t now = pos_clock_utc_ms();
    uint32_t first = generation->next_index;
    for (uint32_t i = 0; i < count; i++) {
        enum pos_status status =
            make_key(home->session, generation, first + i, now, &generation->rows[i]);
        if (status != POS_OK)
            return pos_error_set(error, status, "the security module cannot make key %08u: %s",
                                 first + i, pos_status_text(status));
    }
    char on_what[ON_WHAT_SIZE_MAX];
    (void)snprintf(on_what, sizeof on_what, "batch=%08u algorithm=%s form=%s first=%08u count=%u",
                   generation->batch.number, pos_algorithm_name(generation->algorithm),
                   pos_key_form_name(generation->form), first, count);
    struct pos_audit_event event = pos_home_event(home, "generate", on_what);
    enum pos_status status =
        pos_key_library_add(home->library, generation->rows, count, &generation->batch, &event);
    if (status != POS_OK)
        return pos_error_set(error, status, "the keys %08u to %08u cannot be stored: %s", first,
                             first + count - 1, pos_status_text(status));
    generation->batch.count += count;
    generation->next_index += count;
    generation->done += count;
    return POS_OK;
}

static enum pos_status interrupted(const struct generation *generation, struct pos_error *error)
{
    char batch[32] = "";
    if (generation->batch.count > 0)
        (void)snprintf(batch, sizeof batch, "--batch %u ", generation->batch.number);
    return pos_error_set(
        error, POS_ERR_BUSY,
        "interrupted: %u of %u keys are made, on disk and good to use; go on with "
        "'posgate-keymgmt generate %s--count %u --alg %s --form %s'",
        generation->done, generation->count, batch, generation->count - generation->done,
        pos_algorithm_name(generation->algorithm), pos_key_form_name(generation->form));
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void begin_batch(struct generation *generation, uint32_t number)
{
    generation->batch = (struct pos_batch_row){.number = number,
                                               .state = POS_BATCH_GENERATED,
                                               .algorithm = generation->algorithm,
                                               .form = generation->form,
                                               .first = generation->next_index,
                                               .created_ms = pos_clock_utc_ms()};
}

static enum pos_status add_all(struct pos_home *home, struct generation *generation,
                               struct pos_error *error)
{
    pos_interrupt_catch();
    pos_progress_start(&generation->progress, "keys generated", generation->count);
    enum pos_status status = POS_OK;
    while (status == POS_OK && generation->done < generation->count) {
        if (pos_interrupted()) {
            status = interrupted(generation, error);
            break;
        }
        if (generation->batch.count == POS_KEY_FILE_COUNT_MAX)
            begin_batch(generation, generation->batch.number + 1);
        uint32_t chunk = least(generation->count - generation->done, CHUNK_COUNT_MAX);
        chunk = least(chunk, POS_KEY_FILE_COUNT_MAX - generation->batch.count);
        status = add_chunk(home, generation, chunk, error);
        pos_progress_show(&generation->progress, generation->done);
    }
    pos_progress_end(&generation->progress);
    return status;
}

/* A batch goes on only while it is the last one and nobody has it. */
static enum pos_status continue_batch(struct pos_home *home, struct generation *generation,
                                      struct pos_error *error)
{
    struct pos_batch_row *batch = &generation->batch;
    enum pos_status status =
        pos_key_library_find_batch(home->library, generation->continued, batch);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no batch %u", generation->continued);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read batch %u", generation->continued);
    if (batch->state != POS_BATCH_GENERATED)
        return pos_error_set(error, POS_ERR_STATE,
                             "batch %u is exported: generate a new one (leave out --batch)",
                             batch->number);
    if (batch->first + batch->count != generation->next_index)
        return pos_error_set(error, POS_ERR_STATE,
                             "batch %u is not the last one: generate a new one (leave out --batch)",
                             batch->number);
    if (batch->algorithm != generation->algorithm || batch->form != generation->form)
        return pos_error_set(
            error, POS_ERR_STATE, "batch %u has %s keys of form %s: say --alg %s --form %s",
            batch->number, pos_algorithm_name(batch->algorithm), pos_key_form_name(batch->form),
            pos_algorithm_name(batch->algorithm), pos_key_form_name(batch->form));
    return POS_OK;
}

static enum pos_status settle(struct pos_home *home, struct generation *generation,
                              struct pos_error *error)
{
    uint32_t batch_number;
    enum pos_status status =
        pos_key_library_next(home->library, &generation->next_index, &batch_number);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    status = pos_stock_range_check(generation->next_index, generation->count, error);
    if (status != POS_OK)
        return status;
    if (generation->continued == 0)
        begin_batch(generation, batch_number);
    else
        status = continue_batch(home, generation, error);
    generation->first = generation->next_index;
    generation->first_batch = generation->batch.number;
    return status;
}

static void report(const struct pos_home *home, const struct generation *generation)
{
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    if (generation->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    pos_report_number(answer, "batch", generation->first_batch);
    if (generation->batch.number != generation->first_batch)
        pos_report_number(answer, "last_batch", generation->batch.number);
    pos_report_text(answer, "algorithm", pos_algorithm_name(generation->algorithm));
    pos_report_text(answer, "form", pos_key_form_name(generation->form));
    pos_report_number(answer, "count", generation->done);
    pos_report_index(answer, "first", generation->first);
    pos_report_index(answer, "last", generation->first + generation->done - 1);
    pos_report_destroy(answer);
    pos_stock_range_warn(generation->next_index);
}

static enum pos_status check_algorithm(const struct pos_home *home,
                                       const struct generation *generation, struct pos_error *error)
{
    enum pos_algorithm working = pos_algorithm_working(generation->algorithm);
    if (pos_hsm_serves(home->hsm, generation->algorithm) && pos_hsm_serves(home->hsm, working))
        return POS_OK;
    return pos_error_set(error, POS_ERR_NOT_ALLOWED, "the security module (%s) cannot make %s keys",
                         pos_hsm_describe(home->hsm), pos_algorithm_name(generation->algorithm));
}

static bool find_strong(void *context, const struct pos_mother_row *row)
{
    unsigned *strength = context;
    unsigned its = pos_algorithm_strength(row->ktk.algorithm);
    if (!row->compromised && its > *strength)
        *strength = its;
    return true;
}

/* Keys may be made before the mother POS is there; but not for nothing unsaid. */
static enum pos_status warn_of_weak_mothers(struct pos_home *home,
                                            const struct generation *generation,
                                            struct pos_error *error)
{
    unsigned strength = 0;
    enum pos_status status = pos_key_library_walk_mothers(home->library, find_strong, &strength);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    if (strength > 0 && strength < pos_algorithm_strength(generation->algorithm))
        (void)fprintf(stderr,
                      "posgate-keymgmt: no mother POS here has a KTK that may carry %s keys: they "
                      "cannot be exported before one has\n",
                      pos_algorithm_name(generation->algorithm));
    return POS_OK;
}

/* What add_all would come to. */
static void pretend(struct generation *generation)
{
    generation->done = generation->count;
    generation->next_index += generation->count;
    generation->batch.number +=
        (generation->batch.count + generation->count - 1) / POS_KEY_FILE_COUNT_MAX;
}

static enum pos_status generate(struct pos_home *home, struct generation *generation,
                                struct pos_error *error)
{
    enum pos_status status = settle(home, generation, error);
    if (status == POS_OK)
        status = pos_home_open_hsm(home, error);
    if (status == POS_OK)
        status = check_algorithm(home, generation, error);
    if (status == POS_OK)
        status = warn_of_weak_mothers(home, generation, error);
    if (status != POS_OK)
        return status;
    if (generation->dry_run) {
        pretend(generation);
        report(home, generation);
        return POS_OK;
    }
    generation->rows = calloc(CHUNK_COUNT_MAX, sizeof *generation->rows);
    if (generation->rows == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for %d keys", CHUNK_COUNT_MAX);
    status = add_all(home, generation, error);
    free(generation->rows);
    if (generation->done > 0)
        report(home, generation);
    return status;
}

enum pos_status pos_command_generate(struct pos_options *options, int argc, char **argv,
                                     struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"count", KEY_COUNT, "N", 0, "How many terminal keys", 0},
        {"alg", KEY_ALG, "ALG", 0, "Algorithm of the keys: A256 (default), A128, T2, T3 or SM4", 0},
        {"form", KEY_FORM, "BYTES", 0,
         "What UnionPay sign-on replies of these terminals hold, for T2, T3 and SM4: 60 (default) "
         "with a track key, 40 with a TDES MAC key of single length, 24 with both keys of single "
         "length (TDES)",
         0},
        {"batch", KEY_BATCH, "B", 0, "Go on with batch B, the last one, after an interruption", 0},
        {"dry-run", KEY_DRY_RUN, NULL, 0, "Check everything and say what would be made", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_generate,
        .doc = "Makes N terminal master keys, each with its first PIN key and MAC key, and adds "
               "them to the library as a batch. Ctrl-C stops after what is on disk; the answer "
               "says how to go on. More than a million keys become several batches."};
    struct generation generation = {.algorithm = POS_ALGORITHM_A256, .form = POS_FORM_60};
    pos_options_parse(options, &argp, &generation, argc, argv);
    if (generation.count == 0)
        return pos_error_set(error, POS_ERR_USAGE, "generate needs --count N");
    if (!pos_key_form_possible(generation.form, generation.algorithm))
        return pos_error_set(error, POS_ERR_USAGE, "there are no %s keys of form %s: see --help",
                             pos_algorithm_name(generation.algorithm),
                             pos_key_form_name(generation.form));
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_OPERATOR, "generate", error);
    if (status == POS_OK)
        status = generate(&home, &generation, error);
    pos_home_fini(&home);
    return status;
}
