#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/store/rocks.h"
#include "tests/core/store/support.h"

static const char *const families[] = {"rows", "meta"};
static const char *const other_families[] = {"rows", "more", "meta"};

static struct pos_rocks_options options_for(const char *path)
{
    return (struct pos_rocks_options){.path = path,
                                      .families = families,
                                      .family_count = 2,
                                      .format = "test",
                                      .writer = "posgate-test",
                                      .create = true,
                                      .cache_size = 1 << 20};
}

static enum pos_status try_open(const struct pos_rocks_options *options, struct pos_error *error)
{
    struct pos_rocks *rocks;
    memset(error, 0, sizeof *error);
    enum pos_status status = pos_rocks_open(options, &rocks, error);
    cr_expect_eq(rocks == NULL, status != POS_OK);
    pos_rocks_close(rocks);
    return status;
}

Test(rocks, says_why_it_cannot_open)
{
    char folder[TEST_PATH_SIZE];
    struct pos_error error;
    test_folder(folder);
    struct pos_rocks_options options = options_for(test_path(folder, "db"));
    options.create = false;
    cr_expect_eq(try_open(&options, &error), POS_ERR_NOT_FOUND);
    cr_expect(strstr(error.text, "posgate-test makes it") != NULL, "%s", error.text);

    options.create = true;
    cr_expect_eq(try_open(&options, &error), POS_OK, "%s", error.text);
    options.create = false;
    cr_expect_eq(try_open(&options, &error), POS_OK, "%s", error.text);
    options.create = options.exclusive = true;
    cr_expect_eq(try_open(&options, &error), POS_ERR_EXISTS);
    options.exclusive = false;

    options.format = "another";
    cr_expect_eq(try_open(&options, &error), POS_ERR_MISMATCH);
    cr_expect(strstr(error.text, "it is a test") != NULL, "%s", error.text);
    options.format = "test";
    options.create = false;
    options.families = other_families;
    options.family_count = 3;
    cr_expect_eq(try_open(&options, &error), POS_ERR_MISMATCH, "%s", error.text);
}

Test(rocks, has_one_writer)
{
    char folder[TEST_PATH_SIZE];
    struct pos_rocks *first;
    struct pos_error error;
    test_folder(folder);
    struct pos_rocks_options options = options_for(test_path(folder, "db"));
    cr_assert_eq(pos_rocks_open(&options, &first, &error), POS_OK, "%s", error.text);
    cr_expect_eq(try_open(&options, &error), POS_ERR_BUSY);
    cr_expect(strstr(error.text, "another posgate-test has it open") != NULL, "%s", error.text);
    pos_rocks_close(first);
    cr_expect_eq(try_open(&options, &error), POS_OK, "%s", error.text);
}

static long log_size(const char *path)
{
    struct stat facts;
    cr_assert_eq(stat(test_path(path, "LOG"), &facts), 0);
    return facts.st_size;
}

/* What RocksDB logs while it runs would abort it on a full disk. */
Test(rocks, keeps_its_folder_to_its_owner_and_logs_nothing_once_open)
{
    char folder[TEST_PATH_SIZE];
    struct pos_rocks *rocks;
    struct stat facts;
    test_folder(folder);
    struct pos_rocks_options options = options_for(test_path(folder, "db"));
    cr_assert_eq(pos_rocks_open(&options, &rocks, NULL), POS_OK);
    cr_assert_eq(stat(options.path, &facts), 0);
    cr_expect_eq(facts.st_mode & 0777, 0700);
    long before = log_size(options.path);
    struct pos_rocks_item item = {0, pos_bytes_text("ka"), pos_bytes_text("A")};
    cr_assert_eq(pos_rocks_load(rocks, &item, 1), POS_OK);
    cr_assert_eq(pos_rocks_flush(rocks), POS_OK);
    cr_expect_eq(log_size(options.path), before);
    pos_rocks_close(rocks);
}

