/*
 * One loop's kept connection to one acquirer host: connects and reconnects, sends requests, finds
 * the request that a reply belongs to, and gives up on what waited too long. One thread, the
 * loop's.
 */
#ifndef POS_GATEWAY_UPSTREAM_H
#define POS_GATEWAY_UPSTREAM_H

#include "core/net/net.h"
#include "core/wire/iso8583.h"
#include "gateway/counters.h"
#include "gateway/host_keys.h"
#include "gateway/settings.h"

struct pos_upstream;

/* POS_OK with the host's reply, POS_ERR_TIMEOUT, or POS_ERR_NETWORK when the link broke. */
struct pos_upstream_events {
    void (*answered)(void *context, void *request, enum pos_status status,
                     const struct pos_message *reply);
    void *context;
};

/* `settings`, `keys` and `counters` are borrowed for the upstream's life. Starts to connect. */
POS_MUST_USE enum pos_status
pos_upstream_create(struct pos_loop *loop, const struct pos_upstream_settings *settings,
                    struct pos_host_keys *keys, struct pos_gateway_counters *counters,
                    const struct pos_upstream_events *events, struct pos_upstream **upstream);
/* After the loop has run to its end: what was under way was given up (POS_ERR_NETWORK) then. */
void pos_upstream_destroy(struct pos_upstream *upstream);

bool pos_upstream_connected(const struct pos_upstream *upstream);

/* POS_ERR_UNREACHABLE: not connected; POS_ERR_LIMIT: window full; POS_ERR_EXISTS: a request with
 * the same STAN, RRN and TID is under way; POS_ERR_FORMAT: it cannot be encoded; others: it could
 * not be given the MAC that the link has. */
POS_MUST_USE enum pos_status pos_upstream_send(struct pos_upstream *upstream,
                                               const struct pos_draft *message, uint64_t now_ns,
                                               void *request);

#endif
