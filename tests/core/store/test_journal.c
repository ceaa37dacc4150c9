#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/store/journal_inside.h"
#include "tests/core/store/support.h"

static struct pos_journal *journal;
static char folder[TEST_PATH_SIZE];

static void open_journal(void)
{
    struct pos_error error = {0};
    cr_assert_eq(pos_journal_open(test_path(folder, "db"), &(struct pos_anchor_options){0},
                                  &journal, &error),
                 POS_OK, "%s", error.text);
}

static void set_up(void)
{
    test_folder(folder);
    open_journal();
}

static void tear_down(void)
{
    pos_journal_close(journal);
}

static void reopen(void)
{
    pos_journal_close(journal);
    open_journal();
}

TestSuite(journal, .init = set_up, .fini = tear_down);

static enum pos_status line(uint32_t batch, uint32_t number, const char *text)
{
    return pos_journal_load_line(journal, batch, number, pos_bytes_text(text));
}

static enum pos_status finish(uint32_t batch, uint32_t first, size_t count)
{
    struct pos_journal_row rows[64];
    for (size_t i = 0; i < count; i++)
        rows[i] = test_journal_row((uint32_t)(first + i), batch);
    return pos_journal_load_finish(journal, batch, rows, count);
}

static void load(uint32_t batch, uint32_t first, size_t count)
{
    cr_assert_eq(line(batch, 1, "#header"), POS_OK);
    cr_assert_eq(finish(batch, first, count), POS_OK);
}

static void expect_counts(uint32_t free, uint32_t reserved, uint32_t issued, uint32_t burned)
{
    for (int round = 0; round < 2; round++, reopen()) {
        struct pos_journal_counts counts;
        pos_journal_counts(journal, &counts);
        cr_expect_eq(counts.free, free);
        cr_expect_eq(counts.reserved, reserved);
        cr_expect_eq(counts.issued, issued);
        cr_expect_eq(counts.burned, burned);
    }
}

static enum pos_status deliver(void *context, struct pos_journal_row *row)
{
    if (context != NULL)
        return POS_ERR_CRYPTO;
    cr_expect_eq(row->state, POS_JOURNAL_RESERVED);
    memset(row->mother_public, 0x4d, sizeof row->mother_public);
    row->reply_size = (uint8_t)snprintf(row->reply, sizeof row->reply, "block-%u", row->index);
    return POS_OK;
}

static struct pos_journal_write request(const char *serial, uint8_t public_key)
{
    struct pos_journal_write write = {
        .operation = POS_JOURNAL_RESERVE, .utc_ms = 9000, .deliver = deliver};
    (void)snprintf(write.serial, sizeof write.serial, "%s", serial);
    memset(write.terminal_public, public_key, sizeof write.terminal_public);
    return write;
}

static uint32_t reserve(const char *serial, uint8_t public_key, enum pos_journal_outcome outcome)
{
    struct pos_journal_write write = request(serial, public_key);
    cr_expect_eq(pos_journal_run(journal, &write), POS_OK);
    cr_expect_eq(write.outcome, outcome, "%s: outcome %d, expected %d", serial, write.outcome,
                 outcome);
    return write.row.index;
}

static void confirm(const char *serial, uint32_t index, enum pos_journal_outcome outcome)
{
    struct pos_journal_write write = {.operation = POS_JOURNAL_CONFIRM, .index = index};
    (void)snprintf(write.serial, sizeof write.serial, "%s", serial);
    cr_expect_eq(pos_journal_run(journal, &write), POS_OK);
    cr_expect_eq(write.outcome, outcome, "%s %u: outcome %d, expected %d", serial, index,
                 write.outcome, outcome);
    cr_expect_eq(write.row.index, outcome == POS_JOURNAL_UNKNOWN ? 0 : index);
}

/* ---- loading ---- */

static bool join_lines(void *context, uint32_t number, struct pos_bytes text)
{
    char *all = context;
    size_t used = strlen(all);
    (void)snprintf(all + used, 256 - used, "%u=%.*s ", number, (int)text.size,
                   (const char *)text.data);
    return number < 100;
}