static void put_format(const char *path, const char *text, size_t size)
{
    struct pos_rocks_options options = options_for(path);
    struct pos_rocks *rocks;
    cr_assert_eq(pos_rocks_open(&options, &rocks, NULL), POS_OK);
    struct pos_rocks_item item = {1, pos_bytes_text("format"), pos_bytes(text, size)};
    cr_assert_eq(pos_rocks_load(rocks, &item, 1), POS_OK);
    cr_assert_eq(pos_rocks_flush(rocks), POS_OK);
    pos_rocks_close(rocks);
}

Test(rocks, refuses_a_database_of_a_newer_program)
{
    char folder[TEST_PATH_SIZE];
    struct pos_error error;
    test_folder(folder);
    struct pos_rocks_options options = options_for(test_path(folder, "newer"));
    put_format(options.path, "\3test", 5);
    cr_expect_eq(try_open(&options, &error), POS_ERR_VERSION);
    cr_expect(strstr(error.text, "newer version") != NULL, "%s", error.text);
    options.path = test_path(folder, "older");
    put_format(options.path, "\1test", 5);
    cr_expect_eq(try_open(&options, &error), POS_ERR_MISMATCH);
    cr_expect(strstr(error.text, "before the first release") != NULL, "%s", error.text);
    options.path = test_path(folder, "damaged");
    put_format(options.path, "", 0);
    cr_expect_eq(try_open(&options, &error), POS_ERR_CORRUPT);
}

struct many {
    char found[POS_ROCKS_MANY_COUNT_MAX];
};

static void found_one(void *context, size_t i, enum pos_status status, struct pos_bytes value)
{
    struct many *many = context;
    many->found[i] = status == POS_OK && value.size == 1 ? (char)value.data[0]
                     : status == POS_ERR_NOT_FOUND       ? '-'
                                                         : '?';
}

Test(rocks, gets_many_in_the_order_asked)
{
    char folder[TEST_PATH_SIZE];
    struct pos_rocks *rocks;
    test_folder(folder);
    struct pos_rocks_options options = options_for(test_path(folder, "db"));
    cr_assert_eq(pos_rocks_open(&options, &rocks, NULL), POS_OK);
    struct pos_rocks_item items[] = {{0, pos_bytes_text("kb"), pos_bytes_text("B")},
                                     {0, pos_bytes_text("ka"), pos_bytes_text("A")}};
    cr_assert_eq(pos_rocks_load(rocks, items, 2), POS_OK);
    const char *keys[POS_ROCKS_MANY_COUNT_MAX];
    for (size_t count = 0; count <= POS_ROCKS_MANY_COUNT_MAX; count += count < 4 ? 1 : 126) {
        struct many many = {{0}};
        for (size_t i = 0; i < count; i++)
            keys[i] = i % 3 == 0 ? "kb" : i % 3 == 1 ? "kx" : "ka"; /* unsorted, doubled */
        pos_rocks_get_many(rocks, 0, keys, 2, count, found_one, &many);
        for (size_t i = 0; i < count; i++)
            cr_expect_eq(many.found[i], "B-A"[i % 3], "%zu of %zu", i, count);
    }
    pos_rocks_close(rocks);
}

/* 4,000 rows of 100 bytes in tables, most of which a cache of 64 KiB does not hold. */
static struct pos_rocks *open_large(const char *folder)
{
    struct pos_rocks_options options = options_for(test_path(folder, "db"));
    struct pos_rocks *rocks;
    struct pos_error error;
    uint8_t value[100] = {1};
    char key[9];
    options.cache_size = 64 << 10;
    options.rest_cache_size = 64 << 10;
    cr_assert_eq(pos_rocks_open(&options, &rocks, &error), POS_OK, "%s", error.text);
    for (unsigned i = 0; i < 4000; i++) {
        (void)snprintf(key, sizeof key, "%08u", i % 10000);
        const struct pos_rocks_item item = {0, pos_bytes(key, 8), pos_bytes(value, sizeof value)};
        cr_assert_eq(pos_rocks_load(rocks, &item, 1), POS_OK);
    }
    cr_expect_eq(pos_rocks_tables_size(rocks, 0), 0, "nothing is in tables yet");
    cr_assert_eq(pos_rocks_flush(rocks), POS_OK);
    return rocks;
}

