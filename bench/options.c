#include "bench/options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/statistics.h"
#include "core/base/limits.h"

enum {
    KEY_ROWS = 256,
    KEY_MAC,
    KEY_DIALECT,
    KEY_TARGET,
    KEY_PID,
    KEY_KEEP,
    KEY_RATIO_MAX,
    KEY_JSON,
    KEY_ROUNDS,
    KEY_WARM_UP,
    KEY_RATE,
    KEY_RECONNECT,
    KEY_AGAINST,
    KEY_AA,
    KEY_TABLE,
    KEY_SWEEP,
    KEY_WORKING_SET,
    KEY_UNREGISTERED,
    KEY_LOOKUP,
    KEY_CACHE_MB,
    KEY_VS,
    KEY_SLO,
    KEY_HGRM,
    OPEN_OUTSTANDING = 32,
    CONNECTION_COUNT_MAX = 19000, /* leaves the gateway's other connections room */
};

static uint64_t number(struct argp_state *state, const char *name, const char *text, uint64_t low,
                       uint64_t high)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value < low || value > high)
        argp_error(state, "--%s takes %llu to %llu, not '%s'", name, (unsigned long long)low,
                   (unsigned long long)high, text);
    return value;
}

static double decimal(struct argp_state *state, const char *name, const char *text, double low,
                      double high)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= low && value <= high))
        argp_error(state, "--%s takes %g to %g, not '%s'", name, low, high, text);
    return value;
}

/* ---- what both take ---- */

