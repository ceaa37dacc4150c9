#include "bench/measure.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/interrupt.h"
#include "bench/process.h"
#include "bench/progress.h"

enum { CAPACITY_ROUNDS = 3, LOAD_BUSY = 95, SERVER_BUSY = 90 /* percent of a core */ };
#define LATE_SHARE 0.5 /* of the latency */

/* Of one round. */
struct histograms {
    struct pos_histogram latency, lateness;
};

/* The server's side of the last connects may still be under way, and its memory be less. */
static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
}

uint32_t pos_measured_connections(const struct pos_measured *server,
                                  const struct pos_bench_options *options)
{
    return server->connections > 0 ? server->connections : options->connections;
}

uint32_t pos_measured_outstanding(const struct pos_bench_options *options)
{
    return options->rate > 0 ? options->outstanding_open : options->outstanding;
}

static enum pos_status connect_to(struct pos_measured *server, struct pos_load **load,
                                  const struct pos_bench_options *options, struct pos_error *error)
{
    const struct pos_load_options load_options = {
        .address = server->address,
        .port = server->port,
        .connections = pos_measured_connections(server, options),
        .outstanding = pos_measured_outstanding(options),
        .reconnect = options->reconnect,
        .spins = options->spins,
        .source = server->source,
    };
    bool first = server->rounds.count == 0 && server->tally.replies == 0;
    uint64_t before = server->pid != 0 ? pos_process_memory(server->pid) : 0;
    enum pos_status status = pos_load_open(&load_options, load, error);
    if (status != POS_OK)
        return pos_error_prefix(error, "%s", server->name);
    if (!first)
        return POS_OK;
    settle();
    uint64_t after = server->pid != 0 ? pos_process_memory(server->pid) : 0;
    server->memory_known = before != 0 && after >= before;
    server->memory_per_connection = (double)(after - before) / load_options.connections;
    return POS_OK;
}

static double quantile_us(const struct pos_histogram *latency, double share)
{
    return (double)pos_histogram_quantile(latency, share) / 1e3;
}

static void keep_round(struct pos_measured *server, const struct pos_load_phase *phase)
{
    struct pos_rounds *rounds = &server->rounds;
    size_t i = rounds->count++;
    double replies = (double)phase->tally.replies;
    rounds->cpu_us[i] = replies > 0 ? (double)phase->server_cpu_ns / 1e3 / replies : 0;
    rounds->per_second[i] = phase->seconds > 0 ? replies / phase->seconds : 0;
    rounds->server_busy[i] = (double)phase->server_cpu_ns / 1e7 / phase->seconds;
    rounds->load_busy[i] = (double)phase->load_cpu_ns / 1e7 / phase->seconds;
    rounds->p50_us[i] = quantile_us(phase->latency, 0.5);
    rounds->p99_us[i] = quantile_us(phase->latency, 0.99);
    rounds->p999_us[i] = quantile_us(phase->latency, 0.999);
    rounds->p9999_us[i] = quantile_us(phase->latency, 0.9999);
    rounds->max_us[i] = quantile_us(phase->latency, 1);
    rounds->late_p99_us[i] = quantile_us(phase->lateness, 0.99);
    pos_histogram_add(&server->latency, phase->latency);
}

static void tell_progress(void *context, const struct pos_series_point *point,
                          const struct pos_load_tally *so_far)
{
    const struct pos_measured *server = context;
    uint64_t errors = server->tally.replies - server->tally.good + so_far->replies - so_far->good +
                      so_far->lost + so_far->unmatched + so_far->unreadable;
    pos_progress_tell(point->length_s > 0 ? (double)point->count / point->length_s : 0,
                      (double)point->p99_ns / 1e3, errors);
}

static void run_round(struct pos_measured *server, struct pos_load *load,
                      const struct pos_bench_options *options, bool counts,
                      struct histograms *histograms)
{
    struct pos_load_phase phase = {
        .warm_up_s = options->warm_up_s,
        .duration_s = options->duration_s,
        .requests_max = options->requests,
        .server_pid = server->pid,
        .rate = options->rate,
        .latency = &histograms->latency,
        .lateness = &histograms->lateness,
        .series = counts ? &server->series : NULL,
        .tell = tell_progress,
        .tell_context = server,
    };
    pos_load_run(load, &phase);
    pos_load_tally_add(&server->tally, &phase.tally);
    server->unanswered += phase.unanswered;
    if (server->answered_connections > phase.answered_connections)
        server->answered_connections = phase.answered_connections;
    if (counts)
        keep_round(server, &phase);
}

