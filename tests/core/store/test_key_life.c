/* The end of keys, and what is left of them on the disk. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store/key_library_inside.h"
#include "core/store/terminal_table_inside.h"
#include "tests/core/store/support.h"

static struct pos_key_library *library;
static struct test_chain chain;
static char folder[TEST_PATH_SIZE];

static void open_library(bool create)
{
    struct pos_key_library_options options = {
        .path = test_path(folder, "db"), .create = create, .audit = test_chain_writer(&chain)};
    struct pos_error error = {0};
    cr_assert_eq(pos_key_library_open(&options, &library, &error), POS_OK, "%s", error.text);
}

static void set_up(void)
{
    test_folder(folder);
    open_library(true);
}

static void tear_down(void)
{
    pos_key_library_close(library);
}

TestSuite(key_life, .init = set_up, .fini = tear_down);

/* ---- key material that can be told from anything else in a file ---- */

enum { MARK_SIZE = 12 };

/* 64 bytes that begin with a mark that names the index and which of its keys it is. */
static struct pos_key marked(enum pos_key_usage usage, uint32_t index)
{
    struct pos_key key = test_key(usage, POS_ALGORITHM_T2, (uint8_t)index);
    char mark[MARK_SIZE + 1];
    (void)snprintf(mark, sizeof mark, "<%c#%08x>", 'a' + (int)usage, index);
    memcpy(key.data, mark, MARK_SIZE);
    return key;
}

static enum pos_status add(uint32_t first, size_t count, uint32_t number)
{
    static struct pos_key_row rows[1024];
    struct pos_batch_row batch = test_batch_row(number);
    batch.algorithm = POS_ALGORITHM_T2;
    for (size_t i = 0; i < count; i++) {
        uint32_t index = (uint32_t)(first + i);
        rows[i] = test_key_row(index, number);
        rows[i].algorithm = POS_ALGORITHM_T2;
        rows[i].tmk = marked(POS_USAGE_TMK, index);
        rows[i].tpk = marked(POS_USAGE_TPK, index);
        rows[i].tak = marked(POS_USAGE_TAK, index);
        rows[i].tdk = marked(POS_USAGE_TDK, index);
    }
    return pos_key_library_add(library, rows, count, &batch, NULL);
}

/* Marks of keys of indexes `first` to `last` in one file. */
static size_t marks_in(const char *path, uint32_t first, uint32_t last)
{
    size_t count = 0;
    int file = open(path, O_RDONLY);
    struct stat facts;
    if (file < 0 || fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        if (file >= 0)
            (void)close(file);
        return 0;
    }
    char *data = malloc((size_t)facts.st_size + 1);
    ssize_t size = pread(file, data, (size_t)facts.st_size, 0);
    (void)close(file);
    for (ssize_t at = 0; at + MARK_SIZE <= size; at++) {
        unsigned index;
        char usage, end;
        char mark[MARK_SIZE + 1] = {0};
        if (data[at] != '<')
            continue;
        memcpy(mark, data + at, MARK_SIZE);
        if (sscanf(mark, "<%c#%8x%c", &usage, &index, &end) == 3 && end == '>')
            count += index >= first && index <= last;
    }
    free(data);
    return count;
}

static size_t marks_in_folder(const char *path, uint32_t first, uint32_t last)
{
    size_t count = 0;
    DIR *entries = opendir(path);
    cr_assert_not_null(entries, "%s", path);
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.')
            count += marks_in(test_path(path, entry->d_name), first, last);
    (void)closedir(entries);
    return count;
}

/* In files that this process holds open, deleted or not. */
static size_t marks_held_open(uint32_t first, uint32_t last)
{
    return marks_in_folder("/proc/self/fd", first, last);
}

static struct pos_key_row key_of(struct pos_key_library *from, uint32_t index)
{
    struct pos_key_row row = {0};
    cr_expect_eq(pos_key_library_find(from, index, &row), POS_OK, "index %u", index);
    return row;
}

static uint32_t *indexes_from(uint32_t first, size_t count)
{
    static uint32_t indexes[2048];
    for (size_t i = 0; i < count; i++)
        indexes[i] = (uint32_t)(first + i);
    return indexes;
}

/* ---- states ---- */

