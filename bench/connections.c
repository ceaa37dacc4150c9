/* `connections`: the memory of a server's own that an idle connection takes. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/command.h"
#include "bench/denominators.h"
#include "bench/interrupt.h"
#include "bench/progress.h"
#include "bench/report.h"
#include "bench/report_head.h"
#include "bench/subject.h"

/* The bare libuv server and the gateway: the one says what the event loop takes. */
enum { LIBUV, GATEWAY, SERVERS };

enum { ROUND_S = 5 }; /* about, before any was timed */

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
};

static struct connections connections;

/* The server's side of the last connects and replies may still be under way. */
static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
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
    struct pos_load_phase phase = {.duration_s = 10,
                                   .requests_max = connections.options.connections,
                                   .rate = connections.options.connections,
                                   .latency = &connections.latency};
    pos_load_run(load, &phase);
    if (phase.answered_connections == connections.options.connections && phase.unanswered == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_IO, "%s answered on %u connections of %u", server->name,
                         phase.answered_connections, connections.options.connections);
}

static enum pos_status measure_server(struct pos_measured *server, struct taken *taken,
                                      struct pos_error *error)
{
    struct pos_load_options options = {.address = "127.0.0.1",
                                       .port = server->port,
                                       .connections = connections.options.connections,
                                       .outstanding = 1,
                                       .source = server->source};
    struct pos_load *load;
    settle();
    uint64_t before = pos_process_memory(server->pid);
    if (before == 0)
        return pos_error_set(error, POS_ERR_IO, "cannot read the memory of %s", server->name);
    enum pos_status status = pos_load_open(&options, &load, error);
    if (status != POS_OK)
        return pos_error_prefix(error, "%s", server->name);
    settle();
    taken->fresh[connections.rounds] = taken_since(server, before);
    status = use_each(load, server, error);
    settle();
    taken->used[connections.rounds] = taken_since(server, before);
    pos_load_close(load);
    return status;
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
                      pos_report_summary_json(pos_summarise(taken->fresh, connections.rounds)),
                      "bytes_used",
                      pos_report_summary_json(pos_summarise(taken->used, connections.rounds))));
    }
    pos_report_merge(out, json_pack("{s:i, s:i, s:o}", "connections", (int)options->connections,
                                    "rounds", (int)options->rounds, "servers", servers));
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
    bool planned = pos_progress_plan(options->rounds, ROUND_S);
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
