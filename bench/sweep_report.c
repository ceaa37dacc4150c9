/* What a sweep gave, for people and for programs; docs/benchmarks.md lists the keys. */
#include <jansson.h>
#include <stdio.h>

#include "bench/sweep.h"

/* ---- text ---- */

static void print_point(const struct pos_sweep_point *of, bool is_knee)
{
    printf("%5u %10llu %10.0f %8.2f %9.0f %9.0f %9.0f %9.0f %9.0f %10.0f%s%s\n", of->percent,
           (unsigned long long)of->rate, of->per_second, of->cpu_us, of->p50_us, of->p99_us,
           of->p999_us, of->p9999_us, of->max_us, of->sent_late_p99_us, is_knee ? "  <- knee" : "",
           of->good ? "" : "  not everything was answered");
}

/* Of all steps together. */
static void print_outcome(const struct pos_sweep_step *of)
{
    struct pos_load_tally tally = {0};
    uint64_t unanswered = 0;
    for (size_t i = 0; i < POS_SWEEP_STEP_COUNT; i++) {
        pos_load_tally_add(&tally, &of[i].tally);
        unanswered += of[i].unanswered;
    }
    pos_load_tally_print(&tally, unanswered, stdout);
    printf("\n");
}

static void print_server(const char *name, const struct pos_sweep_step *of)
{
    size_t knee = pos_sweep_knee_of(of);
    printf("\n%s\n%5s %10s %10s %8s %9s %9s %9s %9s %9s %10s\n", name, "%", "rate", "replies",
           "CPU us", "p50 us", "p99 us", "p99.9 us", "p99.99 us", "max us", "late p99");
    for (size_t i = 0; i < POS_SWEEP_STEP_COUNT; i++)
        print_point(&of[i].point, i == knee);
    if (knee == POS_SWEEP_STEP_COUNT)
        printf("no knee: the lowest rate is already too high\n");
    print_outcome(of);
}

static void print_text(const struct pos_sweep *sweep)
{
    const struct pos_bench_options *options = sweep->options;
    printf("sweep: the gateway answers %.0f a second in a closed loop of %u connections with %u "
           "outstanding; then open loops with at most %u, %u rounds of %g s each, medians\n",
           options->capacity, options->connections, options->outstanding, options->outstanding_open,
           options->rounds, options->duration_s);
    for (size_t i = 0; i < sweep->report->server_count; i++)
        print_server(sweep->report->servers[i].name, sweep->steps[i]);
}

/* ---- JSON ---- */

static json_t *json_step(const struct pos_sweep_step *step)
{
    const struct pos_sweep_point *of = &step->point;
    json_t *out = json_pack(
        "{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "percent",
        (int)of->percent, "rate", (json_int_t)of->rate, "requests_per_second", of->per_second,
        "cpu_us_per_request", of->cpu_us, "latency_p50_us", of->p50_us, "latency_p99_us",
        of->p99_us, "latency_p99_low_us", of->p99_low_us, "latency_p99_high_us", of->p99_high_us,
        "latency_p999_us", of->p999_us, "latency_p9999_us", of->p9999_us, "latency_max_us",
        of->max_us, "sent_late_p99_us", of->sent_late_p99_us, "good", (int)of->good);
    if (out != NULL) {
        (void)json_object_update_new(out, pos_trace_outcome_json(&step->tally, step->unanswered));
        (void)json_object_set_new(out, "good", json_boolean(of->good));
        (void)json_object_set_new(out, "latency_curve", pos_trace_curve_json(&step->latency));
    }
    return out;
}

static json_t *json_server(const struct pos_sweep *sweep, size_t i)
{
    const struct pos_sweep_step *steps = sweep->steps[i];
    size_t knee = pos_sweep_knee_of(steps);
    json_int_t rate = knee == POS_SWEEP_STEP_COUNT ? 0 : (json_int_t)steps[knee].point.rate;
    json_t *points = json_array();
    for (size_t step = 0; step < POS_SWEEP_STEP_COUNT; step++)
        (void)json_array_append_new(points, json_step(&steps[step]));
    return json_pack("{s:s, s:s, s:o, s:I}", "name", sweep->report->servers[i].name, "role",
                     i >= sweep->report->subject ? "subject" : "denominator", "points", points,
                     "knee_per_second", rate);
}

static json_t *json_all(const struct pos_sweep *sweep)
{
    json_t *out = pos_report_conditions_json(sweep->report), *servers = json_array();
    (void)json_object_update_new(out, pos_report_table_json(sweep->report));
    (void)json_object_del(out, "rate"); /* each point has its own */
    (void)json_object_set_new(out, "outstanding_at_a_rate",
                              json_integer(sweep->options->outstanding_open));
    for (size_t i = 0; i < sweep->report->server_count; i++)
        (void)json_array_append_new(servers, json_server(sweep, i));
    (void)json_object_set_new(out, "sweep", servers);
    return out;
}

enum pos_status pos_sweep_print(const struct pos_sweep *sweep, struct pos_error *error)
{
    struct pos_outputs *outputs = &sweep->options->outputs;
    if (!outputs->json)
        print_text(sweep);
    return pos_outputs_wanted(outputs) ? pos_outputs_give(outputs, json_all(sweep), error) : POS_OK;
}
