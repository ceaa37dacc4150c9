/* The options of auth, and which of them go together. */
#include <string.h>

#include "bench/options_inside.h"
#include "core/base/limits.h"
#include "core/base/option.h"

enum {
    KEY_MAC = POS_KEY_OF_AUTH,
    KEY_DIALECT,
    KEY_TARGET,
    KEY_PID,
    KEY_KEEP,
    KEY_RATIO_MAX,
    KEY_TABLE,
    KEY_SWEEP,
    KEY_WORKING_SET,
    KEY_UNREGISTERED,
    KEY_LOOKUP,
    KEY_CACHE_MB,
    KEY_VS,
    KEY_SLO,
    KEY_HGRM,
};

static const struct argp_option auth_options[] = {
    {"lookup", KEY_LOOKUP, "each|remembered", 0,
     "How the gateway started here looks terminals up; default each", 0},
    {"cache-mb", KEY_CACHE_MB, "MIB", 0,
     "Its block cache; default: enough for all rows, where that fits the memory", 0},
    {"working-set", KEY_WORKING_SET, "N", 0,
     "Ask for so many of the rows only, uniformly random; default: for all", 0},
    {"unregistered", KEY_UNREGISTERED, "PERCENT", 0,
     "So many of the requests name well-formed SMNs that are not in the table, and must get 97", 0},
    {"sweep", KEY_SWEEP, NULL, 0,
     "At rates from 10 to 95 % of what a closed loop reaches, and where the knee is", 0},
    {"vs", KEY_VS, "WHAT", 0,
     "The gateway once more in turn: mac=on, mac=off or connections=N, otherwise the same", 0},
    {"mac", KEY_MAC, "on|off", 0, "Requests and replies carry MACs; default off", 0},
    {"dialect", KEY_DIALECT, "NAME", 0,
     "How messages are encoded: iso87b (default), iso87a, iso87x or cup", 0},
    {"target", KEY_TARGET, "HOST:PORT", 0,
     "Measure a gateway that serves such a table already (--keep made it); without MACs", 0},
    {"pid", KEY_PID, "PID", 0, "The target's process, for its CPU time and memory", 0},
    {"keep", KEY_KEEP, "FOLDER", 0, "Make the table in a new FOLDER and leave it there", 0},
    {"table", KEY_TABLE, "FOLDER", 0,
     "Start the gateway on a copy of a table that --keep left there, of as many rows", 0},
    {"ratio-max", KEY_RATIO_MAX, "R", 0,
     "End with 3 when the median ratio to the first of --against is above R", 0},
    {"slo", KEY_SLO, "LIMITS", 0,
     "End with 3 when the gateway's latency over all rounds misses one of LIMITS, such as "
     "p99<2ms,max<1s: p50, p90, p99, p99.9, p99.99, max in us, ms or s",
     0},
    {"hgrm", KEY_HGRM, "FILE", 0,
     "Write the gateway's latencies over all rounds in HdrHistogram's percentile format, in us; "
     "with "
     "--sweep a file for each rate, FILE-10.hgrm to FILE-95.hgrm for FILE.hgrm",
     0},
    {NULL, 0, NULL, 0, NULL, 0}};

static const struct pos_dialect *dialect(struct argp_state *state, const char *text)
{
    char memory[128];
    struct pos_buffer names = pos_buffer(memory, sizeof memory);
    const struct pos_dialect *found = pos_dialect_find(pos_bytes_text(text));
    pos_dialect_names(&names);
    if (found == NULL)
        argp_error(state, "--dialect takes one of %.*s, not '%s'", (int)names.size, memory, text);
    return found;
}

/* "mac=on" is told from --mac when all options are known. */
static void parse_vs(struct argp_state *state, struct pos_bench_options *options, const char *text)
{
    static const char connections[] = "connections=", mac[] = "mac=";
    if (strncmp(text, connections, sizeof connections - 1) == 0) {
        options->vs_connections =
            (uint32_t)pos_option_number(state, "--vs connections", text + sizeof connections - 1, 1,
                                        POS_BENCH_CONNECTION_COUNT_MAX);
        return;
    }
    if (strncmp(text, mac, sizeof mac - 1) != 0)
        argp_error(state, "--vs takes mac=on, mac=off or connections=N, not '%s'", text);
    options->vs_mac_stated = true;
    options->vs_mac = pos_option_on(state, "--vs mac", text + sizeof mac - 1);
}

