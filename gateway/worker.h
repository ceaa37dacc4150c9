/*
 * A worker: one event loop's share of the gateway. It owns the loop's listeners, connections, host
 * links and front-end session, and is the world (gateway/session.h) that the session asks.
 * Everything in it belongs to its thread, but for stop, drain and the counters.
 */
#ifndef POS_GATEWAY_WORKER_H
#define POS_GATEWAY_WORKER_H

#include "core/net/net.h"
#include "gateway/admission.h"
#include "gateway/clerk.h"
#include "gateway/counters.h"
#include "gateway/host_keys.h"
#include "gateway/pin_limit.h"
#include "gateway/reader.h"
#include "gateway/settings.h"

struct pos_worker;

struct pos_worker_options {
    uint32_t number; /* 0 and up, for logs */
    uint32_t worker_count;
    const struct pos_gateway_settings *settings; /* borrowed for the worker's life, as all here */
    struct pos_hsm *hsm;
    struct pos_terminal_table *table;
    struct pos_key_library *library; /* for creation */
    struct pos_clerk *clerk;
    struct pos_readers *readers;
    struct pos_strongroom *room; /* NULL where the module does not wait */
    struct pos_pin_limit *pin_limit;
    struct pos_disk *disk;
    struct pos_rrn_blocks *rrns; /* for creation; then the clerk's */
    struct pos_admission *admission;
    /* Ports to listen on, one a listener; 0: any, and then written here for the workers after. */
    uint16_t *ports;
};

/* Opens everything; the thread is not started. */
POS_MUST_USE enum pos_status pos_worker_create(const struct pos_worker_options *options,
                                               struct pos_worker **worker, struct pos_error *error);
POS_MUST_USE enum pos_status pos_worker_start(struct pos_worker *worker);

/* Any thread: stops accepting, lets what is under way finish within `limit_ms`, then closes all and
 * ends the thread. */
void pos_worker_drain(struct pos_worker *worker, uint32_t limit_ms);
void pos_worker_join(struct pos_worker *worker);
/* After the committer and the clerk have ended: nothing completes any more. */
void pos_worker_destroy(struct pos_worker *worker);

/* For the metrics, from any thread. */
const struct pos_gateway_counters *pos_worker_counters(const struct pos_worker *worker);
const struct pos_loop_stats *pos_worker_loop_stats(const struct pos_worker *worker);

#endif