Test(rocks, says_when_a_row_is_not_in_memory)
{
    char folder[TEST_PATH_SIZE];
    uint8_t memory[128];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    test_folder(folder);
    struct pos_rocks *rocks = open_large(folder);
    struct pos_bytes key = pos_bytes("00001234", 8);
    cr_expect_gt(pos_rocks_tables_size(rocks, 0), 400000);
    cr_expect_eq(pos_rocks_get_in_memory(rocks, 0, key, &value), POS_ERR_BUSY);
    cr_expect_eq(pos_rocks_get(rocks, 0, key, &value), POS_OK);
    value.size = 0;
    cr_expect_eq(pos_rocks_get_in_memory(rocks, 0, key, &value), POS_OK, "its block is cached now");
    cr_expect_eq(value.size, 100);
    value.size = 0;
    cr_expect_eq(pos_rocks_get_in_memory(rocks, 0, pos_bytes("9999abcd", 8), &value),
                 POS_ERR_NOT_FOUND, "the filter is in memory");
    pos_rocks_close(rocks);
}

/* ---- batches ---- */

static void put_text(struct pos_rocks_batch *batch, const char *key, const char *value)
{
    pos_rocks_batch_put(batch, 0, pos_bytes_text(key), pos_bytes_text(value));
}

static bool join_key(void *context, struct pos_bytes key, struct pos_bytes value)
{
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 32 - used, "%.*s=%.*s ", (int)key.size, (const char *)key.data,
                   (int)value.size, (const char *)value.data);
    return true;
}

static void expect_seen(struct pos_rocks_batch *batch, const char *rows, const char *what)
{
    char text[32] = "";
    cr_assert_eq(pos_rocks_batch_walk(batch, 0, pos_bytes(NULL, 0), join_key, text), POS_OK);
    cr_expect_str_eq(text, rows, "%s: %s", what, text);
}

Test(rocks, writes_what_is_staged_blindly_and_shows_none_of_it_before)
{
    char folder[TEST_PATH_SIZE], memory[8];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_rocks *rocks;
    test_folder(folder);
    struct pos_rocks_options options = options_for(test_path(folder, "db"));
    cr_assert_eq(pos_rocks_open(&options, &rocks, NULL), POS_OK);
    struct pos_rocks_batch *batch = pos_rocks_batch_create_blind(rocks);
    put_text(batch, "a", "1");
    put_text(batch, "b", "1");
    pos_rocks_batch_mark(batch);
    put_text(batch, "c", "1");
    cr_expect_eq(pos_rocks_batch_count(batch), 3);
    pos_rocks_batch_undo(batch);
    cr_expect_eq(pos_rocks_batch_count(batch), 2);
    cr_expect_eq(pos_rocks_batch_get(batch, 0, pos_bytes_text("a"), &value), POS_ERR_NOT_FOUND);
    expect_seen(batch, "", "staged");
    cr_assert_eq(pos_rocks_batch_write(batch, true), POS_OK);
    pos_rocks_batch_clear(batch);
    put_text(batch, "a", "2");
    put_text(batch, "a", "3"); /* the last one counts */
    pos_rocks_batch_delete(batch, 0, pos_bytes_text("b"));
    cr_expect_eq(pos_rocks_batch_get(batch, 0, pos_bytes_text("a"), &value), POS_OK);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&value), "1"));
    expect_seen(batch, "a=1 b=1 ", "written, and staged again");
    cr_assert_eq(pos_rocks_batch_write(batch, false), POS_OK);
    expect_seen(batch, "a=3 ", "written again");
    pos_rocks_batch_destroy(batch);
    pos_rocks_close(rocks);
}

static void expect_got(struct pos_rocks_batch *batch, const char *key, const char *expected)
{
    char memory[8];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status = pos_rocks_batch_get(batch, 0, pos_bytes_text(key), &value);
    cr_assert_eq(status, expected != NULL ? POS_OK : POS_ERR_NOT_FOUND, "%s", key);
    cr_expect(expected == NULL || pos_bytes_equal_text(pos_buffer_view(&value), expected), "%s",
              key);
}

