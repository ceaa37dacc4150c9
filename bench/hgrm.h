/* Latencies in the percentile text format of HdrHistogram, which its plotters read. */
#ifndef POS_BENCH_HGRM_H
#define POS_BENCH_HGRM_H

#include <stdio.h>

#include "core/base/histogram.h"

/* Of nanoseconds; the file's values are microseconds. What cannot be written shows in ferror. */
void pos_hgrm_write(const struct pos_histogram *latency, FILE *to);

#endif
