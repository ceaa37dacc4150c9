/* Old copies that come back, and anchors that do not fit. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/store/anchor_inside.h"
#include "core/store/key_library_inside.h"
#include "tests/core/store/support.h"

static char folder[TEST_PATH_SIZE];
static struct test_chain chain;
static struct pos_anchor_report report;
static struct pos_error error;

static void set_up(void)
{
    test_folder(folder);
}

TestSuite(anchor, .init = set_up);

/* ---- files ---- */

static void in_folder(const char *command, const char *a, const char *b)
{
    char whole[512];
    (void)snprintf(whole, sizeof whole, "cd %s && %s %s %s", folder, command, a, b);
    cr_assert_eq(system(whole), 0, "%s", whole); /* NOLINT */
}

static void copy(const char *from, const char *to)
{
    in_folder("rm -rf", to, "");
    in_folder("cp -r", from, to);
}

static void flip(const char *name, long at)
{
    FILE *file = fopen(test_path(folder, name), "r+");
    cr_assert_not_null(file);
    (void)fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    (void)fseek(file, at, SEEK_SET);
    (void)fputc(byte ^ 0x10, file);
    (void)fclose(file);
}

/* ---- the library under test ---- */

enum { ACCEPT = 1, CREATE = 2, UNANCHORED = 4 };

static enum pos_status try_open(const char *db, const char *anchor, unsigned how,
                                struct pos_key_library **library)
{
    char db_path[2 * TEST_PATH_SIZE], anchor_path[2 * TEST_PATH_SIZE];
    (void)snprintf(db_path, sizeof db_path, "%s/%s", folder, db);
    (void)snprintf(anchor_path, sizeof anchor_path, "%s/%s", folder, anchor);
    const struct pos_key_library_options options = {
        .path = db_path,
        .create = (how & CREATE) != 0,
        .audit = test_chain_writer(&chain),
        .anchor = {.path = (how & UNANCHORED) != 0 ? NULL : anchor_path,
                   .accept_old = (how & ACCEPT) != 0,
                   .report = &report}};
    memset(&report, 0x55, sizeof report);
    return pos_key_library_open(&options, library, &error);
}

static struct pos_key_library *open_as(const char *db, const char *anchor, unsigned how,
                                       enum pos_anchor_finding finding)
{
    struct pos_key_library *library;
    cr_assert_eq(try_open(db, anchor, how, &library), POS_OK, "%s", error.text);
    cr_expect_eq(report.finding, finding, "%s: %d", db, report.finding);
    return library;
}

static void expect_refused(const char *db, const char *anchor, enum pos_anchor_finding finding,
                           const char *words)
{
    struct pos_key_library *library;
    cr_expect_eq(try_open(db, anchor, 0, &library), POS_ERR_STATE, "%s", words);
    cr_expect_null(library);
    cr_expect_eq(report.finding, finding, "%s: %d", words, report.finding);
    cr_expect_not_null(strstr(error.text, words), "%s", error.text);
}

static void add(struct pos_key_library *library, size_t count, bool new_batch)
{
    static struct pos_key_row rows[64];
    uint32_t index, number;
    cr_assert_eq(pos_key_library_next(library, &index, &number), POS_OK);
    number -= !new_batch;
    struct pos_batch_row batch = test_batch_row(number);
    for (size_t i = 0; i < count; i++)
        rows[i] = test_key_row((uint32_t)(index + i), number);
    cr_assert_eq(pos_key_library_add(library, rows, count, &batch, "generate"), POS_OK);
}

static uint32_t next_index(struct pos_key_library *library)
{
    uint32_t index, number;
    cr_assert_eq(pos_key_library_next(library, &index, &number), POS_OK);
    return index;
}

/* A library "db" with `batches` batches of 10 keys, closed. */
static void make(size_t batches)
{
    struct pos_key_library *library = open_as("db", "anchor", CREATE, POS_ANCHOR_NEW);
    for (size_t i = 0; i < batches; i++)
        add(library, 10, true);
    pos_key_library_close(library);
}

