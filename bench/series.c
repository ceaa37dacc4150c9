#include "bench/series.h"

#include <math.h>
#include <string.h>

static const double shortest_s = 0.1;

/* 0.1, 0.2, 0.5, 1, 2, 5 ... */
static double next_length(double length)
{
    double decade = pow(10, floor(log10(length) + 0.01));
    double step = length / decade;
    return decade * (step < 1.5 ? 2 : step < 3 ? 5 : 10);
}

void pos_series_init(struct pos_series *series, uint32_t rounds, double round_s)
{
    double length = shortest_s;
    while (rounds * (ceil((round_s + POS_SERIES_DRAIN_S) / length) + 1) >
           POS_SERIES_POINT_COUNT_MAX)
        length = next_length(length);
    memset(series, 0, sizeof *series);
    series->interval_ns = (uint64_t)llround(length * 1e9);
}

void pos_series_begin(struct pos_series *series, uint64_t now_ns)
{
    series->round++;
    series->start_ns = series->since_ns = now_ns;
    memset(&series->now, 0, sizeof series->now);
}

/* The interval that ends at `end_ns` becomes a point, and another begins. */
static void close_interval(struct pos_series *series, uint64_t end_ns)
{
    if (series->count == POS_SERIES_POINT_COUNT_MAX)
        return;
    series->points[series->count++] = (struct pos_series_point){
        .round = series->round,
        .at_s = (double)(series->since_ns - series->start_ns) / 1e9,
        .length_s = (double)(end_ns - series->since_ns) / 1e9,
        .count = pos_histogram_count(&series->now),
        .p50_ns = pos_histogram_quantile(&series->now, 0.5),
        .p99_ns = pos_histogram_quantile(&series->now, 0.99),
        .max_ns = pos_histogram_quantile(&series->now, 1),
    };
    series->since_ns = end_ns;
    memset(&series->now, 0, sizeof series->now);
}

static void catch_up(struct pos_series *series, uint64_t now_ns)
{
    while (now_ns >= series->since_ns + series->interval_ns &&
           series->count < POS_SERIES_POINT_COUNT_MAX)
        close_interval(series, series->since_ns + series->interval_ns);
}

void pos_series_end(struct pos_series *series, uint64_t now_ns)
{
    catch_up(series, now_ns);
    if (now_ns > series->since_ns)
        close_interval(series, now_ns);
}

void pos_series_record(struct pos_series *series, uint64_t now_ns, uint64_t latency_ns)
{
    catch_up(series, now_ns);
    pos_histogram_record(&series->now, latency_ns);
}
