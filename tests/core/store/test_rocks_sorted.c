/* Sorted files: what is taken in is as if it had been written, and what is not well is refused. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/store/rocks.h"
#include "tests/core/store/support.h"

enum { ROWS, META };
static const char *const families[] = {"rows", "meta"};
static char folder[TEST_PATH_SIZE];
static struct pos_rocks_options options;
static struct pos_rocks *rocks;

static void open_rocks(void)
{
    struct pos_error error = {0};
    cr_assert_eq(pos_rocks_open(&options, &rocks, &error), POS_OK, "%s", error.text);
}

static void setup(void)
{
    test_folder(folder);
    options = (struct pos_rocks_options){.path = test_path(folder, "db"),
                                         .families = families,
                                         .family_count = 2,
                                         .format = "test",
                                         .writer = "posgate-test",
                                         .create = true,
                                         .cache_size = 1 << 20,
                                         .rest_cache_size = 1 << 20};
    open_rocks();
}

static void close_rocks(void)
{
    pos_rocks_close(rocks);
}

TestSuite(rocks_sorted, .init = setup, .fini = close_rocks);

/* Keys "0000" and on, `step` apart; values are the keys, twice. */
static enum pos_status put_number(struct pos_rocks_sorted *sorted, unsigned number)
{
    char key[9], value[18];
    snprintf(key, sizeof key, "%04u", number);
    snprintf(value, sizeof value, "%s%s", key, key);
    return pos_rocks_sorted_put(sorted, pos_bytes_text(key), pos_bytes_text(value));
}

static void write_part(size_t part, unsigned first, unsigned end)
{
    struct pos_rocks_sorted *sorted;
    cr_assert_eq(pos_rocks_sorted_create(rocks, ROWS, part, &sorted), POS_OK);
    for (unsigned i = first; i < end; i++)
        cr_assert_eq(put_number(sorted, i), POS_OK);
    cr_assert_eq(pos_rocks_sorted_finish(sorted), POS_OK);
    pos_rocks_sorted_destroy(sorted);
}

static bool count_row(void *context, struct pos_bytes key, struct pos_bytes value)
{
    unsigned *count = context;
    char expected[9];
    snprintf(expected, sizeof expected, "%04u", *count);
    cr_assert(pos_bytes_equal_text(key, expected), "row %u", *count);
    cr_assert_eq(value.size, 8);
    cr_assert_eq(memcmp(value.data, expected, 4), 0);
    ++*count;
    return true;
}

static void expect_rows(unsigned expected)
{
    unsigned count = 0;
    cr_expect_eq(pos_rocks_walk(rocks, ROWS, pos_bytes(NULL, 0), true, count_row, &count), POS_OK);
    cr_expect_eq(count, expected);
}

static unsigned left_over(void)
{
    unsigned count = 0;
    DIR *listing = opendir(options.path);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += strstr(entry->d_name, ".sorted") != NULL;
    closedir(listing);
    return count;
}

Test(rocks_sorted, files_become_the_table)
{
    write_part(1, 3000, 5000);
    write_part(0, 0, 3000);
    expect_rows(0);
    cr_expect_eq(left_over(), 2);
    cr_assert_eq(pos_rocks_take_sorted(rocks, ROWS, 2), POS_OK);
    cr_expect_eq(left_over(), 0, "they changed their names");
    expect_rows(5000);
    cr_expect(pos_rocks_tables_size(rocks, ROWS) > 5000 * 12);
    pos_rocks_close(rocks);
    open_rocks();
    expect_rows(5000);
}

static struct pos_rocks_reads read_all(unsigned first)
{
    pos_rocks_count_reads(true);
    for (unsigned i = first; i < 5000; i += 100) {
        char key[9];
        snprintf(key, sizeof key, "%04u", i);
        cr_assert_eq(pos_rocks_get(rocks, ROWS, pos_bytes_text(key), NULL), POS_OK);
    }
    struct pos_rocks_reads reads = pos_rocks_reads();
    pos_rocks_count_reads(false);
    return reads;
}

