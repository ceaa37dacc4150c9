/* Options that limits and auth both take. */
#include <string.h>

#include "bench/options_inside.h"
#include "bench/statistics.h"
#include "core/base/limits.h"
#include "core/base/option.h"

enum { OPEN_OUTSTANDING = 32 };

static const struct argp_option common_options[] = {
    {"connections", 'c', "N", 0, "Connections at once; default 1000", 0},
    {"outstanding", 'o', "N", 0,
     "Requests under way on each; default 1; with --rate the most, default 32", 0},
    {"duration", 'd', "SECONDS", 0, "Length of a round; default 2", 0},
    {"requests", 'n', "N", 0, "End a round after so many replies if that is earlier", 0},
    {"warm-up", POS_KEY_WARM_UP, "SECONDS", 0, "Before each round, not counted; default 0.5", 0},
    {"rounds", POS_KEY_ROUNDS, "N", 0, "Rounds that count, after one that does not; default 5", 0},
    {"rate", POS_KEY_RATE, "N|P%", 0,
     "So many requests a second, however long replies take (an open loop), with the latency from "
     "when a request should have gone out; P%: of what a closed loop reaches, measured first",
     0},
    {"reconnect", POS_KEY_RECONNECT, "EVERY", 0,
     "Close a connection after EVERY requests and make it anew for the next", 0},
    {"rows", POS_KEY_ROWS, "N", 0,
     "Registered terminals, and rows behind redis up to a million; default 100000", 0},
    {"against", POS_KEY_AGAINST, "LIST", 0,
     "Servers to measure in turn: bare, libuv, redis, with commas; default for auth: bare, for "
     "limits: all that are there",
     0},
    {"aa", POS_KEY_AA, NULL, 0,
     "The first of them once more as another process: what their ratio is off 1 is noise", 0},
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
        options->rate = pos_option_number(state, "--rate", text, 1, 100000000);
        options->rate_percent = 0;
        return;
    }
    memcpy(share, text, size - 1);
    share[size - 1] = '\0';
    options->rate_percent = pos_option_decimal(state, "--rate", share, 0.1, 1000);
    options->rate = 0;
}

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
    struct pos_bench_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->outputs;
        return 0;
    case 'c':
        options->connections = (uint32_t)pos_option_number(state, "--connections", argument, 1,
                                                           POS_BENCH_CONNECTION_COUNT_MAX);
        return 0;
    case 'o':
        options->outstanding = (uint32_t)pos_option_number(state, "--outstanding", argument, 1,
                                                           POS_PIPELINE_COUNT_MAX);
        options->outstanding_open = options->outstanding;
        return 0;
    case 'd':
        options->duration_s = pos_option_decimal(state, "--duration", argument, 0.05, 3600);
        return 0;
    case 'n':
        options->requests = pos_option_number(state, "--requests", argument, 1, UINT64_MAX);
        return 0;
    case POS_KEY_WARM_UP:
        options->warm_up_s = pos_option_decimal(state, "--warm-up", argument, 0, 3600);
        return 0;
    case POS_KEY_ROUNDS:
        options->rounds =
            (uint32_t)pos_option_number(state, "--rounds", argument, 1, POS_ROUND_COUNT_MAX);
        return 0;
    case POS_KEY_RATE:
        parse_rate(state, options, argument);
        return 0;
    case POS_KEY_RECONNECT:
        options->reconnect =
            (uint32_t)pos_option_number(state, "--reconnect", argument, 1, UINT32_MAX);
        return 0;
    case POS_KEY_ROWS:
        options->rows = pos_option_number(state, "--rows", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case POS_KEY_AGAINST:
        parse_against(state, options, argument);
        return 0;
    case POS_KEY_AA:
        options->aa = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is one word too many", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child outputs[] = {{&pos_outputs_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};

const struct argp pos_bench_common_argp = {
    .options = common_options, .parser = parse_common, .children = outputs};

void pos_bench_options_init(struct pos_bench_options *options)
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