static void expect_load(uint32_t batch, uint32_t count, const char *lines)
{
    struct pos_journal_load status;
    char all[256] = "";
    cr_expect_eq(pos_journal_load_status(journal, &status), POS_OK);
    cr_expect_eq(status.batch, batch);
    cr_expect_eq(status.line_count, count);
    cr_expect_eq(pos_journal_load_walk(journal, join_lines, all), POS_OK);
    cr_expect_str_eq(all, lines);
}

Test(journal, takes_lines_in_order_and_resumes)
{
    expect_load(0, 0, "");
    cr_expect_eq(line(7, 2, "early"), POS_ERR_ORDER, "no load under way");
    cr_expect_eq(line(7, 1, "head"), POS_OK);
    cr_expect_eq(line(7, 3, "gap"), POS_ERR_ORDER);
    cr_expect_eq(line(8, 2, "of another batch"), POS_ERR_ORDER);
    cr_expect_eq(line(7, 2, "two"), POS_OK);
    cr_expect_eq(line(7, 2, "two"), POS_ERR_ORDER, "again");
    expect_load(7, 2, "1=head 2=two ");
    reopen();
    expect_load(7, 2, "1=head 2=two ");
    cr_expect_eq(line(7, 3, "three"), POS_OK);
    expect_load(7, 3, "1=head 2=two 3=three ");
    cr_expect_eq(line(8, 1, "new"), POS_OK, "a new header drops the load that was not finished");
    expect_load(8, 1, "1=new ");
    cr_expect_eq(pos_journal_load_drop(journal), POS_OK);
    expect_load(0, 0, "");
    expect_counts(0, 0, 0, 0);
}

Test(journal, refuses_lines_out_of_bounds)
{
    char text[POS_KEY_FILE_LINE_SIZE_MAX + 2];
    memset(text, 'x', sizeof text);
    text[POS_KEY_FILE_LINE_SIZE_MAX + 1] = '\0';
    cr_expect_eq(line(7, 1, text), POS_ERR_LENGTH);
    text[POS_KEY_FILE_LINE_SIZE_MAX] = '\0';
    cr_expect_eq(line(7, 1, text), POS_OK);
    cr_expect_eq(line(0, 1, "no batch"), POS_ERR_FORMAT);
    cr_expect_eq(line(7, 0, "no number"), POS_ERR_FORMAT);
}

Test(journal, makes_keys_of_a_load_all_or_none)
{
    bool known = true;
    struct pos_journal_row row;
    cr_expect_eq(finish(7, 10, 3), POS_ERR_ORDER, "no load under way");
    cr_expect_eq(line(7, 1, "head"), POS_OK);
    cr_expect_eq(finish(8, 10, 3), POS_ERR_ORDER, "another batch");
    cr_expect_eq(pos_journal_batch_known(journal, 7, &known), POS_OK);
    cr_expect(!known);
    cr_expect_eq(pos_journal_find(journal, 10, &row), POS_ERR_NOT_FOUND);
    cr_expect_eq(finish(7, 10, 3), POS_OK);
    cr_expect_eq(pos_journal_batch_known(journal, 7, &known), POS_OK);
    cr_expect(known);
    expect_load(0, 0, "");
    expect_counts(3, 0, 0, 0);
    cr_expect_eq(pos_journal_find(journal, 12, &row), POS_OK);
    cr_expect(row.state == POS_JOURNAL_FREE && row.batch == 7 && row.tmk.data[0] == 12);

    cr_expect_eq(line(8, 1, "head"), POS_OK);
    cr_expect_eq(finish(8, 12, 3), POS_ERR_EXISTS, "12 is there already");
    cr_expect_eq(pos_journal_find(journal, 13, &row), POS_ERR_NOT_FOUND, "so 13 is not");
    struct pos_journal_row bad = test_journal_row(20, 9);
    cr_expect_eq(pos_journal_load_finish(journal, 8, &bad, 1), POS_ERR_FORMAT);
    expect_load(8, 1, "1=head ");
    cr_expect_eq(finish(8, 13, 3), POS_OK);
    expect_counts(6, 0, 0, 0);
}

static bool any_line(void *context, struct pos_bytes key, struct pos_bytes value)
{
    (void)value;
    *(bool *)context |= key.data[0] == POS_JOURNAL_LINE;
    return true;
}

