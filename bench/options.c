/* The options of limits and of connections. */
#include "bench/options_inside.h"
#include "core/base/limits.h"
#include "core/base/option.h"

/* ---- limits ---- */

static error_t parse_limits(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    return 0;
}

static const struct argp_child children[] = {{&pos_bench_common_argp, 0, NULL, 0},
                                             {NULL, 0, NULL, 0}};

void pos_bench_parse_limits(struct pos_bench_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_limits,
        .children = children,
        .doc = "Measures what this machine allows: servers on one thread, 100 bytes in and 80 out, "
               "that do nothing but answer, on bare epoll and on libuv; and redis with GET of 64 "
               "bytes when it is installed.",
    };
    pos_bench_options_init(options);
    (void)argp_parse(&argp, argc, argv, 0, NULL, options);
}

/* ---- connections ---- */

enum { KEY_LOOPS = POS_KEY_OF_CONNECTIONS, KEY_CHURN };

static const struct argp_option connections_options[] = {
    {"count", 'c', "N", 0, "Idle connections; default 10000", 0},
    {"rounds", POS_KEY_ROUNDS, "N", 0, "Rounds, each on servers started anew; default 3", 0},
    {"loops", KEY_LOOPS, "N", 0, "Event loops of the gateway, and how they share; default 1", 0},
    {"churn", KEY_CHURN, "CYCLES", 0,
     "In the last round make all of them anew four times a cycle, and measure after each", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

static error_t parse_connections(int key, char *argument, struct argp_state *state)
{
    struct pos_bench_options *options = state->input;
    switch (key) {
    case 'c':
        options->connections = (uint32_t)pos_option_number(state, "--count", argument, 1,
                                                           POS_BENCH_CONNECTION_COUNT_MAX);
        return 0;
    case KEY_LOOPS:
        options->loops =
            (uint32_t)pos_option_number(state, "--loops", argument, 1, POS_LOOP_COUNT_MAX);
        return 0;
    case KEY_CHURN:
        options->churn =
            (uint32_t)pos_option_number(state, "--churn", argument, 0, POS_CHURN_COUNT_MAX);
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->outputs;
        return 0;
    case POS_KEY_ROUNDS:
    case ARGP_KEY_ARG:
        return pos_bench_common_argp.parser(key, argument, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child connections_children[] = {{&pos_outputs_argp, 0, NULL, 0},
                                                         {NULL, 0, NULL, 0}};

void pos_bench_parse_connections(struct pos_bench_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .options = connections_options,
        .parser = parse_connections,
        .children = connections_children,
        .doc = "Measures the memory of its own (/proc/PID/smaps_rollup) that the gateway takes for "
               "an idle connection, beside a server on libuv that only answers; whether it stays "
               "what it was when connections come and go; and how loops share them.",
    };
    pos_bench_options_init(options);
    options->connections = 10000;
    options->rounds = 3;
    options->rows = 10000;
    (void)argp_parse(&argp, argc, argv, 0, NULL, options);
}
