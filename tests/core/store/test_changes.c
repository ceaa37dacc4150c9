/* The counts that tell whoever remembers a row that it changed: they move with every change of a
 * row that was there, once it can be read, and before its writer is told. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/store/terminal_table_inside.h"
#include "tests/core/store/support.h"

static struct pos_terminal_table *table;
static struct test_chain chain;
static char folder[TEST_PATH_SIZE];

static void set_up(void)
{
    test_folder(folder);
    const struct pos_terminal_table_options options = {.path = test_path(folder, "db"),
                                                       .create_if_missing = true,
                                                       .cache_size = 1 << 20,
                                                       .audit = test_chain_writer(&chain)};
    struct pos_error error = {0};
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
}

static void tear_down(void)
{
    pos_terminal_table_close(table);
}

TestSuite(changes, .init = set_up, .fini = tear_down);

/* What happened to one SMN: name, the write, whether its row changed. */
struct step {
    const char *name;
    struct pos_terminal_write write;
    bool changes;
};

static void take(const struct step *step)
{
    struct pos_terminal_write write = step->write;
    write.smn = test_smn("123L013K", 278);
    write.algorithm = POS_ALGORITHM_A256;
    uint64_t before = pos_terminal_table_changes(table, &write.smn);
    cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK, "%s", step->name);
    uint64_t after = pos_terminal_table_changes(table, &write.smn);
    cr_expect_eq(after != before, step->changes, "%s: %llu, then %llu", step->name,
                 (unsigned long long)before, (unsigned long long)after);
}

Test(changes, every_change_of_a_row_moves_its_count_and_nothing_else_does)
{
    struct pos_key tak = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, 1);
    struct pos_key tpk = test_key(POS_USAGE_TPK, POS_ALGORITHM_A256, 2);
    const struct step steps[] = {
        {"a state of none",
         {.operation = POS_TERMINAL_SET_STATE, .state = POS_TERMINAL_REVOKED},
         0},
        {"registered", {.operation = POS_TERMINAL_REGISTER}, 0},
        {"again", {.operation = POS_TERMINAL_REGISTER}, 0},
        {"raised", {.operation = POS_TERMINAL_REGISTER, .proved = true}, 1},
        {"sign-on", {.operation = POS_TERMINAL_SIGN_ON, .tak = tak, .tpk = tpk}, 1},
        {"repeated", {.operation = POS_TERMINAL_SIGN_ON, .tak = tak, .tpk = tpk}, 0},
        {"promoted", {.operation = POS_TERMINAL_PROMOTE, .tak = tak}, 1},
        {"bound", {.operation = POS_TERMINAL_BIND, .tid = "TERM0001", .mid = "M"}, 1},
        {"bound so", {.operation = POS_TERMINAL_BIND, .tid = "TERM0001", .mid = "M"}, 0},
        {"suspended", {.operation = POS_TERMINAL_SET_STATE, .state = POS_TERMINAL_SUSPENDED}, 1},
        {"is so", {.operation = POS_TERMINAL_SET_STATE, .state = POS_TERMINAL_SUSPENDED}, 0},
        {"resumed", {.operation = POS_TERMINAL_SET_STATE, .state = POS_TERMINAL_ACTIVE}, 1},
        {"sign-off", {.operation = POS_TERMINAL_SIGN_OFF}, 1},
        {"a record", {.operation = POS_TERMINAL_AUDIT, .events[POS_OUTCOME_NONE] = "x"}, 0},
        {"erased", {.operation = POS_TERMINAL_ERASE}, 1},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        take(&steps[i]);
}

Test(changes, who_is_displaced_hears_of_it)
{
    struct pos_terminal_write first = {.operation = POS_TERMINAL_REGISTER,
                                       .smn = test_smn("FIRST001", 7),
                                       .algorithm = POS_ALGORITHM_A256};
    struct pos_terminal_write second = first;
    second.smn = test_smn("SECOND01", 7);
    second.proved = true;
    cr_assert_eq(pos_terminal_table_run(table, &first), POS_OK);
    uint64_t before = pos_terminal_table_changes(table, &first.smn);
    cr_assert_eq(pos_terminal_table_run(table, &second), POS_OK);
    cr_assert_eq(second.outcome, POS_OUTCOME_DISPLACED);
    cr_expect_neq(pos_terminal_table_changes(table, &first.smn), before);
}

/* What the one who is told finds: on the committer's thread, before anybody else can know. */
static uint64_t count_seen;
static enum pos_terminal_state state_seen;
static _Atomic bool told;

static void done(struct pos_commit *commit, enum pos_status status)
{
    struct pos_terminal_write *write = pos_terminal_write_of(commit);
    struct pos_terminal_hot row;
    enum pos_status found;
    cr_expect_eq(status, POS_OK);
    count_seen = pos_terminal_table_changes(table, &write->smn);
    pos_terminal_table_find(table, &write->smn, 1, &row, &found);
    state_seen = found == POS_OK ? row.state : POS_TERMINAL_NONE;
    told = true;
}

Test(changes, the_count_has_moved_when_the_writer_is_told)
{
    struct pos_terminal_write write = {.operation = POS_TERMINAL_REGISTER,
                                       .smn = test_smn("123L013K", 278),
                                       .algorithm = POS_ALGORITHM_A256};
    cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
    uint64_t before = pos_terminal_table_changes(table, &write.smn);
    write = (struct pos_terminal_write){.operation = POS_TERMINAL_SET_STATE,
                                        .smn = write.smn,
                                        .state = POS_TERMINAL_REVOKED,
                                        .commit.done = done};
    cr_assert_eq(pos_terminal_table_submit(table, &write), POS_OK);
    while (!told)
        continue;
    cr_expect_eq(count_seen, before + 1);
    cr_expect_eq(state_seen, POS_TERMINAL_REVOKED);
}

/* One change costs others a look-up each at most where they share its shard. */
Test(changes, shards_are_used_evenly)
{
    static unsigned used[POS_CHANGES_SHARD_COUNT];
    unsigned most = 0;
    for (uint32_t i = 1; i <= 16 * POS_CHANGES_SHARD_COUNT; i++) {
        struct pos_smn smn = test_smn("123L013K", i);
        unsigned count = ++used[pos_changes_shard(&smn)];
        most = count > most ? count : most;
    }
    cr_expect_lt(most, 48, "16 on the average, %u at most", most);
}
