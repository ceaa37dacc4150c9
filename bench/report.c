#include "bench/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine.h"
#include "core/base/version.h"

bool pos_report_ratio(const struct pos_report *report, size_t of, size_t to,
                      struct pos_summary *ratio)
{
    const struct pos_rounds *above = &report->servers[of].rounds;
    const struct pos_rounds *below = &report->servers[to].rounds;
    for (size_t i = 0; i < above->count; i++)
        if (below->cpu_us[i] <= 0 || above->cpu_us[i] <= 0)
            return false;
    *ratio = pos_summarise_ratio(above->cpu_us, below->cpu_us, above->count);
    return true;
}

/* Everything is compared with the first server, and a gateway with every server before it. */
static bool is_compared(const struct pos_report *report, size_t of, size_t to)
{
    return to < of && (to == 0 || (report->subject > 0 && of >= report->subject));
}

/* ---- text ---- */

static void print_table(const struct pos_report *report)
{
    double rows = (double)report->options->rows;
    if (report->load_seconds > 0)
        printf("table made in %.1f s, %.0f rows a second; ", report->load_seconds,
               rows / report->load_seconds);
    if (report->table_bytes > 0)
        printf("%.0f bytes a row on disk; ", (double)report->table_bytes / rows);
    if (report->open_seconds > 0)
        printf("the gateway listened after %.2f s", report->open_seconds);
    if (report->cache_mb > 0)
        printf("; cache of %llu MiB, %s", (unsigned long long)report->cache_mb,
               report->cache_holds_all ? "room for all rows"
                                       : "too small for all rows: the disk is in play");
    if (report->load_seconds > 0 || report->table_bytes > 0 || report->open_seconds > 0)
        printf("\n");
}

static void print_head(const struct pos_report *report)
{
    const struct pos_bench_options *options = report->options;
    char machine[POS_MACHINE_TEXT_SIZE];
    pos_machine_text(machine);
    printf("%s: %u connections, %u outstanding, %u rounds of %g s after %g s of warm-up",
           report->command, options->connections, options->outstanding, options->rounds,
           options->duration_s, options->warm_up_s);
    if (options->requests > 0)
        printf(" or %llu requests", (unsigned long long)options->requests);
    printf("\n");
    if (options->rate > 0)
        printf("open loop: %llu requests a second, latency from when each should have gone out\n",
               (unsigned long long)options->rate);
    if (options->capacity > 0)
        printf("that is of %.0f a second in a closed loop\n", options->capacity);
    if (options->reconnect > 0)
        printf("a new connection after each %u requests\n", options->reconnect);
    if (report->subject > 0)
        printf("%llu rows, look-up %s, MAC %s, dialect %s, %llu different requests, each uniformly "
               "random\n",
               (unsigned long long)options->rows, options->remembered ? "remembered" : "each",
               options->mac ? "on" : "off", options->dialect->name,
               (unsigned long long)report->request_count);
    if (options->unregistered > 0)
        printf("%u %% of the requests name terminals that are not in the table\n",
               options->unregistered);
    print_table(report);
    printf("%s; %s, commit %s\n", machine, pos_version_line(), pos_version_commit());
    if (report->server_core >= 0)
        printf("server on core %d, load on core %d\n\n", report->server_core, report->load_core);
    else
        printf("not pinned: fewer than two cores\n\n");
}

static void print_cell(struct pos_summary summary, int decimals)
{
    char cell[64];
    (void)snprintf(cell, sizeof cell, "%.*f (%.*f to %.*f)", decimals, summary.median, decimals,
                   summary.low, decimals, summary.high);
    printf("  %-30s", cell);
}

/* One line: a measure of every server, median and spread. `offset` is the measure's in a struct
 * pos_rounds. */
static void print_row(const struct pos_report *report, const char *name, size_t offset,
                      int decimals)
{
    printf("%-22s", name);
    for (size_t i = 0; i < report->server_count; i++) {
        const struct pos_rounds *rounds = &report->servers[i].rounds;
        const double *values = (const double *)(const void *)((const char *)rounds + offset);
        struct pos_summary summary = pos_summarise(values, rounds->count);
        if (summary.high > 0)
            print_cell(summary, decimals);
        else
            printf("  %-30s", "not known");
    }
    printf("\n");
}