Test(rocks, shows_what_is_staged_over_what_is_there)
{
    char folder[TEST_PATH_SIZE];
    struct pos_rocks *rocks;
    test_folder(folder);
    struct pos_rocks_options options = options_for(test_path(folder, "db"));
    cr_assert_eq(pos_rocks_open(&options, &rocks, NULL), POS_OK);
    struct pos_rocks_batch *batch = pos_rocks_batch_create(rocks);
    put_text(batch, "a", "1");
    put_text(batch, "b", "1");
    cr_assert_eq(pos_rocks_batch_write(batch, true), POS_OK);
    pos_rocks_batch_clear(batch);
    expect_got(batch, "a", "1");

    pos_rocks_batch_delete(batch, 0, pos_bytes_text("a"));
    put_text(batch, "c", "2");
    expect_got(batch, "a", NULL);
    expect_got(batch, "b", "1");
    expect_seen(batch, "b=1 c=2 ", "staged");
    pos_rocks_batch_mark(batch);
    put_text(batch, "a", "3");
    put_text(batch, "d", "3");
    expect_seen(batch, "a=3 b=1 c=2 d=3 ", "staged behind a mark");
    pos_rocks_batch_undo(batch);
    expect_got(batch, "d", NULL);
    expect_seen(batch, "b=1 c=2 ", "undone");
    put_text(batch, "e", "4");
    expect_got(batch, "a", NULL);
    expect_seen(batch, "b=1 c=2 e=4 ", "staged behind what was undone");
    cr_assert_eq(pos_rocks_batch_write(batch, true), POS_OK);
    pos_rocks_batch_clear(batch);
    expect_got(batch, "a", NULL);
    expect_seen(batch, "b=1 c=2 e=4 ", "written");
    pos_rocks_batch_destroy(batch);
    pos_rocks_close(rocks);
}

/* ---- what each family is opened with, as RocksDB itself writes it down ---- */

static FILE *open_written_options(const char *path)
{
    char pattern[TEST_PATH_SIZE + 16];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s/OPTIONS-*", path);
    cr_assert_eq(glob(pattern, 0, NULL, &found), 0);
    FILE *file = fopen(found.gl_pathv[found.gl_pathc - 1], "r"); /* the newest: they are sorted */
    cr_assert_not_null(file);
    globfree(&found);
    return file;
}

static double written_option(const char *path, const char *family, const char *name)
{
    char section[64], line[512];
    double value = -1;
    bool inside = false;
    FILE *file = open_written_options(path);
    (void)snprintf(section, sizeof section, "[CFOptions \"%s\"]", family);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *text = line + strspn(line, " ");
        size_t size = strlen(name);
        if (text[0] == '[')
            inside = strncmp(text, section, strlen(section)) == 0;
        else if (inside && strncmp(text, name, size) == 0 && text[size] == '=')
            value = strtod(text + size + 1, NULL);
    }
    (void)fclose(file);
    return value;
}

Test(rocks, opens_each_family_for_its_look_ups)
{
    static const char filter[] = "memtable_prefix_bloom_size_ratio";
    static const char table[] = "target_file_size_base";
    char folder[TEST_PATH_SIZE];
    struct pos_rocks *rocks;
    test_folder(folder);
    const char *path = test_path(folder, "db");
    struct pos_rocks_options options = options_for(path);
    options.families = other_families;
    options.family_count = 3;
    options.rest_cache_size = 1 << 20;
    options.found_families = 1 << 1;
    cr_assert_eq(pos_rocks_open(&options, &rocks, NULL), POS_OK);
    pos_rocks_close(rocks);
    cr_expect_gt(written_option(path, "rows", filter), 0);
    cr_expect_eq(written_option(path, "more", filter), 0, "its rows are found");
    cr_expect_gt(written_option(path, "meta", filter), 0);
    cr_expect_gt(written_option(path, "rows", table), written_option(path, "more", table));
    cr_expect_eq(written_option(path, "more", table), written_option(path, "meta", table));

    options.rest_cache_size = 0;
    options.found_families = UINT32_MAX;
    cr_assert_eq(pos_rocks_open(&options, &rocks, NULL), POS_OK);
    pos_rocks_close(rocks);
    cr_expect_eq(written_option(path, "rows", filter), 0);
    cr_expect_eq(written_option(path, "rows", table), written_option(path, "more", table));
}
