/*
 * The admin socket: what posgatectl talks to. A Unix stream socket with mode 0600; one JSON object
 * a line in each direction.
 *
 *   {"command": "terminal suspend", "smn": "123L013K00000278", "operator": "alice"}
 *   {"ok": true, ...}   or   {"ok": false, "status": "ERR_NOT_FOUND", "error": "..."}
 *
 * Commands: status; reload; log-level (level); terminal find (prefix, limit); terminal show,
 * suspend, resume, revoke (smn); terminal bind (smn, tid, mid); backup (path). Changes are on disk
 * and in the audit chain before the answer.
 *
 * For posgate-keymgmt, which asks two people first: terminals suspend, revoke, erase (begun,
 * terminals: at most 256 key indexes or SMNs); library catch-up (sequence, hash: it must be able to
 * read that audit record of the key library); table scrub. `begun` is the audit record with which
 * keymgmt began, {"sequence": N, "hash": "64 hex"}: the gateway looks it up in the key library and
 * refuses when there is none, it was for something else, or that work has ended.
 *
 * Catch-up, scrub and backup take long: they run one at a time, and the socket goes on answering
 * others meanwhile.
 */
#ifndef POS_GATEWAY_ADMIN_H
#define POS_GATEWAY_ADMIN_H

#include "gateway/gateway.h"

POS_MUST_USE enum pos_status pos_admin_open(struct pos_gateway *gateway, struct pos_error *error);
/* Waits for what is still under way; after the loop has ended, before anything that it needs is
 * closed. */
void pos_admin_close(struct pos_gateway *gateway);

#endif
