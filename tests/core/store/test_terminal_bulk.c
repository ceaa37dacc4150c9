/* A table that was filled is the one that batches would have made, and goes on like it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/store/terminal_bulk.h"
#include "core/store/terminal_table_inside.h"
#include "tests/core/store/support.h"

enum { ROWS = 700000, SOME = 5000 }; /* more than a part, so that there are two */

static char folder[TEST_PATH_SIZE];
static struct test_chain chain;

static struct pos_terminal_table *open_table(const char *path)
{
    struct pos_terminal_table *table;
    struct pos_error error = {0};
    const struct pos_terminal_table_options options = {.path = path,
                                                       .create_if_missing = true,
                                                       .cache_size = 1 << 20,
                                                       .audit = test_chain_writer(&chain)};
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
    return table;
}

static void setup(void)
{
    test_folder(folder);
}

TestSuite(terminal_bulk, .init = setup);

/* ---- rows ---- */

static struct pos_smn smn_of(uint64_t number)
{
    return test_smn("LOAD0001", (uint32_t)number + 1);
}

/* Every third is suspended; each fifth has no keys yet; the rest two pairs. */
static void make_row(uint64_t number, struct pos_terminal_row *row)
{
    row->smn = smn_of(number);
    row->hot = (struct pos_terminal_hot){.state = number % 3 == 0 ? POS_TERMINAL_SUSPENDED
                                                                  : POS_TERMINAL_ACTIVE,
                                         .algorithm = POS_ALGORITHM_A256,
                                         .proved = number % 2 == 0,
                                         .version = (uint32_t)number};
    row->detail = (struct pos_terminal_detail){0};
    for (size_t i = 0; i < 2 && number % 5 != 0; i++) {
        row->hot.tak[i] = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, (uint8_t)(number + i));
        row->detail.tpk[i] = test_key(POS_USAGE_TPK, POS_ALGORITHM_A256, (uint8_t)(number - i));
        row->detail.tak_kcv[i] = row->detail.tpk_kcv[i] = test_kcv((uint8_t)number);
    }
}

static enum pos_status make(void *context, size_t thread, uint64_t first, size_t count,
                            struct pos_terminal_row *rows)
{
    _Atomic uint64_t *made = context;
    (void)thread;
    for (size_t i = 0; i < count; i++)
        make_row(first + i, &rows[i]);
    if (made != NULL)
        *made += count;
    return POS_OK;
}

static enum pos_status fill(struct pos_terminal_table *table, uint64_t count, size_t threads)
{
    const struct pos_terminal_fill filling = {
        .count = count, .thread_count = threads, .make = make};
    return pos_terminal_table_fill(table, &filling);
}

static unsigned left_over(const char *path)
{
    unsigned count = 0;
    DIR *listing = opendir(path);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += strstr(entry->d_name, ".sorted") != NULL;
    closedir(listing);
    return count;
}

/* ---- equal to what batches make ---- */

/* Through the product's own put, as its committer does it, with the detail that load leaves out. */
static void write_with_batches(struct pos_terminal_table *table, uint64_t count)
{
    struct pos_rocks_batch *batch = pos_rocks_batch_create(table->rocks);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t memory[3][POS_ROW_SIZE_MAX];
        struct pos_buffer hot = pos_buffer(memory[0], POS_HOT_ROW_SIZE_MAX);
        struct pos_buffer detail = pos_buffer(memory[1], POS_ROW_SIZE_MAX);
        struct pos_buffer bytes = pos_buffer(memory[2], POS_ROW_SIZE_MAX);
        struct pos_terminal_row row;
        make_row(i, &row);
        struct pos_terminal_holder holder = {.smn = row.smn, .proved = row.hot.proved};
        struct pos_key4 index = pos_key4((uint32_t)i + 1);
        cr_assert_eq(pos_terminal_hot_encode(&row.hot, &hot), POS_OK);
        cr_assert_eq(pos_terminal_detail_encode(&row.detail, &detail), POS_OK);
        cr_assert_eq(pos_terminal_holder_encode(&holder, &bytes), POS_OK);
        pos_rocks_batch_put(batch, POS_TERMINAL_HOT, pos_terminal_key(&row.smn),
                            pos_buffer_view(&hot));
        pos_rocks_batch_put(batch, POS_TERMINAL_DETAIL, pos_terminal_key(&row.smn),
                            pos_buffer_view(&detail));
        pos_rocks_batch_put(batch, POS_TERMINAL_BY_INDEX, pos_key4_view(&index),
                            pos_buffer_view(&bytes));
    }
    cr_assert_eq(pos_rocks_batch_write(batch, true), POS_OK);
    pos_rocks_batch_destroy(batch);
}

