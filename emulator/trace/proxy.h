/*
 * Between a client and its server: passes on every byte as it came, and traces it on the way. What
 * one side closes is closed towards the other, a client's end once its requests are answered.
 */
#ifndef POS_EMULATOR_TRACE_PROXY_H
#define POS_EMULATOR_TRACE_PROXY_H

#include "emulator/endpoint.h"
#include "emulator/trace/talk.h"

struct pos_proxy_options {
    struct pos_endpoint listen, to;
};

/* Until SIGTERM or SIGINT. */
POS_MUST_USE enum pos_status pos_proxy_serve(const struct pos_proxy_options *options,
                                             struct pos_trace *trace, struct pos_error *error);

#endif