static void add_to(const char *db, const char *anchor)
{
    struct pos_key_library *library = open_as(db, anchor, 0, POS_ANCHOR_MATCH);
    add(library, 10, true);
    pos_key_library_close(library);
}

Test(anchor, goes_along_with_its_database)
{
    struct stat facts;
    make(2);
    cr_assert_eq(stat(test_path(folder, "anchor"), &facts), 0);
    cr_expect_eq(facts.st_mode & 0777, 0600);
    for (int i = 0; i < 3; i++)
        add_to("db", "anchor");
    pos_key_library_close(open_as("db", "anchor", 0, POS_ANCHOR_MATCH));
    cr_expect(report.same_database && report.high_water == 50 && report.batches_lost == 0);
}

Test(anchor, finds_a_database_that_is_older)
{
    make(2);
    copy("db", "old");
    for (int i = 0; i < 3; i++)
        add_to("db", "anchor");
    expect_refused("old", "anchor", POS_ANCHOR_BEHIND, "older than its anchor");
    cr_expect(report.same_database && report.high_water == 50);
    cr_expect_eq(report.batches_lost, 3);
    expect_refused("old", "anchor", POS_ANCHOR_BEHIND, "3 writes are missing");
    add_to("db", "anchor"); /* a refused open changes nothing */
}

Test(anchor, finds_that_it_is_gone_or_unreadable)
{
    make(2);
    copy("anchor", "good");
    in_folder("rm", "anchor", "");
    expect_refused("db", "anchor", POS_ANCHOR_MISSING, "not there or damaged");
    cr_expect(!report.same_database && report.high_water == 0);
    copy("good", "anchor");
    flip("anchor", 30);
    flip("anchor", POS_ANCHOR_SLOT_STEP + 30);
    expect_refused("db", "anchor", POS_ANCHOR_MISSING, "not there or damaged");
    in_folder("printf short >", "anchor", "");
    expect_refused("db", "anchor", POS_ANCHOR_MISSING, "not there or damaged");
    in_folder("chmod 0", "anchor", "");
    struct pos_key_library *library;
    if (geteuid() != 0)
        cr_expect_eq(try_open("db", "anchor", 0, &library), POS_ERR_NOT_ALLOWED);
    copy("good", "anchor");
    add_to("db", "anchor");
}

Test(anchor, finds_that_it_is_another_databases)
{
    make(2);
    pos_key_library_close(open_as("other", "others", CREATE, POS_ANCHOR_NEW));
    expect_refused("db", "others", POS_ANCHOR_FOREIGN, "of another database");
    cr_expect(!report.same_database && report.high_water == 0);
    struct pos_key_library *library;
    cr_expect_eq(try_open("third", "anchor", CREATE, &library), POS_ERR_STATE,
                 "nothing new beside an anchor");
    cr_expect_eq(report.finding, POS_ANCHOR_FOREIGN);
    cr_expect_neq(access(test_path(folder, "third"), F_OK), 0, "and nothing was made");
    flip("anchor", 8 + 1);
    flip("anchor", POS_ANCHOR_SLOT_STEP + 8);
    cr_expect_eq(try_open("db", "anchor", 0, &library), POS_ERR_VERSION, "%s", error.text);
}

/* Two copies that went on: as many batches, another history. */
Test(anchor, finds_a_history_that_is_not_its_own)
{
    make(2);
    copy("db", "fork");
    copy("anchor", "forks");
    add_to("db", "anchor");
    add_to("fork", "forks");
    expect_refused("db", "forks", POS_ANCHOR_FOREIGN, "another history");
    cr_expect(report.same_database && report.high_water == 30);
    add_to("fork", "forks");
    expect_refused("fork", "anchor", POS_ANCHOR_FOREIGN, "another history");
    add_to("db", "anchor");
    copy("anchor", "older");
    add_to("db", "anchor");
    add_to("db", "anchor");
    expect_refused("db", "older", POS_ANCHOR_FOREIGN, "another history");
}

