/*
 * The lines are those of HdrHistogram's outputPercentileDistribution (bench/percentiles.h), then
 * one of 100 %, whose last column would be infinite and is left out.
 */
#include "bench/hgrm.h"

#include <math.h>

#include "bench/percentiles.h"

/* Mean and deviation from the steps' upper ends, as the lines show them. */
static double deviation(const struct pos_histogram *latency, uint64_t count)
{
    double mean = pos_histogram_mean(latency), sum = 0;
    for (uint64_t seen = 0; seen < count;) {
        uint64_t value = pos_histogram_quantile(latency, (double)(seen + 1) / (double)count);
        uint64_t below = pos_histogram_count_below(latency, value);
        if (below <= seen)
            break;
        sum += (double)(below - seen) * ((double)value - mean) * ((double)value - mean);
        seen = below;
    }
    return count > 0 ? sqrt(sum / (double)count) : 0;
}

static void write_lines(const struct pos_histogram *latency, uint64_t count, FILE *to)
{
    uint64_t below = 0;
    double share = 0;
    while (below < count) {
        uint64_t value = pos_histogram_quantile(latency, share);
        below = pos_histogram_count_below(latency, value);
        (void)fprintf(to, "%12.3f %2.12f %10llu %14.2f\n", (double)value / 1e3, share,
                      (unsigned long long)below, 1 / (1 - share));
        share = pos_percentile_next(share);
    }
    (void)fprintf(to, "%12.3f %2.12f %10llu\n", (double)pos_histogram_quantile(latency, 1) / 1e3,
                  1.0, (unsigned long long)count);
}

void pos_hgrm_write(const struct pos_histogram *latency, FILE *to)
{
    uint64_t count = pos_histogram_count(latency);
    (void)fprintf(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                  "1/(1-Percentile)");
    if (count > 0)
        write_lines(latency, count, to);
    (void)fprintf(to, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
                  pos_histogram_mean(latency) / 1e3, deviation(latency, count) / 1e3);
    (void)fprintf(to, "#[Max     = %12.3f, Total count    = %12llu]\n",
                  (double)pos_histogram_quantile(latency, 1) / 1e3, (unsigned long long)count);
    (void)fprintf(to, "#[Buckets = %12d, SubBuckets     = %12d]\n", POS_HISTOGRAM_POWERS + 1,
                  POS_HISTOGRAM_STEPS);
}