Test(journal, leaves_no_line_behind)
{
    bool any = false;
    cr_assert_eq(line(7, 1, "head"), POS_OK);
    cr_assert_eq(line(7, 2, "key block"), POS_OK);
    cr_assert_eq(
        pos_rocks_walk(journal->rocks, POS_JOURNAL_META, pos_bytes(NULL, 0), false, any_line, &any),
        POS_OK);
    cr_expect(any);
    cr_assert_eq(finish(7, 1, 1), POS_OK);
    any = false;
    cr_assert_eq(
        pos_rocks_walk(journal->rocks, POS_JOURNAL_META, pos_bytes(NULL, 0), false, any_line, &any),
        POS_OK);
    cr_expect(!any);
}

/* ---- handing out ---- */

Test(journal, hands_each_key_out_once)
{
    load(1, 10, 3);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 10);
    cr_expect_eq(reserve("BBBB0002", 1, POS_JOURNAL_GIVEN), 11);
    reopen();
    cr_expect_eq(reserve("CCCC0003", 1, POS_JOURNAL_GIVEN), 12);
    cr_expect_eq(reserve("DDDD0004", 1, POS_JOURNAL_EXHAUSTED), 0);
    expect_counts(0, 3, 0, 0);
    load(2, 5, 1); /* a lower index, behind where the search stands */
    cr_expect_eq(reserve("DDDD0004", 1, POS_JOURNAL_GIVEN), 5);
}

Test(journal, gives_a_repeated_request_the_same_reply)
{
    load(1, 10, 3);
    struct pos_journal_write first = request("AAAA0001", 1), again = request("AAAA0001", 1);
    cr_expect_eq(pos_journal_run(journal, &first), POS_OK);
    reopen();
    again.deliver_context = &again; /* would fail: it must not be asked */
    cr_expect_eq(pos_journal_run(journal, &again), POS_OK);
    cr_expect_eq(again.outcome, POS_JOURNAL_AGAIN);
    cr_expect_eq(again.row.index, 10);
    cr_expect_eq(again.row.reply_size, 8);
    cr_expect_arr_eq(again.row.reply, "block-10", 8);
    cr_expect_arr_eq(again.row.mother_public, first.row.mother_public, POS_PUBLIC_KEY_SIZE);
    cr_expect_eq(again.row.mother_public[0], 0x4d);
    struct pos_journal_row row;
    cr_expect_eq(pos_journal_find(journal, 10, &row), POS_OK);
    cr_expect_str_eq(row.serial, "AAAA0001");
}

Test(journal, burns_what_another_device_may_have_got)
{
    load(1, 10, 9);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 10);
    cr_expect_eq(reserve("AAAA0001", 2, POS_JOURNAL_GIVEN), 11);
    confirm("AAAA0001", 10, POS_JOURNAL_UNKNOWN);
    expect_counts(7, 1, 0, 1);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 12,
                 "the first public key is not known");
    cr_expect_eq(reserve("AAAA0001", 4, POS_JOURNAL_GIVEN), 13);
    cr_expect_eq(reserve("AAAA0001", 5, POS_JOURNAL_TOO_OFTEN), 0, "three are burned");
    cr_expect_eq(reserve("AAAA0001", 4, POS_JOURNAL_AGAIN), 13, "the last one still stands");
    expect_counts(5, 1, 0, 3);
    cr_expect_eq(reserve("BBBB0002", 5, POS_JOURNAL_GIVEN), 14, "others are not concerned");
    confirm("AAAA0001", 13, POS_JOURNAL_GIVEN);
    expect_counts(4, 1, 1, 3);
}

Test(journal, burns_nothing_when_no_key_is_free)
{
    load(1, 10, 1);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 10);
    cr_expect_eq(reserve("AAAA0001", 2, POS_JOURNAL_EXHAUSTED), 0);
    confirm("AAAA0001", 10, POS_JOURNAL_GIVEN);
}

Test(journal, confirms_what_was_given_to_that_serial)
{
    load(1, 10, 3);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 10);
    confirm("BBBB0002", 10, POS_JOURNAL_UNKNOWN);
    confirm("AAAA0001", 11, POS_JOURNAL_UNKNOWN);
    confirm("AAAA0001", 99, POS_JOURNAL_UNKNOWN);
    confirm("AAAA0001", 10, POS_JOURNAL_GIVEN);
    confirm("AAAA0001", 10, POS_JOURNAL_AGAIN);
    expect_counts(2, 0, 1, 0);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_HAS_KEY), 0);
    cr_expect_eq(reserve("AAAA0001", 2, POS_JOURNAL_HAS_KEY), 0);
    struct pos_journal_write rekey = request("AAAA0001", 2);
    rekey.allow_rekey = true;
    cr_expect_eq(pos_journal_run(journal, &rekey), POS_OK);
    cr_expect(rekey.outcome == POS_JOURNAL_GIVEN && rekey.row.index == 11);
    expect_counts(1, 1, 1, 0);
}

