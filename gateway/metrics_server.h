/*
 * HTTP for monitoring: /metrics, /livez and /readyz (each check listed). On the admin loop. Small
 * on purpose: GET, one request a connection, bounded.
 */
#ifndef POS_GATEWAY_METRICS_SERVER_H
#define POS_GATEWAY_METRICS_SERVER_H

#include "gateway/gateway.h"

POS_MUST_USE enum pos_status pos_metrics_server_open(struct pos_gateway *gateway,
                                                     struct pos_error *error);

#endif
