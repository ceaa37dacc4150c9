/* `auth`: authentications on the real gateway with a table of its own, beside denominators. */
#include <stdio.h>

#include "bench/command.h"
#include "bench/denominators.h"
#include "bench/hgrm_files.h"
#include "bench/interrupt.h"
#include "bench/progress.h"
#include "bench/report.h"
#include "bench/subject.h"
#include "bench/sweep.h"

enum { SUBJECTS = 2, SERVERS = POS_DENOMINATOR_SERVER_COUNT_MAX + SUBJECTS };
_Static_assert((int)SERVERS <= (int)POS_REPORT_SERVER_COUNT_MAX, "all fit a report");

struct auth {
    struct pos_bench_options options, vs_options;
    struct pos_pinning pinning;
    struct pos_denominators denominators;
    struct pos_subject subjects[SUBJECTS];
    struct pos_measured servers[SERVERS]; /* the denominators, then the gateways */
    size_t first, count;                  /* the first gateway; all */
    struct pos_hgrm_files files;
};

static struct auth auth;

/* ---- servers ---- */

/* The same gateway with other connections, or another one with the other MACs. */
static enum pos_status start_vs(struct pos_error *error)
{
    static char name[64];
    const struct pos_bench_options *options = &auth.options;
    struct pos_measured *server = &auth.servers[auth.count++];
    if (options->vs_connections > 0) {
        *server = auth.servers[auth.first];
        server->connections = options->vs_connections;
        (void)snprintf(name, sizeof name, "gateway, connections=%u", options->vs_connections);
        server->name = name;
        return POS_OK;
    }
    auth.vs_options = *options;
    auth.vs_options.mac = options->vs_mac;
    server->name = options->vs_mac ? "gateway, mac=on" : "gateway, mac=off";
    return pos_subject_start(&auth.subjects[1], &auth.vs_options, auth.pinning.server_core, server,
                             error);
}

static uint32_t most_connections(void)
{
    return auth.options.connections > auth.options.vs_connections ? auth.options.connections
                                                                  : auth.options.vs_connections;
}

static enum pos_status start_servers(struct pos_error *error)
{
    pos_progress_say("making a table of %llu rows and starting the servers",
                     (unsigned long long)auth.options.rows);
    enum pos_status status = pos_load_prepare(most_connections(), error);
    if (status == POS_OK)
        status = pos_denominators_start(&auth.denominators, &auth.options, auth.pinning.server_core,
                                        auth.servers, error);
    if (status != POS_OK)
        return status;
    auth.first = auth.denominators.count;
    auth.count = auth.first + 1;
    auth.servers[auth.first].name = "posgate-gateway";
    status = pos_subject_start(&auth.subjects[0], &auth.options, auth.pinning.server_core,
                               &auth.servers[auth.first], error);
    if (status == POS_OK && (auth.options.vs_mac_stated || auth.options.vs_connections > 0))
        status = start_vs(error);
    return status;
}

static bool end_servers(void)
{
    bool good = true;
    pos_denominators_end(&auth.denominators);
    for (size_t i = 0; i < SUBJECTS; i++)
        good = pos_subject_end(&auth.subjects[i]) && good;
    return good;
}

/* ---- what came of it ---- */

/* What was stated, kept or not. */
static int judge_limits(const struct pos_report *report)
{
    const struct pos_bench_options *options = report->options;
    const struct pos_measured *gateway = &auth.servers[auth.first];
    struct pos_summary ratio;
    int code = POS_EXIT_DONE;
    if (pos_slo_missed(&options->slo, &gateway->latency, "posgate-bench auth", stderr) > 0)
        code = POS_EXIT_MISSED;
    if (options->ratio_max <= 0 ||
        (pos_report_ratio(report, auth.first, 0, &ratio) && ratio.median <= options->ratio_max))
        return code;
    (void)fprintf(stderr, "posgate-bench auth: the ratio is above %g\n", options->ratio_max);
    return POS_EXIT_MISSED;
}

static int judge(const struct pos_report *report)
{
    for (size_t i = 0; i < auth.count; i++)
        if (!pos_measured_good(&auth.servers[i], report->options)) {
            (void)fprintf(stderr, "posgate-bench auth: %s did not answer everything as it should\n",
                          auth.servers[i].name);
            return POS_EXIT_FAILED;
        }
    return judge_limits(report);
}

static uint64_t missing_macs(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SUBJECTS; i++)
        if (auth.subjects[i].terminals != NULL)
            sum += pos_terminals_missing_macs(auth.subjects[i].terminals);
    return sum;
}

static struct pos_report form_report(void)
{
    const struct pos_subject *subject = &auth.subjects[0];
    return (struct pos_report){
        .command = "auth",
        .options = &auth.options,
        .servers = auth.servers,
        .server_count = auth.count,
        .subject = auth.first,
        .request_count = pos_terminals_request_count(subject->terminals),
        .missing_macs = missing_macs(),
        .load_seconds = subject->made.seconds,
        .open_seconds = subject->open_seconds,
        .table_bytes = subject->table_bytes,
        .cache_mb = subject->gateway.cache_mb,
        .cache_holds_all = subject->gateway.cache_holds_all,
        .pinning = auth.pinning,
    };
}

static int report(bool ended_well, struct pos_error *error)
{
    struct pos_report report = form_report();
    pos_progress_wipe();
    if (pos_report_print(&report, &auth.options.outputs, error) != POS_OK ||
        pos_hgrm_files_write(&auth.files, 0, &auth.servers[auth.first].latency, error) != POS_OK)
        return pos_command_fail("auth", error);
    int code = judge(&report);
    return code == POS_EXIT_DONE && !ended_well ? POS_EXIT_FAILED : code;
}

/* ---- the command ---- */

static enum pos_status measure(struct pos_error *error)
{
    enum pos_status status = POS_OK;
    if (auth.options.rate_percent > 0)
        status = pos_measure_capacity(&auth.servers[auth.first], &auth.options, error);
    return status == POS_OK ? pos_measure(auth.servers, auth.count, &auth.options, error) : status;
}

static int measure_and_report(enum pos_status status, struct pos_error *error)
{
    int code = POS_EXIT_FAILED;
    if (status == POS_OK && auth.options.sweep) {
        struct pos_report report = form_report();
        status = pos_sweep(auth.servers, &report, &auth.options, &auth.files, &code, error);
    } else if (status == POS_OK)
        status = measure(error);
    bool ended_well = end_servers();
    if (status != POS_OK)
        return pos_command_fail("auth", error);
    if (auth.options.sweep)
        return code == POS_EXIT_DONE && !ended_well ? POS_EXIT_FAILED : code;
    return report(ended_well, error);
}

int pos_command_auth(int argc, char **argv)
{
    struct pos_error error = {0};
    pos_bench_parse_auth(&auth.options, argc, argv);
    if (auth.options.against_count == 0)
        auth.options.against[auth.options.against_count++] = POS_DENOMINATOR_BARE;
    pos_interrupt_catch();
    auth.pinning = pos_pinning_choose();
    auth.options.spins = auth.pinning.load_core >= 0;
    enum pos_status status =
        pos_hgrm_files_open(&auth.files, auth.options.hgrm, auth.options.sweep, &error);
    if (status == POS_OK)
        status = start_servers(&error);
    if (status == POS_OK)
        pos_pin_self(auth.pinning.load_core);
    int code = measure_and_report(status, &error);
    for (size_t i = 0; i < SUBJECTS; i++)
        pos_subject_clean_up(&auth.subjects[i]);
    pos_hgrm_files_close(&auth.files);
    return code;
}