/* What a crash leaves: the batch is on disk, its slot is not, or half of it. */
Test(anchor, may_be_one_batch_late)
{
    make(1);
    for (long at = 0; at < 97; at += 8) {
        copy("anchor", "before");
        add_to("db", "anchor");
        copy("anchor", "after");
        copy("before", "anchor");
        pos_key_library_close(open_as("db", "anchor", 0, POS_ANCHOR_MATCH));
        copy("before", "anchor"); /* torn: the newer of both slots */
        in_folder("cp", "after", "anchor");
        struct pos_key_library *library = open_as("db", "anchor", 0, POS_ANCHOR_MATCH);
        uint32_t keys = next_index(library) - 1;
        pos_key_library_close(library);
        size_t newer = (keys / 10) % 2 == 0 ? POS_ANCHOR_SLOT_STEP : 0;
        flip("anchor", (long)newer + at);
        library = open_as("db", "anchor", 0, POS_ANCHOR_MATCH);
        add(library, 10, true);
        pos_key_library_close(library);
    }
}

Test(anchor, follows_a_database_that_was_written_without_it)
{
    make(1);
    struct pos_key_library *library = open_as("db", "anchor", UNANCHORED, POS_ANCHOR_NONE);
    add(library, 10, true);
    add(library, 10, true);
    pos_key_library_close(library);
    expect_refused("db", "anchor", POS_ANCHOR_FOREIGN, "another history");
}

Test(anchor, begins_later_with_a_database_that_had_none)
{
    pos_key_library_close(open_as("db", "anchor", CREATE | UNANCHORED, POS_ANCHOR_NONE));
    struct pos_key_library *library = open_as("db", "anchor", UNANCHORED, POS_ANCHOR_NONE);
    add(library, 10, true);
    pos_key_library_close(library);
    pos_key_library_close(open_as("db", "anchor", 0, POS_ANCHOR_NEW));
    pos_key_library_close(open_as("db", "anchor", 0, POS_ANCHOR_MATCH));
    cr_expect_eq(report.high_water, 10);
    in_folder("rm", "anchor", "");
    expect_refused("db", "anchor", POS_ANCHOR_MISSING, "not there");
}

/* ---- accepting ---- */

Test(anchor, accepts_what_it_is_told_to_once)
{
    make(2);
    copy("db", "old");
    copy("db", "older");
    for (int i = 0; i < 3; i++)
        add_to("db", "anchor");
    pos_key_library_close(open_as("old", "anchor", ACCEPT, POS_ANCHOR_BEHIND));
    cr_expect(report.high_water == 50 && report.batches_lost == 3);
    pos_key_library_close(open_as("old", "anchor", 0, POS_ANCHOR_MATCH));
    cr_expect_eq(report.high_water, 50, "what was given out is not forgotten");
    expect_refused("older", "anchor", POS_ANCHOR_BEHIND, "older than its anchor");
    expect_refused("db", "anchor", POS_ANCHOR_BEHIND, "older than its anchor");
    in_folder("rm", "anchor", "");
    pos_key_library_close(open_as("old", "anchor", ACCEPT, POS_ANCHOR_MISSING));
    add_to("old", "anchor");
    pos_key_library_close(open_as("older", "anchor", ACCEPT, POS_ANCHOR_BEHIND));
    pos_key_library_close(open_as("other", "others", CREATE, POS_ANCHOR_NEW));
    pos_key_library_close(open_as("older", "others", ACCEPT, POS_ANCHOR_FOREIGN));
    add_to("older", "others");
}

