#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/store/transaction.h"
#include "tests/core/store/support.h"

enum { ROWS, AUDITS, META, FAMILY_COUNT };
static const char *const families[] = {"rows", "audit", "meta"};

static struct pos_rocks *rocks;
static struct pos_committer *committer;
static struct test_chain chain;
static char folder[TEST_PATH_SIZE];
static uint64_t gather_ns;

static void open_all(void)
{
    struct pos_rocks_options options = {.path = test_path(folder, "db"),
                                        .families = families,
                                        .family_count = FAMILY_COUNT,
                                        .format = "test",
                                        .writer = "the test",
                                        .create = true,
                                        .cache_size = 1 << 20};
    struct pos_committer_options committing = {
        .audit_family = AUDITS, .audit = test_chain_writer(&chain), .gather_ns = gather_ns};
    struct pos_error error = {0};
    cr_assert_eq(pos_rocks_open(&options, &rocks, &error), POS_OK, "%s", error.text);
    committing.rocks = rocks;
    cr_assert_eq(pos_committer_create(&committing, &committer, &error), POS_OK, "%s", error.text);
}

static void close_all(void)
{
    pos_committer_destroy(committer);
    pos_rocks_close(rocks);
}

static void set_up(void)
{
    test_folder(folder);
    open_all();
}

TestSuite(committer, .init = set_up, .fini = close_all);

/* A write that puts a row (key and value one letter each), after looking at another one. */
struct write {
    struct pos_commit commit;
    char key, value;
    char look_at, seen; /* what stood there; '-' for nothing */
    enum pos_status refuse;
    const char *event;
    sem_t *wait_for; /* before deciding */
    _Atomic int done;
    enum pos_status status;
};

static enum pos_status decide(struct pos_commit *commit, struct pos_transaction *transaction)
{
    struct write *write = (struct write *)(void *)commit;
    if (write->wait_for != NULL)
        (void)sem_wait(write->wait_for);
    uint8_t memory[8];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_transaction_get(transaction, ROWS, pos_bytes(&write->look_at, 1), &value);
    write->seen = status == POS_OK ? (char)value.data[0] : '-';
    if (write->key != 0)
        pos_transaction_put(transaction, ROWS, pos_bytes(&write->key, 1),
                            pos_bytes(&write->value, 1));
    if (write->event != NULL) {
        status = pos_transaction_audit(transaction, write->event);
        if (status != POS_OK)
            return status;
    }
    return write->refuse;
}

static void done(struct pos_commit *commit, enum pos_status status)
{
    struct write *write = (struct write *)(void *)commit;
    write->status = status;
    atomic_store(&write->done, 1);
}

static void submit(struct write *write)
{
    write->commit.decide = decide;
    write->commit.done = done;
    cr_assert_eq(pos_committer_submit(committer, &write->commit), POS_OK);
}

static enum pos_status run(struct write *write)
{
    write->commit.decide = decide;
    return pos_committer_run(committer, &write->commit);
}

static void wait_done(struct write *write)
{
    while (!atomic_load(&write->done))
        (void)sched_yield();
}

static char row(char key)
{
    uint8_t memory[8];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    return pos_rocks_get(rocks, ROWS, pos_bytes(&key, 1), &value) == POS_OK ? (char)memory[0] : '-';
}

static const char *records(void)
{
    static struct test_records found;
    found.text[0] = '\0';
    cr_assert_eq(pos_audit_walk(rocks, AUDITS, 0, test_records_each, &found), POS_OK);
    return found.text;
}

/* Holds the committer inside a first write until `hold` is posted, so that what is submitted
 * meanwhile becomes one batch. */
static sem_t hold;
static struct write holder;

static void hold_committer(void)
{
    (void)sem_init(&hold, 0, 0);
    holder = (struct write){.wait_for = &hold};
    submit(&holder);
    struct pos_committer_stats stats;
    do {
        pos_committer_stats(committer, &stats);
        (void)sched_yield();
    } while (stats.queue_length > 0);
}