Test(key_life, destroyed_keys_leave_their_rows_and_history_stays)
{
    cr_assert_eq(add(1, 10, 1), POS_OK);
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 5000, NULL),
                 POS_OK);
    cr_expect_eq(pos_key_library_destroy(library, indexes_from(3, 2), 2, 7000, "destroy"), POS_OK);
    for (int round = 0; round < 2; round++) {
        struct pos_key_row row = key_of(library, 3), expected = test_key_row(3, 1);
        cr_expect(row.state == POS_KEY_DESTROYED && row.changed_ms == 7000);
        cr_expect(row.tmk.size == 0 && row.tpk.size == 0 && row.tak.size == 0 && row.tdk.size == 0);
        cr_expect(pos_kcv_equal(&row.tmk_kcv, &expected.tmk_kcv), "the check value stays");
        cr_expect(row.batch == 1 && row.exported_ms == 5000 && row.generated_ms == 1003);
        cr_expect_eq(key_of(library, 5).state, POS_KEY_EXPORTED);
        cr_expect_neq(key_of(library, 5).tmk.size, 0);
        tear_down();
        open_library(false);
    }
    cr_expect_eq(pos_key_library_destroy(library, indexes_from(3, 1), 1, 8000, NULL), POS_OK);
    cr_expect_eq(key_of(library, 3).changed_ms, 7000, "once");
}

Test(key_life, endings_are_all_or_none)
{
    static const uint32_t backwards[] = {4, 3}, twice[] = {3, 3}, beyond[] = {10, 11};
    cr_assert_eq(add(1, 10, 1), POS_OK);
    cr_expect_eq(pos_key_library_destroy(library, backwards, 2, 1, "x"), POS_ERR_ORDER);
    cr_expect_eq(pos_key_library_destroy(library, twice, 2, 1, "x"), POS_ERR_ORDER);
    cr_expect_eq(pos_key_library_destroy(library, beyond, 2, 1, "x"), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_key_library_compromise(library, beyond, 2, 1, "x"), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_key_library_destroy(library, beyond, 0, 1, "x"), POS_ERR_LIMIT);
    cr_expect_eq(pos_key_library_destroy(library, indexes_from(1, 1025), 1025, 1, "x"),
                 POS_ERR_LIMIT);
    cr_expect_eq(pos_key_library_destroy(library, indexes_from(3, 1), 1, 1, "fail"), POS_ERR_CRYPTO,
                 "what cannot be audited does not happen");
    for (uint32_t index = 1; index <= 10; index++)
        cr_expect(key_of(library, index).state == POS_KEY_GENERATED &&
                  key_of(library, index).tmk.size > 0);
}

Test(key_life, compromised_keys_stay_so_until_destroyed)
{
    cr_assert_eq(add(1, 10, 1), POS_OK);
    cr_assert_eq(pos_key_library_destroy(library, indexes_from(2, 1), 1, 100, NULL), POS_OK);
    cr_expect_eq(pos_key_library_compromise(library, indexes_from(1, 3), 3, 200, "comp"), POS_OK);
    cr_expect_eq(pos_key_library_compromise(library, indexes_from(1, 1), 1, 300, NULL), POS_OK);
    cr_expect(key_of(library, 1).state == POS_KEY_COMPROMISED &&
              key_of(library, 1).changed_ms == 200);
    cr_expect_neq(key_of(library, 1).tmk.size, 0, "the key stays");
    cr_expect(key_of(library, 2).state == POS_KEY_DESTROYED &&
              key_of(library, 2).changed_ms == 100);
    cr_expect_eq(pos_key_library_destroy(library, indexes_from(1, 1), 1, 400, NULL), POS_OK);
    cr_expect_eq(key_of(library, 1).state, POS_KEY_DESTROYED);
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL), POS_OK);
    cr_expect_eq(key_of(library, 3).state, POS_KEY_COMPROMISED, "its batch cannot undo it");
}

Test(key_life, a_compromised_mother_gets_nothing_more)
{
    struct pos_mother_row row = test_mother_row("M1");
    cr_assert_eq(add(1, 1, 1), POS_OK);
    cr_assert_eq(pos_key_library_add_mother(library, &row, NULL), POS_OK);
    cr_expect_eq(pos_key_library_compromise_mother(library, "M2", "x"), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_key_library_compromise_mother(library, "M1", "comp"), POS_OK);
    cr_expect_eq(pos_key_library_find_mother(library, "M1", &row), POS_OK);
    cr_expect(row.compromised && row.ktk.size > 0 && row.created_ms == 77);
    cr_expect_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL),
                 POS_ERR_STATE);
    cr_expect_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M2", 1, NULL), POS_OK);
}

