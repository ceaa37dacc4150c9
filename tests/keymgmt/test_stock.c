#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "keymgmt/stock_count.h"
#include "keymgmt/stock_range.h"

Test(stock, range_warns_at_80_and_95_percent)
{
    static const struct {
        uint32_t next_index;
        unsigned limit;
    } rows[] = {{1, 0},         {80000000, 0},  {80000001, 80}, {95000000, 80},
                {95000001, 95}, {99999999, 95}, {100000000, 95}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(pos_stock_range_limit(rows[i].next_index), rows[i].limit, "%u",
                     rows[i].next_index);
}

Test(stock, range_ends_at_its_last_index)
{
    struct pos_error error;
    cr_expect_eq(pos_stock_range_check(99999990, 10, &error), POS_OK);
    cr_expect_eq(pos_stock_range_check(99999990, 11, &error), POS_ERR_EXHAUSTED);
    cr_expect_eq(pos_stock_range_check(100000000, 1, &error), POS_ERR_EXHAUSTED);
}

static struct pos_key_row row_of(const char *mother, enum pos_algorithm algorithm,
                                 enum pos_key_state state)
{
    struct pos_key_row row = {.algorithm = algorithm, .state = state};
    (void)snprintf(row.mother, sizeof row.mother, "%s", mother);
    return row;
}

Test(stock, counts_by_mother_algorithm_and_state)
{
    struct pos_stock stock = {0};
    for (int i = 0; i < 3; i++) {
        struct pos_key_row row = row_of("MPOS0002", POS_ALGORITHM_A256, POS_KEY_LOADED);
        cr_assert_eq(pos_stock_add(&stock, &row), POS_OK);
        row = row_of("", POS_ALGORITHM_A128, POS_KEY_GENERATED);
        cr_assert_eq(pos_stock_add(&stock, &row), POS_OK);
        row = row_of("", POS_ALGORITHM_A256, POS_KEY_GENERATED);
        cr_assert_eq(pos_stock_add(&stock, &row), POS_OK);
        row = row_of("MPOS0002", POS_ALGORITHM_A256, POS_KEY_ISSUED);
        cr_assert_eq(pos_stock_add(&stock, &row), POS_OK);
    }
    pos_stock_sort(&stock);
    cr_assert_eq(stock.group_count, 3);
    cr_expect_str_eq(stock.groups[0].mother, "");
    cr_expect_eq(stock.groups[0].algorithm, POS_ALGORITHM_A128);
    cr_expect_eq(stock.groups[1].algorithm, POS_ALGORITHM_A256);
    cr_expect_str_eq(stock.groups[2].mother, "MPOS0002");
    cr_expect_eq(stock.groups[2].counts[POS_KEY_LOADED], 3);
    cr_expect_eq(stock.groups[2].counts[POS_KEY_ISSUED], 3);
    cr_expect_eq(stock.groups[2].counts[POS_KEY_GENERATED], 0);
    pos_stock_fini(&stock);
}

Test(stock, takes_many_groups)
{
    struct pos_stock stock = {0};
    for (int i = 0; i < 500; i++) {
        char name[17];
        (void)snprintf(name, sizeof name, "M%d", i);
        struct pos_key_row row = row_of(name, POS_ALGORITHM_A256, POS_KEY_EXPORTED);
        cr_assert_eq(pos_stock_add(&stock, &row), POS_OK);
    }
    cr_expect_eq(stock.group_count, 500);
    pos_stock_fini(&stock);
}

Test(stock, lowest_is_what_runs_out_first)
{
    static const struct {
        const char *name;
        struct {
            const char *mother;
            enum pos_algorithm algorithm;
            enum pos_key_state state;
        } keys[4];
        size_t count;
        const char *mother;
        enum pos_algorithm algorithm;
        uint64_t left;
    } rows[] = {
        {"one that waits", {{"", POS_ALGORITHM_T2, POS_KEY_GENERATED}}, 1, "", POS_ALGORITHM_T2, 1},
        {"a mother POS with none left",
         {{"", POS_ALGORITHM_T2, POS_KEY_GENERATED}, {"M", POS_ALGORITHM_T2, POS_KEY_ISSUED}},
         2,
         "M",
         POS_ALGORITHM_T2,
         0},
        {"exported and loaded ones are left",
         {{"", POS_ALGORITHM_T2, POS_KEY_GENERATED},
          {"M", POS_ALGORITHM_T2, POS_KEY_EXPORTED},
          {"M", POS_ALGORITHM_T2, POS_KEY_LOADED}},
         3,
         "",
         POS_ALGORITHM_T2,
         1},
        {"none waits", {{"M", POS_ALGORITHM_SM4, POS_KEY_LOADED}}, 1, "", POS_ALGORITHM_SM4, 0},
        {"destroyed ones are gone",
         {{"", POS_ALGORITHM_T2, POS_KEY_DESTROYED}},
         1,
         "",
         POS_ALGORITHM_T2,
         0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_stock stock = {0};
        struct pos_stock_group lowest;
        for (size_t key = 0; key < rows[i].count; key++) {
            struct pos_key_row row = row_of(rows[i].keys[key].mother, rows[i].keys[key].algorithm,
                                            rows[i].keys[key].state);
            cr_assert_eq(pos_stock_add(&stock, &row), POS_OK);
        }
        cr_assert(pos_stock_lowest(&stock, &lowest), "%s", rows[i].name);
        cr_expect_str_eq(lowest.mother, rows[i].mother, "%s", rows[i].name);
        cr_expect_eq(lowest.algorithm, rows[i].algorithm, "%s", rows[i].name);
        cr_expect_eq(pos_stock_left(&lowest), rows[i].left, "%s", rows[i].name);
        pos_stock_fini(&stock);
    }
    struct pos_stock none = {0};
    struct pos_stock_group lowest;
    cr_expect_not(pos_stock_lowest(&none, &lowest), "nothing is there to run out");
}
