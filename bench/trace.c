#include "bench/trace.h"

#include <jansson.h>

#include "bench/percentiles.h"

static double us(uint64_t nanoseconds)
{
    return (double)nanoseconds / 1e3;
}

static json_t *json_quantile(const struct pos_histogram *latency, double share)
{
    return json_real(us(pos_histogram_quantile(latency, share)));
}

/* Of all rounds together, as --slo judges them; a server's other figures are medians of rounds. */
static json_t *json_latency(const struct pos_histogram *latency)
{
    return json_pack("{s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "count",
                     (json_int_t)pos_histogram_count(latency), "mean_us",
                     pos_histogram_mean(latency) / 1e3, "p50_us", json_quantile(latency, 0.5),
                     "p90_us", json_quantile(latency, 0.9), "p99_us", json_quantile(latency, 0.99),
                     "p999_us", json_quantile(latency, 0.999), "p9999_us",
                     json_quantile(latency, 0.9999), "max_us", json_quantile(latency, 1));
}

json_t *pos_trace_curve_json(const struct pos_histogram *latency)
{
    json_t *shares = json_array(), *values = json_array();
    uint64_t count = pos_histogram_count(latency), below = 0;
    double share = 0;
    while (below < count) {
        uint64_t value = pos_histogram_quantile(latency, share);
        below = pos_histogram_count_below(latency, value);
        (void)json_array_append_new(shares, json_real(share));
        (void)json_array_append_new(values, json_real(us(value)));
        share = pos_percentile_next(share);
    }
    if (count > 0) {
        (void)json_array_append_new(shares, json_real(1));
        (void)json_array_append_new(values, json_quantile(latency, 1));
    }
    return json_pack("{s:o, s:o}", "share", shares, "us", values);
}

/* Columns: many points take few words. */
static json_t *json_series(const struct pos_series *series)
{
    json_t *round = json_array(), *at = json_array(), *length = json_array(), *count = json_array();
    json_t *p50 = json_array(), *p99 = json_array(), *max = json_array();
    for (size_t i = 0; i < series->count; i++) {
        const struct pos_series_point *point = &series->points[i];
        (void)json_array_append_new(round, json_integer(point->round));
        (void)json_array_append_new(at, json_real(point->at_s));
        (void)json_array_append_new(length, json_real(point->length_s));
        (void)json_array_append_new(count, json_integer((json_int_t)point->count));
        (void)json_array_append_new(p50, json_real(us(point->p50_ns)));
        (void)json_array_append_new(p99, json_real(us(point->p99_ns)));
        (void)json_array_append_new(max, json_real(us(point->max_ns)));
    }
    return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "interval_s",
                     (double)series->interval_ns / 1e9, "round", round, "at_s", at, "length_s",
                     length, "replies", count, "p50_us", p50, "p99_us", p99, "max_us", max);
}

static json_t *json_codes(const struct pos_load_tally *tally)
{
    json_t *codes = json_object();
    for (size_t i = 0; i < tally->code_count; i++)
        (void)json_object_set_new(codes, tally->codes[i].code,
                                  json_integer((json_int_t)tally->codes[i].count));
    return codes;
}

json_t *pos_trace_outcome_json(const struct pos_load_tally *tally, uint64_t unanswered)
{
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I}", "replies", (json_int_t)tally->replies,
                     "good", (json_int_t)tally->good, "codes", json_codes(tally), "unanswered",
                     (json_int_t)unanswered, "lost_connections", (json_int_t)tally->lost,
                     "unmatched", (json_int_t)tally->unmatched, "unreadable",
                     (json_int_t)tally->unreadable);
}

json_t *pos_trace_json(const struct pos_trace *trace)
{
    json_t *out = pos_trace_outcome_json(trace->tally, *trace->unanswered);
    if (out == NULL)
        return NULL;
    (void)json_object_set_new(out, "name", json_string(trace->name));
    (void)json_object_set_new(out, "role",
                              json_string(trace->is_denominator ? "denominator" : "subject"));
    (void)json_object_set_new(out, "open_loop", json_boolean(trace->is_open_loop));
    (void)json_object_set_new(out, "latency", json_latency(trace->latency));
    (void)json_object_set_new(out, "latency_curve", pos_trace_curve_json(trace->latency));
    if (trace->series != NULL)
        (void)json_object_set_new(out, "series", json_series(trace->series));
    return out;
}