static const struct argp_option common_options[] = {
    {"connections", 'c', "N", 0, "Connections at once; default 1000", 0},
    {"outstanding", 'o', "N", 0,
     "Requests under way on each; default 1; with --rate the most, default 32", 0},
    {"duration", 'd', "SECONDS", 0, "Length of a round; default 2", 0},
    {"requests", 'n', "N", 0, "End a round after so many replies if that is earlier", 0},
    {"warm-up", KEY_WARM_UP, "SECONDS", 0, "Before each round, not counted; default 0.5", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds that count, after one that does not; default 5", 0},
    {"rate", KEY_RATE, "N|P%", 0,
     "So many requests a second, however long replies take (an open loop), with the latency from "
     "when a request should have gone out; P%: of what a closed loop reaches, measured first",
     0},
    {"reconnect", KEY_RECONNECT, "EVERY", 0,
     "Close a connection after EVERY requests and make it anew for the next", 0},
    {"rows", KEY_ROWS, "N", 0,
     "Registered terminals, and rows behind redis up to a million; default 100000", 0},
    {"against", KEY_AGAINST, "LIST", 0,
     "Servers to measure in turn: bare, libuv, redis, with commas; default for auth: bare, for "
     "limits: all that are there",
     0},
    {"aa", KEY_AA, NULL, 0,
     "The first of them once more as another process: what their ratio is off 1 is noise", 0},
    {"json", KEY_JSON, NULL, 0, "Answer in JSON", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

const char *pos_denominator_name(enum pos_denominator denominator)
{
    static const char *const names[] = {"bare", "libuv", "redis"};
    return names[denominator];
}

static bool is_in(const struct pos_bench_options *options, enum pos_denominator denominator)
{
    for (size_t i = 0; i < options->against_count; i++)
        if (options->against[i] == denominator)
            return true;
    return false;
}

/* "bare,redis" */
static void parse_against(struct argp_state *state, struct pos_bench_options *options,
                          const char *text)
{
    options->against_count = 0;
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ","), i = 0;
        while (i < POS_DENOMINATOR_COUNT &&
               (strlen(pos_denominator_name((enum pos_denominator)i)) != size ||
                memcmp(pos_denominator_name((enum pos_denominator)i), at, size) != 0))
            i++;
        if (i == POS_DENOMINATOR_COUNT || is_in(options, (enum pos_denominator)i))
            argp_error(state, "--against takes some of bare,libuv,redis, each once, not '%s'",
                       text);
        options->against[options->against_count++] = (enum pos_denominator)i;
        at += size;
        if (*at == '\0')
            return;
    }
}

/* "20000" or "50%" */
static void parse_rate(struct argp_state *state, struct pos_bench_options *options,
                       const char *text)
{
    char share[16];
    size_t size = strlen(text);
    if (size < 2 || size > sizeof share || text[size - 1] != '%') {
        options->rate = number(state, "rate", text, 1, 100000000);
        options->rate_percent = 0;
        return;
    }
    memcpy(share, text, size - 1);
    share[size - 1] = '\0';
    options->rate_percent = decimal(state, "rate", share, 0.1, 1000);
    options->rate = 0;
}

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
    struct pos_bench_options *options = state->input;
    switch (key) {
    case 'c':
        options->connections =
            (uint32_t)number(state, "connections", argument, 1, CONNECTION_COUNT_MAX);
        return 0;
    case 'o':
        options->outstanding =
            (uint32_t)number(state, "outstanding", argument, 1, POS_PIPELINE_COUNT_MAX);
        options->outstanding_open = options->outstanding;
        return 0;
    case 'd':
        options->duration_s = decimal(state, "duration", argument, 0.05, 3600);
        return 0;
    case 'n':
        options->requests = number(state, "requests", argument, 1, UINT64_MAX);
        return 0;
    case KEY_WARM_UP:
        options->warm_up_s = decimal(state, "warm-up", argument, 0, 3600);
        return 0;
    case KEY_ROUNDS:
        options->rounds = (uint32_t)number(state, "rounds", argument, 1, POS_ROUND_COUNT_MAX);
        return 0;
    case KEY_JSON:
        options->json = true;
        return 0;
    case KEY_RATE:
        parse_rate(state, options, argument);
        return 0;
    case KEY_RECONNECT:
        options->reconnect = (uint32_t)number(state, "reconnect", argument, 1, UINT32_MAX);
        return 0;
    case KEY_ROWS:
        options->rows = number(state, "rows", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_AGAINST:
        parse_against(state, options, argument);
        return 0;
    case KEY_AA:
        options->aa = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is one word too many", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp common = {.options = common_options, .parser = parse_common};
static const struct argp_child children[] = {{&common, 0, NULL, 0}, {NULL, 0, NULL, 0}};

static void init(struct pos_bench_options *options)
{
    *options = (struct pos_bench_options){.connections = 1000,
                                          .outstanding = 1,
                                          .outstanding_open = OPEN_OUTSTANDING,
                                          .rounds = 5,
                                          .duration_s = 2,
                                          .warm_up_s = 0.5,
                                          .rows = 100000,
                                          .dialect = &pos_dialect_iso87b};
}

/* ---- limits ---- */

static error_t parse_limits(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    return 0;
}

void pos_bench_parse_limits(struct pos_bench_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_limits,
        .children = children,
        .doc = "Measures what this machine allows: servers on one thread, 100 bytes in and 80 out, "
               "that do nothing but answer, on bare epoll and on libuv; and redis with GET of 64 "
               "bytes when it is installed.",
    };
    init(options);
    (void)argp_parse(&argp, argc, argv, 0, NULL, options);
}

/* ---- auth ---- */

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
     "Start the gateway on a table that --keep left there, of as many rows; without MACs", 0},
    {"ratio-max", KEY_RATIO_MAX, "R", 0,
     "End with 3 when the median ratio to the first of --against is above R", 0},
    {"slo", KEY_SLO, "LIMITS", 0,
     "End with 3 when the gateway's latency over all rounds misses one of LIMITS, such as "
     "p99<2ms,max<1s: p50, p90, p99, p99.9, p99.99, max in us, ms or s",
     0},
    {"hgrm", KEY_HGRM, "FILE", 0,
     "Write the gateway's latencies over all rounds in HdrHistogram's percentile format, in us", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

static bool on_or_off(struct argp_state *state, const char *name, const char *text)
{
    bool on = strcmp(text, "on") == 0;
    if (!on && strcmp(text, "off") != 0)
        argp_error(state, "--%s takes on or off, not '%s'", name, text);
    return on;
}

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
        options->vs_connections = (uint32_t)number(
            state, "vs connections", text + sizeof connections - 1, 1, CONNECTION_COUNT_MAX);
        return;
    }
    if (strncmp(text, mac, sizeof mac - 1) != 0)
        argp_error(state, "--vs takes mac=on, mac=off or connections=N, not '%s'", text);
    options->vs_mac_stated = true;
    options->vs_mac = on_or_off(state, "vs mac", text + sizeof mac - 1);
}