Test(anchor, a_checkpoint_is_older_than_what_it_was_made_of)
{
    make(2);
    struct pos_key_library *library = open_as("db", "anchor", 0, POS_ANCHOR_MATCH);
    struct test_records found = {.text = ""};
    struct stat facts;
    cr_assert_eq(pos_key_library_checkpoint(library, test_path(folder, "copy"), "backup"), POS_OK);
    cr_expect_eq(pos_key_library_checkpoint(library, test_path(folder, "copy"), NULL),
                 POS_ERR_EXISTS);
    cr_expect_eq(pos_key_library_checkpoint(library, test_path(folder, "copy2"), "fail"),
                 POS_ERR_CRYPTO);
    cr_expect_neq(access(test_path(folder, "copy2"), F_OK), 0, "no record, no copy");
    pos_key_library_close(library);
    cr_assert_eq(stat(test_path(folder, "copy"), &facts), 0);
    cr_expect_eq(facts.st_mode & 0777, 0700);
    expect_refused("copy", "anchor", POS_ANCHOR_BEHIND, "older than its anchor");
    cr_expect_eq(report.batches_lost, 1);
    library = open_as("copy", "anchor", UNANCHORED, POS_ANCHOR_NONE);
    cr_expect_eq(next_index(library), 21, "it is whole");
    cr_assert_eq(pos_key_library_walk_audit(library, 0, test_records_each, &found), POS_OK);
    cr_expect_str_eq(found.text, "1:generate 2:generate 3:backup");
    for (int i = 0; i < 5; i++) /* however far it goes on alone */
        add(library, 10, true);
    pos_key_library_close(library);
    expect_refused("copy", "anchor", POS_ANCHOR_BEHIND, "older than its anchor");
    add_to("db", "anchor");
}

static enum pos_batch_state batch_state(struct pos_key_library *library, uint32_t number)
{
    struct pos_batch_row row = {0};
    cr_expect_eq(pos_key_library_find_batch(library, number, &row), POS_OK, "batch %u", number);
    return row.state;
}

Test(anchor, what_was_generated_since_is_never_generated_again)
{
    make(3);
    struct pos_key_library *library = open_as("db", "anchor", 0, POS_ANCHOR_MATCH);
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL), POS_OK);
    cr_assert_eq(pos_key_library_checkpoint(library, test_path(folder, "copy"), NULL), POS_OK);
    cr_assert_eq(pos_key_library_move_batch(library, 2, POS_KEY_EXPORTED, "M1", 1, NULL), POS_OK);
    for (int i = 0; i < 4; i++)
        add(library, 10, true); /* batches 4 to 7, indexes 31 to 70 */
    pos_key_library_close(library);

    uint64_t indexes;
    uint32_t batches, index, number;
    expect_refused("copy", "anchor", POS_ANCHOR_BEHIND, "older");
    uint32_t high_water = report.high_water;
    cr_expect_eq(high_water, 70);
    for (int round = 0; round < 2; round++) { /* it may be interrupted and run again */
        library = open_as("copy", "anchor", UNANCHORED, POS_ANCHOR_NONE);
        cr_expect_eq(pos_key_library_burn_since(library, high_water, 9, &indexes, &batches, "burn"),
                     POS_OK);
        cr_expect_eq(indexes, round == 0 ? 60 : 0, "31 to 70, and batches 2 and 3");
        cr_expect_eq(batches, round == 0 ? 2 : 0);
        pos_key_library_close(library);
        expect_refused("copy", "anchor", POS_ANCHOR_BEHIND, "older");
    }
    library = open_as("copy", "anchor", ACCEPT, POS_ANCHOR_BEHIND);
    cr_expect_eq(batch_state(library, 1), POS_BATCH_EXPORTED);
    cr_expect_eq(batch_state(library, 2), POS_BATCH_BURNED);
    cr_expect_eq(batch_state(library, 3), POS_BATCH_BURNED);
    struct pos_key_row row;
    cr_expect_eq(pos_key_library_find(library, 25, &row), POS_OK);
    cr_expect(row.state == POS_KEY_BURNED && row.changed_ms >= 9);
    cr_expect_eq(pos_key_library_move_batch(library, 3, POS_KEY_EXPORTED, "M1", 1, NULL),
                 POS_ERR_STATE, "a burned batch is never exported");
    cr_assert_eq(pos_key_library_next(library, &index, &number), POS_OK);
    cr_expect_eq(index, 71);
    cr_expect_gt(number, 7, "mother POSes know batches up to 7");
    add(library, 10, true);
    add(library, 5, false);
    cr_expect_eq(next_index(library), 86);
    pos_key_library_close(library);
    pos_key_library_close(open_as("copy", "anchor", 0, POS_ANCHOR_MATCH));
    cr_expect_eq(report.high_water, 85);
}

