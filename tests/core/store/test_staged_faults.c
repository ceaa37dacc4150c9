/*
 * No memory for a row that is staged: the row is not added; and a batch that lost one is refused as
 * a whole, for its writers decided over rows that they could not see. What was acknowledged stays.
 *
 * The linker puts the function below in front of the real one (--wrap). A program of its own, so
 * that no other test runs on it.
 */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/store/staged.h"
#include "core/store/terminal_table.h"
#include "tests/core/store/support.h"

static _Atomic int call_count, failing_call; /* since armed, from 1; 0: none */

void *__wrap_realloc(void *memory, size_t size);
void *__real_realloc(void *memory, size_t size);

void *__wrap_realloc(void *memory, size_t size)
{
    int call = atomic_fetch_add(&call_count, 1) + 1;
    return call == atomic_load(&failing_call) ? NULL : __real_realloc(memory, size);
}

static void arm(int call)
{
    atomic_store(&call_count, 0);
    atomic_store(&failing_call, call);
}

static bool has_failed(void)
{
    int call = atomic_load(&failing_call);
    return call > 0 && atomic_load(&call_count) >= call;
}

/* ---- the rows themselves ---- */

static bool add(struct pos_staged *staged, int number)
{
    char text[64];
    (void)snprintf(text, sizeof text, "a key and a value of some size %d", number);
    const struct pos_staged_row row = {.key = pos_bytes_text(text), .value = pos_bytes_text(text)};
    return pos_staged_add(staged, &row);
}

static bool is_there(const struct pos_staged *staged, int number)
{
    char text[64];
    struct pos_staged_row row;
    (void)snprintf(text, sizeof text, "a key and a value of some size %d", number);
    return pos_staged_find(staged, 0, pos_bytes_text(text), &row) &&
           pos_bytes_equal_text(row.value, text);
}

Test(staged_faults, a_row_without_room_is_not_added_and_takes_no_other_along)
{
    enum { COUNT = 1500, GROWTHS_MIN = 6 };
    int call = 1;
    for (bool failed = true; failed; call++) {
        struct pos_staged *staged = pos_staged_create();
        arm(call);
        int count = 0, refused = 0;
        while (count < COUNT) {
            bool added = add(staged, count);
            refused += !added;
            count += added; /* else it is tried again, and there is memory */
            cr_assert_eq(pos_staged_count(staged), (size_t)count);
        }
        failed = has_failed();
        cr_expect_eq(refused, failed, "call %d", call);
        for (int i = 0; i < COUNT; i++)
            cr_assert(is_there(staged, i), "call %d: row %d", call, i);
        pos_staged_destroy(staged);
    }
    cr_expect_gt(call, GROWTHS_MIN, "%d calls", call);
}

/* ---- a batch of a terminal table's committer ---- */

enum { TOGETHER = 300 }; /* registrations: rows for some growths */

struct registration {
    struct pos_terminal_write write;
    _Atomic int status; /* -1: not done */
};

static struct registration registrations[1 + TOGETHER]; /* the first holds the committer up */
static struct test_chain chain;
static sem_t gate;

static struct pos_terminal_table *open_at(const char *path)
{
    struct pos_terminal_table_options options = {.path = path,
                                                 .create_if_missing = true,
                                                 .cache_size = 1 << 20,
                                                 .audit = test_chain_writer(&chain)};
    struct pos_terminal_table *table;
    struct pos_error error = {0};
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
    return table;
}

static void note(struct pos_commit *commit, enum pos_status status)
{
    struct registration *registration =
        (struct registration *)(void *)pos_terminal_write_of(commit);
    atomic_store(&registration->status, (int)status);
}

static void note_and_hold(struct pos_commit *commit, enum pos_status status)
{
    note(commit, status);
    (void)sem_wait(&gate);
}

static void submit(struct pos_terminal_table *table, uint32_t i,
                   void (*done)(struct pos_commit *commit, enum pos_status status))
{
    registrations[i].write =
        (struct pos_terminal_write){.operation = POS_TERMINAL_REGISTER,
                                    .smn = test_smn("AAAA0001", i + 1),
                                    .algorithm = POS_ALGORITHM_A256,
                                    .events[POS_OUTCOME_CREATED] = i == 0 ? "first" : "later",
                                    .commit.done = done};
    atomic_store(&registrations[i].status, -1);
    cr_assert_eq(pos_terminal_table_submit(table, &registrations[i].write), POS_OK);
}

static enum pos_status outcome(uint32_t i)
{
    while (atomic_load(&registrations[i].status) == -1)
        (void)usleep(100);
    return (enum pos_status)atomic_load(&registrations[i].status);
}

/* One alone, and then the others in one batch. */
static void register_all(struct pos_terminal_table *table, int call)
{
    submit(table, 0, note_and_hold);
    cr_assert_eq(outcome(0), POS_OK);
    for (uint32_t i = 1; i <= TOGETHER; i++)
        submit(table, i, note);
    arm(call);
    (void)sem_post(&gate);
    (void)outcome(TOGETHER);
}

static enum pos_status find(struct pos_terminal_table *table, uint32_t i)
{
    struct pos_smn smn = test_smn("AAAA0001", i + 1);
    struct pos_terminal_hot hot;
    enum pos_status found;
    pos_terminal_table_find(table, &smn, 1, &hot, &found);
    return found;
}

/* The first, with its record, and nothing else. */
static void expect_first_alone(struct pos_terminal_table *table, int call)
{
    struct test_records found = {.text = ""};
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    cr_expect_eq(find(table, 0), POS_OK, "call %d: what was acknowledged is there", call);
    for (uint32_t i = 1; i <= TOGETHER; i++)
        cr_assert_eq(find(table, i), POS_ERR_NOT_FOUND, "call %d: row %u", call, i);
    cr_assert_eq(pos_terminal_table_walk_audit(table, 0, test_records_each, &found), POS_OK);
    cr_expect_str_eq(found.text, "1:first", "call %d", call);
    pos_terminal_table_counts(table, counts);
    cr_expect_eq(counts[POS_TERMINAL_ACTIVE], 1, "call %d", call);
}

static void expect_refused(struct pos_terminal_table *table, int call)
{
    for (uint32_t i = 1; i <= TOGETHER; i++)
        cr_assert_eq(outcome(i), POS_ERR_DATABASE, "call %d: write %u", call, i);
    expect_first_alone(table, call);
    struct pos_committer_stats stats;
    pos_terminal_table_stats(table, &stats);
    cr_expect(stats.failed && stats.failures == 1, "it was one batch");
}

Test(staged_faults, a_batch_that_lost_a_row_is_refused_and_nothing_before_it_is_lost)
{
    bool failed = true;
    int call = 1;
    for (; failed; call++) {
        char folder[TEST_PATH_SIZE];
        test_folder(folder);
        chain = (struct test_chain){0};
        struct pos_terminal_table *table = open_at(test_path(folder, "db"));
        register_all(table, call);
        failed = has_failed();
        if (failed)
            expect_refused(table, call);
        arm(0);
        pos_terminal_table_close(table);
        table = open_at(test_path(folder, "db"));
        if (failed)
            expect_first_alone(table, call);
        for (uint32_t i = 1; i <= TOGETHER && !failed; i++)
            cr_assert(outcome(i) == POS_OK && find(table, i) == POS_OK, "row %u", i);
        submit(table, TOGETHER, note);
        cr_expect_eq(outcome(TOGETHER), POS_OK, "call %d: a restart writes again", call);
        pos_terminal_table_close(table);
    }
    cr_expect_gt(call, 4, "%d calls", call);
}
