/* A report of limits or auth in JSON; docs/benchmarks.md lists its keys. */
#include <jansson.h>

#include "bench/redis.h"
#include "bench/report.h"
#include "bench/report_head.h"
#include "bench/trace.h"

json_t *pos_report_summary_json(struct pos_summary summary)
{
    return json_pack("{s:f, s:f, s:f}", "median", summary.median, "low", summary.low, "high",
                     summary.high);
}

json_t *pos_report_rounds_json(const double *values, size_t count)
{
    json_t *out = pos_report_summary_json(pos_summarise(values, count)), *rounds = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(rounds, json_real(values[i]));
    (void)json_object_set_new(out, "rounds", rounds);
    return out;
}

static json_t *json_server(const struct pos_report *report, size_t i)
{
    const struct pos_measured *server = &report->servers[i];
    const struct pos_rounds *rounds = &server->rounds;
    const struct pos_trace trace = pos_report_trace(report, i);
    json_t *out = pos_trace_json(&trace);
    pos_report_merge(
        out, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu_us_per_request",
                       pos_report_rounds_json(rounds->cpu_us, rounds->count), "requests_per_second",
                       pos_report_rounds_json(rounds->per_second, rounds->count), "latency_p50_us",
                       pos_report_rounds_json(rounds->p50_us, rounds->count), "latency_p99_us",
                       pos_report_rounds_json(rounds->p99_us, rounds->count), "latency_p999_us",
                       pos_report_rounds_json(rounds->p999_us, rounds->count), "latency_p9999_us",
                       pos_report_rounds_json(rounds->p9999_us, rounds->count), "latency_max_us",
                       pos_report_rounds_json(rounds->max_us, rounds->count), "sent_late_p99_us",
                       pos_report_rounds_json(rounds->late_p99_us, rounds->count)));
    pos_report_merge(out, json_pack("{s:o, s:o, s:b}", "server_busy_percent",
                                    pos_report_rounds_json(rounds->server_busy, rounds->count),
                                    "load_busy_percent",
                                    pos_report_rounds_json(rounds->load_busy, rounds->count),
                                    "load_bound",
                                    (int)pos_measured_load_bound(server, report->options)));
    pos_report_merge(
        out,
        json_pack("{s:i, s:i, s:o}", "connections",
                  (int)pos_measured_connections(server, report->options), "answered_connections",
                  (int)server->answered_connections, "memory_bytes_per_connection",
                  server->memory_known ? json_real(server->memory_per_connection) : json_null()));
    return out;
}

json_t *pos_report_conditions_json(const struct pos_report *report)
{
    const struct pos_bench_options *options = report->options;
    json_t *out = pos_report_head(report->command, &options->outputs, report->pinning);
    pos_report_merge(
        out,
        json_pack("{s:i, s:i, s:i, s:f, s:f, s:I, s:I, s:I}", "connections",
                  (int)options->connections, "outstanding", (int)pos_measured_outstanding(options),
                  "rounds", (int)options->rounds, "duration_s", options->duration_s, "warm_up_s",
                  options->warm_up_s, "requests", (json_int_t)options->requests, "rate",
                  (json_int_t)options->rate, "reconnect", (json_int_t)options->reconnect));
    return out;
}

static void add_ratios(const struct pos_report *report, json_t *out)
{
    struct pos_summary ratio;
    json_t *ratios = json_array();
    for (size_t of = 1; of < report->server_count; of++)
        for (size_t to = 0; to < of; to++)
            if (pos_report_compared(report, of, to) && pos_report_ratio(report, of, to, &ratio)) {
                json_t *one = pos_report_summary_json(ratio);
                pos_report_merge(one, json_pack("{s:s, s:s}", "of", report->servers[of].name, "to",
                                                report->servers[to].name));
                (void)json_array_append_new(ratios, one);
            }
    (void)json_object_set_new(out, "cpu_ratios", ratios);
    if (report->options->ratio_max > 0)
        (void)json_object_set_new(out, "ratio_max", json_real(report->options->ratio_max));
}

static void add_slo(const struct pos_report *report, json_t *out)
{
    const struct pos_slo *slo = &report->options->slo;
    const struct pos_histogram *latency = &report->servers[report->subject].latency;
    json_t *limits = json_array();
    for (size_t i = 0; i < slo->count; i++) {
        const struct pos_slo_limit *limit = &slo->limits[i];
        (void)json_array_append_new(
            limits, json_pack("{s:s, s:f, s:f, s:f, s:b}", "name", limit->name, "share",
                              limit->share, "below_us", (double)limit->below_ns / 1e3, "reached_us",
                              (double)pos_histogram_quantile(latency, limit->share) / 1e3, "met",
                              (int)pos_slo_met(limit, latency)));
    }
    (void)json_object_set_new(out, "slo", limits);
}

json_t *pos_report_table_json(const struct pos_report *report)
{
    const struct pos_bench_options *options = report->options;
    return json_pack("{s:I, s:I, s:i, s:s, s:b, s:s, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:b}",
                     "rows", (json_int_t)options->rows, "working_set",
                     (json_int_t)(options->working_set > 0 ? options->working_set : options->rows),
                     "unregistered_percent", (int)options->unregistered, "lookup",
                     options->remembered ? "remembered" : "each", "mac", (int)options->mac,
                     "dialect", options->dialect->name, "different_requests",
                     (json_int_t)report->request_count, "missing_macs",
                     (json_int_t)report->missing_macs, "closed_loop_per_second", options->capacity,
                     "table_load_s", report->load_seconds, "table_open_s", report->open_seconds,
                     "table_bytes", (json_int_t)report->table_bytes, "cache_mb",
                     (json_int_t)report->cache_mb, "cache_holds_all", (int)report->cache_holds_all);
}

/* What was measured beside, when it is not ours. */
static void add_redis(const struct pos_report *report, json_t *out)
{
    char version[POS_REDIS_VERSION_SIZE];
    const struct pos_bench_options *options = report->options;
    for (size_t i = 0; i < options->against_count; i++)
        if (options->against[i] == POS_DENOMINATOR_REDIS) {
            pos_redis_version(version);
            (void)json_object_set_new(json_object_get(out, "versions"), "redis",
                                      json_string(version));
        }
}

json_t *pos_report_json(const struct pos_report *report)
{
    json_t *out = pos_report_conditions_json(report), *servers = json_array();
    if (report->subject > 0)
        pos_report_merge(out, pos_report_table_json(report));
    for (size_t i = 0; i < report->server_count; i++)
        (void)json_array_append_new(servers, json_server(report, i));
    (void)json_object_set_new(out, "servers", servers);
    add_redis(report, out);
    add_ratios(report, out);
    if (report->subject > 0)
        add_slo(report, out);
    return out;
}