/* ---- off the disk ---- */

static void reopened(void)
{
    tear_down(); /* what is in the log becomes a table */
    open_library(false);
}

/* Each of 25 destroyed rows has 4 keys. They are found in the log, in tables, and in tables further
 * down; and nowhere after a scrub, whose neighbours are still there. */
Test(key_life, scrub_takes_destroyed_keys_from_every_file)
{
    enum { KEYS = 4, GONE = 25, ALL = 300 };
    const char *path = test_path(folder, "db");
    char db[2 * TEST_PATH_SIZE];
    (void)snprintf(db, sizeof db, "%s", path);
    for (uint32_t i = 0; i < 3; i++) { /* several tables */
        cr_assert_eq(add(100 * i + 1, 100, i + 1), POS_OK);
        reopened();
    }
    cr_expect_geq(marks_in_folder(db, 1, ALL), KEYS * ALL);
    uint32_t spread[GONE];
    for (uint32_t i = 0; i < GONE; i++)
        spread[i] = 12 * i + 1;
    cr_assert_eq(pos_key_library_destroy(library, spread, GONE, 9, "destroy"), POS_OK);
    for (uint32_t i = 0; i < GONE; i++)
        cr_expect_geq(marks_in_folder(db, spread[i], spread[i]), KEYS, "on disk until the scrub");
    cr_assert_eq(pos_key_library_scrub(library), POS_OK);
    for (uint32_t i = 0; i < GONE; i++) {
        cr_expect_eq(marks_in_folder(db, spread[i], spread[i]), 0, "index %u", spread[i]);
        cr_expect_eq(marks_held_open(spread[i], spread[i]), 0, "index %u", spread[i]);
    }
    cr_expect_eq(marks_in_folder(db, 1, ALL), KEYS * (ALL - GONE), "the others are there, once");
    cr_expect_eq(key_of(library, 2).tmk.data[0], '<');
}

/* What was overwritten but never flushed is in the write-ahead log alone. */
Test(key_life, scrub_takes_destroyed_keys_from_the_log)
{
    char db[2 * TEST_PATH_SIZE];
    (void)snprintf(db, sizeof db, "%s", test_path(folder, "db"));
    cr_assert_eq(add(1, 10, 1), POS_OK);
    cr_assert_eq(pos_key_library_destroy(library, indexes_from(1, 10), 10, 9, NULL), POS_OK);
    cr_expect_eq(marks_in_folder(db, 1, 10), 40);
    cr_assert_eq(pos_key_library_scrub(library), POS_OK);
    cr_expect_eq(marks_in_folder(db, 1, 10), 0);
    cr_expect_eq(marks_held_open(1, 10), 0);
    cr_assert_eq(pos_key_library_scrub(library), POS_OK, "nothing is left to do");
}

struct reader {
    struct pos_key_library *follower;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic unsigned long reads, failures;
};

static bool stop_each(void *context, const struct pos_key_row *row)
{
    unsigned *count = context;
    (void)row;
    return ++*count < 50;
}

static void *read_on(void *argument)
{
    struct reader *reader = argument;
    for (uint32_t i = 0; !atomic_load(&reader->stop); i++) {
        struct pos_key_row row;
        unsigned count = 0;
        bool good = pos_key_library_find(reader->follower, 50 + i % 100, &row) == POS_OK &&
                    pos_key_library_walk(reader->follower, 1, stop_each, &count) == POS_OK &&
                    count == 50;
        atomic_fetch_add(&reader->reads, 1);
        atomic_fetch_add(&reader->failures, !good);
    }
    return NULL;
}

