/*
 * TCP conversations of a capture: each direction's bytes in order, what was sent again left out,
 * what is missing said. No re-ordering: on loopback segments are captured in the order they were
 * sent; one that comes too late shows as a gap.
 */
#ifndef POS_EMULATOR_TRACE_FLOWS_H
#define POS_EMULATOR_TRACE_FLOWS_H

#include "emulator/trace/segment.h"
#include "emulator/trace/talk.h"

enum {
    POS_FLOW_COUNT_MAX = 4096
}; /* connections open at once; the oldest is closed for one more */

struct pos_flows;

/* `port` 0: all connections, else those with it at either end. POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_flows_create(struct pos_trace *trace, uint16_t port,
                                              struct pos_flows **flows);
POS_MUST_USE enum pos_status pos_flows_take(struct pos_flows *flows,
                                            const struct pos_segment *segment, uint64_t time_ns);
/* Ends what is still open. */
void pos_flows_destroy(struct pos_flows *flows);

#endif