Test(committer, writes_are_there_after_done_and_after_reopen)
{
    struct write write = {.key = 'a', .value = '1', .event = "first"};
    cr_expect_eq(run(&write), POS_OK);
    cr_expect_eq(row('a'), '1');
    close_all();
    open_all();
    cr_expect_eq(row('a'), '1');
    cr_expect_str_eq(chain.resumed, "1:first", "the chain goes on from its last record");
    struct write next = {.key = 'b', .value = '2', .event = "second"};
    cr_expect_eq(run(&next), POS_OK);
    cr_expect_str_eq(records(), "1:first 2:second");
}

Test(committer, a_batch_is_decided_in_order_and_sees_itself)
{
    struct write writes[4] = {{.key = 'a', .value = '1', .look_at = 'a'},
                              {.key = 'a', .value = '2', .look_at = 'a'},
                              {.key = 'b', .value = '3', .look_at = 'a'},
                              {.look_at = 'b'}};
    hold_committer();
    for (size_t i = 0; i < 4; i++)
        submit(&writes[i]);
    (void)sem_post(&hold);
    for (size_t i = 0; i < 4; i++)
        wait_done(&writes[i]);
    cr_expect_eq(writes[0].seen, '-');
    cr_expect_eq(writes[1].seen, '1');
    cr_expect_eq(writes[2].seen, '2');
    cr_expect_eq(writes[3].seen, '3');
    struct pos_committer_stats stats;
    pos_committer_stats(committer, &stats);
    cr_expect_eq(stats.syncs, 1, "four writes cost one sync");
    cr_expect_eq(stats.commits, 5);
}

Test(committer, a_refused_write_takes_back_its_own_rows_and_record_alone)
{
    struct write writes[3] = {{.key = 'a', .value = '1', .event = "one"},
                              {.key = 'a', .value = '2', .event = "two", .refuse = POS_ERR_STATE},
                              {.key = 'b', .value = '3', .look_at = 'a', .event = "three"}};
    hold_committer();
    for (size_t i = 0; i < 3; i++)
        submit(&writes[i]);
    (void)sem_post(&hold);
    for (size_t i = 0; i < 3; i++)
        wait_done(&writes[i]);
    cr_expect_eq(writes[0].status, POS_OK);
    cr_expect_eq(writes[1].status, POS_ERR_STATE);
    cr_expect_eq(writes[2].status, POS_OK);
    cr_expect_eq(writes[2].seen, '1', "the refused write is gone for the next one");
    cr_expect(row('a') == '1' && row('b') == '3');
    cr_expect_str_eq(records(), "1:one 2:three");
}

Test(committer, what_cannot_be_audited_does_not_happen)
{
    struct write write = {.key = 'a', .value = '1', .event = "fail"};
    cr_expect_eq(run(&write), POS_ERR_CRYPTO);
    cr_expect_eq(row('a'), '-');
    struct write good = {.key = 'a', .value = '2', .event = "good"};
    cr_expect_eq(run(&good), POS_OK);
    cr_expect_str_eq(records(), "1:good");
}

Test(committer, nothing_is_synced_that_need_not_be)
{
    struct pos_committer_stats stats;
    struct write relaxed = {.key = 'a', .value = '1', .commit.relaxed = true};
    struct write looks = {.look_at = 'a'};
    struct write refused = {.key = 'a', .value = '9', .refuse = POS_ERR_STATE};
    cr_expect_eq(run(&relaxed), POS_OK);
    cr_expect_eq(run(&looks), POS_OK);
    cr_expect_eq(run(&refused), POS_ERR_STATE);
    pos_committer_stats(committer, &stats);
    cr_expect_eq(stats.syncs, 0);
    cr_expect_eq(stats.batches, 1, "only the relaxed write wrote");
    cr_expect_eq(looks.seen, '1');
    struct write durable = {.key = 'b', .value = '1'};
    cr_expect_eq(run(&durable), POS_OK);
    pos_committer_stats(committer, &stats);
    cr_expect_eq(stats.syncs, 1);
    cr_expect_gt(stats.sync_ns_max, 0);
}

Test(committer, a_relaxed_write_beside_a_durable_one_is_synced_with_it)
{
    struct write writes[2] = {{.key = 'a', .value = '1', .commit.relaxed = true},
                              {.key = 'b', .value = '1'}};
    hold_committer();
    submit(&writes[0]);
    submit(&writes[1]);
    (void)sem_post(&hold);
    wait_done(&writes[0]);
    wait_done(&writes[1]);
    struct pos_committer_stats stats;
    pos_committer_stats(committer, &stats);
    cr_expect(stats.syncs == 1 && stats.batches == 1);
}

