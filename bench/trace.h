/* What a load met with one server, as a report tells it: latencies, course, outcome. */
#ifndef POS_BENCH_TRACE_H
#define POS_BENCH_TRACE_H

#include "bench/load.h"
#include "bench/series.h"

struct pos_trace {
    const char *name;
    bool is_denominator;                 /* what others are measured beside */
    bool is_open_loop;                   /* latency is from when requests should have gone out */
    const struct pos_histogram *latency; /* nanoseconds, of all rounds that count */
    const struct pos_series *series;     /* NULL: none */
    const struct pos_load_tally *tally;
    const uint64_t *unanswered;
};

/* The caller's; NULL: no memory. docs/benchmarks.md says what is in it. */
struct json_t *pos_trace_json(const struct pos_trace *trace);

/* The distribution alone, in columns, the last of share 1; empty without values. */
struct json_t *pos_trace_curve_json(const struct pos_histogram *latency);

/* Codes, and what went wrong otherwise. */
struct json_t *pos_trace_outcome_json(const struct pos_load_tally *tally, uint64_t unanswered);

#endif
