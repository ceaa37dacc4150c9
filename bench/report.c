#include "bench/report.h"

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

bool pos_report_compared(const struct pos_report *report, size_t of, size_t to)
{
    return to < of && (to == 0 || (report->subject > 0 && of >= report->subject));
}

struct pos_trace pos_report_trace(const struct pos_report *report, size_t server)
{
    const struct pos_measured *of = &report->servers[server];
    return (struct pos_trace){.name = of->name,
                              .is_denominator =
                                  report->subject == 0 ||
                                  server<report->subject, .is_open_loop = report->options->rate> 0,
                              .latency = &of->latency,
                              .series = &of->series,
                              .tally = &of->tally,
                              .unanswered = &of->unanswered};
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
           report->command, options->connections, pos_measured_outstanding(options),
           options->rounds, options->duration_s, options->warm_up_s);
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
    if (report->pinning.server_core >= 0)
        printf("server on core %d, load on core %d\n\n", report->pinning.server_core,
               report->pinning.load_core);
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
    printf("%s: ", server->name);
    pos_load_tally_print(&server->tally, server->unanswered, stdout);
    printf("; connections answered %u of %u\n", server->answered_connections,
           pos_measured_connections(server, report->options));
    if (pos_measured_load_bound(server, report->options))
        printf("%s: the load was too slow for it; do not rely on these figures\n", server->name);
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
    print_row(report, "server busy %", offsetof(struct pos_rounds, server_busy), 0);
    print_row(report, "load busy %", offsetof(struct pos_rounds, load_busy), 0);
    print_memory(report);
    printf("\n");
    for (size_t of = 1; of < report->server_count; of++)
        for (size_t to = 0; to < of; to++)
            if (pos_report_compared(report, of, to) && pos_report_ratio(report, of, to, &ratio))
                printf("CPU of %s to %s: %.2f (%.2f to %.2f)\n", report->servers[of].name,
                       report->servers[to].name, ratio.median, ratio.low, ratio.high);
    for (size_t i = 0; i < report->server_count; i++)
        print_outcome(report, &report->servers[i]);
    if (report->missing_macs > 0)
        printf("%llu replies carried no MAC\n", (unsigned long long)report->missing_macs);
}

enum pos_status pos_report_print(const struct pos_report *report, struct pos_outputs *outputs,
                                 struct pos_error *error)
{
    if (!outputs->json)
        print_text(report);
    return pos_outputs_wanted(outputs) ? pos_outputs_give(outputs, pos_report_json(report), error)
                                       : POS_OK;
}
