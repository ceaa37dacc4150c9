/* What the tables of options share; nobody else includes it. */
#ifndef POS_BENCH_OPTIONS_INSIDE_H
#define POS_BENCH_OPTIONS_INSIDE_H

#include <argp.h>

#include "bench/options.h"

enum {
    POS_KEY_ROWS = 256,
    POS_KEY_ROUNDS,
    POS_KEY_WARM_UP,
    POS_KEY_RATE,
    POS_KEY_RECONNECT,
    POS_KEY_AGAINST,
    POS_KEY_AA,
    POS_KEY_OF_CONNECTIONS,                 /* and on */
    POS_KEY_OF_AUTH = 0x200,                /* and on */
    POS_BENCH_CONNECTION_COUNT_MAX = 19000, /* leaves the gateway's other connections room */
};

/* The defaults, and nothing else. */
void pos_bench_options_init(struct pos_bench_options *options);

/* What limits and auth both take, outputs included; its input is a struct pos_bench_options. */
extern const struct argp pos_bench_common_argp;

#endif
