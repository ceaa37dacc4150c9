/* What a server did as time went on: nothing is lost, nothing is invented, and all of it fits. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "bench/series.h"

static const uint64_t ms = 1000000, second = 1000000000;

static struct pos_series *make(uint32_t rounds, double round_s)
{
    struct pos_series *series = malloc(sizeof *series);
    pos_series_init(series, rounds, round_s);
    return series;
}

static uint64_t sum(const struct pos_series *series)
{
    uint64_t count = 0;
    for (size_t i = 0; i < series->count; i++)
        count += series->points[i].count;
    return count;
}

Test(series, replies_count_where_they_came)
{
    struct pos_series *series = make(2, 1);
    pos_series_begin(series, 5 * second);
    for (uint64_t i = 0; i < 100; i++)
        pos_series_record(series, 5 * second + i * ms, i + 1);
    pos_series_record(series, 5 * second + 450 * ms, 7000); /* after 350 ms of nothing */
    pos_series_end(series, 5 * second + 460 * ms);
    cr_assert_eq(series->count, 5);
    cr_expect_eq(series->points[0].count, 100);
    cr_expect_eq(series->points[0].p50_ns, 50);
    cr_expect_eq(series->points[0].p99_ns, 99);
    cr_expect_eq(series->points[0].max_ns, 100);
    for (size_t i = 1; i < 4; i++)
        cr_expect(series->points[i].count == 0 && series->points[i].max_ns == 0, "%zu", i);
    cr_expect_eq(series->points[4].count, 1);
    cr_expect_eq(series->points[4].max_ns, 7000);
    cr_expect(fabs(series->points[4].at_s - 0.4) < 1e-9);
    cr_expect(fabs(series->points[4].length_s - 0.06) < 1e-9, "the last is shorter");
    free(series);
}

Test(series, rounds_follow_each_other_and_begin_anew)
{
    struct pos_series *series = make(2, 0.2);
    for (uint64_t round = 1; round <= 2; round++) {
        pos_series_begin(series, round * second);
        pos_series_record(series, round * second + 150 * ms, round);
        pos_series_end(series, round * second + 200 * ms);
    }
    cr_assert_eq(series->count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(series->points[i].round, 1 + i / 2);
        cr_expect(fabs(series->points[i].at_s - 0.1 * (double)(i % 2)) < 1e-9);
        cr_expect_eq(series->points[i].count, i % 2);
    }
    free(series);
}

/* The longest of runs, each round with all that may come behind it. */
Test(series, every_run_fits)
{
    static const struct {
        uint32_t rounds;
        double round_s;
    } rows[] = {{1, 0.05}, {5, 2}, {14, 2}, {101, 2}, {5, 60}, {101, 3600}, {1, 3600}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_series *series = make(rows[i].rounds, rows[i].round_s);
        uint64_t recorded = 0;
        for (uint32_t round = 1; round <= rows[i].rounds; round++) {
            uint64_t start = round * 10000 * second;
            uint64_t length = (uint64_t)((rows[i].round_s + POS_SERIES_DRAIN_S) * 1e9);
            pos_series_begin(series, start);
            for (uint64_t at = 0; at < length; at += length / 20, recorded++)
                pos_series_record(series, start + at, 1);
            pos_series_end(series, start + length);
        }
        cr_expect(series->count <= POS_SERIES_POINT_COUNT_MAX);
        cr_expect_eq(sum(series), recorded, "%u rounds of %g s: %lu of %lu", rows[i].rounds,
                     rows[i].round_s, sum(series), recorded);
        cr_expect_eq(series->points[series->count - 1].round, rows[i].rounds);
        cr_expect(series->interval_ns >= 100 * ms);
        free(series);
    }
    struct pos_series *usual = make(5, 2);
    cr_expect_eq(usual->interval_ns, 100 * ms, "the usual run has the finest intervals");
    free(usual);
}
