#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store/key_library_inside.h"
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

TestSuite(key_library, .init = set_up, .fini = tear_down);

static enum pos_status add(uint32_t first, size_t count, uint32_t number, const char *event)
{
    struct pos_key_row rows[64];
    struct pos_batch_row batch = test_batch_row(number);
    for (size_t i = 0; i < count; i++)
        rows[i] = test_key_row((uint32_t)(first + i), number);
    return pos_key_library_add(library, rows, count, &batch, event);
}

static void expect_next(uint32_t index, uint32_t batch)
{
    uint32_t next_index, next_batch;
    cr_assert_eq(pos_key_library_next(library, &next_index, &next_batch), POS_OK);
    cr_expect_eq(next_index, index);
    cr_expect_eq(next_batch, batch);
}

static struct pos_key_row key_of(struct pos_key_library *from, uint32_t index)
{
    struct pos_key_row row = {0};
    cr_expect_eq(pos_key_library_find(from, index, &row), POS_OK, "index %u", index);
    return row;
}

static const char *records(void)
{
    static struct test_records found;
    found.text[0] = '\0';
    cr_assert_eq(pos_key_library_walk_audit(library, 0, test_records_each, &found), POS_OK);
    return found.text;
}

Test(key_library, adds_keys_in_order_and_keeps_them)
{
    expect_next(1, 1);
    cr_expect_eq(add(1, 10, 1, "generate"), POS_OK);
    cr_expect_eq(add(11, 5, 1, NULL), POS_OK);
    expect_next(16, 2);
    cr_expect_eq(add(16, 3, 2, "generate"), POS_OK);
    for (int round = 0; round < 2; round++) {
        struct pos_key_row row = key_of(library, 15), expected = test_key_row(15, 1);
        cr_expect(memcmp(&row.tmk, &expected.tmk, sizeof row.tmk) == 0);
        cr_expect(memcmp(&row.tpk, &expected.tpk, sizeof row.tpk) == 0);
        cr_expect(memcmp(&row.tak, &expected.tak, sizeof row.tak) == 0);
        cr_expect(pos_kcv_equal(&row.tak_kcv, &expected.tak_kcv));
        cr_expect(row.state == POS_KEY_GENERATED && row.batch == 1 && row.generated_ms == 1015);
        cr_expect_eq(key_of(library, 16).batch, 2);
        struct pos_batch_row batch;
        cr_expect_eq(pos_key_library_find_batch(library, 1, &batch), POS_OK);
        cr_expect(batch.first == 1 && batch.count == 15 && batch.created_ms == 900);
        cr_expect_eq(pos_key_library_find(library, 19, &row), POS_ERR_NOT_FOUND);
        cr_expect_eq(pos_key_library_find_batch(library, 3, &batch), POS_ERR_NOT_FOUND);
        expect_next(19, 3);
        cr_expect_str_eq(records(), "1:generate 2:generate");
        pos_key_library_close(library);
        open_library(false);
    }
}

Test(key_library, refuses_keys_out_of_order)
{
    cr_expect_eq(add(2, 1, 1, NULL), POS_ERR_ORDER, "not the next index");
    cr_expect_eq(add(1, 1, 2, NULL), POS_ERR_ORDER, "not the next batch");
    cr_expect_eq(add(1, 0, 1, NULL), POS_ERR_ORDER, "nothing");
    cr_expect_eq(add(1, 4, 1, NULL), POS_OK);
    cr_expect_eq(add(1, 4, 1, NULL), POS_ERR_ORDER, "again");
    cr_expect_eq(add(5, 1, 0, NULL), POS_ERR_ORDER, "no batch");
    struct pos_key_row rows[3] = {test_key_row(5, 2), test_key_row(6, 2), test_key_row(8, 2)};
    struct pos_batch_row batch = test_batch_row(2);
    cr_expect_eq(pos_key_library_add(library, rows, 3, &batch, "gap"), POS_ERR_ORDER);
    rows[2] = test_key_row(7, 2);
    rows[2].state = POS_KEY_LOADED;
    cr_expect_eq(pos_key_library_add(library, rows, 3, &batch, "state"), POS_ERR_FORMAT);
    rows[2] = test_key_row(7, 2);
    rows[2].algorithm = POS_ALGORITHM_T2;
    cr_expect_eq(pos_key_library_add(library, rows, 3, &batch, "alg"), POS_ERR_FORMAT);
    expect_next(5, 2); /* nothing of the refused ones stayed */
    cr_expect_str_eq(records(), "");
    rows[2] = test_key_row(7, 2);
    cr_expect_eq(pos_key_library_add(library, rows, 3, &batch, NULL), POS_OK);
    cr_expect_eq(add(8, 1, 1, NULL), POS_ERR_ORDER, "an older batch does not grow");
}

