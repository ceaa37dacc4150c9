/*
 * A sweep: what the gateway reaches in a closed loop, then every server at shares of that, in an
 * open loop. The knee is the highest rate before latency leaves the quiet rates behind: up to it a
 * rate can be promised, beyond it queues grow.
 */
#ifndef POS_BENCH_SWEEP_H
#define POS_BENCH_SWEEP_H

#include "bench/hgrm_files.h"
#include "bench/report.h"
#include "bench/sweep_steps.h"

struct pos_sweep_point {
    unsigned percent;
    uint64_t rate;
    double per_second;                                /* replies */
    double cpu_us;                                    /* a request; 0: not known */
    double p50_us, p99_us, p999_us, p9999_us, max_us; /* medians of the rounds */
    double p99_low_us, p99_high_us;                   /* of the rounds */
    double sent_late_p99_us;
    bool good;
};

struct pos_sweep_step {
    struct pos_sweep_point point;
    struct pos_histogram latency; /* of all rounds of the step */
    struct pos_load_tally tally;
    uint64_t unanswered;
};

struct pos_sweep {
    const struct pos_report *report;
    struct pos_bench_options *options;
    struct pos_sweep_step steps[POS_REPORT_SERVER_COUNT_MAX][POS_SWEEP_STEP_COUNT];
};

/* The last point, counted from the first, before one whose p99 is more than five times the median
 * of the three first, or that answers less than 99 % of its rate. `count`: the first point is
 * already beyond; the caller says "none". */
size_t pos_sweep_knee(const struct pos_sweep_point *points, size_t count);
/* Of all steps of a server. */
size_t pos_sweep_knee_of(const struct pos_sweep_step *steps);

/* Measures and prints; report->subject is the gateway whose shares they are, and whose latencies
 * the files get. *code: of the program. What pos_measure returns; POS_ERR_IO of the files. */
POS_MUST_USE enum pos_status pos_sweep(struct pos_measured *servers,
                                       const struct pos_report *report,
                                       struct pos_bench_options *options,
                                       struct pos_hgrm_files *files, int *code,
                                       struct pos_error *error);

/* As the options' outputs say. */
POS_MUST_USE enum pos_status pos_sweep_print(const struct pos_sweep *sweep,
                                             struct pos_error *error);

#endif
