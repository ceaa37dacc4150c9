/*
 * Many threads at the committer at once: every index has one winner, every writer hears once, and
 * readers beside them see whole rows. A plain program, so that the thread sanitizer can run it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/store/support.h"

/* Debian's RocksDB is not built for the thread sanitizer, which therefore cannot see how it orders
 * its own memory accesses. Ours stay under watch. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librocksdb.so\n";
}

enum { THREADS = 8, INDEXES = 2000, WINDOW = 64 };

static struct pos_terminal_table *table;
static struct test_chain chain;
static _Atomic unsigned created, taken, others, heard;
static _Atomic unsigned winners[INDEXES + 1];
static atomic_bool reading = true;
static unsigned passed, failed;

static void check(bool good, const char *what)
{
    passed += good;
    failed += !good;
    if (!good)
        (void)fprintf(stderr, "FAILED: %s\n", what);
}

static void done(struct pos_commit *commit, enum pos_status status)
{
    struct pos_terminal_write *write = pos_terminal_write_of(commit);
    if (status == POS_OK && write->outcome == POS_OUTCOME_CREATED) {
        atomic_fetch_add(&created, 1);
        atomic_fetch_add(&winners[pos_smn_key_index(&write->smn)], 1);
    } else if (status == POS_OK && write->outcome == POS_OUTCOME_TAKEN) {
        atomic_fetch_add(&taken, 1);
    } else {
        atomic_fetch_add(&others, 1);
    }
    atomic_fetch_add(&heard, 1);
}

/* Each thread is a serial that wants every index, in an order of its own. */
static void *race(void *argument)
{
    unsigned me = *(unsigned *)argument;
    char serial[16];
    struct pos_terminal_write *writes = calloc(INDEXES, sizeof *writes);
    (void)snprintf(serial, sizeof serial, "RACER%03u", me);
    for (uint32_t i = 0; writes != NULL && i < INDEXES; i++) {
        writes[i] =
            (struct pos_terminal_write){.operation = POS_TERMINAL_REGISTER,
                                        .smn = test_smn(serial, (i * 7 + me * 13) % INDEXES + 1),
                                        .algorithm = POS_ALGORITHM_A256,
                                        .proved = true,
                                        .events[POS_OUTCOME_CREATED] = "raced",
                                        .events[POS_OUTCOME_TAKEN] = "raced",
                                        .commit.done = done};
        if (pos_terminal_table_submit(table, &writes[i]) != POS_OK)
            atomic_fetch_add(&others, 1);
    }
    return writes; /* kept until the committer is through */
}

static void *read_rows(void *argument)
{
    static _Atomic unsigned bad;
    struct pos_terminal_hot rows[WINDOW];
    enum pos_status found[WINDOW];
    struct pos_smn smns[WINDOW];
    (void)argument;
    for (uint32_t at = 0; atomic_load(&reading); at++) {
        for (uint32_t i = 0; i < WINDOW; i++)
            smns[i] = test_smn("RACER003", (at * WINDOW + i) % INDEXES + 1);
        pos_terminal_table_find(table, smns, WINDOW, rows, found);
        for (uint32_t i = 0; i < WINDOW; i++)
            bad += !(found[i] == POS_ERR_NOT_FOUND ||
                     (found[i] == POS_OK && rows[i].proved && rows[i].version == 1));
    }
    return &bad;
}

static bool count_record(void *context, struct pos_bytes record)
{
    unsigned *count = context;
    *count += strtoul((const char *)record.data, NULL, 10) == *count + 1;
    return true;
}

static void open_table(const char *path)
{
    struct pos_terminal_table_options options = {.path = path,
                                                 .create_if_missing = true,
                                                 .cache_size = 8 << 20,
                                                 .audit = test_chain_writer(&chain)};
    if (pos_terminal_table_open(&options, &table, NULL) != POS_OK)
        abort();
}

static void check_rows(void)
{
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    unsigned held = 0, one_winner = 0, records = 0;
    for (uint32_t index = 1; index <= INDEXES; index++) {
        struct pos_smn smn;
        bool proved;
        held += pos_terminal_table_find_index(table, index, &smn, &proved) == POS_OK && proved;
        one_winner += atomic_load(&winners[index]) == 1;
    }
    check(held == INDEXES, "every index is held");
    check(one_winner == INDEXES, "every index had one winner");
    pos_terminal_table_counts(table, counts);
    check(counts[POS_TERMINAL_ACTIVE] == INDEXES, "as many rows as indexes");
    check(pos_terminal_table_walk_audit(table, 0, count_record, &records) == POS_OK &&
              records == THREADS * INDEXES + 1,
          "a record for each attempt, in order, none missing");
}

int main(void)
{
    char folder[TEST_PATH_SIZE];
    pthread_t racers[THREADS], reader;
    unsigned numbers[THREADS];
    struct pos_committer_stats stats;
    void *memory[THREADS], *bad;
    test_folder(folder);
    open_table(test_path(folder, "db"));
    (void)pthread_create(&reader, NULL, read_rows, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        (void)pthread_create(&racers[i], NULL, race, &numbers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        (void)pthread_join(racers[i], &memory[i]);
    struct pos_terminal_write last = {.operation = POS_TERMINAL_AUDIT,
                                      .events[POS_OUTCOME_NONE] = "last"};
    check(pos_terminal_table_run(table, &last) == POS_OK, "a write waits for those before it");
    check(atomic_load(&heard) == THREADS * INDEXES, "every writer heard once");
    atomic_store(&reading, false);
    (void)pthread_join(reader, &bad);
    check(*(_Atomic unsigned *)bad == 0, "readers saw whole rows");
    check(atomic_load(&created) == INDEXES, "one creation an index");
    check(atomic_load(&taken) == (THREADS - 1) * INDEXES, "the others were told it is taken");
    check(atomic_load(&others) == 0, "nothing else happened");
    pos_terminal_table_stats(table, &stats);
    check(stats.commits == THREADS * INDEXES + 1, "every write was counted");
    check(stats.syncs < THREADS * INDEXES / 10, "they shared their syncs");
    pos_terminal_table_close(table);
    open_table(test_path(folder, "db"));
    check_rows();
    pos_terminal_table_close(table);
    for (unsigned i = 0; i < THREADS; i++)
        free(memory[i]);
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