/* The next chunk is made while one is on its way; it is in order when its turn comes. */
Test(key_library, adds_a_chunk_while_the_next_is_made)
{
    struct pos_key_row rows[2][8];
    struct pos_batch_row batch = test_batch_row(1);
    struct pos_key_addition *addition;
    for (uint32_t chunk = 0; chunk < 5; chunk++) {
        for (uint32_t i = 0; i < 8; i++)
            rows[chunk % 2][i] = test_key_row(1 + 8 * chunk + i, 1);
        if (chunk > 0)
            cr_assert_eq(pos_key_library_add_await(addition), POS_OK);
        cr_assert_eq(
            pos_key_library_add_start(library, rows[chunk % 2], 8, &batch, "chunk", &addition),
            POS_OK);
        batch.created_ms = 1; /* it keeps what it needs of the batch */
    }
    cr_assert_eq(pos_key_library_add_await(addition), POS_OK);
    expect_next(41, 2);
    cr_expect_str_eq(records(), "1:chunk 2:chunk 3:chunk 4:chunk 5:chunk");
    cr_expect_eq(key_of(library, 40).generated_ms, 1040);
    cr_assert_eq(pos_key_library_find_batch(library, 1, &batch), POS_OK);
    cr_expect(batch.first == 1 && batch.count == 40 && batch.created_ms == 900);
}

Test(key_library, says_what_became_of_a_chunk_when_it_is_awaited)
{
    struct pos_key_row row = test_key_row(2, 1);
    struct pos_batch_row batch = test_batch_row(1);
    struct pos_key_addition *addition;
    cr_assert_eq(pos_key_library_add_start(library, &row, 1, &batch, "gap", &addition), POS_OK);
    cr_expect_eq(pos_key_library_add_await(addition), POS_ERR_ORDER);
    row = test_key_row(1, 1);
    cr_assert_eq(pos_key_library_add_start(library, &row, 1, &batch, "fail", &addition), POS_OK);
    cr_expect_eq(pos_key_library_add_await(addition), POS_ERR_CRYPTO);
    expect_next(1, 1);
    cr_expect_eq(add(1, 1, 1, "afterwards"), POS_OK, "others write again");
    cr_expect_str_eq(records(), "1:afterwards");
}