Test(key_life, a_follower_lets_go_of_what_the_writer_scrubbed_and_reads_on)
{
    char db[2 * TEST_PATH_SIZE];
    (void)snprintf(db, sizeof db, "%s", test_path(folder, "db"));
    cr_assert_eq(add(1, 200, 1), POS_OK);
    reopened();
    cr_assert_eq(add(201, 100, 2), POS_OK);
    struct reader reader = {0};
    struct pos_error error = {0};
    cr_assert_eq(pos_key_library_follow(db, test_path(folder, "scratch"), &reader.follower, &error),
                 POS_OK, "%s", error.text);
    cr_expect_eq(pos_key_library_let_go(library), POS_ERR_NOT_ALLOWED, "a writer follows nobody");
    cr_expect_eq(pos_key_library_scrub(reader.follower), POS_ERR_NOT_ALLOWED);
    cr_assert_eq(pthread_create(&reader.thread, NULL, read_on, &reader), 0);
    while (atomic_load(&reader.reads) == 0)
        (void)usleep(1000);

    cr_assert_eq(pos_key_library_destroy(library, indexes_from(1, 10), 10, 9, NULL), POS_OK);
    cr_assert_eq(pos_key_library_scrub(library), POS_OK);
    cr_expect_eq(marks_in_folder(db, 1, 10), 0);
    cr_expect_gt(marks_held_open(1, 10), 0, "the follower holds the deleted table open");
    cr_assert_eq(pos_key_library_let_go(reader.follower), POS_OK);
    cr_expect_eq(marks_held_open(1, 10), 0, "and not any more");
    cr_expect_eq(key_of(reader.follower, 5).state, POS_KEY_DESTROYED, "it is up to date");
    for (uint32_t i = 11; i <= 20; i++) { /* again and again, with reads under way */
        cr_assert_eq(pos_key_library_destroy(library, indexes_from(i, 1), 1, 9, NULL), POS_OK);
        cr_assert_eq(pos_key_library_let_go(reader.follower), POS_OK);
        cr_expect_eq(key_of(reader.follower, i).state, POS_KEY_DESTROYED);
    }
    atomic_store(&reader.stop, true);
    (void)pthread_join(reader.thread, NULL);
    cr_expect_eq(atomic_load(&reader.failures), 0);
    pos_key_library_close(reader.follower);
}

/* ---- the terminal table's ---- */

static struct pos_terminal_write write_for(enum pos_terminal_operation operation, uint32_t index)
{
    return (struct pos_terminal_write){.operation = operation,
                                       .smn = test_smn("AAAA0001", index),
                                       .algorithm = POS_ALGORITHM_T2,
                                       .utc_ms = 1,
                                       .proved = true};
}

static void expect(struct pos_terminal_table *table, struct pos_terminal_write write,
                   enum pos_terminal_outcome outcome, const char *what)
{
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_OK, "%s", what);
    cr_expect_eq(write.outcome, outcome, "%s", what);
}

static void sign_on(struct pos_terminal_table *table, uint32_t index)
{
    struct pos_terminal_write on = write_for(POS_TERMINAL_SIGN_ON, index);
    on.tak = marked(POS_USAGE_TAK, index);
    on.tpk = marked(POS_USAGE_TPK, index);
    on.tdk = marked(POS_USAGE_TDK, index);
    expect(table, write_for(POS_TERMINAL_REGISTER, index), POS_OUTCOME_CREATED, "register");
    expect(table, on, POS_OUTCOME_CHANGED, "sign on");
}

Test(key_life, an_erased_terminal_is_revoked_and_its_keys_are_on_no_disk)
{
    char db[2 * TEST_PATH_SIZE];
    (void)snprintf(db, sizeof db, "%s", test_path(folder, "terminals"));
    struct pos_terminal_table_options options = {
        .path = db, .create_if_missing = true, .cache_size = 1 << 20};
    struct pos_terminal_table *table;
    cr_assert_eq(pos_terminal_table_open(&options, &table, NULL), POS_OK);
    for (uint32_t index = 1; index <= 6; index++)
        sign_on(table, index);
    cr_expect_geq(marks_in_folder(db, 1, 6), 18);
    struct pos_terminal_write state = write_for(POS_TERMINAL_SET_STATE, 2);
    state.state = POS_TERMINAL_SUSPENDED;
    expect(table, state, POS_OUTCOME_CHANGED, "suspend");
    state = write_for(POS_TERMINAL_SET_STATE, 3);
    state.state = POS_TERMINAL_REVOKED;
    expect(table, state, POS_OUTCOME_CHANGED, "revoke");
    for (uint32_t index = 1; index <= 3; index++) {
        expect(table, write_for(POS_TERMINAL_ERASE, index), POS_OUTCOME_CHANGED, "erase");
        expect(table, write_for(POS_TERMINAL_ERASE, index), POS_OUTCOME_UNCHANGED, "again");
        struct pos_smn smn = test_smn("AAAA0001", index);
        struct pos_terminal_hot hot;
        struct pos_terminal_detail detail;
        enum pos_status found;
        pos_terminal_table_find(table, &smn, 1, &hot, &found);
        cr_expect(found == POS_OK && hot.state == POS_TERMINAL_REVOKED && hot.proved);
        cr_expect(hot.tak[0].size == 0 && hot.tak[1].size == 0);
        cr_expect_eq(pos_terminal_table_find_detail(table, &smn, &detail), POS_OK);
        cr_expect(detail.tpk[1].size == 0 && detail.tdk[1].size == 0 && detail.registered_ms == 1);
    }
    expect(table, write_for(POS_TERMINAL_ERASE, 9), POS_OUTCOME_UNKNOWN, "who never registered");
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    pos_terminal_table_counts(table, counts);
    cr_expect(counts[POS_TERMINAL_REVOKED] == 3 && counts[POS_TERMINAL_ACTIVE] == 3 &&
              counts[POS_TERMINAL_SUSPENDED] == 0);
    cr_expect_geq(marks_in_folder(db, 1, 3), 9, "on disk until the scrub");
    cr_assert_eq(pos_terminal_table_scrub(table), POS_OK);
    cr_expect_eq(marks_in_folder(db, 1, 3), 0);
    cr_expect_eq(marks_held_open(1, 3), 0);
    cr_expect_eq(marks_in_folder(db, 4, 6), 9);
    pos_terminal_table_close(table);
}