Test(anchor, a_mark_that_is_no_index_burns_nothing)
{
    make(1);
    struct pos_key_library *library = open_as("db", "anchor", 0, POS_ANCHOR_MATCH);
    uint64_t indexes;
    uint32_t batches;
    cr_expect_eq(
        pos_key_library_burn_since(library, POS_KEY_INDEX_MAX + 1, 1, &indexes, &batches, NULL),
        POS_ERR_FORMAT);
    cr_expect_eq(batch_state(library, 1), POS_BATCH_GENERATED);
    cr_expect_eq(
        pos_key_library_burn_since(library, POS_KEY_INDEX_MAX, 1, &indexes, &batches, NULL),
        POS_OK);
    cr_expect_eq(indexes, POS_KEY_INDEX_MAX);
    pos_key_library_close(library);
}

/* ---- the terminal table's and the journal's ---- */

static struct pos_journal *journal;

static void open_journal(const char *name, unsigned how, enum pos_status status)
{
    char path[2 * TEST_PATH_SIZE], anchor[2 * TEST_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)snprintf(anchor, sizeof anchor, "%s/journal.anchor", folder);
    const struct pos_anchor_options options = {.path = (how & UNANCHORED) != 0 ? NULL : anchor,
                                               .accept_old = (how & ACCEPT) != 0,
                                               .report = &report};
    cr_assert_eq(pos_journal_open(path, &options, &journal, &error), status, "%s", error.text);
}

static void load(uint32_t batch, uint32_t first, uint32_t count)
{
    struct pos_journal_row rows[32];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = test_journal_row(first + i, batch);
    cr_assert_eq(pos_journal_load_line(journal, batch, 1, pos_bytes_text("header")), POS_OK);
    cr_assert_eq(pos_journal_load_finish(journal, batch, rows, count), POS_OK);
}

static enum pos_status deliver(void *context, struct pos_journal_row *row)
{
    (void)context;
    row->reply_size = 4;
    memcpy(row->reply, "word", 4);
    return POS_OK;
}

/* The index that a new device gets; 0: none is left. */
static uint32_t hand_out(bool confirm)
{
    static unsigned devices;
    struct pos_journal_write write = {.operation = POS_JOURNAL_RESERVE, .deliver = deliver};
    (void)snprintf(write.serial, sizeof write.serial, "DEV%05u", ++devices);
    cr_assert_eq(pos_journal_run(journal, &write), POS_OK);
    uint32_t index = write.row.index;
    if (!confirm || write.outcome != POS_JOURNAL_GIVEN)
        return index;
    struct pos_journal_write confirmation = {.operation = POS_JOURNAL_CONFIRM, .index = index};
    memcpy(confirmation.serial, write.serial, sizeof write.serial);
    cr_assert_eq(pos_journal_run(journal, &confirmation), POS_OK);
    return index;
}

static void checkpoint(unsigned number)
{
    char name[16], path[2 * TEST_PATH_SIZE];
    (void)snprintf(name, sizeof name, "copy%u", number);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(pos_journal_checkpoint(journal, path), POS_OK);
}

enum { INDEX_COUNT = 64 };

/* Batches come in any order, so keys do not leave in order of their indexes. Ten things happen,
 * with a checkpoint before each: `given` says which index had left by then. */
static void live(bool given[INDEX_COUNT])
{
    open_journal("journal", 0, POS_OK);
    for (unsigned step = 0; step < 10; step++) {
        checkpoint(step);
        switch (step) {
        case 0:
            load(2, 21, 10); /* the later batch first */
            break;
        case 3:
            load(1, 1, 10); /* then one with lower indexes */
            break;
        case 6:
            load(3, 41, 3);
            break;
        default:
            given[hand_out(step % 2 == 0)] = true;
            given[hand_out(step % 2 == 1)] = true;
        }
    }
    pos_journal_close(journal);
}

