/*
 * `mixed`: authentications at 40 % of what they reach alone, quiet and beside registrations at 20 %
 * of what those reach alone. A registration waits for a sync; an authentication must not.
 */
#include "bench/beside.h"
#include "bench/command.h"
#include "bench/newcomers.h"

enum { KEY_ROWS = 0x800, KEY_TABLE, KEY_TERMINALS, CAPACITY_PART = 4 };
#define GOOD_SHARE    0.4
#define ARRIVAL_SHARE 0.2
#define P99_RATIO     1.5 /* the target */

static struct mixed {
    struct pos_micro micro;
    struct pos_beside beside;
    uint64_t terminals;
    struct pos_module module;
    struct pos_newcomers *newcomers;
} all = {.micro = {.command = "mixed", .options = {.duration_s = 2}},
         .beside = {.micro = &all.micro,
                    .options = {.connections = 500,
                                .outstanding = 1,
                                .rows = 100000,
                                .mac = true,
                                .dialect = &pos_dialect_iso87b}},
         .terminals = 200000};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    switch (key) {
    case KEY_ROWS:
        all.beside.options.rows = pos_option_number(state, "--rows", argument, 1,
                                                    POS_KEY_INDEX_MAX - POS_KEY_FILE_COUNT_MAX);
        return 0;
    case KEY_TABLE:
        all.beside.options.table = argument;
        return 0;
    case 'c':
        all.beside.options.connections = (uint32_t)pos_option_number(
            state, "--connections", argument, 1, POS_CONNECTION_COUNT_MAX / 2 - 100);
        return 0;
    case KEY_TERMINALS:
        all.terminals =
            pos_option_number(state, "--terminals", argument, 1, POS_KEY_FILE_COUNT_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pos_status make_newcomers(struct pos_error *error)
{
    const struct pos_newcomers_options options = {.folder = all.beside.folder,
                                                  .first_row = all.beside.options.rows,
                                                  .count = all.terminals,
                                                  .kind = POS_KIND_REGISTER,
                                                  .dialect = all.beside.options.dialect};
    enum pos_status status = pos_module_open(all.beside.folder, &all.module, error);
    return status == POS_OK ? pos_newcomers_create(&options, &all.module, &all.newcomers, error)
                            : status;
}

/* What each reaches alone, and the rates that follow. A part of the newcomers comes for that. */
static enum pos_status find_rates(struct pos_error *error)
{
    struct pos_beside *beside = &all.beside;
    double seconds = all.micro.options.duration_s;
    double good = pos_beside_capacity(beside, beside->good, seconds, 0);
    double arrivals =
        pos_beside_capacity(beside, beside->other, seconds, all.terminals / CAPACITY_PART);
    if (good <= 0 || arrivals <= 0)
        return pos_error_set(error, POS_ERR_STATE, "not everything was answered as it should be");
    beside->good_rate = (uint64_t)(good * GOOD_SHARE) + 1;
    beside->other_rate = (uint64_t)(arrivals * ARRIVAL_SHARE) + 1;
    double needed = (double)beside->other_rate * seconds * (all.micro.options.rounds + 1);
    double left = (double)all.terminals * (CAPACITY_PART - 1) / CAPACITY_PART -
                  2.0 * beside->options.connections;
    pos_micro_fact(&all.micro, "authentications alone", good, "a second");
    pos_micro_fact(&all.micro, "registrations alone", arrivals, "a second");
    if (needed > left)
        return pos_error_set(error, POS_ERR_USAGE,
                             "--terminals: these rounds take %.0f newcomers of %.0f", needed, left);
    return POS_OK;
}

static enum pos_status prepare(struct pos_error *error)
{
    struct pos_beside *beside = &all.beside;
    beside->one_sender = all.micro.pinning.load_core >= 0;
    enum pos_status status = pos_beside_make(beside, error);
    if (status == POS_OK)
        status = make_newcomers(error);
    if (status == POS_OK) { /* room for both kinds of connections */
        beside->options.vs_connections = 2 * beside->options.connections;
        status = pos_beside_start(beside, error);
    }
    if (status == POS_OK)
        status = pos_beside_connect(beside, beside->options.connections, 1,
                                    pos_newcomers_source(all.newcomers), error);
    if (status == POS_OK)
        status = find_rates(error);
    pos_beside_add_subjects(beside, "with registrations", P99_RATIO);
    return status;
}

int pos_command_mixed(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"rows", KEY_ROWS, "N", 0, "Registered terminals; default 100000", 0},
        {"table", KEY_TABLE, "FOLDER", 0,
         "On a copy of a table that auth or lookup --keep left, of as many rows", 0},
        {"connections", 'c', "N", 0, "Connections of each kind; default 500", 0},
        {"terminals", KEY_TERMINALS, "N", 0, "Terminals that register meanwhile; default 200000",
         0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own, .parser = parse};
    struct pos_error error = {0};
    pos_micro_begin(&all.micro,
                    "Measures the latency of authentications with MACs at 40 % of their capacity, "
                    "from when they should have been sent, quiet and beside registrations at 20 % "
                    "of theirs.",
                    &argp, NULL, argc, argv);
    pos_micro_number(&all.micro, "terminals", all.terminals);
    enum pos_status status = prepare(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    if (status == POS_OK)
        pos_beside_add_facts(&all.beside, "registrations");
    int code = pos_micro_finish(&all.micro, status, &error);
    pos_beside_end(&all.beside);
    pos_newcomers_destroy(all.newcomers);
    pos_module_close(&all.module);
    return code;
}
