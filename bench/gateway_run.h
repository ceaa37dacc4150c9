/* A posgate-gateway under test: its configuration, its start, its end. */
#ifndef POS_BENCH_GATEWAY_RUN_H
#define POS_BENCH_GATEWAY_RUN_H

#include <stdbool.h>
#include <sys/types.h>

#include "bench/options.h"
#include "core/base/error.h"
#include "core/base/limits.h"

struct pos_gateway_run {
    pid_t pid;
    uint16_t port;
    uint64_t cache_mb;
    bool cache_holds_all; /* the hot rows of the table, as far as can be told from their number */
    char log_path[POS_PATH_SIZE_MAX];
};

/* Writes gateway.conf into the folder that pos_terminals_create filled, starts the posgate-gateway
 * beside this program on `core` and waits until it listens. POS_ERR_NOT_FOUND: there is none;
 * POS_ERR_TIMEOUT: it did not start within 60 s; its log says why. */
POS_MUST_USE enum pos_status pos_gateway_run_start(const char *folder,
                                                   const struct pos_bench_options *options,
                                                   int core, struct pos_gateway_run *run,
                                                   struct pos_error *error);
/* True when it ended as told, with 0. */
bool pos_gateway_run_end(const struct pos_gateway_run *run);

#endif