/* Loads all batches that the old copy does not know, and hands out whatever it will. */
static void drain(const bool given[INDEX_COUNT], unsigned number)
{
    static const struct {
        uint32_t batch, first, count;
    } loads[] = {{2, 21, 10}, {1, 1, 10}, {3, 41, 3}, {4, 51, 4}};
    for (size_t i = 0; i < 4; i++) {
        bool known;
        cr_assert_eq(pos_journal_batch_known(journal, loads[i].batch, &known), POS_OK);
        if (!known)
            load(loads[i].batch, loads[i].first, loads[i].count);
    }
    unsigned count = 0;
    uint32_t index;
    while ((index = hand_out(true)) != 0) {
        cr_expect(!given[index], "copy %u gives out %u again", number, index);
        count++;
    }
    cr_expect_geq(count, 4, "what never can have left still does");
}

Test(anchor, no_old_journal_hands_a_key_out_twice)
{
    bool given[INDEX_COUNT] = {false};
    live(given);
    copy("journal.anchor", "kept");
    for (unsigned number = 0; number < 10; number++) {
        char name[16];
        uint32_t burned, again;
        (void)snprintf(name, sizeof name, "copy%u", number);
        copy("kept", "journal.anchor");
        open_journal(name, 0, POS_ERR_STATE);
        cr_expect(report.finding == POS_ANCHOR_BEHIND && report.high_water > 0);
        uint32_t high_water = report.high_water;
        open_journal(name, UNANCHORED, POS_OK);
        cr_expect_eq(pos_journal_burn_since(journal, high_water, 7, &burned), POS_OK);
        cr_expect_eq(pos_journal_burn_since(journal, high_water, 8, &again), POS_OK);
        cr_expect_eq(again, 0);
        struct pos_journal_counts counts;
        pos_journal_counts(journal, &counts);
        cr_expect(counts.reserved == 0 && counts.burned >= burned);
        pos_journal_close(journal);
        open_journal(name, 0, POS_ERR_STATE); /* burning alone does not make it right */
        open_journal(name, ACCEPT, POS_OK);
        drain(given, number);
        pos_journal_close(journal);
        open_journal(name, 0, POS_OK);
        cr_expect_eq(report.finding, POS_ANCHOR_MATCH);
        pos_journal_close(journal);
    }
}

Test(anchor, an_old_terminal_table_is_refused_and_a_copy_of_a_running_one_is_whole)
{
    char path[2 * TEST_PATH_SIZE], anchor[2 * TEST_PATH_SIZE], to[2 * TEST_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/table", folder);
    (void)snprintf(anchor, sizeof anchor, "%s/table.anchor", folder);
    (void)snprintf(to, sizeof to, "%s/copy", folder);
    struct pos_terminal_table_options options = {.path = path,
                                                 .create_if_missing = true,
                                                 .cache_size = 1 << 20,
                                                 .audit = test_chain_writer(&chain),
                                                 .anchor = {.path = anchor, .report = &report}};
    struct pos_terminal_table *table;
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
    cr_expect_eq(report.finding, POS_ANCHOR_NEW);
    for (uint32_t index = 1; index <= 20; index++) {
        struct pos_terminal_write write = {.operation = POS_TERMINAL_REGISTER,
                                           .smn = test_smn("AAAA0001", index),
                                           .algorithm = POS_ALGORITHM_A256};
        cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
        if (index == 10)
            cr_assert_eq(pos_terminal_table_checkpoint(table, to, "backup"), POS_OK);
    }
    pos_terminal_table_close(table);
    options.path = to;
    cr_expect_eq(pos_terminal_table_open(&options, &table, &error), POS_ERR_STATE);
    cr_expect(report.finding == POS_ANCHOR_BEHIND && report.batches_lost == 11);
    options.anchor.accept_old = true;
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    pos_terminal_table_counts(table, counts);
    cr_expect_eq(counts[POS_TERMINAL_ACTIVE], 10);
    pos_terminal_table_close(table);
    options.anchor.accept_old = false;
    options.path = path;
    cr_expect_eq(pos_terminal_table_open(&options, &table, &error), POS_ERR_STATE,
                 "and the one that it replaced may not come back");
}
