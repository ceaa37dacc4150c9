/*
 * `connections`: the memory of a server's own that an idle connection takes; with --churn whether
 * it stays what it was while connections come and go; and how a gateway's loops share them.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/command.h"
#include "bench/denominators.h"
#include "bench/gateway_status.h"
#include "bench/interrupt.h"
#include "bench/progress.h"
#include "bench/report.h"
#include "bench/report_head.h"
#include "bench/subject.h"

/* The bare libuv server and the gateway: the one says what the event loop takes. */
enum { LIBUV, GATEWAY, SERVERS };

enum {
    ROUND_S = 5,        /* about, before any was timed */
    CYCLE_REQUESTS = 2, /* on each connection, and then it is made anew */
    CYCLE_S_MAX = 120,
    SETTLE_TRIES = 10,
    USE_RATE_MAX = 20000, /* a second: no server is late */
};

/* Bytes a connection, by round. */
struct taken {
    double fresh[POS_ROUND_COUNT_MAX]; /* connected, and nothing else */
    double used[POS_ROUND_COUNT_MAX];  /* after a request on each */
};

struct connections {
    struct pos_bench_options options;
    struct pos_pinning pinning;
    struct pos_measured servers[SERVERS];
    struct pos_denominators denominators;
    struct pos_subject subject;
    struct taken taken[SERVERS];
    struct pos_histogram latency;
    size_t rounds; /* done */
    /* Of the gateway in the last round: bytes a connection before the first cycle and after each.
     */
    double churned[POS_CHURN_COUNT_MAX + 1];
    uint64_t made_anew;
    struct pos_gateway_status shared; /* by its loops, with all connected and used */
};

static struct connections connections;

/* The server's side of the last connects and replies may still be under way: until its memory
 * stands still. */
static void settle(const struct pos_measured *server)
{
    uint64_t before, now = pos_process_memory(server->pid);
    for (int i = 0; i < SETTLE_TRIES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        before = now;
        now = pos_process_memory(server->pid);
        if (now == before)
            return;
    }
}

static double taken_since(const struct pos_measured *server, uint64_t before)
{
    uint64_t after = pos_process_memory(server->pid);
    return after > before ? (double)(after - before) / connections.options.connections : 0;
}

/* One request on each connection, and no more. */
static enum pos_status use_each(struct pos_load *load, struct pos_measured *server,
                                struct pos_error *error)
{
    uint64_t rate = 4 * (uint64_t)connections.options.connections;
    struct pos_load_phase phase = {.duration_s = 10,
                                   .requests_max = connections.options.connections,
                                   .rate = rate < USE_RATE_MAX ? rate : USE_RATE_MAX,
                                   .latency = &connections.latency};
    pos_load_run(load, &phase);
    if (phase.answered_connections == connections.options.connections && phase.unanswered == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_IO, "%s answered on %u connections of %u", server->name,
                         phase.answered_connections, connections.options.connections);
}

static enum pos_status connect_all(const struct pos_measured *server, uint32_t reconnect,
                                   struct pos_load **load, struct pos_error *error)
{
    const struct pos_load_options options = {.address = "127.0.0.1",
                                             .port = server->port,
                                             .connections = connections.options.connections,
                                             .outstanding = 1,
                                             .reconnect = reconnect,
                                             .source = server->source};
    enum pos_status status = pos_load_open(&options, load, error);
    return status == POS_OK ? POS_OK : pos_error_prefix(error, "%s", server->name);
}

/* Connects, asks once on each, and measures before and after that. */
static enum pos_status fill(struct pos_measured *server, uint64_t before, double *fresh,
                            double *used, struct pos_error *error)
{
    struct pos_load *load;
    enum pos_status status = connect_all(server, 0, &load, error);
    if (status != POS_OK)
        return status;
    settle(server);
    *fresh = taken_since(server, before);
    status = use_each(load, server, error);
    settle(server);
    *used = taken_since(server, before);
    if (status == POS_OK && server == &connections.servers[GATEWAY])
        status = pos_gateway_status(connections.subject.folder, &connections.shared, error);
    pos_load_close(load);
    return status;
}

