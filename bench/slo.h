/* Limits that latency must keep: "p99<2ms,max<1s". */
#ifndef POS_BENCH_SLO_H
#define POS_BENCH_SLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/histogram.h"

enum { POS_SLO_COUNT_MAX = 6 };

struct pos_slo_limit {
    const char *name; /* "p99" */
    double share;     /* 0.99; 1: the largest value */
    uint64_t below_ns;
};

struct pos_slo {
    struct pos_slo_limit limits[POS_SLO_COUNT_MAX]; /* each name once */
    size_t count;                                   /* 0: none stated */
};

/* Takes p50, p90, p99, p99.9, p99.99 and max, each below a number of us, ms or s, with commas.
 * False: it is something else, and *slo is not to be used. */
bool pos_slo_parse(const char *text, struct pos_slo *slo);

/* Whether the latency (nanoseconds) keeps it; a histogram without values keeps none. */
bool pos_slo_met(const struct pos_slo_limit *limit, const struct pos_histogram *latency);

/* Says every limit that the latency does not keep; how many those are. */
size_t pos_slo_missed(const struct pos_slo *slo, const struct pos_histogram *latency,
                      const char *server, FILE *to);

#endif
