/*
 * `register`: what a durable registration costs: one synced put after the other, the committer with
 * its batches, and a gateway with keys, proofs and sockets. All three on the same disk, in turn.
 */
#include <semaphore.h>
#include <stdio.h>

#include "bench/command.h"
#include "bench/folder.h"
#include "bench/gateway_run.h"
#include "bench/micro.h"
#include "bench/newcomers.h"
#include "bench/terminals.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/crypto/random.h"
#include "core/store/rocks.h"
#include "core/store/terminal_table.h"

enum {
    WRITE_COUNT = 4096, /* under way to the committer */
    ROW_SIZE = 100,
    KEY_TERMINALS = 0x600,
    COMMITTER_RATIO = 50, /* the targets: of single synced puts */
    SOCKETS_RATIO = 10,
};

static const char *const families[] = {"rows", "meta"};

static struct registering {
    struct pos_micro micro;
    struct pos_bench_options gateway_options;
    uint64_t terminals;
    char folder[POS_PATH_SIZE_MAX];
    /* single puts */
    struct pos_rocks *rocks;
    struct pos_rocks_batch *batch;
    /* the committer */
    struct pos_terminal_table *table;
    struct pos_audit_chain chain;
    struct pos_terminal_write writes[WRITE_COUNT];
    struct pos_terminal_write *free_writes[WRITE_COUNT]; /* a ring; the committer fills it */
    size_t freed, taken;
    sem_t free_count;
    enum pos_status failure;
    uint64_t rows;
    /* the gateway */
    struct pos_module module;
    struct pos_newcomers *newcomers;
    struct pos_gateway_run gateway;
    struct pos_load *load;
    struct pos_micro_reading cpu; /* the gateway's, of the round */
} all = {.micro = {.command = "register", .options = {.duration_s = 1}}, .terminals = 100000};

/* ---- one synced put after the other ---- */

static enum pos_status put_once(void)
{
    uint8_t key[16], value[ROW_SIZE];
    enum pos_status status = pos_random(key, sizeof key);
    if (status == POS_OK)
        status = pos_random(value, sizeof value);
    if (status != POS_OK)
        return status;
    pos_rocks_batch_clear(all.batch);
    pos_rocks_batch_put(all.batch, 0, pos_bytes(key, sizeof key), pos_bytes(value, sizeof value));
    return pos_rocks_batch_write(all.batch, true);
}

static enum pos_status take_puts(void *context, double seconds, struct pos_micro_reading *reading)
{
    uint64_t start = pos_clock_monotonic_ns(), end = start + (uint64_t)(seconds * 1e9), now;
    enum pos_status status;
    (void)context;
    do {
        status = put_once();
        reading->operations++;
        now = pos_clock_monotonic_ns();
    } while (status == POS_OK && now < end);
    reading->seconds = (double)(now - start) / 1e9;
    return status;
}

static enum pos_status open_rocks(struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/puts", all.folder);
    const struct pos_rocks_options options = {.path = path,
                                              .families = families,
                                              .family_count = 2,
                                              .format = "bench-puts",
                                              .writer = "posgate-bench",
                                              .create = true,
                                              .cache_size = 8 << 20};
    enum pos_status status = pos_rocks_open(&options, &all.rocks, error);
    if (status == POS_OK)
        all.batch = pos_rocks_batch_create(all.rocks);
    return status;
}

/* ---- the committer ---- */

static void give_back(struct pos_terminal_write *write)
{
    all.free_writes[all.freed++ % WRITE_COUNT] = write;
    (void)sem_post(&all.free_count);
}

static void committed(struct pos_commit *commit, enum pos_status status)
{
    struct pos_terminal_write *write = pos_terminal_write_of(commit);
    if (status != POS_OK || write->outcome != POS_OUTCOME_CREATED)
        all.failure = status != POS_OK ? status : POS_ERR_STATE;
    give_back(write);
}

static struct pos_terminal_write *free_write(void)
{
    while (sem_wait(&all.free_count) != 0) {
    }
    return all.free_writes[all.taken++ % WRITE_COUNT];
}

