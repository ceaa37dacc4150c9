/* What a gateway under test says of itself, on its admin socket. */
#ifndef POS_BENCH_GATEWAY_STATUS_H
#define POS_BENCH_GATEWAY_STATUS_H

#include <stdint.h>

#include "core/base/error.h"
#include "core/base/limits.h"

struct pos_gateway_loop {
    uint64_t connections; /* open */
    uint64_t replies;
};

struct pos_gateway_status {
    uint64_t commits, syncs; /* of the terminal table, since the start */
    uint32_t loop_count;
    struct pos_gateway_loop loops[POS_LOOP_COUNT_MAX];
};

/* Of the gateway that pos_gateway_run_start started in `folder`. POS_ERR_IO. */
POS_MUST_USE enum pos_status
pos_gateway_status(const char *folder, struct pos_gateway_status *status, struct pos_error *error);

#endif