static void check_vs(struct argp_state *state, const struct pos_bench_options *options)
{
    if (options->vs_mac_stated && options->vs_mac == options->mac)
        argp_error(state, "--vs mac and --mac are the same");
    if (options->vs_mac_stated && options->vs_connections > 0)
        argp_error(state, "--vs takes one thing");
    if (options->vs_mac_stated &&
        (options->target != NULL || options->table != NULL || options->keep != NULL))
        argp_error(state, "--vs mac makes two tables: not with --target, --table or --keep");
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
    if (options->table != NULL && options->mac)
        argp_error(state, "--table and --mac on: the terminals' keys are not known");
    if (options->working_set > options->rows)
        argp_error(state, "--working-set is larger than --rows");
    if (options->sweep && (options->rate > 0 || options->rate_percent > 0))
        argp_error(state, "--sweep chooses the rates: not with --rate");
    if (options->sweep && (options->slo.count > 0 || options->hgrm != NULL))
        argp_error(state, "--sweep has many rates: --slo and --hgrm are for one, state a --rate");
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
        options->cache_mb = number(state, "cache-mb", argument, 8, 1048576);
        return 0;
    case KEY_WORKING_SET:
        options->working_set = number(state, "working-set", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_UNREGISTERED:
        options->unregistered = (uint32_t)number(state, "unregistered", argument, 0, 100);
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
        options->mac = on_or_off(state, "mac", argument);
        return 0;
    case KEY_DIALECT:
        options->dialect = dialect(state, argument);
        return 0;
    case KEY_TARGET:
        options->target = argument;
        return 0;
    case KEY_PID:
        options->target_pid = (pid_t)number(state, "pid", argument, 1, INT32_MAX);
        return 0;
    case KEY_KEEP:
        options->keep = argument;
        return 0;
    case KEY_RATIO_MAX:
        options->ratio_max = decimal(state, "ratio-max", argument, 0.01, 1e6);
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
    init(options);
    (void)argp_parse(&argp, argc, argv, 0, NULL, options);
}

/* ---- connections ---- */

static const struct argp_option connections_options[] = {
    {"count", 'c', "N", 0, "Idle connections; default 10000", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds, each on servers started anew; default 3", 0},
    {"json", KEY_JSON, NULL, 0, "Answer in JSON", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

static error_t parse_connections(int key, char *argument, struct argp_state *state)
{
    struct pos_bench_options *options = state->input;
    switch (key) {
    case 'c':
        options->connections = (uint32_t)number(state, "count", argument, 1, CONNECTION_COUNT_MAX);
        return 0;
    case KEY_ROUNDS:
    case KEY_JSON:
    case ARGP_KEY_ARG:
        return parse_common(key, argument, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void pos_bench_parse_connections(struct pos_bench_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .options = connections_options,
        .parser = parse_connections,
        .doc = "Measures the memory of its own (/proc/PID/smaps_rollup) that the gateway takes for "
               "an idle connection, beside a server on libuv that only answers.",
    };
    init(options);
    options->connections = 10000;
    options->rounds = 3;
    options->rows = 10000;
    (void)argp_parse(&argp, argc, argv, 0, NULL, options);
}