/* ---- another LMK ---- */

/* A key that moved ends with two bytes that differ; `left` limits how many move before it fails. */
struct mover {
    unsigned moved, seen, left;
    uint64_t rows;
    unsigned calls_left; /* of progress */
};

static bool is_moved(const struct pos_key *key)
{
    return key->size == 0 ||
           key->data[POS_KEY_VALUE_SIZE_MAX - 1] != key->data[POS_KEY_VALUE_SIZE_MAX - 2];
}

static enum pos_status move(void *context, const struct pos_key *key, struct pos_key *moved)
{
    struct mover *mover = context;
    mover->seen++;
    if (is_moved(key))
        return POS_ERR_EXISTS;
    if (mover->left == 0)
        return POS_ERR_HSM;
    mover->left--;
    mover->moved++;
    *moved = *key;
    moved->data[POS_KEY_VALUE_SIZE_MAX - 1] ^= 0xff;
    return POS_OK;
}

static bool go_on(void *context, uint64_t rows)
{
    struct mover *mover = context;
    mover->rows = rows;
    return mover->calls_left-- > 1;
}

static void fill_library(void)
{
    struct pos_mother_row mother = test_mother_row("M1");
    struct pos_link_row link = {
        .name = "HOST1", .key = test_key(POS_USAGE_ZPK, POS_ALGORITHM_T2, 7), .kcv = test_kcv(7)};
    cr_assert_eq(add(1, 300, 1), POS_OK);
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 5, NULL), POS_OK);
    cr_assert_eq(pos_key_library_destroy(library, indexes_from(7, 1), 1, 9, NULL), POS_OK);
    cr_assert_eq(pos_key_library_add_mother(library, &mother, NULL), POS_OK);
    cr_assert_eq(pos_key_library_add_link(library, &link, NULL), POS_OK);
    link.key = test_key(POS_USAGE_ZAK, POS_ALGORITHM_T2, 8);
    cr_assert_eq(pos_key_library_add_link(library, &link, NULL), POS_OK);
}

static void expect_moved(void)
{
    struct pos_mother_row mother;
    struct pos_link_row link;
    for (uint32_t index = 1; index <= 300; index++) {
        struct pos_key_row row = key_of(library, index);
        cr_expect(is_moved(&row.tmk) && is_moved(&row.tpk) && is_moved(&row.tak) &&
                      is_moved(&row.tdk),
                  "index %u", index);
        cr_expect_eq(row.state, index == 7 ? POS_KEY_DESTROYED : POS_KEY_EXPORTED);
        cr_expect(row.exported_ms == 5 && (index == 7 || row.tmk.data[0] == '<'));
    }
    cr_expect_eq(pos_key_library_find_mother(library, "M1", &mother), POS_OK);
    cr_expect(is_moved(&mother.ktk));
    cr_expect_eq(pos_key_library_find_link(library, "HOST1", POS_USAGE_ZPK, &link), POS_OK);
    cr_expect(is_moved(&link.key));
    cr_expect_eq(pos_key_library_find_link(library, "HOST1", POS_USAGE_ZAK, &link), POS_OK);
    cr_expect(is_moved(&link.key));
}

enum { KEYS_OF_LIBRARY = 4 * 299 + 3, ROWS_OF_LIBRARY = 300 + 3 };