static enum pos_status submit_once(void)
{
    struct pos_terminal_write *write = free_write();
    *write = (struct pos_terminal_write){.commit = {.done = committed},
                                         .operation = POS_TERMINAL_REGISTER,
                                         .smn = pos_terminals_smn(all.rows++),
                                         .utc_ms = pos_clock_utc_ms(),
                                         .proved = true,
                                         .algorithm = POS_ALGORITHM_A256};
    enum pos_status status = pos_terminal_table_submit(all.table, write);
    if (status != POS_OK)
        give_back(write);
    return status;
}

/* All that was submitted counts, and so does the time until the last of it is on disk. */
static enum pos_status take_commits(void *context, double seconds,
                                    struct pos_micro_reading *reading)
{
    uint64_t start = pos_clock_monotonic_ns(), end = start + (uint64_t)(seconds * 1e9);
    enum pos_status status = POS_OK;
    (void)context;
    while (status == POS_OK && pos_clock_monotonic_ns() < end) {
        status = submit_once();
        reading->operations++;
    }
    for (int i = 0; i < WRITE_COUNT; i++)
        (void)free_write();
    reading->seconds = (double)(pos_clock_monotonic_ns() - start) / 1e9;
    for (int i = 0; i < WRITE_COUNT; i++)
        give_back(&all.writes[i]);
    return status == POS_OK ? all.failure : status;
}

/* The committer's thread has the other core, as in the gateway. */
static enum pos_status open_table(struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/committer", all.folder);
    struct pos_terminal_table_options options = {
        .path = path, .create_if_missing = true, .cache_size = 64 << 20};
    options.audit = pos_audit_chain_init(&all.chain);
    (void)sem_init(&all.free_count, 0, 0);
    for (size_t i = 0; i < WRITE_COUNT; i++)
        give_back(&all.writes[i]);
    pos_pin_self(all.micro.pinning.server_core);
    enum pos_status status = pos_terminal_table_open(&options, &all.table, error);
    pos_pin_self(all.micro.pinning.load_core);
    return status;
}

/* ---- the gateway ---- */

/* Its share of the newcomers; what is under way when it ends has come as well. */
static uint64_t round_share(void)
{
    uint64_t share = all.terminals / (all.micro.options.rounds + 1);
    uint64_t under_way =
        (uint64_t)all.gateway_options.connections * all.gateway_options.outstanding;
    return share > under_way ? share - under_way : 0;
}

static enum pos_status take_sockets(void *context, double seconds,
                                    struct pos_micro_reading *reading)
{
    static struct pos_histogram latency;
    struct pos_load_phase phase = {.duration_s = seconds,
                                   .requests_max = round_share(),
                                   .server_pid = all.gateway.pid,
                                   .latency = &latency};
    (void)context;
    pos_load_run(all.load, &phase);
    *reading = (struct pos_micro_reading){(double)phase.tally.good, phase.seconds};
    all.cpu =
        (struct pos_micro_reading){(double)phase.tally.good, (double)phase.server_cpu_ns / 1e9};
    bool good = phase.tally.good == phase.tally.replies && phase.unanswered == 0 &&
                phase.tally.lost == 0 && phase.tally.unmatched == 0 && phase.tally.unreadable == 0;
    return good ? POS_OK : POS_ERR_STATE;
}

static enum pos_status take_cpu(void *context, double seconds, struct pos_micro_reading *reading)
{
    (void)context;
    (void)seconds;
    *reading = all.cpu;
    return POS_OK;
}

static enum pos_status make_newcomers(struct pos_error *error)
{
    const struct pos_newcomers_options options = {.folder = all.folder,
                                                  .count = all.terminals,
                                                  .kind = POS_KIND_REGISTER,
                                                  .dialect = all.gateway_options.dialect};
    if (round_share() == 0)
        return pos_error_set(error, POS_ERR_USAGE,
                             "--terminals: too few for %u rounds and what is under way",
                             all.micro.options.rounds);
    enum pos_status status = pos_module_make(all.folder, &all.module, error);
    return status == POS_OK ? pos_newcomers_create(&options, &all.module, &all.newcomers, error)
                            : status;
}