/* Connects for the round and disconnects after it: so both servers' connections need not fit into
 * this process's descriptors together. */
static enum pos_status one_round(struct pos_measured *server,
                                 const struct pos_bench_options *options, bool counts,
                                 struct histograms *histograms, struct pos_error *error)
{
    struct pos_load *load;
    enum pos_status status = connect_to(server, &load, options, error);
    if (status != POS_OK)
        return status;
    run_round(server, load, options, counts, histograms);
    pos_load_close(load);
    return POS_OK;
}

/* ---- all rounds ---- */

static size_t steps_of(size_t servers, const struct pos_bench_options *options)
{
    return servers * (options->rounds + 1);
}

static double round_seconds(const struct pos_bench_options *options)
{
    return options->warm_up_s + options->duration_s;
}

enum pos_status pos_measure(struct pos_measured *servers, size_t count,
                            const struct pos_bench_options *options, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    struct histograms *histograms = calloc(1, sizeof *histograms);
    if (histograms == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to measure with");
    bool planned = pos_progress_plan(steps_of(count, options), round_seconds(options));
    for (size_t i = 0; i < count; i++) {
        servers[i].answered_connections = pos_measured_connections(&servers[i], options);
        pos_series_init(&servers[i].series, options->rounds, options->duration_s);
    }
    for (uint32_t round = 0; round <= options->rounds; round++)
        for (size_t i = 0; i < count && status == POS_OK; i++) {
            pos_progress_step(round, options->rounds, servers[i].name);
            status = one_round(&servers[i], options, round > 0, histograms, error);
            if (status == POS_OK && pos_interrupted())
                status = pos_error_set(error, POS_ERR_CLOSED, "interrupted");
        }
    pos_progress_leave(planned);
    free(histograms);
    return status;
}

void pos_measured_reset(struct pos_measured *server)
{
    memset(&server->rounds, 0, sizeof server->rounds);
    memset(&server->latency, 0, sizeof server->latency);
    memset(&server->series, 0, sizeof server->series);
    memset(&server->tally, 0, sizeof server->tally);
    server->unanswered = 0;
}

enum pos_status pos_measure_capacity(struct pos_measured *server, struct pos_bench_options *options,
                                     struct pos_error *error)
{
    struct pos_bench_options closed = *options;
    closed.rate = 0;
    closed.rounds = options->rounds < CAPACITY_ROUNDS ? options->rounds : CAPACITY_ROUNDS;
    enum pos_status status = pos_measure(server, 1, &closed, error);
    if (status != POS_OK)
        return status;
    options->capacity = pos_summarise(server->rounds.per_second, server->rounds.count).median;
    options->rate = (uint64_t)(options->capacity * options->rate_percent / 100);
    if (options->rate == 0)
        options->rate = 1;
    pos_measured_reset(server);
    return POS_OK;
}

static double median_of(const struct pos_measured *server, const double *values)
{
    return pos_summarise(values, server->rounds.count).median;
}

bool pos_measured_load_bound(const struct pos_measured *server,
                             const struct pos_bench_options *options)
{
    const struct pos_rounds *rounds = &server->rounds;
    if (rounds->count == 0)
        return false;
    if (options->rate > 0)
        return median_of(server, rounds->late_p99_us) >
               LATE_SHARE * median_of(server, rounds->p99_us);
    return server->pid != 0 && median_of(server, rounds->load_busy) > LOAD_BUSY &&
           median_of(server, rounds->server_busy) < SERVER_BUSY;
}

bool pos_measured_good(const struct pos_measured *server, const struct pos_bench_options *options)
{
    const struct pos_load_tally *tally = &server->tally;
    if (tally->replies == 0 || tally->good != tally->replies || tally->unmatched != 0)
        return false;
    for (size_t i = 0; i < tally->code_count; i++)
        if (tally->codes[i].good != tally->codes[i].count)
            return false;
    return tally->unreadable == 0 && tally->lost == 0 && server->unanswered == 0 &&
           server->answered_connections == pos_measured_connections(server, options);
}
