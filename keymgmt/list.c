/* `posgate-keymgmt list`, `show`: what the library holds, never key material. */
#include <stdio.h>
#include <string.h>

#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/report.h"

enum { KEY_BATCH = 0x200, KEY_STATE, KEY_BATCHES, KEY_MOTHERS };

enum table { TABLE_KEYS, TABLE_BATCHES, TABLE_MOTHERS };

struct listing {
    enum table table;
    uint32_t batch;           /* 0: all */
    enum pos_key_state state; /* NONE: all */
    uint32_t last;            /* index at which the walk may end */
    struct pos_report *report;
};

static enum pos_key_state parse_state(struct argp_state *state, const char *text)
{
    for (int i = POS_KEY_NONE + 1; i < POS_KEY_STATE_COUNT; i++)
        if (strcmp(pos_key_state_name((enum pos_key_state)i), text) == 0)
            return (enum pos_key_state)i;
    argp_error(state,
               "there is no state '%.32s': generated, exported, loaded, issued, destroyed, "
               "burned or compromised",
               text);
    return POS_KEY_NONE;
}

static error_t parse_list(int key, char *argument, struct argp_state *state)
{
    struct listing *listing = state->input;
    switch (key) {
    case KEY_BATCH:
        listing->batch =
            (uint32_t)pos_option_number(state, "--batch", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_STATE:
        listing->state = parse_state(state, argument);
        return 0;
    case KEY_BATCHES:
        listing->table = TABLE_BATCHES;
        return 0;
    case KEY_MOTHERS:
        listing->table = TABLE_MOTHERS;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- rows ---- */

static const char *name_of(const char *mother)
{
    return mother[0] == '\0' ? "-" : mother;
}

static const char *batch_state_name(enum pos_batch_state state)
{
    switch (state) {
    case POS_BATCH_GENERATED:
        return "generated";
    case POS_BATCH_EXPORTED:
        return "exported";
    case POS_BATCH_LOADED:
        return "loaded";
    case POS_BATCH_BURNED:
        return "burned";
    case POS_BATCH_NONE:
        break;
    }
    return "none";
}

static void put_key(struct pos_report *report, const struct pos_key_row *row)
{
    pos_report_index(report, "index", row->index);
    pos_report_text(report, "state", pos_key_state_name(row->state));
    pos_report_text(report, "algorithm", pos_algorithm_name(row->algorithm));
    pos_report_number(report, "batch", row->batch);
    pos_report_text(report, "mother", name_of(row->mother));
    pos_report_text(report, "form", pos_key_form_name(row->form));
    pos_report_kcv(report, "tmk_kcv", &row->tmk_kcv);
}

static bool list_key(void *context, const struct pos_key_row *row)
{
    struct listing *listing = context;
    if (row->index > listing->last)
        return false;
    if (listing->batch != 0 && row->batch != listing->batch)
        return true;
    if (listing->state != POS_KEY_NONE && row->state != listing->state)
        return true;
    put_key(listing->report, row);
    pos_report_end_row(listing->report);
    return ferror(stdout) == 0;
}

static bool list_batch(void *context, const struct pos_batch_row *row)
{
    struct pos_report *report = ((struct listing *)context)->report;
    pos_report_number(report, "batch", row->number);
    pos_report_text(report, "state", batch_state_name(row->state));
    pos_report_text(report, "algorithm", pos_algorithm_name(row->algorithm));
    pos_report_text(report, "form", pos_key_form_name(row->form));
    pos_report_number(report, "count", row->count);
    pos_report_index(report, "first", row->first);
    pos_report_index(report, "last", row->first + row->count - 1);
    pos_report_text(report, "mother", name_of(row->mother));
    pos_report_time(report, "created", row->created_ms);
    pos_report_time(report, "exported", row->exported_ms);
    pos_report_time(report, "loaded", row->loaded_ms);
    pos_report_end_row(report);
    return true;
}

static bool list_mother(void *context, const struct pos_mother_row *row)
{
    struct pos_report *report = ((struct listing *)context)->report;
    pos_report_text(report, "mother", row->name);
    pos_report_text(report, "algorithm", pos_algorithm_name(row->ktk.algorithm));
    pos_report_kcv(report, "ktk_kcv", &row->ktk_kcv);
    pos_report_text(report, "state", row->compromised ? "compromised" : "good");
    pos_report_time(report, "created", row->created_ms);
    pos_report_end_row(report);
    return true;
}

/* ---- list ---- */

static const struct pos_column key_columns[] = {{"index", -8},   {"state", -11}, {"algorithm", -9},
                                                {"form", -4},    {"batch", 8},   {"mother", -16},
                                                {"tmk_kcv", -15}};
static const struct pos_column batch_columns[] = {
    {"batch", 8},     {"state", -9},     {"algorithm", -9}, {"form", -4},
    {"count", 8},     {"first", -8},     {"last", -8},      {"mother", -16},
    {"created", -20}, {"exported", -20}, {"loaded", -20}};
static const struct pos_column mother_columns[] = {
    {"mother", -16}, {"algorithm", -9}, {"ktk_kcv", -15}, {"state", -11}, {"created", -20}};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static enum pos_status list_keys(struct pos_home *home, struct listing *listing)
{
    uint32_t first = POS_KEY_INDEX_MIN;
    listing->last = POS_KEY_INDEX_MAX;
    struct pos_batch_row batch;
    if (listing->batch != 0) {
        enum pos_status status = pos_key_library_find_batch(home->library, listing->batch, &batch);
        if (status != POS_OK)
            return status;
        first = batch.first;
        listing->last = batch.first + batch.count - 1;
    }
    return pos_key_library_walk(home->library, first, list_key, listing);
}

static enum pos_status list_table(struct pos_home *home, struct listing *listing)
{
    bool json = home->options->json;
    enum pos_status status;
    switch (listing->table) {
    case TABLE_BATCHES:
        listing->report = pos_report_create(stdout, json, batch_columns, COUNT(batch_columns));
        status = pos_key_library_walk_batches(home->library, list_batch, listing);
        break;
    case TABLE_MOTHERS:
        listing->report = pos_report_create(stdout, json, mother_columns, COUNT(mother_columns));
        status = pos_key_library_walk_mothers(home->library, list_mother, listing);
        break;
    default:
        listing->report = pos_report_create(stdout, json, key_columns, COUNT(key_columns));
        status = list_keys(home, listing);
        break;
    }
    pos_report_destroy(listing->report);
    return status;
}

enum pos_status pos_command_list(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"batch", KEY_BATCH, "B", 0, "Keys of batch B only", 0},
        {"state", KEY_STATE, "STATE", 0, "Keys in this state only", 0},
        {"batches", KEY_BATCHES, NULL, 0, "List batches instead of keys", 0},
        {"mothers", KEY_MOTHERS, NULL, 0, "List mother POSes instead of keys", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_list,
        .doc = "Lists keys, batches or mother POSes: states, check values and times, no keys."};
    struct listing listing = {.table = TABLE_KEYS};
    pos_options_parse(options, &argp, &listing, argc, argv);
    if (listing.table != TABLE_KEYS && (listing.batch != 0 || listing.state != POS_KEY_NONE))
        return pos_error_set(error, POS_ERR_USAGE,
                             "--batch and --state choose among keys; leave "
                             "out --batches and --mothers");
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin_reader(&home, POS_ROLE_ALL, "list", error);
    if (status == POS_OK) {
        status = list_table(&home, &listing);
        if (status == POS_ERR_NOT_FOUND)
            (void)pos_error_set(error, status, "there is no batch %u", listing.batch);
        else if (status != POS_OK)
            (void)pos_error_set(error, status, "cannot read the key library: %s",
                                pos_status_text(status));
    }
    pos_home_fini(&home);
    return status;
}

/* ---- show ---- */

static error_t parse_show(int key, char *argument, struct argp_state *state)
{
    uint32_t *index = state->input;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (*index != 0)
        argp_error(state, "one key index at a time");
    *index = (uint32_t)pos_option_number(state, "INDEX", argument, 1, POS_KEY_INDEX_MAX);
    return 0;
}

static void show_key(const struct pos_options *options, const struct pos_key_row *row)
{
    struct pos_report *report = pos_report_create(stdout, options->json, NULL, 0);
    put_key(report, row);
    pos_report_kcv(report, "tpk_kcv", &row->tpk_kcv);
    pos_report_kcv(report, "tak_kcv", &row->tak_kcv);
    pos_report_kcv(report, "tdk_kcv", &row->tdk_kcv);
    pos_report_text(report, "serial", name_of(row->serial));
    pos_report_time(report, "generated", row->generated_ms);
    pos_report_time(report, "exported", row->exported_ms);
    pos_report_time(report, "loaded", row->loaded_ms);
    pos_report_time(report, "changed", row->changed_ms);
    pos_report_destroy(report);
}

enum pos_status pos_command_show(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error)
{
    static const struct argp argp = {
        .parser = parse_show,
        .args_doc = "INDEX",
        .doc = "Shows one key: state, check values, batch, mother POS and times. Never the key."};
    uint32_t index = 0;
    pos_options_parse(options, &argp, &index, argc, argv);
    if (index == 0)
        return pos_error_set(error, POS_ERR_USAGE, "show needs a key index");
    struct pos_home home;
    struct pos_key_row row;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin_reader(&home, POS_ROLE_ALL, "show", error);
    if (status == POS_OK) {
        status = pos_key_library_find(home.library, index, &row);
        if (status == POS_OK)
            show_key(options, &row);
        else if (status == POS_ERR_NOT_FOUND)
            (void)pos_error_set(error, status, "there is no key %08u", index);
        else
            (void)pos_error_set(error, status, "key %08u cannot be read: %s", index,
                                pos_status_text(status));
    }
    pos_home_fini(&home);
    return status;
}
