/* Histograms are as exact as they promise, and adding them up loses nothing. */
#include <criterion/criterion.h>

#include "core/base/counter.h"
#include "core/base/histogram.h"

static struct pos_histogram histogram, other;

Test(histogram, empty_is_zero)
{
    cr_expect_eq(pos_histogram_count(&histogram), 0);
    cr_expect_eq(pos_histogram_quantile(&histogram, 0.99), 0);
    cr_expect_eq(pos_histogram_mean(&histogram), 0);
}

Test(histogram, each_value_is_off_by_less_than_a_step)
{
    for (uint64_t value = 1; value < UINT64_C(1) << 41; value = value * 9 / 7 + 1) {
        struct pos_histogram one = {.max = 0};
        /* A larger value, so that the answer is the step's end and not the maximum. */
        pos_histogram_record(&one, value);
        pos_histogram_record(&one, UINT64_C(1) << 42);
        uint64_t found = pos_histogram_quantile(&one, 0.5);
        cr_expect(found >= value, "%lu became %lu", value, found);
        cr_expect(found - value <= value / POS_HISTOGRAM_STEPS, "%lu became %lu", value, found);
    }
}

Test(histogram, quantiles_of_one_to_a_thousand)
{
    static const struct {
        double share;
        uint64_t exact;
    } rows[] = {{0, 1}, {0.001, 1}, {0.5, 500}, {0.99, 990}, {0.999, 999}, {1, 1000}};
    for (uint64_t i = 1; i <= 1000; i++)
        pos_histogram_record(&histogram, i);
    cr_expect_eq(pos_histogram_count(&histogram), 1000);
    cr_expect_float_eq(pos_histogram_mean(&histogram), 500.5, 1e-9);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t found = pos_histogram_quantile(&histogram, rows[i].share);
        cr_expect(found >= rows[i].exact &&
                      found <= rows[i].exact + rows[i].exact / POS_HISTOGRAM_STEPS,
                  "%g: %lu", rows[i].share, found);
    }
    cr_expect_eq(pos_histogram_quantile(&histogram, 1), 1000, "the maximum is exact");
    cr_expect_eq(pos_histogram_count_below(&histogram, 63), 63);
    cr_expect_eq(pos_histogram_count_below(&histogram, 0), 0);
    cr_expect_eq(pos_histogram_count_below(&histogram, 1000), 1000);
}

/* 59 of 60 are less than 99 %: only the largest has that many at or below it. */
Test(histogram, a_quantile_has_its_whole_share_at_or_below_it)
{
    for (uint64_t count = 1; count <= 127; count++) {
        pos_histogram_record(&histogram, count);
        for (int percent = 1; percent <= 100; percent++) {
            uint64_t found = pos_histogram_quantile(&histogram, percent / 100.0);
            cr_expect(100 * found >= percent * count, "%d %% of %lu: %lu", percent, count, found);
            cr_expect(100 * (found - 1) < percent * count, "%d %% of %lu: %lu is not the first",
                      percent, count, found);
        }
    }
}

/* p99.99 of what a run gives: a power of ten apart, each off by less than 1 %. */
Test(histogram, quantiles_of_latencies_are_off_by_less_than_one_percent)
{
    static const struct {
        double share, exact;
    } rows[] = {{0.5, 5e5}, {0.9, 9e5}, {0.99, 99e4}, {0.999, 999e3}, {0.9999, 9999e2}};
    for (uint64_t i = 1; i <= 1000000; i++)
        pos_histogram_record(&histogram, 1000 * i); /* 1 us to 1 s */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double found = (double)pos_histogram_quantile(&histogram, rows[i].share) / 1000;
        cr_expect(found >= rows[i].exact && found <= rows[i].exact * 1.01, "%g: %g", rows[i].share,
                  found);
    }
}

Test(histogram, huge_values_stay_in_bounds)
{
    pos_histogram_record(&histogram, UINT64_MAX);
    cr_expect_eq(pos_histogram_count(&histogram), 1);
    cr_expect_gt(pos_histogram_quantile(&histogram, 0.5), UINT64_C(1) << 41);
}

Test(histogram, adding_up_is_recording_both)
{
    pos_histogram_record_times(&histogram, 10, 3);
    pos_histogram_record(&other, 70);
    pos_histogram_add(&histogram, &other);
    cr_expect_eq(pos_histogram_count(&histogram), 4);
    cr_expect_eq(pos_histogram_quantile(&histogram, 0.5), 10);
    cr_expect_eq(pos_histogram_quantile(&histogram, 1), 70);
    cr_expect_float_eq(pos_histogram_mean(&histogram), 25, 1e-9);
}

Test(counter, adds_and_sets)
{
    struct pos_counter counter = {0};
    pos_counter_add(&counter, 2);
    pos_counter_add(&counter, UINT64_C(1) << 40);
    cr_expect_eq(pos_counter_read(&counter), (UINT64_C(1) << 40) + 2);
    pos_counter_set(&counter, 7);
    cr_expect_eq(pos_counter_read(&counter), 7);
}