static void print_memory(const struct pos_report *report)
{
    printf("%-22s", "bytes a connection");
    for (size_t i = 0; i < report->server_count; i++)
        if (report->servers[i].memory_known)
            printf("  %-30.0f", report->servers[i].memory_per_connection);
        else
            printf("  %-30s", "not known");
    printf("\n");
}

static void print_outcome(const struct pos_report *report, const struct pos_measured *server)
{
    const struct pos_load_tally *tally = &server->tally;
    printf("%s: %llu replies", server->name, (unsigned long long)tally->replies);
    for (size_t i = 0; i < tally->code_count; i++)
        printf(", %s %llu", tally->codes[i].code, (unsigned long long)tally->codes[i].count);
    printf("; connections answered %u of %u", server->answered_connections,
           pos_measured_connections(server, report->options));
    printf("; unanswered %llu, lost connections %llu, unmatched %llu, unreadable %llu\n",
           (unsigned long long)server->unanswered, (unsigned long long)tally->lost,
           (unsigned long long)tally->unmatched, (unsigned long long)tally->unreadable);
}

static void print_text(const struct pos_report *report)
{
    struct pos_summary ratio;
    print_head(report);
    printf("%-22s", "median (low to high)");
    for (size_t i = 0; i < report->server_count; i++)
        printf("  %-30s", report->servers[i].name);
    printf("\n");
    print_row(report, "CPU us a request", offsetof(struct pos_rounds, cpu_us), 2);
    print_row(report, "requests a second", offsetof(struct pos_rounds, per_second), 0);
    print_row(report, "latency p50 us", offsetof(struct pos_rounds, p50_us), 0);
    print_row(report, "latency p99 us", offsetof(struct pos_rounds, p99_us), 0);
    print_row(report, "latency p99.9 us", offsetof(struct pos_rounds, p999_us), 0);
    print_row(report, "latency p99.99 us", offsetof(struct pos_rounds, p9999_us), 0);
    print_row(report, "latency max us", offsetof(struct pos_rounds, max_us), 0);
    if (report->options->rate > 0)
        print_row(report, "sent late p99 us", offsetof(struct pos_rounds, late_p99_us), 0);
    print_memory(report);
    printf("\n");
    for (size_t of = 1; of < report->server_count; of++)
        for (size_t to = 0; to < of; to++)
            if (is_compared(report, of, to) && pos_report_ratio(report, of, to, &ratio))
                printf("CPU of %s to %s: %.2f (%.2f to %.2f)\n", report->servers[of].name,
                       report->servers[to].name, ratio.median, ratio.low, ratio.high);
    for (size_t i = 0; i < report->server_count; i++)
        print_outcome(report, &report->servers[i]);
    if (report->missing_macs > 0)
        printf("%llu replies carried no MAC\n", (unsigned long long)report->missing_macs);
}

/* ---- JSON ---- */

static json_t *json_summary(const double *values, size_t count)
{
    struct pos_summary summary = pos_summarise(values, count);
    json_t *rounds = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(rounds, json_real(values[i]));
    return json_pack("{s:f, s:f, s:f, s:o}", "median", summary.median, "low", summary.low, "high",
                     summary.high, "rounds", rounds);
}

static json_t *json_codes(const struct pos_load_tally *tally)
{
    json_t *codes = json_object();
    for (size_t i = 0; i < tally->code_count; i++)
        (void)json_object_set_new(codes, tally->codes[i].code,
                                  json_integer((json_int_t)tally->codes[i].count));
    return codes;
}