Test(rocks_sorted, what_they_take_and_what_is_read_is_known)
{
    write_part(0, 0, 5000);
    cr_assert_eq(pos_rocks_take_sorted(rocks, ROWS, 1), POS_OK);
    pos_rocks_close(rocks);
    open_rocks();
    struct pos_rocks_reads reads = read_all(0);
    cr_expect(reads.blocks >= 15 && reads.blocks <= 50, "%llu blocks, of 5000 rows of 12 bytes",
              (unsigned long long)reads.blocks);
    cr_expect(reads.bytes > reads.blocks * 3000 && reads.bytes < reads.blocks * 5000);
    cr_expect_eq(read_all(1).blocks, 0, "they are in the cache now");
    /* 10 bits a row, and an index entry for each block */
    uint64_t filters = pos_rocks_filters_size(rocks, ROWS);
    cr_expect(filters > 5000 * 10 / 8 && filters < 5000 * 10 / 8 + 6000, "%llu",
              (unsigned long long)filters);
    cr_expect_eq(pos_rocks_reads().blocks, 0);
}

/* Another process that has the database open as a follower sees them, and a later write wins. */
Test(rocks_sorted, are_rows_like_any_other)
{
    struct pos_rocks *follower;
    struct pos_error error = {0};
    write_part(0, 0, 100);
    cr_assert_eq(pos_rocks_take_sorted(rocks, ROWS, 1), POS_OK);
    struct pos_rocks_batch *batch = pos_rocks_batch_create(rocks);
    pos_rocks_batch_put(batch, ROWS, pos_bytes_text("0050"), pos_bytes_text("new"));
    pos_rocks_batch_delete(batch, ROWS, pos_bytes_text("0051"));
    cr_assert_eq(pos_rocks_batch_write(batch, true), POS_OK);
    pos_rocks_batch_destroy(batch);
    struct pos_rocks_options follow = options;
    follow.create = false;
    follow.follower = true;
    follow.scratch = test_path(folder, "scratch");
    cr_assert_eq(pos_rocks_open(&follow, &follower, &error), POS_OK, "%s", error.text);
    struct pos_rocks *both[] = {rocks, follower};
    for (size_t i = 0; i < 2; i++) {
        uint8_t memory[16];
        struct pos_buffer value = pos_buffer(memory, sizeof memory);
        cr_expect_eq(pos_rocks_get(both[i], ROWS, pos_bytes_text("0050"), &value), POS_OK);
        cr_expect(pos_bytes_equal_text(pos_buffer_view(&value), "new"));
        cr_expect_eq(pos_rocks_get(both[i], ROWS, pos_bytes_text("0051"), NULL), POS_ERR_NOT_FOUND);
        cr_expect_eq(pos_rocks_get(both[i], ROWS, pos_bytes_text("0052"), NULL), POS_OK);
    }
    cr_expect_eq(pos_rocks_take_sorted(follower, ROWS, 1), POS_ERR_NOT_ALLOWED);
    pos_rocks_close(follower);
}

Test(rocks_sorted, keys_ascend)
{
    struct pos_rocks_sorted *sorted;
    cr_assert_eq(pos_rocks_sorted_create(rocks, ROWS, 0, &sorted), POS_OK);
    cr_expect_eq(put_number(sorted, 5), POS_OK);
    cr_expect_eq(put_number(sorted, 5), POS_ERR_ORDER, "the same again");
    cr_expect_eq(put_number(sorted, 4), POS_ERR_ORDER);
    cr_expect_eq(put_number(sorted, 6), POS_OK);
    pos_rocks_sorted_destroy(sorted); /* unfinished */
    pos_rocks_drop_sorted(rocks, ROWS, 3);
    cr_expect_eq(left_over(), 0);
    expect_rows(0);
}

/* A sound file beside one that is not: none of them is taken. */
static void expect_refused(const char *what)
{
    cr_expect_neq(pos_rocks_take_sorted(rocks, ROWS, 2), POS_OK, "%s", what);
    expect_rows(0);
    pos_rocks_drop_sorted(rocks, ROWS, 2);
    cr_expect_eq(left_over(), 0, "%s", what);
}

Test(rocks_sorted, refuses_what_is_damaged)
{
    char path[2 * TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/rows-1.sorted", options.path);
    write_part(0, 0, 3000);
    expect_refused("one is missing");
    write_part(0, 0, 3000);
    write_part(1, 3000, 5000);
    cr_assert_eq(truncate(path, 20000), 0);
    expect_refused("one is cut off");
    write_part(0, 0, 3000);
    FILE *file = fopen(path, "we");
    fputs("no table at all, but long enough to look for what stands at its end", file);
    fclose(file);
    expect_refused("one is something else");
    struct pos_rocks_sorted *sorted;
    cr_assert_eq(pos_rocks_sorted_create(rocks, ROWS, 0, &sorted), POS_OK);
    cr_expect_neq(pos_rocks_sorted_finish(sorted), POS_OK, "without a row");
    pos_rocks_sorted_destroy(sorted);
}
