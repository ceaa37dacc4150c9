/* The options of these commands, and what they default to. */
#ifndef POS_BENCH_OPTIONS_H
#define POS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/outputs.h"
#include "bench/slo.h"
#include "core/base/exit_code.h"
#include "core/wire/dialect.h"

/* What a server is measured beside. */
enum pos_denominator { POS_DENOMINATOR_BARE, POS_DENOMINATOR_LIBUV, POS_DENOMINATOR_REDIS };
enum { POS_DENOMINATOR_COUNT = 3, POS_CHURN_COUNT_MAX = 1000 };
const char *pos_denominator_name(enum pos_denominator denominator);

struct pos_bench_options {
    uint32_t connections;
    uint32_t outstanding;      /* of a closed loop */
    uint32_t outstanding_open; /* the most at a rate */
    uint32_t reconnect;        /* a new connection after so many requests; 0: never */
    uint64_t rate;             /* requests a second; 0: a closed loop */
    double rate_percent;       /* of what a closed loop reaches; 0: not stated so */
    double capacity;           /* that, when it was measured: replies a second */
    bool spins;                /* the load has a core of its own */
    uint32_t rounds;
    double duration_s, warm_up_s;
    uint64_t requests; /* a round; 0: by time alone */
    struct pos_outputs outputs;
    enum pos_denominator against[POS_DENOMINATOR_COUNT];
    size_t against_count; /* 0: not stated */
    bool aa;              /* the first of them once more, which shows the noise */
    /* auth */
    uint64_t rows;
    uint64_t working_set;  /* how many of the rows are asked for; 0: all */
    uint32_t unregistered; /* percent of the requests that name an SMN which is not in the table */
    bool mac;
    bool remembered;   /* the gateway's lookup = "remembered" */
    uint64_t cache_mb; /* of the gateway; 0: enough for all rows, where that fits the memory */
    const struct pos_dialect *dialect; /* of the listener and the terminals */
    const char *target;      /* HOST:PORT of a gateway that runs already; NULL: start one */
    pid_t target_pid;        /* 0: not known */
    const char *table;       /* folder that --keep left; NULL: make one */
    bool sweep;              /* at shares of what a closed loop reaches */
    uint32_t vs_connections; /* the gateway once more, with so many; 0: not */
    bool vs_mac_stated;      /* the gateway once more, with MACs as `vs_mac` says */
    bool vs_mac;
    const char *keep; /* folder to leave the table and the logs in; NULL: remove them */
    double ratio_max; /* 0: none stated */
    struct pos_slo slo;
    const char *hgrm; /* file for the latencies; NULL: none */
    uint32_t loops;   /* of the gateway; 0: one */
    /* connections */
    uint32_t churn; /* cycles in which all are made anew */
};

/* Parse a command's arguments; end the process with 0 for --help and 2 for wrong usage. */
void pos_bench_parse_limits(struct pos_bench_options *options, int argc, char **argv);
void pos_bench_parse_auth(struct pos_bench_options *options, int argc, char **argv);
void pos_bench_parse_connections(struct pos_bench_options *options, int argc, char **argv);

#endif
