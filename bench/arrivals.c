#include "bench/arrivals.h"

#include "bench/folder.h"
#include "bench/load.h"
#include "bench/progress.h"

enum { KEY_TERMINALS = 0x600, TERMINALS = 100000, CONNECTIONS = 1000 };

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pos_arrivals *arrivals = state->input;
    switch (key) {
    case 'c':
        arrivals->options.connections = (uint32_t)pos_option_number(
            state, "--connections", argument, 1, POS_CONNECTION_COUNT_MAX);
        return 0;
    case 'o':
        arrivals->options.outstanding = (uint32_t)pos_option_number(
            state, "--outstanding", argument, 1, POS_PIPELINE_COUNT_MAX);
        return 0;
    case KEY_TERMINALS:
        arrivals->terminals =
            pos_option_number(state, "--terminals", argument, 1, POS_KEY_FILE_COUNT_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option own_options[] = {
    {"connections", 'c', "N", 0, "Connections at once; default 1000", 0},
    {"outstanding", 'o', "N", 0, "Requests under way on each; default 1", 0},
    {"terminals", KEY_TERMINALS, "N", 0,
     "Terminals that come, a share of them in each round; default 100000", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

const struct argp pos_arrivals_argp = {.options = own_options, .parser = parse};

void pos_arrivals_init(struct pos_arrivals *arrivals, enum pos_kind kind, struct pos_micro *micro)
{
    *arrivals = (struct pos_arrivals){.micro = micro,
                                      .terminals = TERMINALS,
                                      .kind = kind,
                                      .options = {.connections = CONNECTIONS,
                                                  .outstanding = 1,
                                                  .mac = true,
                                                  .dialect = &pos_dialect_iso87b}};
}

/* ---- rounds ---- */

/* Its share of the newcomers. What is under way when a round ends has come as well, and what was
 * read together with the last reply that counts. */
static uint64_t round_share(const struct pos_arrivals *arrivals)
{
    uint64_t share = arrivals->terminals / (arrivals->micro->options.rounds + 1);
    uint64_t under_way = (uint64_t)arrivals->options.connections * arrivals->options.outstanding;
    return share > 2 * under_way ? share - 2 * under_way : 0;
}

static void keep(struct pos_arrivals_seen *seen, const struct pos_load_phase *phase)
{
    pos_histogram_add(&seen->latency, phase->latency);
    pos_load_tally_add(&seen->tally, &phase->tally);
    seen->unanswered += phase->unanswered;
}

enum pos_status pos_arrivals_take(void *context, double seconds, struct pos_micro_reading *reading)
{
    static struct pos_histogram latency;
    struct pos_arrivals *arrivals = context;
    bool counts = arrivals->micro->round >= 0;
    struct pos_load_phase phase = {.duration_s = seconds,
                                   .requests_max = round_share(arrivals),
                                   .server_pid = arrivals->gateway.pid,
                                   .latency = &latency,
                                   .series = counts ? &arrivals->seen.series : NULL};
    pos_load_run(arrivals->load, &phase);
    if (counts)
        keep(&arrivals->seen, &phase);
    *reading = (struct pos_micro_reading){(double)phase.tally.good, phase.seconds};
    arrivals->cpu =
        (struct pos_micro_reading){(double)phase.tally.good, (double)phase.server_cpu_ns / 1e9};
    bool good = phase.tally.good == phase.tally.replies && phase.unanswered == 0 &&
                phase.tally.lost == 0 && phase.tally.unmatched == 0 && phase.tally.unreadable == 0;
    if (!good) {
        pos_progress_wipe();
        (void)fputs("posgate-bench: newcomers: ", stderr);
        pos_load_tally_print(&phase.tally, phase.unanswered, stderr);
        (void)fputs("\n", stderr);
    }
    return good ? POS_OK : POS_ERR_STATE;
}

enum pos_status pos_arrivals_take_cpu(void *context, double seconds,
                                      struct pos_micro_reading *reading)
{
    const struct pos_arrivals *arrivals = context;
    (void)seconds;
    *reading = arrivals->cpu;
    return POS_OK;
}

/* ---- making and starting ---- */

static enum pos_status make_newcomers(struct pos_arrivals *arrivals, struct pos_error *error)
{
    const struct pos_newcomers_options options = {.folder = arrivals->folder,
                                                  .count = arrivals->terminals,
                                                  .kind = arrivals->kind,
                                                  .dialect = arrivals->options.dialect};
    if (round_share(arrivals) == 0)
        return pos_error_set(error, POS_ERR_USAGE,
                             "--terminals: too few for %u rounds and what is under way",
                             arrivals->micro->options.rounds);
    enum pos_status status = pos_module_make(arrivals->folder, &arrivals->module, error);
    return status == POS_OK
               ? pos_newcomers_create(&options, &arrivals->module, &arrivals->newcomers, error)
               : status;
}

enum pos_status pos_arrivals_start(struct pos_arrivals *arrivals, struct pos_error *error)
{
    struct pos_load_options load = {.address = "127.0.0.1",
                                    .connections = arrivals->options.connections,
                                    .outstanding = arrivals->options.outstanding};
    arrivals->options.rows = arrivals->terminals;
    enum pos_status status = pos_load_prepare(load.connections, error);
    if (status == POS_OK)
        status =
            pos_gateway_run_start(arrivals->folder, &arrivals->options,
                                  arrivals->micro->pinning.server_core, &arrivals->gateway, error);
    if (status != POS_OK) {
        arrivals->gateway.pid = 0;
        return status;
    }
    load.port = arrivals->gateway.port;
    load.source = pos_newcomers_source(arrivals->newcomers);
    return pos_load_open(&load, &arrivals->load, error);
}

/* How it is measured, and where what comes of it will be. */
static void state(struct pos_arrivals *arrivals)
{
    struct pos_micro *micro = arrivals->micro;
    struct pos_arrivals_seen *seen = &arrivals->seen;
    pos_micro_number(micro, "connections", arrivals->options.connections);
    pos_micro_number(micro, "outstanding", arrivals->options.outstanding);
    pos_micro_number(micro, "terminals", arrivals->terminals);
    pos_series_init(&seen->series, micro->options.rounds, micro->options.duration_s);
    pos_micro_trace(micro, &(struct pos_trace){.name = "gateway, through sockets",
                                               .latency = &seen->latency,
                                               .series = &seen->series,
                                               .tally = &seen->tally,
                                               .unanswered = &seen->unanswered});
}

enum pos_status pos_arrivals_make(struct pos_arrivals *arrivals, struct pos_error *error)
{
    state(arrivals);
    enum pos_status status = pos_folder_make(NULL, arrivals->folder, error);
    if (status == POS_OK)
        return make_newcomers(arrivals, error);
    arrivals->folder[0] = '\0'; /* not ours to remove */
    return status;
}

void pos_arrivals_end(struct pos_arrivals *arrivals)
{
    pos_load_close(arrivals->load);
    if (arrivals->gateway.pid != 0 && !pos_gateway_run_end(&arrivals->gateway))
        pos_folder_show_log(arrivals->gateway.log_path);
    pos_newcomers_destroy(arrivals->newcomers);
    pos_module_close(&arrivals->module);
    if (arrivals->folder[0] != '\0')
        pos_folder_remove(arrivals->folder);
}