struct digest {
    uint64_t count, sum;
};

static bool digest_row(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct digest *digest = context;
    digest->count++;
    digest->sum = digest->sum * 31 + key.size;
    for (size_t i = 0; i < key.size; i++)
        digest->sum = (digest->sum ^ key.data[i]) * 0x100000001b3u;
    for (size_t i = 0; i < value.size; i++)
        digest->sum = (digest->sum ^ value.data[i]) * 0x100000001b3u;
    return true;
}

static struct digest digest_of(struct pos_terminal_table *table, size_t family)
{
    struct digest digest = {0, 0xcbf29ce484222325u};
    cr_assert_eq(
        pos_rocks_walk(table->rocks, family, pos_bytes(NULL, 0), false, digest_row, &digest),
        POS_OK);
    return digest;
}

static void expect_same_counts(struct pos_terminal_table *a, struct pos_terminal_table *b)
{
    uint64_t counts[2][POS_TERMINAL_STATE_COUNT];
    pos_terminal_table_counts(a, counts[0]);
    pos_terminal_table_counts(b, counts[1]);
    cr_expect_eq(memcmp(counts[0], counts[1], sizeof counts[0]), 0);
    cr_expect_eq(counts[0][POS_TERMINAL_SUSPENDED], (SOME + 2) / 3);
}

Test(terminal_bulk, makes_what_batches_make)
{
    const char *path = test_path(folder, "filled");
    struct pos_terminal_table *filled = open_table(path);
    struct pos_terminal_table *written = open_table(test_path(folder, "written"));
    cr_assert_eq(fill(filled, SOME, 2), POS_OK);
    cr_expect_eq(left_over(path), 0);
    write_with_batches(written, SOME);
    pos_terminal_table_close(written);
    written = open_table(test_path(folder, "written")); /* counts them */
    for (size_t family = POS_TERMINAL_HOT; family <= POS_TERMINAL_AUDITS; family++) {
        struct digest a = digest_of(filled, family), b = digest_of(written, family);
        cr_expect_eq(a.count, family == POS_TERMINAL_AUDITS ? 0 : SOME);
        cr_expect_eq(a.count, b.count, "family %zu", family);
        cr_expect_eq(a.sum, b.sum, "family %zu", family);
    }
    expect_same_counts(filled, written);
    pos_terminal_table_close(filled);
    filled = open_table(path);
    expect_same_counts(filled, written);
    pos_terminal_table_close(filled);
    pos_terminal_table_close(written);
}

/* ---- more than a part, on several threads ---- */

static bool count_progress(void *context, uint64_t done)
{
    (void)context;
    return done <= ROWS;
}

