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
    {"outstanding", 'o', "N", 0, "Requests under way on each; default 1", 0},
    {"duration", 'd', "SECONDS", 0, "Length of a round; default 2", 0},
    {"requests", 'n', "N", 0, "End a round after so many replies if that is earlier", 0},
    {"warm-up", KEY_WARM_UP, "SECONDS", 0, "Before each round, not counted; default 0.5", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds that count, after one that does not; default 5", 0},
    {"json", KEY_JSON, NULL, 0, "Answer in JSON", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

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
        .doc = "Measures what this machine allows: a bare epoll server on one thread, 100 bytes in "
               "and 80 out.",
    };
    init(options);
    (void)argp_parse(&argp, argc, argv, 0, NULL, options);
}

/* ---- auth ---- */

static const struct argp_option auth_options[] = {
    {"rows", KEY_ROWS, "N", 0, "Registered terminals; default 100000", 0},
    {"mac", KEY_MAC, "on|off", 0, "Requests and replies carry MACs; default off", 0},
    {"dialect", KEY_DIALECT, "NAME", 0,
     "How messages are encoded: iso87b (default), iso87a, iso87x or cup", 0},
    {"target", KEY_TARGET, "HOST:PORT", 0,
     "Measure a gateway that serves such a table already (--keep made it); without MACs", 0},
    {"pid", KEY_PID, "PID", 0, "The target's process, for its CPU time and memory", 0},
    {"keep", KEY_KEEP, "FOLDER", 0, "Make the table in a new FOLDER and leave it there", 0},
    {"ratio-max", KEY_RATIO_MAX, "R", 0,
     "End with 3 when the median ratio to bare epoll is above R", 0},
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

static void check_auth(struct argp_state *state, const struct pos_bench_options *options)
{
    if (options->target != NULL && options->mac)
        argp_error(state, "--target and --mac on: the terminals' keys are not known");
    if (options->target != NULL && options->keep != NULL)
        argp_error(state, "--target and --keep: a target has its table already");
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
    case KEY_ROWS:
        options->rows = number(state, "rows", argument, 1, POS_KEY_INDEX_MAX);
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
