#include <criterion/criterion.h>
#include <math.h>

#include "bench/statistics.h"

static int close_to(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

Test(statistics, median_and_spread)
{
    static const struct {
        const char *name;
        double values[5];
        size_t count;
        struct pos_summary expected;
    } rows[] = {
        {"one value", {3}, 1, {3, 3, 3}},
        {"two values", {4, 2}, 2, {3, 2, 4}},
        {"odd count", {5, 1, 9}, 3, {5, 1, 9}},
        {"even count", {8, 1, 3, 5}, 4, {4, 1, 8}},
        {"an outlier stays in the spread only", {10, 11, 12, 11, 900}, 5, {11, 10, 900}},
        {"equal values", {7, 7, 7}, 3, {7, 7, 7}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_summary summary = pos_summarise(rows[i].values, rows[i].count);
        cr_expect(close_to(summary.median, rows[i].expected.median), "%s", rows[i].name);
        cr_expect(close_to(summary.low, rows[i].expected.low), "%s", rows[i].name);
        cr_expect(close_to(summary.high, rows[i].expected.high), "%s", rows[i].name);
    }
}

Test(statistics, summarising_leaves_the_rounds_in_order)
{
    double values[] = {3, 1, 2};
    (void)pos_summarise(values, 3);
    cr_expect(values[0] == 3 && values[1] == 1 && values[2] == 2);
}

Test(statistics, ratio_is_taken_round_by_round)
{
    /* The machine was half as fast in the second round: both were, so the ratio is the same. */
    static const double gateway[] = {15, 30, 16}, bare[] = {10, 20, 10};
    struct pos_summary ratio = pos_summarise_ratio(gateway, bare, 3);
    cr_expect(close_to(ratio.median, 1.5));
    cr_expect(close_to(ratio.low, 1.5));
    cr_expect(close_to(ratio.high, 1.6));
}

Test(statistics, ratio_to_nothing_is_nothing)
{
    static const double some[] = {15}, none[] = {0};
    cr_expect(close_to(pos_summarise_ratio(some, none, 1).median, 0));
}
