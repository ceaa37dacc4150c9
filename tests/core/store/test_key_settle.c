/* What a return file says of keys, in the library: issued or burned, once, and all or none. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/store/key_library_inside.h"
#include "tests/core/store/support.h"

enum { COUNT = 6 };

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

static void move(enum pos_key_state state)
{
    cr_assert_eq(pos_key_library_move_batch(library, 1, state, "MPOS0001", 5000, NULL), POS_OK);
}

static void set_up(void)
{
    struct pos_key_row rows[COUNT];
    struct pos_batch_row batch = test_batch_row(1);
    test_folder(folder);
    open_library(true);
    for (uint32_t i = 0; i < COUNT; i++)
        rows[i] = test_key_row(i + 1, 1);
    cr_assert_eq(pos_key_library_add(library, rows, COUNT, &batch, NULL), POS_OK);
}

static void tear_down(void)
{
    pos_key_library_close(library);
}

TestSuite(key_settle, .init = set_up, .fini = tear_down);

static struct pos_key_row key_of(uint32_t index)
{
    struct pos_key_row row = {0};
    cr_expect_eq(pos_key_library_find(library, index, &row), POS_OK, "index %u", index);
    return row;
}

static struct pos_key_settlement settled(uint32_t index, enum pos_key_state state)
{
    return (struct pos_key_settlement){
        .index = index, .state = state, .serial = "123L013K", .utc_ms = 7000 + index};
}

static enum pos_status settle_one(uint32_t index, enum pos_key_state state)
{
    struct pos_key_settlement one = settled(index, state);
    return pos_key_library_settle(library, &one, 1, "import");
}

static const char *records(void)
{
    static struct test_records found;
    found.text[0] = '\0';
    cr_assert_eq(pos_key_library_walk_audit(library, 0, test_records_each, &found), POS_OK);
    return found.text;
}

Test(key_settle, keys_become_issued_or_burned_and_keep_all_else)
{
    struct pos_key_row before = key_of(2);
    move(POS_KEY_EXPORTED);
    const struct pos_key_settlement two[] = {settled(2, POS_KEY_ISSUED),
                                             settled(5, POS_KEY_BURNED)};
    cr_expect_eq(pos_key_library_settle(library, two, 2, "import"), POS_OK);
    cr_expect_not_null(strstr(records(), ":import"));
    move(POS_KEY_LOADED); /* the batch's own move does not undo it */
    for (int round = 0; round < 2; round++) {
        struct pos_key_row row = key_of(2);
        cr_expect(row.state == POS_KEY_ISSUED && row.changed_ms == 7002);
        cr_expect_str_eq(row.serial, "123L013K");
        cr_expect_str_eq(row.mother, "MPOS0001");
        cr_expect(memcmp(&row.tmk, &before.tmk, sizeof row.tmk) == 0);
        cr_expect(memcmp(&row.tak, &before.tak, sizeof row.tak) == 0);
        cr_expect(row.generated_ms == before.generated_ms && row.loaded_ms == 5000);
        cr_expect(key_of(5).state == POS_KEY_BURNED);
        cr_expect(key_of(3).state == POS_KEY_LOADED && key_of(3).serial[0] == '\0');
        pos_key_library_close(library);
        open_library(false);
    }
}

Test(key_settle, a_key_is_settled_from_exported_or_loaded_and_once)
{
    cr_expect_eq(settle_one(1, POS_KEY_ISSUED), POS_ERR_STATE, "generated");
    move(POS_KEY_EXPORTED);
    cr_expect_eq(settle_one(1, POS_KEY_ISSUED), POS_OK);
    move(POS_KEY_LOADED);
    cr_expect_eq(settle_one(2, POS_KEY_BURNED), POS_OK);
    cr_expect_eq(settle_one(1, POS_KEY_ISSUED), POS_ERR_STATE, "issued");
    cr_expect_eq(settle_one(1, POS_KEY_BURNED), POS_ERR_STATE, "issued");
    cr_expect_eq(settle_one(2, POS_KEY_ISSUED), POS_ERR_STATE, "burned");
    cr_expect_eq(settle_one(3, POS_KEY_LOADED), POS_ERR_FORMAT, "no settlement");
    cr_expect_eq(settle_one(3, POS_KEY_DESTROYED), POS_ERR_FORMAT, "no settlement");
    cr_expect_eq(settle_one(COUNT + 1, POS_KEY_ISSUED), POS_ERR_NOT_FOUND);
    cr_expect_eq(key_of(1).state, POS_KEY_ISSUED);
    cr_expect_eq(key_of(2).state, POS_KEY_BURNED);
    cr_expect_eq(key_of(3).state, POS_KEY_LOADED);
}

Test(key_settle, one_that_is_refused_refuses_all)
{
    move(POS_KEY_EXPORTED);
    cr_assert_eq(settle_one(4, POS_KEY_ISSUED), POS_OK);
    char before[512];
    (void)snprintf(before, sizeof before, "%s", records());
    struct pos_key_settlement rows[3] = {settled(1, POS_KEY_ISSUED), settled(2, POS_KEY_ISSUED),
                                         settled(4, POS_KEY_ISSUED)};
    cr_expect_eq(pos_key_library_settle(library, rows, 3, "import"), POS_ERR_STATE);
    rows[2] = settled(2, POS_KEY_ISSUED);
    cr_expect_eq(pos_key_library_settle(library, rows, 3, "import"), POS_ERR_ORDER, "twice");
    rows[2] = settled(3, POS_KEY_ISSUED);
    memcpy(rows[2].serial, "123l013K", 9);
    cr_expect_eq(pos_key_library_settle(library, rows, 3, "import"), POS_ERR_FORMAT, "serial");
    cr_expect_eq(pos_key_library_settle(library, rows, 0, "import"), POS_ERR_FORMAT, "nothing");
    for (uint32_t index = 1; index <= 3; index++)
        cr_expect_eq(key_of(index).state, POS_KEY_EXPORTED, "%u", index);
    cr_expect_str_eq(records(), before, "no record of what was not done");
    rows[2] = settled(3, POS_KEY_ISSUED);
    cr_expect_eq(pos_key_library_settle(library, rows, 3, "import"), POS_OK);
}
