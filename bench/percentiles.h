/*
 * The shares at which a distribution of latencies is written: those of HdrHistogram's
 * outputPercentileDistribution with five ticks per half distance: 0 %, 10 %, ... 50 %, then five to
 * 75 %, five to 87.5 % and so on, until one holds every value.
 */
#ifndef POS_BENCH_PERCENTILES_H
#define POS_BENCH_PERCENTILES_H

/* From 0 on; below 1. */
double pos_percentile_next(double share);

#endif
