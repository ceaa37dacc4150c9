/*
 * A sweep: what the gateway reaches in a closed loop, then every server at shares of that, in an
 * open loop. The knee is the highest rate before latency leaves the quiet rates behind: up to it a
 * rate can be promised, beyond it queues grow.
 */
#ifndef POS_BENCH_SWEEP_H
#define POS_BENCH_SWEEP_H

#include "bench/report.h"

enum { POS_SWEEP_STEP_COUNT = 10 }; /* 10, 20 ... 90 and 95 % */

struct pos_sweep_point {
    unsigned percent;
    uint64_t rate;
    double per_second; /* replies */
    double cpu_us;     /* a request; 0: not known */
    double p50_us, p99_us, p999_us, p9999_us, max_us;
    double sent_late_p99_us;
    bool good;
};

unsigned pos_sweep_percent(size_t step);

/* The last point, counted from the first, before one whose p99 is more than five times the median
 * of the three first, or that answers less than 99 % of its rate. `count`: the first point is
 * already beyond; the caller says "none". */
size_t pos_sweep_knee(const struct pos_sweep_point *points, size_t count);

/* Measures and prints; report->subject is the gateway whose shares they are. *code: of the
 * program. What pos_measure returns. */
POS_MUST_USE enum pos_status pos_sweep(struct pos_measured *servers,
                                       const struct pos_report *report,
                                       struct pos_bench_options *options, int *code,
                                       struct pos_error *error);

#endif