/* A connection for each request. They hang up themselves; what is left at the end is reset. */
static enum pos_status come_and_go(struct pos_measured *server, struct pos_error *error)
{
    struct pos_load *load;
    struct pos_load_phase phase = {.duration_s = CYCLE_S_MAX,
                                   .requests_max =
                                       (uint64_t)CYCLE_REQUESTS * connections.options.connections,
                                   .latency = &connections.latency};
    enum pos_status status = connect_all(server, 1, &load, error);
    if (status != POS_OK)
        return status;
    pos_load_run(load, &phase);
    pos_load_close(load);
    connections.made_anew += phase.tally.reconnected + connections.options.connections;
    if (phase.tally.good == phase.tally.replies && phase.tally.lost == 0 && phase.unanswered == 0)
        return POS_OK;
    return pos_error_set(
        error, POS_ERR_IO,
        "%s answered %llu of %llu as it should; lost connections %llu, "
        "unanswered %llu",
        server->name, (unsigned long long)phase.tally.good, (unsigned long long)phase.tally.replies,
        (unsigned long long)phase.tally.lost, (unsigned long long)phase.unanswered);
}

static enum pos_status churn(struct pos_measured *server, uint64_t before, struct pos_error *error)
{
    double fresh;
    enum pos_status status = POS_OK;
    uint32_t cycles = connections.options.churn;
    for (uint32_t i = 1; i <= cycles && status == POS_OK && !pos_interrupted(); i++) {
        pos_progress_step(i, cycles, "all come and go");
        status = come_and_go(server, error);
        if (status == POS_OK)
            status = fill(server, before, &fresh, &connections.churned[i], error);
        connections.made_anew += connections.options.connections;
    }
    return status;
}

static enum pos_status measure_server(struct pos_measured *server, struct taken *taken,
                                      struct pos_error *error)
{
    size_t round = connections.rounds;
    settle(server);
    uint64_t before = pos_process_memory(server->pid);
    if (before == 0)
        return pos_error_set(error, POS_ERR_IO, "cannot read the memory of %s", server->name);
    enum pos_status status = fill(server, before, &taken->fresh[round], &taken->used[round], error);
    if (status != POS_OK || server != &connections.servers[GATEWAY] ||
        round + 1 < connections.options.rounds)
        return status;
    connections.churned[0] = taken->used[round];
    return churn(server, before, error);
}

/* Both anew: memory that a closed connection gave back would be used again. */
static enum pos_status run_round(struct pos_error *error)
{
    struct pos_bench_options *options = &connections.options;
    int core = connections.pinning.server_core;
    connections.servers[GATEWAY] = (struct pos_measured){.name = "posgate-gateway"};
    enum pos_status status = pos_denominators_start(&connections.denominators, options, core,
                                                    connections.servers, error);
    if (status == POS_OK)
        status = pos_subject_start(&connections.subject, options, core,
                                   &connections.servers[GATEWAY], error);
    for (size_t i = 0; i < SERVERS && status == POS_OK; i++)
        status = measure_server(&connections.servers[i], &connections.taken[i], error);
    pos_denominators_end(&connections.denominators);
    if (!pos_subject_end(&connections.subject) && status == POS_OK)
        status = pos_error_set(error, POS_ERR_IO, "the gateway did not end as it should");
    pos_subject_clean_up(&connections.subject);
    memset(&connections.subject, 0, sizeof connections.subject);
    connections.rounds++;
    return status;
}

/* ---- report ---- */

static void print_churn(void)
{
    uint32_t cycles = connections.options.churn;
    if (cycles == 0)
        return;
    printf(
        "\nposgate-gateway after %llu connections made anew in %u cycles: %.0f bytes each, before "
        "%.0f\n",
        (unsigned long long)connections.made_anew, cycles, connections.churned[cycles],
        connections.churned[0]);
}

static void print_loops(void)
{
    const struct pos_gateway_status *shared = &connections.shared;
    for (uint32_t i = 0; shared->loop_count > 1 && i < shared->loop_count; i++)
        printf("%sloop %u: %llu connections, %llu replies\n", i == 0 ? "\n" : "", i,
               (unsigned long long)shared->loops[i].connections,
               (unsigned long long)shared->loops[i].replies);
}

