/* What several rounds say together. */
#ifndef POS_BENCH_STATISTICS_H
#define POS_BENCH_STATISTICS_H

#include <stddef.h>

enum { POS_ROUND_COUNT_MAX = 101 };

struct pos_summary {
    double median, low, high; /* the spread is low to high: all rounds, none left out */
};

/* Of 1 to POS_ROUND_COUNT_MAX values, which stay in their order. */
struct pos_summary pos_summarise(const double *values, size_t count);

/* Round by round a[i] / b[i], then as above: neighbours in time are compared, not averages. */
struct pos_summary pos_summarise_ratio(const double *a, const double *b, size_t count);

#endif