static json_t *json_server(const struct pos_measured *server)
{
    const struct pos_rounds *rounds = &server->rounds;
    const struct pos_load_tally *tally = &server->tally;
    json_t *out = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", server->name,
                            "cpu_us_per_request", json_summary(rounds->cpu_us, rounds->count),
                            "requests_per_second", json_summary(rounds->per_second, rounds->count),
                            "latency_p50_us", json_summary(rounds->p50_us, rounds->count),
                            "latency_p99_us", json_summary(rounds->p99_us, rounds->count),
                            "latency_p999_us", json_summary(rounds->p999_us, rounds->count),
                            "latency_p9999_us", json_summary(rounds->p9999_us, rounds->count),
                            "latency_max_us", json_summary(rounds->max_us, rounds->count),
                            "sent_late_p99_us", json_summary(rounds->late_p99_us, rounds->count));
    json_t *outcome = json_pack(
        "{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:i}", "replies", (json_int_t)tally->replies, "good",
        (json_int_t)tally->good, "codes", json_codes(tally), "unanswered",
        (json_int_t)server->unanswered, "lost_connections", (json_int_t)tally->lost, "unmatched",
        (json_int_t)tally->unmatched, "unreadable", (json_int_t)tally->unreadable,
        "answered_connections", (int)server->answered_connections);
    if (outcome != NULL && out != NULL)
        (void)json_object_update(out, outcome);
    json_decref(outcome);
    if (out != NULL)
        (void)json_object_set_new(out, "memory_bytes_per_connection",
                                  server->memory_known ? json_real(server->memory_per_connection)
                                                       : json_null());
    return out;
}

json_t *pos_report_head(const struct pos_report *report)
{
    const struct pos_bench_options *options = report->options;
    char machine[POS_MACHINE_TEXT_SIZE];
    pos_machine_text(machine);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:I, s:i, s:i}", "command",
                     report->command, "machine", machine, "version", pos_version_line(), "commit",
                     pos_version_commit(), "connections", (int)options->connections, "outstanding",
                     (int)options->outstanding, "rounds", (int)options->rounds, "duration_s",
                     options->duration_s, "warm_up_s", options->warm_up_s, "requests",
                     (json_int_t)options->requests, "server_core", report->server_core, "load_core",
                     report->load_core);
}

static void add_ratios(const struct pos_report *report, json_t *out)
{
    struct pos_summary ratio;
    json_t *ratios = json_array();
    for (size_t of = 1; of < report->server_count; of++)
        for (size_t to = 0; to < of; to++)
            if (is_compared(report, of, to) && pos_report_ratio(report, of, to, &ratio))
                (void)json_array_append_new(
                    ratios, json_pack("{s:s, s:s, s:f, s:f, s:f}", "of", report->servers[of].name,
                                      "to", report->servers[to].name, "median", ratio.median, "low",
                                      ratio.low, "high", ratio.high));
    (void)json_object_set_new(out, "cpu_ratios", ratios);
}

static void add_auth(const struct pos_report *report, json_t *out)
{
    const struct pos_bench_options *options = report->options;
    json_t *auth =
        json_pack("{s:I, s:I, s:i, s:s, s:b, s:s, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:b}", "rows",
                  (json_int_t)options->rows, "working_set",
                  (json_int_t)(options->working_set > 0 ? options->working_set : options->rows),
                  "unregistered_percent", (int)options->unregistered, "lookup",
                  options->remembered ? "remembered" : "each", "mac", (int)options->mac, "dialect",
                  options->dialect->name, "different_requests", (json_int_t)report->request_count,
                  "missing_macs", (json_int_t)report->missing_macs, "closed_loop_per_second",
                  options->capacity, "table_load_s", report->load_seconds, "table_open_s",
                  report->open_seconds, "table_bytes", (json_int_t)report->table_bytes, "cache_mb",
                  (json_int_t)report->cache_mb, "cache_holds_all", (int)report->cache_holds_all);
    if (auth != NULL)
        (void)json_object_update(out, auth);
    json_decref(auth);
}

static enum pos_status print_json(const struct pos_report *report)
{
    json_t *out = pos_report_head(report), *servers = json_array();
    if (out == NULL || servers == NULL)
        return POS_ERR_MEMORY;
    for (size_t i = 0; i < report->server_count; i++)
        (void)json_array_append_new(servers, json_server(&report->servers[i]));
    (void)json_object_set_new(out, "servers", servers);
    (void)json_object_set_new(out, "rate", json_integer((json_int_t)report->options->rate));
    (void)json_object_set_new(out, "reconnect",
                              json_integer((json_int_t)report->options->reconnect));
    add_ratios(report, out);
    if (report->subject > 0)
        add_auth(report, out);
    int result = json_dumpf(out, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(out);
    return result == 0 ? POS_OK : POS_ERR_MEMORY;
}

enum pos_status pos_report_print(const struct pos_report *report)
{
    if (report->options->json)
        return print_json(report);
    print_text(report);
    return POS_OK;
}