Test(key_life, every_key_moves_to_another_lmk_once)
{
    struct mover mover = {.left = UINT32_MAX, .calls_left = 1000};
    fill_library();
    cr_assert_eq(pos_key_library_move_keys(library, move, go_on, &mover), POS_OK);
    cr_expect(mover.moved == KEYS_OF_LIBRARY && mover.rows == ROWS_OF_LIBRARY);
    reopened();
    expect_moved();
    mover = (struct mover){.left = UINT32_MAX, .calls_left = 1000};
    cr_assert_eq(pos_key_library_move_keys(library, move, NULL, &mover), POS_OK);
    cr_expect(mover.moved == 0 && mover.seen == KEYS_OF_LIBRARY, "it may be done again");
    cr_assert_eq(pos_key_library_scrub(library), POS_OK);
    expect_moved();
}

/* Wherever it ends, the next run goes on and ends right. */
Test(key_life, moving_may_break_off_anywhere)
{
    fill_library();
    unsigned runs = 0, moved = 0;
    for (enum pos_status status = POS_ERR_HSM; status != POS_OK; runs++) {
        struct mover mover = {.left = 530, .calls_left = 1000};
        cr_assert_lt(runs, 10);
        status = pos_key_library_move_keys(library, move, go_on, &mover);
        cr_expect(status == POS_OK || status == POS_ERR_HSM);
        moved += mover.moved;
        reopened();
    }
    cr_expect(runs > 2 && moved >= KEYS_OF_LIBRARY);
    expect_moved();
    struct mover mover = {.left = UINT32_MAX, .calls_left = 1};
    cr_expect_eq(pos_key_library_move_keys(library, move, go_on, &mover), POS_ERR_BUSY,
                 "the caller may end it too");
    cr_expect_lt(mover.rows, ROWS_OF_LIBRARY);
}

static enum pos_status spoil(void *context, const struct pos_key *key, struct pos_key *moved)
{
    *moved = *key;
    if (*(int *)context == 0)
        moved->usage = POS_USAGE_LMK;
    else if (*(int *)context == 1)
        moved->algorithm = POS_ALGORITHM_SM4;
    else
        moved->size = 0;
    return POS_OK;
}

Test(key_life, what_comes_back_as_another_key_is_not_written)
{
    cr_assert_eq(add(1, 3, 1), POS_OK);
    for (int how = 0; how < 3; how++)
        cr_expect_eq(pos_key_library_move_keys(library, spoil, NULL, &how), POS_ERR_MISMATCH);
    cr_expect(key_of(library, 1).tmk.algorithm == POS_ALGORITHM_T2 &&
              key_of(library, 1).tmk.size > 0);
}

Test(key_life, a_terminal_tables_keys_move_too)
{
    char db[2 * TEST_PATH_SIZE];
    (void)snprintf(db, sizeof db, "%s", test_path(folder, "terminals"));
    struct pos_terminal_table_options options = {
        .path = db, .create_if_missing = true, .cache_size = 1 << 20};
    struct pos_terminal_table *table;
    cr_assert_eq(pos_terminal_table_open(&options, &table, NULL), POS_OK);
    for (uint32_t index = 1; index <= 150; index++)
        sign_on(table, index);
    struct mover mover = {.left = 200, .calls_left = 1000};
    cr_expect_eq(pos_terminal_table_move_keys(table, move, go_on, &mover), POS_ERR_HSM);
    mover = (struct mover){.left = UINT32_MAX, .calls_left = 1000};
    cr_expect_eq(pos_terminal_table_move_keys(table, move, go_on, &mover), POS_OK);
    cr_expect_eq(mover.rows, 300, "hot and detail");
    for (uint32_t index = 1; index <= 150; index++) {
        struct pos_smn smn = test_smn("AAAA0001", index);
        struct pos_terminal_hot hot;
        struct pos_terminal_detail detail;
        enum pos_status found;
        pos_terminal_table_find(table, &smn, 1, &hot, &found);
        cr_expect(found == POS_OK && hot.tak[1].size > 0 && is_moved(&hot.tak[1]));
        cr_expect_eq(pos_terminal_table_find_detail(table, &smn, &detail), POS_OK);
        cr_expect(is_moved(&detail.tpk[1]) && is_moved(&detail.tdk[1]) && detail.tdk[1].size > 0);
    }
    pos_terminal_table_close(table);
}