static void print_text(void)
{
    printf("connections: %u idle ones, %zu rounds; bytes of the server's own memory for each, "
           "median (low to high)\n\n%-18s  %-24s  %-24s\n",
           connections.options.connections, connections.rounds, "", "connected",
           "after a request each");
    for (size_t i = 0; i < SERVERS; i++) {
        struct pos_summary fresh = pos_summarise(connections.taken[i].fresh, connections.rounds);
        struct pos_summary used = pos_summarise(connections.taken[i].used, connections.rounds);
        printf("%-18s  %6.0f (%.0f to %.0f)%8s  %6.0f (%.0f to %.0f)\n",
               connections.servers[i].name, fresh.median, fresh.low, fresh.high, "", used.median,
               used.low, used.high);
    }
    print_churn();
    print_loops();
}

static json_t *json_churn(void)
{
    json_t *bytes = json_array();
    for (uint32_t i = 0; i <= connections.options.churn; i++)
        (void)json_array_append_new(bytes, json_real(connections.churned[i]));
    return json_pack("{s:o, s:I}", "bytes_used", bytes, "made_anew",
                     (json_int_t)connections.made_anew);
}

static json_t *json_loops(void)
{
    const struct pos_gateway_status *shared = &connections.shared;
    json_t *loops = json_array();
    for (uint32_t i = 0; i < shared->loop_count; i++)
        (void)json_array_append_new(
            loops, json_pack("{s:I, s:I}", "connections", (json_int_t)shared->loops[i].connections,
                             "replies", (json_int_t)shared->loops[i].replies));
    return loops;
}

static json_t *json_all(void)
{
    const struct pos_bench_options *options = &connections.options;
    json_t *out = pos_report_head("connections", &options->outputs, connections.pinning);
    json_t *servers = json_array();
    for (size_t i = 0; i < SERVERS; i++) {
        const struct taken *taken = &connections.taken[i];
        (void)json_array_append_new(
            servers,
            json_pack("{s:s, s:s, s:o, s:o}", "name", connections.servers[i].name, "role",
                      i == GATEWAY ? "subject" : "denominator", "bytes_connected",
                      pos_report_rounds_json(taken->fresh, connections.rounds), "bytes_used",
                      pos_report_rounds_json(taken->used, connections.rounds)));
    }
    if (options->churn > 0)
        (void)json_object_set_new(json_array_get(servers, GATEWAY), "churn", json_churn());
    pos_report_merge(out, json_pack("{s:i, s:i, s:i, s:o, s:o}", "connections",
                                    (int)options->connections, "rounds", (int)options->rounds,
                                    "loops", (int)connections.shared.loop_count, "by_loop",
                                    json_loops(), "servers", servers));
    return out;
}

static int report(struct pos_error *error)
{
    struct pos_outputs *outputs = &connections.options.outputs;
    if (!outputs->json)
        print_text();
    if (pos_outputs_wanted(outputs) && pos_outputs_give(outputs, json_all(), error) != POS_OK)
        return pos_command_fail("connections", error);
    return POS_EXIT_DONE;
}

int pos_command_connections(int argc, char **argv)
{
    struct pos_error error = {0};
    struct pos_bench_options *options = &connections.options;
    pos_bench_parse_connections(options, argc, argv);
    options->against[options->against_count++] = POS_DENOMINATOR_LIBUV;
    pos_interrupt_catch();
    connections.pinning = pos_pinning_choose();
    enum pos_status status = pos_load_prepare(options->connections, &error);
    bool planned = pos_progress_plan(options->rounds + options->churn, ROUND_S);
    for (uint32_t round = 0; round < options->rounds && status == POS_OK; round++) {
        pos_progress_step(round + 1, options->rounds, "servers started anew");
        status = run_round(&error);
        if (status == POS_OK && pos_interrupted())
            status = pos_error_set(&error, POS_ERR_CLOSED, "interrupted");
    }
    pos_progress_leave(planned);
    if (status != POS_OK)
        return pos_command_fail("connections", &error);
    return report(&error);
}
