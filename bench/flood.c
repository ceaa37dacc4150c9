/*
 * `flood`: good requests at a steady rate, quiet and beside a flood of requests from SMNs that
 * nobody registered. The flood may cost the good ones time; it may never cause a write, and what it
 * leaves behind in memory is nothing.
 */
#include <stdio.h>

#include "bench/beside.h"
#include "bench/command.h"
#include "bench/gateway_status.h"

enum {
    KEY_ROWS = 0x900,
    KEY_TABLE,
    KEY_RATE,
    KEY_FLOOD,
    KEY_GROWTH,
    FLOOD_CONNECTIONS = 50,
    FLOOD_OUTSTANDING = 64,
};
#define P99_RATIO 2.0 /* the target */

static struct flood {
    struct pos_micro micro;
    struct pos_beside beside;
    struct pos_terminals *strangers;
    struct pos_gateway_status before;
    uint64_t commits, syncs;  /* in all floods */
    uint64_t settled, memory; /* bytes after the first flood and after the last one */
    uint64_t growth_kib_max;  /* what they may leave: an allocator's page or two */
} all = {.growth_kib_max = 1024,
         .micro = {.command = "flood", .options = {.duration_s = 2}},
         .beside = {.micro = &all.micro,
                    .options = {.connections = 100,
                                .outstanding = 16,
                                .outstanding_open = FLOOD_OUTSTANDING,
                                .vs_connections = 100 + FLOOD_CONNECTIONS,
                                .rows = 100000,
                                .mac = true,
                                .dialect = &pos_dialect_iso87b},
                    .good_rate = 2000,
                    .other_rate = 50000,
                    .other_may_lag = true}};

/* ---- what a flood did ---- */

static enum pos_status watch(void *context, bool after)
{
    struct pos_gateway_status now;
    struct pos_error error;
    (void)context;
    enum pos_status status = pos_gateway_status(all.beside.folder, &now, &error);
    if (status == POS_OK && after) {
        all.commits += now.commits - all.before.commits;
        all.syncs += now.syncs - all.before.syncs;
        all.memory = pos_process_memory(all.beside.gateway.pid);
        if (all.settled == 0)
            all.settled = all.memory;
    }
    all.before = now;
    return status;
}

static uint64_t growth(void)
{
    return all.memory > all.settled ? all.memory - all.settled : 0;
}

/* What may never be, however fast it is. */
static bool is_harmless(void)
{
    if (all.commits + all.syncs > 0)
        (void)fprintf(stderr, "posgate-bench flood: the gateway wrote: %llu commits, %llu syncs\n",
                      (unsigned long long)all.commits, (unsigned long long)all.syncs);
    bool flat = growth() <= all.growth_kib_max * 1024;
    if (!flat)
        (void)fprintf(stderr, "posgate-bench flood: the gateway's memory grew by %llu KiB\n",
                      (unsigned long long)growth() / 1024);
    return flat && all.commits + all.syncs == 0;
}

/* ---- the command ---- */

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pos_beside *beside = &all.beside;
    switch (key) {
    case KEY_ROWS:
        beside->options.rows = pos_option_number(state, "--rows", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_TABLE:
        beside->options.table = argument;
        return 0;
    case KEY_RATE:
        beside->good_rate = pos_option_number(state, "--rate", argument, 1, 1000000);
        return 0;
    case KEY_FLOOD:
        beside->other_rate = pos_option_number(state, "--flood", argument, 1, 1000000);
        return 0;
    case KEY_GROWTH:
        all.growth_kib_max = pos_option_number(state, "--growth", argument, 0, 1 << 30);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pos_status prepare(struct pos_error *error)
{
    struct pos_beside *beside = &all.beside;
    const struct pos_terminals_options strangers = {
        .rows = beside->options.rows, .unregistered = 100, .dialect = beside->options.dialect};
    beside->watch = watch;
    enum pos_status status = pos_beside_make(beside, error);
    if (status == POS_OK)
        status = pos_terminals_assume(&strangers, &all.strangers, error);
    if (status == POS_OK)
        status = pos_beside_start(beside, error);
    if (status == POS_OK)
        status = pos_beside_connect(beside, FLOOD_CONNECTIONS, FLOOD_OUTSTANDING,
                                    pos_terminals_source(all.strangers), error);
    pos_beside_add_subjects(beside, "flooded", P99_RATIO);
    return status;
}

static int finish(enum pos_status status, struct pos_error *error)
{
    if (status == POS_OK) {
        pos_beside_add_facts(&all.beside, "strangers");
        pos_micro_fact(&all.micro, "commits and syncs while flooded",
                       (double)(all.commits + all.syncs), "");
        pos_micro_fact(&all.micro, "memory of the gateway", (double)all.memory / 1048576, "MiB");
        pos_micro_fact(&all.micro, "memory more after the last flood", (double)growth() / 1024,
                       "KiB");
    }
    int code = pos_micro_finish(&all.micro, status, error);
    return status == POS_OK && !is_harmless() && code == POS_EXIT_DONE ? POS_EXIT_MISSED : code;
}

int pos_command_flood(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"rows", KEY_ROWS, "N", 0, "Registered terminals; default 100000", 0},
        {"table", KEY_TABLE, "FOLDER", 0,
         "On a copy of a table that auth or lookup --keep left, of as many rows", 0},
        {"rate", KEY_RATE, "N", 0, "Good requests a second; default 2000", 0},
        {"flood", KEY_FLOOD, "N", 0, "Requests a second that name strangers; default 50000", 0},
        {"growth", KEY_GROWTH, "KIB", 0,
         "End with 3 when the gateway's memory grows by more from flood to flood; default 1024", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own, .parser = parse};
    struct pos_error error = {0};
    pos_micro_begin(&all.micro,
                    "Measures the latency of good requests with MACs, from when they should have "
                    "been sent, quiet and beside a flood of requests from unregistered SMNs. Ends "
                    "with 3 when the flood makes the gateway write or grow.",
                    &argp, NULL, argc, argv);
    pos_micro_number(&all.micro, "rate", all.beside.good_rate);
    pos_micro_number(&all.micro, "flood", all.beside.other_rate);
    enum pos_status status = prepare(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    int code = finish(status, &error);
    pos_beside_end(&all.beside);
    pos_terminals_destroy(all.strangers);
    return code;
}