Test(terminal_bulk, joins_parts_of_several_threads)
{
    struct pos_terminal_table *table = open_table(test_path(folder, "large"));
    _Atomic uint64_t made = 0;
    const struct pos_terminal_fill filling = {.count = ROWS,
                                              .thread_count = 3,
                                              .make = make,
                                              .progress = count_progress,
                                              .context = &made};
    cr_assert_eq(pos_terminal_table_fill(table, &filling), POS_OK);
    cr_expect_eq(made, ROWS, "each row is made once");
    for (uint64_t i = 0; i < ROWS; i += i < 524000 || i > 524500 ? 997 : 1) {
        struct pos_terminal_row row;
        struct pos_terminal_hot found;
        struct pos_terminal_detail detail;
        struct pos_smn smn = smn_of(i), holder;
        enum pos_status status;
        bool proved;
        make_row(i, &row);
        pos_terminal_table_find(table, &smn, 1, &found, &status);
        cr_assert_eq(status, POS_OK, "row %llu", (unsigned long long)i);
        cr_expect_eq(found.version, i);
        cr_expect_eq(found.state, row.hot.state);
        cr_expect_eq(memcmp(found.tak[1].data, row.hot.tak[1].data, found.tak[1].size), 0);
        cr_assert_eq(pos_terminal_table_find_detail(table, &smn, &detail), POS_OK);
        cr_expect_eq(detail.tpk[0].size, row.detail.tpk[0].size);
        cr_assert_eq(pos_terminal_table_find_index(table, (uint32_t)i + 1, &holder, &proved),
                     POS_OK);
        cr_expect_str_eq(holder.text, smn.text);
        cr_expect_eq(proved, row.hot.proved);
    }
    pos_terminal_table_close(table);
}

/* ---- it goes on like any other ---- */

static void expect_write(struct pos_terminal_table *table, struct pos_terminal_write *write,
                         enum pos_terminal_outcome expected)
{
    static const char event[] = "recorded";
    for (size_t i = 0; i < POS_OUTCOME_COUNT; i++)
        write->events[i] = event;
    cr_assert_eq(pos_terminal_table_run(table, write), POS_OK);
    cr_expect_eq(write->outcome, expected, "outcome %d", write->outcome);
}

static enum pos_terminal_state state_of(struct pos_terminal_table *table, const struct pos_smn *smn)
{
    struct pos_terminal_hot row;
    enum pos_status found;
    pos_terminal_table_find(table, smn, 1, &row, &found);
    return found == POS_OK ? row.state : POS_TERMINAL_NONE;
}

Test(terminal_bulk, terminals_register_change_and_leave_afterwards)
{
    const char *path = test_path(folder, "filled");
    struct pos_terminal_table *table = open_table(path);
    cr_assert_eq(fill(table, SOME, 2), POS_OK);
    struct pos_smn active = smn_of(4), keyless = smn_of(5);
    struct pos_smn other = test_smn("OTHER001", 2), fresh = test_smn("FRESH001", SOME + 1);
    for (int round = 0; round < 2; round++) { /* and once more when it was opened again */
        uint64_t before = pos_terminal_table_changes(table, &active);
        struct pos_terminal_write write = {
            .operation = POS_TERMINAL_SET_STATE, .smn = active, .state = POS_TERMINAL_REVOKED};
        expect_write(table, &write, round == 0 ? POS_OUTCOME_CHANGED : POS_OUTCOME_UNCHANGED);
        cr_expect_eq(state_of(table, &active), POS_TERMINAL_REVOKED);
        cr_expect_eq(pos_terminal_table_changes(table, &active) == before, round == 1);
        write = (struct pos_terminal_write){
            .operation = POS_TERMINAL_REGISTER, .smn = fresh, .algorithm = POS_ALGORITHM_A256};
        expect_write(table, &write, round == 0 ? POS_OUTCOME_CREATED : POS_OUTCOME_UNCHANGED);
        write = (struct pos_terminal_write){.operation = POS_TERMINAL_REGISTER,
                                            .smn = other,
                                            .proved = true,
                                            .algorithm = POS_ALGORITHM_A256};
        /* the index of row 1, which did not prove its key, and is active */
        expect_write(table, &write, round == 0 ? POS_OUTCOME_DISPLACED : POS_OUTCOME_UNCHANGED);
        write = (struct pos_terminal_write){.operation = POS_TERMINAL_SIGN_ON,
                                            .smn = keyless,
                                            .tak = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, 7),
                                            .tpk = test_key(POS_USAGE_TPK, POS_ALGORITHM_A256, 8)};
        expect_write(table, &write, round == 0 ? POS_OUTCOME_CHANGED : POS_OUTCOME_UNCHANGED);
        pos_terminal_table_close(table);
        table = open_table(path);
    }
    cr_assert_eq(pos_terminal_table_scrub(table), POS_OK);
    cr_expect_eq(state_of(table, &active), POS_TERMINAL_REVOKED);
    cr_expect_eq(digest_of(table, POS_TERMINAL_HOT).count, SOME + 2);
    cr_expect_eq(digest_of(table, POS_TERMINAL_AUDITS).count, 8);
    pos_terminal_table_close(table);
}

