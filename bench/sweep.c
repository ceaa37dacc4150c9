#include "bench/sweep.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>

#include "core/base/exit_code.h"

static const double latency_times = 5, answered_share = 0.99;

/* By server and step. */
static struct pos_sweep_point points[POS_REPORT_SERVER_COUNT_MAX][POS_SWEEP_STEP_COUNT];

unsigned pos_sweep_percent(size_t step)
{
    return step + 1 < POS_SWEEP_STEP_COUNT ? 10 * ((unsigned)step + 1) : 95;
}

size_t pos_sweep_knee(const struct pos_sweep_point *of, size_t count)
{
    double quiet[3] = {0};
    size_t quiet_count = count < 3 ? count : 3;
    assert(count > 0);
    for (size_t i = 0; i < quiet_count; i++)
        quiet[i] = of[i].p99_us;
    double limit = latency_times * pos_summarise(quiet, quiet_count).median;
    for (size_t i = 0; i < count; i++)
        if (of[i].p99_us > limit || of[i].per_second < answered_share * (double)of[i].rate)
            return i == 0 ? count : i - 1;
    return count - 1;
}

static double median(const double *values, size_t count)
{
    return pos_summarise(values, count).median;
}

static struct pos_sweep_point point_of(const struct pos_measured *server,
                                       const struct pos_bench_options *options)
{
    const struct pos_rounds *rounds = &server->rounds;
    return (struct pos_sweep_point){
        .percent = (unsigned)options->rate_percent,
        .rate = options->rate,
        .per_second = median(rounds->per_second, rounds->count),
        .cpu_us = median(rounds->cpu_us, rounds->count),
        .p50_us = median(rounds->p50_us, rounds->count),
        .p99_us = median(rounds->p99_us, rounds->count),
        .p999_us = median(rounds->p999_us, rounds->count),
        .p9999_us = median(rounds->p9999_us, rounds->count),
        .max_us = median(rounds->max_us, rounds->count),
        .sent_late_p99_us = median(rounds->late_p99_us, rounds->count),
        .good = pos_measured_good(server, options),
    };
}

static enum pos_status take_step(struct pos_measured *servers, size_t count, size_t step,
                                 struct pos_bench_options *options, struct pos_error *error)
{
    options->rate_percent = pos_sweep_percent(step);
    options->rate = (uint64_t)(options->capacity * options->rate_percent / 100) + 1;
    for (size_t i = 0; i < count; i++)
        pos_measured_reset(&servers[i]);
    enum pos_status status = pos_measure(servers, count, options, error);
    for (size_t i = 0; status == POS_OK && i < count; i++)
        points[i][step] = point_of(&servers[i], options);
    return status;
}

/* ---- text ---- */

static void print_server(const struct pos_measured *server, const struct pos_sweep_point *of)
{
    size_t knee = pos_sweep_knee(of, POS_SWEEP_STEP_COUNT);
    printf("\n%s\n%5s %10s %10s %8s %9s %9s %9s %9s %9s %10s\n", server->name, "%", "rate",
           "replies", "CPU us", "p50 us", "p99 us", "p99.9 us", "p99.99 us", "max us", "late p99");
    for (size_t i = 0; i < POS_SWEEP_STEP_COUNT; i++)
        printf("%5u %10llu %10.0f %8.2f %9.0f %9.0f %9.0f %9.0f %9.0f %10.0f%s%s\n", of[i].percent,
               (unsigned long long)of[i].rate, of[i].per_second, of[i].cpu_us, of[i].p50_us,
               of[i].p99_us, of[i].p999_us, of[i].p9999_us, of[i].max_us, of[i].sent_late_p99_us,
               i == knee ? "  <- knee" : "", of[i].good ? "" : "  not everything was answered");
    if (knee == POS_SWEEP_STEP_COUNT)
        printf("no knee: the lowest rate is already too high\n");
}

static void print_text(const struct pos_report *report)
{
    const struct pos_bench_options *options = report->options;
    printf("sweep: the gateway answers %.0f a second in a closed loop of %u connections with %u "
           "outstanding; then open loops, %u rounds of %g s each, medians\n",
           options->capacity, options->connections, options->outstanding, options->rounds,
           options->duration_s);
    for (size_t i = 0; i < report->server_count; i++)
        print_server(&report->servers[i], points[i]);
}

/* ---- JSON ---- */

static json_t *json_points(const struct pos_sweep_point *of)
{
    json_t *out = json_array();
    for (size_t i = 0; i < POS_SWEEP_STEP_COUNT; i++)
        (void)json_array_append_new(
            out, json_pack("{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "percent",
                           (int)of[i].percent, "rate", (json_int_t)of[i].rate,
                           "requests_per_second", of[i].per_second, "cpu_us_per_request",
                           of[i].cpu_us, "latency_p50_us", of[i].p50_us, "latency_p99_us",
                           of[i].p99_us, "latency_p999_us", of[i].p999_us, "latency_p9999_us",
                           of[i].p9999_us, "latency_max_us", of[i].max_us, "sent_late_p99_us",
                           of[i].sent_late_p99_us, "good", (int)of[i].good));
    return out;
}

static enum pos_status print_json(const struct pos_report *report)
{
    json_t *out = pos_report_head(report), *servers = json_array();
    if (out == NULL || servers == NULL)
        return POS_ERR_MEMORY;
    for (size_t i = 0; i < report->server_count; i++) {
        size_t knee = pos_sweep_knee(points[i], POS_SWEEP_STEP_COUNT);
        (void)json_array_append_new(
            servers, json_pack("{s:s, s:o, s:I}", "name", report->servers[i].name, "points",
                               json_points(points[i]), "knee_per_second",
                               knee == POS_SWEEP_STEP_COUNT ? (json_int_t)0
                                                            : (json_int_t)points[i][knee].rate));
    }
    (void)json_object_set_new(out, "closed_loop_per_second", json_real(report->options->capacity));
    (void)json_object_set_new(out, "sweep", servers);
    int result = json_dumpf(out, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(out);
    return result == 0 ? POS_OK : POS_ERR_MEMORY;
}

/* ---- the sweep ---- */

/* Beyond the knee a rate may be too much; up to it everything must be answered. */
static bool is_good(const struct pos_sweep_point *of)
{
    size_t knee = pos_sweep_knee(of, POS_SWEEP_STEP_COUNT);
    for (size_t i = 0; i < POS_SWEEP_STEP_COUNT && i <= knee; i++)
        if (!of[i].good)
            return false;
    return true;
}

enum pos_status pos_sweep(struct pos_measured *servers, const struct pos_report *report,
                          struct pos_bench_options *options, int *code, struct pos_error *error)
{
    options->rate_percent = 100;
    enum pos_status status = pos_measure_capacity(&servers[report->subject], options, error);
    for (size_t step = 0; step < POS_SWEEP_STEP_COUNT && status == POS_OK; step++)
        status = take_step(servers, report->server_count, step, options, error);
    if (status != POS_OK)
        return status;
    if (options->json)
        status = print_json(report);
    else
        print_text(report);
    *code = status == POS_OK ? POS_EXIT_DONE : POS_EXIT_FAILED;
    for (size_t i = 0; i < report->server_count; i++)
        if (!is_good(points[i]))
            *code = POS_EXIT_FAILED;
    return POS_OK;
}
