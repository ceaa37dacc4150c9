/*
 * The admin socket: what posgatectl talks to. A Unix stream socket with mode 0600; one JSON object
 * a line in each direction.
 *
 *   {"command": "terminal suspend", "smn": "123L013K00000278", "operator": "alice"}
 *   {"ok": true, ...}   or   {"ok": false, "status": "ERR_NOT_FOUND", "error": "..."}
 *
 * Commands: status; reload; log-level (level); terminal find (prefix, limit); terminal show,
 * suspend, resume, revoke (smn); terminal bind (smn, tid, mid). Changes are on disk and in the
 * audit chain before the answer.
 */
#ifndef POS_GATEWAY_ADMIN_H
#define POS_GATEWAY_ADMIN_H

#include "gateway/gateway.h"

POS_MUST_USE enum pos_status pos_admin_open(struct pos_gateway *gateway, struct pos_error *error);

#endif