Test(key_library, moves_a_batch_with_all_its_keys)
{
    cr_assert_eq(add(1, 10, 1, NULL), POS_OK);
    cr_assert_eq(add(11, 10, 2, NULL), POS_OK);
    static const struct {
        const char *name;
        uint32_t batch;
        enum pos_key_state state;
        const char *mother;
        enum pos_status status;
    } steps[] = {
        {"loaded before exported", 1, POS_KEY_LOADED, "MPOS0001", POS_ERR_STATE},
        {"to nobody", 1, POS_KEY_EXPORTED, "", POS_ERR_FORMAT},
        {"to a name that is none", 1, POS_KEY_EXPORTED, "mpos 1", POS_ERR_FORMAT},
        {"to a name too long", 1, POS_KEY_EXPORTED, "MPOS0001MPOS00012", POS_ERR_FORMAT},
        {"no such batch", 3, POS_KEY_EXPORTED, "MPOS0001", POS_ERR_NOT_FOUND},
        {"exported", 1, POS_KEY_EXPORTED, "MPOS0001", POS_OK},
        {"exported twice", 1, POS_KEY_EXPORTED, "MPOS0001", POS_ERR_STATE},
        {"loaded by another", 1, POS_KEY_LOADED, "MPOS0002", POS_ERR_MISMATCH},
        {"loaded", 1, POS_KEY_LOADED, NULL, POS_OK},
        {"loaded twice", 1, POS_KEY_LOADED, "MPOS0001", POS_ERR_STATE},
        {"back", 1, POS_KEY_EXPORTED, "MPOS0001", POS_ERR_STATE},
        {"a state that is no batch's", 2, POS_KEY_ISSUED, "MPOS0001", POS_ERR_STATE},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        cr_expect_eq(pos_key_library_move_batch(library, steps[i].batch, steps[i].state,
                                                steps[i].mother, 5000 + i, "move"),
                     steps[i].status, "%s", steps[i].name);
    for (uint32_t index = 1; index <= 10; index++) {
        struct pos_key_row row = key_of(library, index);
        cr_expect_eq(row.state, POS_KEY_LOADED);
        cr_expect_str_eq(row.mother, "MPOS0001");
        cr_expect(row.exported_ms == 5005 && row.loaded_ms == 5008 && row.changed_ms == 5008);
    }
    cr_expect_eq(key_of(library, 11).state, POS_KEY_GENERATED);
    cr_expect_str_eq(key_of(library, 11).mother, "");
    cr_expect_str_eq(records(), "1:move 2:move");
    cr_expect_eq(add(21, 1, 2, NULL), POS_OK);
    cr_expect_eq(pos_key_library_move_batch(library, 2, POS_KEY_EXPORTED, "MPOS0001", 1, NULL),
                 POS_OK);
    cr_expect_eq(add(22, 1, 2, NULL), POS_ERR_STATE, "an exported batch does not grow");
}

/* A key that went its own way is not taken back by its batch. */
Test(key_library, keeps_the_later_of_both_states)
{
    cr_assert_eq(add(1, 2, 1, NULL), POS_OK);
    struct pos_key_row burned = test_key_row(2, 1);
    burned.state = POS_KEY_BURNED;
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    cr_assert_eq(pos_key_row_encode(&burned, &value), POS_OK);
    struct pos_key4 key = pos_key4(2);
    struct pos_rocks_item item = {POS_LIBRARY_KEYS, pos_key4_view(&key), pos_buffer_view(&value)};
    cr_assert_eq(pos_rocks_load(library->rocks, &item, 1), POS_OK);
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL), POS_OK);
    cr_expect_eq(key_of(library, 1).state, POS_KEY_EXPORTED);
    cr_expect_eq(key_of(library, 2).state, POS_KEY_BURNED);
}

Test(key_library, keeps_all_four_keys_of_a_form)
{
    struct pos_key_row rows[2];
    struct pos_batch_row batch = test_batch_row(1);
    batch.algorithm = POS_ALGORITHM_T3;
    for (uint32_t i = 0; i < 2; i++) {
        rows[i] = test_key_row(i + 1, 1);
        rows[i].algorithm = POS_ALGORITHM_T3;
        rows[i].tdk = test_key(POS_USAGE_TDK, POS_ALGORITHM_T2, (uint8_t)(100 + i));
        rows[i].tdk_kcv = test_kcv((uint8_t)(100 + i));
    }
    rows[1].form = POS_FORM_24;
    cr_expect_eq(pos_key_library_add(library, rows, 2, &batch, NULL), POS_ERR_FORMAT,
                 "a batch has one form");
    rows[1].form = POS_FORM_60;
    cr_assert_eq(pos_key_library_add(library, rows, 2, &batch, NULL), POS_OK);
    struct pos_key_row row = key_of(library, 2);
    cr_expect(memcmp(&row.tdk, &rows[1].tdk, sizeof row.tdk) == 0);
    cr_expect(pos_kcv_equal(&row.tdk_kcv, &rows[1].tdk_kcv));
    batch.form = POS_FORM_40;
    rows[0].index = 3;
    rows[0].form = POS_FORM_40;
    rows[0].tdk.size = 0;
    cr_expect_eq(pos_key_library_add(library, rows, 1, &batch, NULL), POS_ERR_STATE,
                 "and keeps it while it grows");
    batch.number = rows[0].batch = 2;
    cr_expect_eq(pos_key_library_add(library, rows, 1, &batch, NULL), POS_OK);
    cr_expect_eq(key_of(library, 3).form, POS_FORM_40);
}

