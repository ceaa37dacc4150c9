/*
 * Log-linear histogram of latencies: 128 linear steps in every power of two, so a recorded value is
 * off by less than 0.8 %. Fixed memory, no allocation, a few nanoseconds to record.
 * One writer; a reader on another thread may see a value a little late, never a torn one.
 */
#ifndef POS_BASE_HISTOGRAM_H
#define POS_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    POS_HISTOGRAM_STEPS = 128,
    POS_HISTOGRAM_POWERS = 35, /* up to 2^42 ns, 73 minutes; larger values count as that */
    POS_HISTOGRAM_SLOTS = POS_HISTOGRAM_STEPS * (POS_HISTOGRAM_POWERS + 1),
};

struct pos_histogram {
    _Atomic uint64_t slots[POS_HISTOGRAM_SLOTS]; /* zeroed is empty */
    _Atomic uint64_t sum;
    _Atomic uint64_t max;
};

void pos_histogram_record(struct pos_histogram *histogram, uint64_t value);
/* The same value `times` times. */
void pos_histogram_record_times(struct pos_histogram *histogram, uint64_t value, uint64_t times);
/* Adds `from` to `into`. */
void pos_histogram_add(struct pos_histogram *into, const struct pos_histogram *from);
uint64_t pos_histogram_count(const struct pos_histogram *histogram);
/* Smallest recorded value (its step's upper end) at or below which a share of all values lies;
 * share from 0 to 1, 0.999 for p99.9. 0 when empty. */
uint64_t pos_histogram_quantile(const struct pos_histogram *histogram, double share);
double pos_histogram_mean(const struct pos_histogram *histogram);
/* How many values are at or below `value`, to the precision of a step. */
uint64_t pos_histogram_count_below(const struct pos_histogram *histogram, uint64_t value);

#endif
