/* `posgate-keymgmt generate`: new terminal keys into the library, as a batch or the rest of one. */
#include <stdio.h>

#include "keymgmt/command.h"
#include "keymgmt/generation.h"
#include "keymgmt/report.h"
#include "keymgmt/stock_range.h"

enum {
    KEY_COUNT = 0x200,
    KEY_ALG,
    KEY_FORM,
    KEY_BATCH,
    KEY_DRY_RUN,
};

struct command {
    struct pos_generation generation;
    uint32_t continued; /* batch to go on with; 0: a new one */
    bool dry_run;
    uint32_t first_batch, first; /* for the answer */
};

static error_t parse_generate(int key, char *argument, struct argp_state *state)
{
    struct command *command = state->input;
    struct pos_generation *generation = &command->generation;
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
        command->continued =
            (uint32_t)pos_option_number(state, "--batch", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_DRY_RUN:
        command->dry_run = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A batch goes on only while it is the last one and nobody has it. */
static enum pos_status continue_batch(struct pos_home *home, uint32_t number,
                                      struct pos_generation *generation, struct pos_error *error)
{
    struct pos_batch_row *batch = &generation->batch;
    enum pos_status status = pos_key_library_find_batch(home->library, number, batch);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no batch %u", number);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read batch %u", number);
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

static enum pos_status settle(struct pos_home *home, struct command *command,
                              struct pos_error *error)
{
    struct pos_generation *generation = &command->generation;
    uint32_t batch_number;
    enum pos_status status =
        pos_key_library_next(home->library, &generation->next_index, &batch_number);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    status = pos_stock_range_check(generation->next_index, generation->count, error);
    if (status != POS_OK)
        return status;
    if (command->continued == 0)
        pos_generation_begin_batch(generation, batch_number);
    else
        status = continue_batch(home, command->continued, generation, error);
    command->first = generation->next_index;
    command->first_batch = generation->batch.number;
    return status;
}

static void report(const struct pos_home *home, const struct command *command)
{
    const struct pos_generation *generation = &command->generation;
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    if (command->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    pos_report_number(answer, "batch", command->first_batch);
    if (generation->last_batch != command->first_batch)
        pos_report_number(answer, "last_batch", generation->last_batch);
    pos_report_text(answer, "algorithm", pos_algorithm_name(generation->algorithm));
    pos_report_text(answer, "form", pos_key_form_name(generation->form));
    pos_report_number(answer, "count", generation->done);
    pos_report_index(answer, "first", command->first);
    pos_report_index(answer, "last", command->first + generation->done - 1);
    pos_report_destroy(answer);
    pos_stock_range_warn(command->first + generation->done);
}

static enum pos_status check_algorithm(const struct pos_home *home,
                                       const struct pos_generation *generation,
                                       struct pos_error *error)
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
                                            const struct pos_generation *generation,
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

/* What it would come to. */
static void pretend(struct pos_generation *generation)
{
    generation->done = generation->count;
    generation->last_batch =
        generation->batch.number +
        (generation->batch.count + generation->count - 1) / POS_KEY_FILE_COUNT_MAX;
}

static enum pos_status generate(struct pos_home *home, struct command *command,
                                struct pos_error *error)
{
    struct pos_generation *generation = &command->generation;
    enum pos_status status = settle(home, command, error);
    if (status == POS_OK)
        status = pos_home_open_hsm(home, error);
    if (status == POS_OK)
        status = check_algorithm(home, generation, error);
    if (status == POS_OK)
        status = warn_of_weak_mothers(home, generation, error);
    if (status != POS_OK)
        return status;
    if (command->dry_run)
        pretend(generation);
    else
        status = pos_generation_run(generation, home, error);
    if (generation->done > 0)
        report(home, command);
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
    struct command command = {.generation = {.algorithm = POS_ALGORITHM_A256, .form = POS_FORM_60}};
    const struct pos_generation *generation = &command.generation;
    pos_options_parse(options, &argp, &command, argc, argv);
    if (generation->count == 0)
        return pos_error_set(error, POS_ERR_USAGE, "generate needs --count N");
    if (!pos_key_form_possible(generation->form, generation->algorithm))
        return pos_error_set(error, POS_ERR_USAGE, "there are no %s keys of form %s: see --help",
                             pos_algorithm_name(generation->algorithm),
                             pos_key_form_name(generation->form));
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_OPERATOR, "generate", error);
    if (status == POS_OK)
        status = generate(&home, &command, error);
    pos_home_fini(&home);
    return status;
}
