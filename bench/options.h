/* The options of both commands, and what they default to. */
#ifndef POS_BENCH_OPTIONS_H
#define POS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/exit_code.h"
#include "core/wire/dialect.h"

struct pos_bench_options {
    uint32_t connections, outstanding;
    uint32_t rounds;
    double duration_s, warm_up_s;
    uint64_t requests; /* a round; 0: by time alone */
    bool json;
    /* auth */
    uint64_t rows;
    bool mac;
    const struct pos_dialect *dialect; /* of the listener and the terminals */
    const char *target; /* HOST:PORT of a gateway that runs already; NULL: start one */
    pid_t target_pid;   /* 0: not known */
    const char *keep;   /* folder to leave the table and the logs in; NULL: remove them */
    double ratio_max;   /* 0: none stated */
};

/* Parse a command's arguments; end the process with 0 for --help and 2 for wrong usage. */
void pos_bench_parse_limits(struct pos_bench_options *options, int argc, char **argv);
void pos_bench_parse_auth(struct pos_bench_options *options, int argc, char **argv);

#endif