Test(key_library, keeps_mothers_by_name)
{
    struct pos_mother_row row = test_mother_row("MPOS0001"), found;
    cr_expect_eq(pos_key_library_add_mother(library, &row, "ceremony"), POS_OK);
    cr_expect_eq(pos_key_library_add_mother(library, &row, "ceremony"), POS_ERR_EXISTS);
    cr_expect_eq(pos_key_library_find_mother(library, "MPOS0001", &found), POS_OK);
    cr_expect_str_eq(found.name, "MPOS0001");
    cr_expect(found.created_ms == 77 && memcmp(&found.ktk, &row.ktk, sizeof row.ktk) == 0);
    cr_expect_eq(pos_key_library_find_mother(library, "MPOS0002", &found), POS_ERR_NOT_FOUND);
    row = test_mother_row("bad name");
    cr_expect_eq(pos_key_library_add_mother(library, &row, NULL), POS_ERR_FORMAT);
    row = test_mother_row("MPOS0003");
    row.ktk.usage = POS_USAGE_TMK;
    cr_expect_eq(pos_key_library_add_mother(library, &row, NULL), POS_ERR_FORMAT);
    cr_expect_eq(pos_key_library_audit(library, "checked"), POS_OK);
    cr_expect_eq(pos_key_library_audit(library, NULL), POS_ERR_USAGE);
    cr_expect_eq(pos_key_library_audit(library, "fail"), POS_ERR_CRYPTO);
    cr_expect_str_eq(records(), "1:ceremony 2:checked");
}

struct seen {
    char text[256];
    int limit;
};

static bool see_key(void *context, const struct pos_key_row *row)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);
    (void)snprintf(seen->text + used, sizeof seen->text - used, "%u%c ", row->index,
                   pos_key_state_name(row->state)[0]);
    return --seen->limit > 0;
}

static bool see_batch(void *context, const struct pos_batch_row *row)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);
    (void)snprintf(seen->text + used, sizeof seen->text - used, "%u:%u+%u ", row->number,
                   row->first, row->count);
    return --seen->limit > 0;
}

static bool see_mother(void *context, const struct pos_mother_row *row)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);
    (void)snprintf(seen->text + used, sizeof seen->text - used, "%s ", row->name);
    return --seen->limit > 0;
}

Test(key_library, walks_in_order)
{
    struct pos_mother_row mothers[2] = {test_mother_row("MPOS0002"), test_mother_row("MPOS0001")};
    cr_assert_eq(add(1, 3, 1, NULL), POS_OK);
    cr_assert_eq(add(4, 3, 2, NULL), POS_OK);
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL), POS_OK);
    cr_assert_eq(pos_key_library_add_mother(library, &mothers[0], NULL), POS_OK);
    cr_assert_eq(pos_key_library_add_mother(library, &mothers[1], NULL), POS_OK);
    struct seen seen = {.limit = 100};
    cr_expect_eq(pos_key_library_walk(library, 2, see_key, &seen), POS_OK);
    cr_expect_str_eq(seen.text, "2e 3e 4g 5g 6g ");
    seen = (struct seen){.limit = 2};
    cr_expect_eq(pos_key_library_walk(library, 1, see_key, &seen), POS_OK);
    cr_expect_str_eq(seen.text, "1e 2e ");
    seen = (struct seen){.limit = 100};
    cr_expect_eq(pos_key_library_walk_batches(library, see_batch, &seen), POS_OK);
    cr_expect_str_eq(seen.text, "1:1+3 2:4+3 ");
    seen = (struct seen){.limit = 100};
    cr_expect_eq(pos_key_library_walk_mothers(library, see_mother, &seen), POS_OK);
    cr_expect_str_eq(seen.text, "MPOS0001 MPOS0002 ");
}