static void check_vs(struct argp_state *state, const struct pos_bench_options *options)
{
    if (options->vs_mac_stated && options->vs_mac == options->mac)
        argp_error(state, "--vs mac and --mac are the same");
    if (options->vs_mac_stated && options->vs_connections > 0)
        argp_error(state, "--vs takes one thing");
    if (options->vs_mac_stated && (options->target != NULL || options->keep != NULL))
        argp_error(state, "--vs mac takes two tables: not with --target or --keep");
    if (options->sweep && (options->vs_mac_stated || options->vs_connections > 0))
        argp_error(state, "--sweep and --vs do not go together");
}

static void parse_slo(struct argp_state *state, struct pos_slo *slo, const char *text)
{
    if (!pos_slo_parse(text, slo))
        argp_error(
            state,
            "--slo takes limits such as p99<2ms,max<1s (p50, p90, p99, p99.9, p99.99 or max, "
            "each once; us, ms or s up to an hour), not '%s'",
            text);
}

static void check_auth(struct argp_state *state, const struct pos_bench_options *options)
{
    if (options->target != NULL && options->mac)
        argp_error(state, "--target and --mac on: the terminals' keys are not known");
    if ((options->target != NULL) + (options->keep != NULL) + (options->table != NULL) > 1)
        argp_error(state, "--target, --keep and --table: only one of them, there is one table");
    if (options->target != NULL && (options->remembered || options->cache_mb > 0))
        argp_error(state, "--target has its own configuration: no --lookup or --cache-mb");
    if (options->working_set > options->rows)
        argp_error(state, "--working-set is larger than --rows");
    if (options->sweep && (options->rate > 0 || options->rate_percent > 0))
        argp_error(state, "--sweep chooses the rates: not with --rate");
    if (options->sweep && options->slo.count > 0)
        argp_error(state, "--sweep has many rates: --slo is for one, state a --rate");
    check_vs(state, options);
    if (options->target == NULL && options->target_pid != 0)
        argp_error(state, "--pid is for --target");
    if (options->target != NULL && options->target_pid == 0 && options->ratio_max > 0)
        argp_error(state, "--ratio-max needs the target's CPU time: name its --pid");
}

static error_t parse_auth(int key, char *argument, struct argp_state *state)
{
    struct pos_bench_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options;
        return 0;
    case KEY_LOOKUP:
        options->remembered = strcmp(argument, "remembered") == 0;
        if (!options->remembered && strcmp(argument, "each") != 0)
            argp_error(state, "--lookup takes each or remembered, not '%s'", argument);
        return 0;
    case KEY_CACHE_MB:
        options->cache_mb = pos_option_number(state, "--cache-mb", argument, 8, 1048576);
        return 0;
    case KEY_WORKING_SET:
        options->working_set =
            pos_option_number(state, "--working-set", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_UNREGISTERED:
        options->unregistered =
            (uint32_t)pos_option_number(state, "--unregistered", argument, 0, 100);
        return 0;
    case KEY_SWEEP:
        options->sweep = true;
        return 0;
    case KEY_VS:
        parse_vs(state, options, argument);
        return 0;
    case KEY_TABLE:
        options->table = argument;
        return 0;
    case KEY_MAC:
        options->mac = pos_option_on(state, "--mac", argument);
        return 0;
    case KEY_DIALECT:
        options->dialect = dialect(state, argument);
        return 0;
    case KEY_TARGET:
        options->target = argument;
        return 0;
    case KEY_PID:
        options->target_pid = (pid_t)pos_option_number(state, "--pid", argument, 1, INT32_MAX);
        return 0;
    case KEY_KEEP:
        options->keep = argument;
        return 0;
    case KEY_RATIO_MAX:
        options->ratio_max = pos_option_decimal(state, "--ratio-max", argument, 0.01, 1e6);
        return 0;
    case KEY_SLO:
        parse_slo(state, &options->slo, argument);
        return 0;
    case KEY_HGRM:
        options->hgrm = argument;
        return 0;
    case ARGP_KEY_END:
        check_auth(state, options);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&pos_bench_common_argp, 0, NULL, 0},
                                             {NULL, 0, NULL, 0}};

void pos_bench_parse_auth(struct pos_bench_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .options = auth_options,
        .parser = parse_auth,
        .children = children,
        .doc =
            "Measures authentications: makes a terminal table, starts the posgate-gateway beside "
            "this program on it, and asks for uniformly random terminals, in turn with a bare "
            "epoll server.",
    };
    pos_bench_options_init(options);
    (void)argp_parse(&argp, argc, argv, 0, NULL, options);
}