/* ---- refusals ---- */

struct bad {
    uint64_t at;
    void (*spoil)(struct pos_terminal_row *row);
    enum pos_status status;
};

static void repeat_smn(struct pos_terminal_row *row)
{
    row->smn = smn_of(pos_smn_key_index(&row->smn) - 2);
}

static void fall_back(struct pos_terminal_row *row)
{
    row->smn = smn_of(2);
}

/* The SMN goes up, the index does not. */
static void repeat_index(struct pos_terminal_row *row)
{
    row->smn = test_smn("ZZZZ0001", pos_smn_key_index(&row->smn) - 1);
}

static void malform_smn(struct pos_terminal_row *row)
{
    row->smn.text[3] = 'a';
}

static void clear_row(struct pos_terminal_row *row)
{
    row->hot = (struct pos_terminal_hot){0};
}

static void spoil_detail(struct pos_terminal_row *row)
{
    row->detail.tpk[0] = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, 1);
}

static enum pos_status make_bad(void *context, size_t thread, uint64_t first, size_t count,
                                struct pos_terminal_row *rows)
{
    const struct bad *bad = context;
    enum pos_status status = make(NULL, thread, first, count, rows);
    if (bad->at < first || bad->at >= first + count)
        return status;
    if (bad->spoil == NULL)
        return POS_ERR_CRYPTO;
    bad->spoil(&rows[bad->at - first]);
    return status;
}

static bool give_up(void *context, uint64_t done)
{
    (void)context;
    return done == 0;
}

static void expect_refused(struct pos_terminal_table *table, const char *path,
                           const struct pos_terminal_fill *filling, enum pos_status expected,
                           size_t number)
{
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    cr_expect_eq(pos_terminal_table_fill(table, filling), expected, "%zu", number);
    cr_expect_eq(left_over(path), 0, "%zu", number);
    cr_expect_eq(digest_of(table, POS_TERMINAL_HOT).count, 0, "%zu", number);
    pos_terminal_table_counts(table, counts);
    cr_expect_eq(counts[POS_TERMINAL_ACTIVE], 0, "%zu", number);
}

Test(terminal_bulk, refuses_bad_rows_and_leaves_nothing)
{
    static struct bad bads[] = {
        {4000, repeat_smn, POS_ERR_ORDER},
        {4000, fall_back, POS_ERR_ORDER},
        {SOME - 1, repeat_index, POS_ERR_ORDER},
        {10, malform_smn, POS_ERR_FORMAT},
        {10, clear_row, POS_ERR_FORMAT},
        {10, spoil_detail, POS_ERR_FORMAT},
        {10, NULL, POS_ERR_CRYPTO},
    };
    const char *path = test_path(folder, "refused");
    struct pos_terminal_table *table = open_table(path);
    struct pos_terminal_fill filling = {.count = SOME, .thread_count = 2, .make = make_bad};
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        filling.context = &bads[i];
        expect_refused(table, path, &filling, bads[i].status, i);
    }
    /* where two parts meet */
    struct bad first_of_part = {524288, fall_back, POS_ERR_ORDER};
    filling.context = &first_of_part;
    filling.count = 524289;
    expect_refused(table, path, &filling, POS_ERR_ORDER, 100);
    filling = (struct pos_terminal_fill){
        .count = SOME, .thread_count = 1, .make = make, .progress = give_up};
    expect_refused(table, path, &filling, POS_ERR_CLOSED, 101);
    cr_expect_eq(fill(table, SOME, 1), POS_OK, "and then it can be filled");
    cr_expect_eq(fill(table, SOME, 1), POS_ERR_EXISTS);
    pos_terminal_table_close(table);
}