/* ---- followers ---- */

static struct pos_key_library *follow(const char *scratch)
{
    struct pos_key_library *follower;
    struct pos_error error = {0};
    cr_assert_eq(pos_key_library_follow(test_path(folder, "db"), test_path(folder, scratch),
                                        &follower, &error),
                 POS_OK, "%s", error.text);
    return follower;
}

Test(key_library, a_follower_sees_rows_once_it_caught_up)
{
    struct pos_key_row row;
    cr_assert_eq(add(1, 2, 1, NULL), POS_OK);
    struct pos_key_library *follower = follow("scratch");
    cr_expect_eq(key_of(follower, 2).state, POS_KEY_GENERATED);
    cr_assert_eq(add(3, 2, 1, NULL), POS_OK);
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL), POS_OK);
    cr_expect_eq(pos_key_library_find(follower, 3, &row), POS_ERR_NOT_FOUND);
    cr_expect_eq(key_of(follower, 2).state, POS_KEY_GENERATED);
    cr_expect_eq(pos_key_library_catch_up(follower), POS_OK);
    cr_expect_eq(key_of(follower, 2).state, POS_KEY_EXPORTED);
    cr_expect_eq(key_of(follower, 3).state, POS_KEY_EXPORTED);

    cr_assert_eq(pos_rocks_flush(library->rocks), POS_OK);
    cr_assert_eq(add(5, 2, 2, NULL), POS_OK);
    pos_key_library_close(library);
    cr_expect_eq(key_of(follower, 3).state, POS_KEY_EXPORTED, "it goes on without its writer");
    cr_expect_eq(pos_key_library_catch_up(follower), POS_OK);
    cr_expect_eq(key_of(follower, 5).batch, 2);
    open_library(false);
    cr_assert_eq(add(7, 2, 2, NULL), POS_OK);
    cr_expect_eq(pos_key_library_catch_up(follower), POS_OK);
    cr_expect_eq(key_of(follower, 8).batch, 2, "and with the next one");
    pos_key_library_close(follower);
}

static void reopen(void)
{
    pos_key_library_close(library);
    open_library(false);
}

/* What a writer wrote and the next one cleared away was never in a log that the follower could
 * read; what it has read of the row before must not hide it. */
Test(key_library, a_follower_sees_what_passed_it_by_between_two_catch_ups)
{
    cr_assert_eq(add(1, 2, 1, NULL), POS_OK);
    struct pos_key_library *follower = follow("scratch");
    cr_assert_eq(add(3, 2, 1, NULL), POS_OK);
    cr_expect_eq(pos_key_library_catch_up(follower), POS_OK);
    cr_expect_eq(key_of(follower, 4).state, POS_KEY_GENERATED);

    reopen();
    cr_assert_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL), POS_OK);
    reopen();
    cr_expect_eq(pos_key_library_catch_up(follower), POS_OK);
    cr_expect_eq(key_of(follower, 1).state, POS_KEY_EXPORTED, "read as it was opened");
    cr_expect_eq(key_of(follower, 4).state, POS_KEY_EXPORTED, "read as it caught up");

    cr_assert_eq(add(5, 2, 2, NULL), POS_OK);
    cr_expect_eq(pos_key_library_catch_up(follower), POS_OK);
    cr_expect_eq(key_of(follower, 5).state, POS_KEY_GENERATED);
    cr_assert_eq(pos_key_library_move_batch(library, 2, POS_KEY_EXPORTED, "M1", 2, NULL), POS_OK);
    cr_assert_eq(pos_rocks_flush(library->rocks), POS_OK);
    cr_expect_eq(pos_key_library_catch_up(follower), POS_OK);
    cr_expect_eq(key_of(follower, 5).state, POS_KEY_EXPORTED, "under one writer that flushes");
    pos_key_library_close(follower);
}

