#include "bench/sweep.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/progress.h"
#include "core/base/exit_code.h"

static const double latency_times = 5, answered_share = 0.99;

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

size_t pos_sweep_knee_of(const struct pos_sweep_step *steps)
{
    struct pos_sweep_point points[POS_SWEEP_STEP_COUNT];
    for (size_t i = 0; i < POS_SWEEP_STEP_COUNT; i++)
        points[i] = steps[i].point;
    return pos_sweep_knee(points, POS_SWEEP_STEP_COUNT);
}

/* ---- measuring ---- */

static struct pos_summary summary(const double *values, const struct pos_rounds *rounds)
{
    return pos_summarise(values, rounds->count);
}

static struct pos_sweep_point point_of(const struct pos_measured *server,
                                       const struct pos_bench_options *options)
{
    const struct pos_rounds *rounds = &server->rounds;
    struct pos_summary p99 = summary(rounds->p99_us, rounds);
    return (struct pos_sweep_point){
        .percent = (unsigned)options->rate_percent,
        .rate = options->rate,
        .per_second = summary(rounds->per_second, rounds).median,
        .cpu_us = summary(rounds->cpu_us, rounds).median,
        .p50_us = summary(rounds->p50_us, rounds).median,
        .p99_us = p99.median,
        .p99_low_us = p99.low,
        .p99_high_us = p99.high,
        .p999_us = summary(rounds->p999_us, rounds).median,
        .p9999_us = summary(rounds->p9999_us, rounds).median,
        .max_us = summary(rounds->max_us, rounds).median,
        .sent_late_p99_us = summary(rounds->late_p99_us, rounds).median,
        .good = pos_measured_good(server, options),
    };
}

/* What is told of a step later, when the server's own figures are of another. */
static void keep_step(const struct pos_measured *server, const struct pos_bench_options *options,
                      struct pos_sweep_step *step)
{
    step->point = point_of(server, options);
    pos_histogram_add(&step->latency, &server->latency);
    step->tally = server->tally;
    step->unanswered = server->unanswered;
}

static enum pos_status take_step(struct pos_sweep *sweep, struct pos_measured *servers, size_t step,
                                 struct pos_hgrm_files *files, struct pos_error *error)
{
    struct pos_bench_options *options = sweep->options;
    options->rate_percent = pos_sweep_percent(step);
    options->rate = (uint64_t)(options->capacity * options->rate_percent / 100) + 1;
    pos_progress_stage("at %u %%, %llu a second: ", pos_sweep_percent(step),
                       (unsigned long long)options->rate);
    for (size_t i = 0; i < sweep->report->server_count; i++)
        pos_measured_reset(&servers[i]);
    enum pos_status status = pos_measure(servers, sweep->report->server_count, options, error);
    for (size_t i = 0; status == POS_OK && i < sweep->report->server_count; i++)
        keep_step(&servers[i], options, &sweep->steps[i][step]);
    return status == POS_OK
               ? pos_hgrm_files_write(files, step, &servers[sweep->report->subject].latency, error)
               : status;
}

static enum pos_status take_steps(struct pos_sweep *sweep, struct pos_measured *servers,
                                  struct pos_hgrm_files *files, struct pos_error *error)
{
    struct pos_bench_options *options = sweep->options;
    size_t rounds = sweep->report->server_count * (options->rounds + 1) * POS_SWEEP_STEP_COUNT;
    enum pos_status status = POS_OK;
    bool planned = pos_progress_plan(rounds, options->warm_up_s + options->duration_s);
    for (size_t step = 0; step < POS_SWEEP_STEP_COUNT && status == POS_OK; step++)
        status = take_step(sweep, servers, step, files, error);
    pos_progress_leave(planned);
    options->rate = 0; /* the report is of no single one */
    return status;
}

/* Beyond the knee a rate may be too much; up to it everything must be answered. */
static bool is_good(const struct pos_sweep_step *of)
{
    size_t knee = pos_sweep_knee_of(of);
    for (size_t i = 0; i < POS_SWEEP_STEP_COUNT && i <= knee; i++)
        if (!of[i].point.good)
            return false;
    return true;
}

static enum pos_status tell(const struct pos_sweep *sweep, int *code, struct pos_error *error)
{
    enum pos_status status = pos_sweep_print(sweep, error);
    *code = POS_EXIT_DONE;
    for (size_t i = 0; i < sweep->report->server_count; i++)
        if (!is_good(sweep->steps[i]))
            *code = POS_EXIT_FAILED;
    return status;
}

enum pos_status pos_sweep(struct pos_measured *servers, const struct pos_report *report,
                          struct pos_bench_options *options, struct pos_hgrm_files *files,
                          int *code, struct pos_error *error)
{
    struct pos_sweep *sweep = calloc(1, sizeof *sweep);
    if (sweep == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for a sweep");
    sweep->report = report;
    sweep->options = options;
    options->rate_percent = 100;
    pos_progress_stage("closed loop: ");
    enum pos_status status = pos_measure_capacity(&servers[report->subject], options, error);
    if (status == POS_OK)
        status = take_steps(sweep, servers, files, error);
    if (status == POS_OK)
        status = tell(sweep, code, error);
    free(sweep);
    return status;
}