Test(committer, a_full_queue_refuses_and_then_goes_on)
{
    struct write *writes = calloc(POS_COMMIT_QUEUE_COUNT_MAX + 1, sizeof *writes);
    cr_assert_not_null(writes);
    hold_committer();
    for (size_t i = 0; i < POS_COMMIT_QUEUE_COUNT_MAX; i++) {
        writes[i].key = 'a';
        writes[i].value = (char)('0' + i % 10);
        submit(&writes[i]);
    }
    struct write *over = &writes[POS_COMMIT_QUEUE_COUNT_MAX];
    over->commit = (struct pos_commit){.decide = decide, .done = done};
    cr_expect_eq(pos_committer_submit(committer, &over->commit), POS_ERR_BUSY);
    struct pos_committer_stats stats;
    pos_committer_stats(committer, &stats);
    cr_expect_eq(stats.queue_length, POS_COMMIT_QUEUE_COUNT_MAX);
    (void)sem_post(&hold);
    for (size_t i = 0; i < POS_COMMIT_QUEUE_COUNT_MAX; i++)
        wait_done(&writes[i]);
    cr_expect_eq(atomic_load(&over->done), 0, "a refused submit never hears of itself");
    pos_committer_stats(committer, &stats);
    cr_expect_eq(stats.queue_length, 0);
    cr_expect_eq(stats.queue_length_max, POS_COMMIT_QUEUE_COUNT_MAX);
    cr_expect_eq(stats.syncs, POS_COMMIT_QUEUE_COUNT_MAX / POS_COMMIT_BATCH_COUNT_MAX,
                 "every batch was as large as one may be");
    submit(over);
    wait_done(over);
    cr_expect_eq(over->status, POS_OK);
    free(writes);
}

Test(committer, destroying_it_commits_what_is_queued)
{
    struct write writes[3] = {{.key = 'a', .value = '1'}, {.key = 'b', .value = '2'}};
    hold_committer();
    submit(&writes[0]);
    submit(&writes[1]);
    (void)sem_post(&hold);
    close_all();
    cr_expect(writes[0].status == POS_OK && writes[1].status == POS_OK);
    open_all();
    cr_expect(row('a') == '1' && row('b') == '2');
}

/* ---- gathering: longer than a test may take ---- */

enum { GATHERED_COUNT = 64 }; /* as in committer.c */

static void set_up_gathering(void)
{
    gather_ns = 3600ull * 1000000000;
    set_up();
}

Test(committer, what_comes_alone_waits_for_nobody, .init = set_up_gathering)
{
    for (char value = '1'; value <= '3'; value++) {
        struct write write = {.key = 'a', .value = value};
        cr_assert_eq(run(&write), POS_OK);
        cr_expect_eq(row('a'), value);
    }
}

Test(committer, what_comes_together_waits_until_there_is_enough, .init = set_up_gathering)
{
    struct write writes[GATHERED_COUNT];
    hold_committer();
    for (size_t i = 0; i < GATHERED_COUNT; i++) {
        writes[i] = (struct write){.key = 'a', .value = (char)('0' + i % 10)};
        submit(&writes[i]);
        if (i == 1) { /* time for what waits for nothing to be taken */
            (void)sem_post(&hold);
            wait_done(&holder);
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        }
    }
    for (size_t i = 0; i < GATHERED_COUNT; i++)
        wait_done(&writes[i]);
    struct pos_committer_stats stats;
    pos_committer_stats(committer, &stats);
    cr_expect(stats.batches == 1 && stats.syncs == 1, "%llu batches",
              (unsigned long long)stats.batches);
}

Test(committer, destroying_it_ends_a_wait_for_more, .init = set_up_gathering)
{
    struct write writes[2] = {{.key = 'a', .value = '1'}, {.key = 'b', .value = '2'}};
    hold_committer();
    submit(&writes[0]);
    submit(&writes[1]);
    (void)sem_post(&hold);
    close_all();
    cr_expect(writes[0].status == POS_OK && writes[1].status == POS_OK);
    open_all();
    cr_expect(row('a') == '1' && row('b') == '2');
}
