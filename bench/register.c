/*
 * `register`: what a durable registration costs: one synced put after the other, the committer with
 * its batches, and a gateway with keys, proofs and sockets. All three on the same disk, in turn.
 */
#include <semaphore.h>
#include <stdio.h>

#include "bench/arrivals.h"
#include "bench/command.h"
#include "bench/terminals.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/crypto/random.h"
#include "core/store/rocks.h"
#include "core/store/terminal_table.h"

enum {
    WRITE_COUNT = 4096, /* under way to the committer */
    ROW_SIZE = 100,
    COMMITTER_RATIO = 50, /* the targets: of single synced puts */
    SOCKETS_RATIO = 10,
};

static const char *const families[] = {"rows", "meta"};

static struct registering {
    struct pos_micro micro;
    struct pos_arrivals arrivals; /* and everybody's folder */
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
} all = {.micro = {.command = "register", .options = {.duration_s = 1}}};

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
    (void)snprintf(path, sizeof path, "%s/puts", all.arrivals.folder);
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
    (void)snprintf(path, sizeof path, "%s/committer", all.arrivals.folder);
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

/* ---- the command ---- */

static void add_subjects(void)
{
    struct pos_micro_subject subject = {.take = take_puts, .floor = POS_MICRO_NONE};
    int puts = pos_micro_add(&all.micro, &subject, "one synced put after the other");
    subject.take = take_commits;
    int commits = pos_micro_add(&all.micro, &subject, "committer");
    subject.take = pos_arrivals_take;
    subject.context = &all.arrivals;
    int sockets = pos_micro_add(&all.micro, &subject, "gateway, through sockets with proof");
    subject.take = pos_arrivals_take_cpu;
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
    enum pos_status status = pos_arrivals_make(&all.arrivals, error);
    if (status == POS_OK)
        status = open_rocks(error);
    if (status == POS_OK)
        status = open_table(error);
    if (status == POS_OK)
        status = pos_arrivals_start(&all.arrivals, error);
    add_subjects();
    return status;
}

static void release(void)
{
    if (all.table != NULL)
        pos_terminal_table_close(all.table);
    if (all.batch != NULL)
        pos_rocks_batch_destroy(all.batch);
    if (all.rocks != NULL)
        pos_rocks_close(all.rocks);
    pos_arrivals_end(&all.arrivals);
}

int pos_command_register(int argc, char **argv)
{
    struct pos_error error = {0};
    pos_arrivals_init(&all.arrivals, POS_KIND_REGISTER, &all.micro);
    pos_micro_begin(
        &all.micro,
        "Measures durable registrations, by the committer alone and through a gateway "
        "that checks each terminal's proof, beside single synced puts on the same disk.",
        &pos_arrivals_argp, &all.arrivals, argc, argv);
    enum pos_status status = prepare(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    int code = pos_micro_finish(&all.micro, status, &error);
    release();
    return code;
}
