/* Everything the gateway counts, in the Prometheus text form (version 0.0.4), summed over loops. */
#ifndef POS_GATEWAY_METRICS_H
#define POS_GATEWAY_METRICS_H

#include "gateway/gateway.h"

enum { POS_METRICS_SIZE_MAX = 262144 };

/* Any thread. `counters` sums are made in the memory given, which is large: not for a stack. */
void pos_metrics_write(const struct pos_gateway *gateway, struct pos_gateway_counters *sum,
                       struct pos_buffer *out);

/* What falls to one loop. */
struct pos_loop_load {
    uint64_t connections; /* open, host links included */
    uint64_t opened, replies;
};
void pos_metrics_loop(const struct pos_gateway *gateway, uint32_t loop, struct pos_loop_load *load);

/* Adds up the counters of all loops. */
void pos_metrics_sum(const struct pos_gateway *gateway, struct pos_gateway_counters *sum);

#endif