Test(journal, closing_burns_what_was_not_confirmed)
{
    load(1, 10, 5);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 10);
    cr_expect_eq(reserve("BBBB0002", 1, POS_JOURNAL_GIVEN), 11);
    cr_expect_eq(reserve("CCCC0003", 1, POS_JOURNAL_GIVEN), 12);
    confirm("BBBB0002", 11, POS_JOURNAL_GIVEN);
    struct pos_journal_write write = {.operation = POS_JOURNAL_CLOSE};
    cr_expect_eq(pos_journal_run(journal, &write), POS_OK);
    cr_expect_eq(write.burned, 2);
    confirm("AAAA0001", 10, POS_JOURNAL_UNKNOWN);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 13, "and it may ask again");
    expect_counts(1, 1, 1, 2);
}

Test(journal, closing_burns_many)
{
    enum { BATCHES = 10, KEYS = 60 };
    for (uint32_t batch = 1; batch <= BATCHES; batch++)
        load(batch, batch * KEYS, KEYS);
    for (unsigned i = 0; i < BATCHES * KEYS; i++) {
        char serial[16];
        (void)snprintf(serial, sizeof serial, "S%07u", i);
        (void)reserve(serial, 1, POS_JOURNAL_GIVEN);
    }
    struct pos_journal_write write = {.operation = POS_JOURNAL_CLOSE};
    cr_expect_eq(pos_journal_run(journal, &write), POS_OK);
    cr_expect_eq(write.burned, BATCHES * KEYS);
    expect_counts(0, 0, 0, BATCHES * KEYS);
}

Test(journal, gives_nothing_when_the_reply_cannot_be_made)
{
    load(1, 10, 2);
    struct pos_journal_write write = request("AAAA0001", 1);
    write.deliver_context = &write;
    cr_expect_eq(pos_journal_run(journal, &write), POS_ERR_CRYPTO);
    expect_counts(2, 0, 0, 0);
    cr_expect_eq(reserve("AAAA0001", 1, POS_JOURNAL_GIVEN), 10);
    write = request("bad", 1);
    cr_expect_eq(pos_journal_run(journal, &write), POS_ERR_FORMAT);
}

static bool collect(void *context, const struct pos_journal_row *row)
{
    char *all = context;
    size_t used = strlen(all);
    (void)snprintf(all + used, 256 - used, "%u%c ", row->index,
                   pos_journal_state_name(row->state)[0]);
    return row->index < 12;
}

Test(journal, walks_in_order_until_told)
{
    char all[256] = "";
    load(1, 10, 5);
    (void)reserve("AAAA0001", 1, POS_JOURNAL_GIVEN);
    cr_expect_eq(pos_journal_walk(journal, collect, all), POS_OK);
    cr_expect_str_eq(all, "10r 11f 12f ");
}

Test(journal, with_a_damaged_row_does_not_open)
{
    struct pos_journal *other;
    struct pos_error error;
    load(1, 10, 2);
    struct pos_key4 key = pos_key4(11);
    struct pos_rocks_item item = {POS_JOURNAL_KEYS, pos_key4_view(&key), pos_bytes("\2", 1)};
    cr_assert_eq(pos_rocks_load(journal->rocks, &item, 1), POS_OK);
    struct pos_journal_row row;
    cr_expect_eq(pos_journal_find(journal, 11, &row), POS_ERR_VERSION);
    cr_assert_eq(pos_rocks_flush(journal->rocks), POS_OK);
    cr_expect_eq(
        pos_journal_open(test_path(folder, "db"), &(struct pos_anchor_options){0}, &other, &error),
        POS_ERR_BUSY);
    pos_journal_close(journal);
    cr_expect_eq(
        pos_journal_open(test_path(folder, "db"), &(struct pos_anchor_options){0}, &other, &error),
        POS_ERR_VERSION);
    journal = NULL;
}
