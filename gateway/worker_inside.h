/*
 * What the two halves of a worker share: worker.c, its loop with connections and life, and
 * worker_world.c, the world that its session asks. Not for others.
 */
#ifndef POS_GATEWAY_WORKER_INSIDE_H
#define POS_GATEWAY_WORKER_INSIDE_H

#include <pthread.h>

#include "gateway/session.h"
#include "gateway/upstream.h"
#include "gateway/worker.h"

enum { POS_WORKER_RRN_COUNT = 1000000, POS_WORKER_RRN_BLOCK_SIZE = 10000 }; /* six digits */

/* What carries a request's completion from another thread back to this loop: one a pool slot. */
struct carrier {
    struct pos_worker *worker;
    struct pos_request *request;
    struct pos_post post;
    struct pos_clerk_job job;
    struct pos_read_job read;
    enum pos_status status;
};

/* A promotion that nobody waits for. */
struct promotion {
    struct pos_worker *worker;
    struct pos_post post;
    struct pos_terminal_write write;
    struct promotion *next_free;
};

enum { PROMOTION_COUNT_MAX = 1024 };

/* A connection's own: what the front end knows of it. */
struct front_peer {
    struct pos_peer front;
    bool ended; /* it sends no more, and is closed once everything is answered */
};

struct front_listener {
    struct pos_worker *worker;
    struct pos_policy policy;
    struct pos_listener *listener;
};

struct pos_worker {
    struct pos_worker_options options;
    pthread_t thread;
    bool started;
    struct pos_loop *loop;
    struct pos_session *session;
    struct pos_hsm_session *hsm; /* local: it never waits */
    struct pos_gateway_counters counters;
    struct front_listener listeners[POS_LISTENER_COUNT_MAX];
    struct pos_upstream *upstreams[POS_UPSTREAM_COUNT_MAX];
    struct pos_host_keys host_keys[POS_UPSTREAM_COUNT_MAX];
    struct pos_timer *watch_timer;
    uint64_t looked_ns;
    bool closing; /* what else there was is gone: nothing new may begin */
    uint32_t upstream_next;
    uint64_t time_set_ns;     /* the turn whose time the session has */
    struct carrier *carriers; /* by request slot */
    struct promotion *promotions, *promotion_free;

    /* RRNs: a block in use and the next one */
    uint32_t rrn_next, rrn_left;
    uint32_t rrn_spare, rrn_spare_left;
    bool rrn_asked;
    struct pos_clerk_job rrn_job;
    struct pos_post rrn_post;

    /* draining */
    struct pos_post drain_post;
    uint32_t drain_limit_ms;
    uint64_t drain_since_ns;
    struct pos_timer *drain_timer;

    struct pos_log_limit bad_peers;
};

/* A connection's handle as a session knows it. */
uint64_t pos_worker_pack(struct pos_connection_handle handle);
/* The session's time is that of this turn from now on; once a turn is enough. */
void pos_worker_set_time(struct pos_worker *worker);
struct pos_world pos_worker_world(struct pos_worker *worker);
void pos_worker_host_answered(void *context, void *request, enum pos_status status,
                              const struct pos_message *reply);

#endif