static enum pos_status start_gateway(struct pos_error *error)
{
    struct pos_load_options load = {.address = "127.0.0.1",
                                    .connections = all.gateway_options.connections,
                                    .outstanding = all.gateway_options.outstanding};
    all.gateway_options.rows = all.terminals;
    enum pos_status status = pos_load_prepare(load.connections, error);
    if (status == POS_OK)
        status = pos_gateway_run_start(all.folder, &all.gateway_options,
                                       all.micro.pinning.server_core, &all.gateway, error);
    if (status != POS_OK) {
        all.gateway.pid = 0;
        return status;
    }
    load.port = all.gateway.port;
    load.source = pos_newcomers_source(all.newcomers);
    return pos_load_open(&load, &all.load, error);
}

/* ---- the command ---- */

static void add_subjects(void)
{
    struct pos_micro_subject subject = {.take = take_puts, .floor = POS_MICRO_NONE};
    int puts = pos_micro_add(&all.micro, &subject, "one synced put after the other");
    subject.take = take_commits;
    int commits = pos_micro_add(&all.micro, &subject, "committer");
    subject.take = take_sockets;
    int sockets = pos_micro_add(&all.micro, &subject, "gateway, through sockets with proof");
    subject.take = take_cpu;
    (void)pos_micro_add(&all.micro, &subject, "gateway, CPU");
    pos_micro_check(&all.micro,
                    (struct pos_micro_check){
                        .of = puts, .to = commits, .at_least = true, .target = COMMITTER_RATIO},
                    "committer");
    pos_micro_check(&all.micro,
                    (struct pos_micro_check){
                        .of = puts, .to = sockets, .at_least = true, .target = SOCKETS_RATIO},
                    "sockets");
}

static enum pos_status prepare(struct pos_error *error)
{
    enum pos_status status = pos_folder_make(NULL, all.folder, error);
    if (status != POS_OK) {
        all.folder[0] = '\0';
        return status;
    }
    status = make_newcomers(error);
    if (status == POS_OK)
        status = open_rocks(error);
    if (status == POS_OK)
        status = open_table(error);
    if (status == POS_OK)
        status = start_gateway(error);
    add_subjects();
    return status;
}

static void release(void)
{
    pos_load_close(all.load);
    if (all.gateway.pid != 0 && !pos_gateway_run_end(&all.gateway))
        pos_folder_show_log(all.gateway.log_path);
    if (all.table != NULL)
        pos_terminal_table_close(all.table);
    if (all.batch != NULL)
        pos_rocks_batch_destroy(all.batch);
    if (all.rocks != NULL)
        pos_rocks_close(all.rocks);
    pos_newcomers_destroy(all.newcomers);
    pos_module_close(&all.module);
    if (all.folder[0] != '\0')
        pos_folder_remove(all.folder);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pos_bench_options *options = &all.gateway_options;
    switch (key) {
    case 'c':
        options->connections =
            (uint32_t)pos_micro_number(state, "connections", argument, 1, POS_CONNECTION_COUNT_MAX);
        return 0;
    case 'o':
        options->outstanding =
            (uint32_t)pos_micro_number(state, "outstanding", argument, 1, POS_PIPELINE_COUNT_MAX);
        return 0;
    case KEY_TERMINALS:
        all.terminals = pos_micro_number(state, "terminals", argument, 1, POS_KEY_FILE_COUNT_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int pos_command_register(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"connections", 'c', "N", 0, "Connections at once; default 1000", 0},
        {"outstanding", 'o', "N", 0, "Registrations under way on each; default 1", 0},
        {"terminals", KEY_TERMINALS, "N", 0,
         "Terminals that register, a share of them in each round; default 100000", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own, .parser = parse};
    struct pos_error error = {0};
    all.gateway_options = (struct pos_bench_options){
        .connections = 1000, .outstanding = 1, .mac = true, .dialect = &pos_dialect_iso87b};
    pos_micro_begin(
        &all.micro,
        "Measures durable registrations, by the committer alone and through a gateway "
        "that checks each terminal's proof, beside single synced puts on the same disk.",
        &argp, NULL, argc, argv);
    enum pos_status status = prepare(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    int code = pos_micro_finish(&all.micro, status, &error);
    release();
    return code;
}