Test(key_library, a_follower_does_not_write)
{
    struct pos_key_library *writer = library;
    library = follow("scratch");
    cr_expect_eq(add(1, 1, 1, NULL), POS_ERR_NOT_ALLOWED);
    cr_expect_eq(pos_key_library_audit(library, "no"), POS_ERR_NOT_ALLOWED);
    struct pos_key_row row = test_key_row(1, 1);
    struct pos_batch_row batch = test_batch_row(1);
    struct pos_key_addition *addition;
    cr_expect_eq(pos_key_library_add_start(library, &row, 1, &batch, NULL, &addition),
                 POS_ERR_NOT_ALLOWED);
    cr_expect(addition == NULL);
    pos_key_library_close(library);
    library = writer;
}

Test(key_library, says_why_it_cannot_open)
{
    struct pos_key_library *other;
    struct pos_error error = {0};
    struct pos_key_library_options options = {.path = test_path(folder, "db")};
    cr_expect_eq(pos_key_library_open(&options, &other, &error), POS_ERR_BUSY);
    cr_expect(strstr(error.text, "another posgate-keymgmt has it open") != NULL, "%s", error.text);
    options.create = true;
    cr_expect_eq(pos_key_library_open(&options, &other, &error), POS_ERR_EXISTS);
    options.path = test_path(folder, "none");
    options.create = false;
    cr_expect_eq(pos_key_library_open(&options, &other, &error), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_key_library_follow(options.path, test_path(folder, "s"), &other, &error),
                 POS_ERR_NOT_FOUND);
    cr_expect_null(other);
}

/* Another process, as it will be. */
Test(key_library, has_one_writer_across_processes)
{
    pid_t child = fork();
    cr_assert_neq(child, -1);
    if (child == 0) {
        struct pos_key_library *other;
        struct pos_error error = {0};
        struct pos_key_library_options options = {.path = test_path(folder, "db")};
        enum pos_status status = pos_key_library_open(&options, &other, &error);
        _exit(status == POS_ERR_BUSY && strstr(error.text, "another posgate-keymgmt") ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- damage ---- */

static void overwrite(size_t family, uint32_t number, const char *bytes, size_t size)
{
    struct pos_key4 key = pos_key4(number);
    struct pos_rocks_item item = {family, pos_key4_view(&key), pos_bytes(bytes, size)};
    cr_assert_eq(pos_rocks_load(library->rocks, &item, 1), POS_OK);
}

Test(key_library, tells_damaged_rows_and_newer_ones)
{
    struct pos_key_row row;
    struct pos_batch_row batch;
    cr_assert_eq(add(1, 3, 1, NULL), POS_OK);
    overwrite(POS_LIBRARY_KEYS, 1, "\2\1", 2);
    overwrite(POS_LIBRARY_KEYS, 2, "\3", 1);
    cr_expect_eq(pos_key_library_find(library, 1, &row), POS_ERR_CORRUPT);
    cr_expect_eq(pos_key_library_find(library, 2, &row), POS_ERR_VERSION);
    cr_expect_eq(pos_key_library_find(library, 3, &row), POS_OK);
    struct seen seen = {.limit = 100};
    cr_expect_eq(pos_key_library_walk(library, 1, see_key, &seen), POS_ERR_CORRUPT);
    overwrite(POS_LIBRARY_BATCHES, 1, "\3", 1);
    cr_expect_eq(pos_key_library_find_batch(library, 1, &batch), POS_ERR_VERSION);
    cr_expect_eq(pos_key_library_find(library, 3, &row), POS_ERR_VERSION);
    cr_expect_eq(pos_key_library_move_batch(library, 1, POS_KEY_EXPORTED, "M1", 1, NULL),
                 POS_ERR_VERSION);
}
