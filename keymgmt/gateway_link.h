/*
 * A client of a gateway's admin socket (gateway/admin.h): one request at a time, one JSON object a
 * line. Only what keymgmt needs of it: changing many terminals, catching up, scrubbing.
 */
#ifndef POS_KEYMGMT_GATEWAY_LINK_H
#define POS_KEYMGMT_GATEWAY_LINK_H

#include "core/audit/audit.h"
#include "core/base/smn.h"

struct pos_gateway_link;

/* `path` and `who` (for its audit records) are borrowed until close. POS_ERR_UNREACHABLE: nobody
 * listens there; POS_ERR_NOT_ALLOWED: not for this user; POS_ERR_USAGE: not a socket's path. */
POS_MUST_USE enum pos_status pos_gateway_link_open(const char *path, const char *who,
                                                   struct pos_gateway_link **link,
                                                   struct pos_error *error);
void pos_gateway_link_close(struct pos_gateway_link *link); /* NULL is fine */

enum pos_gateway_change {
    POS_GATEWAY_SUSPEND,
    POS_GATEWAY_REVOKE,
    POS_GATEWAY_ERASE, /* keys leave the table; of destroyed keys only */
};

/* What became of the terminals. */
struct pos_gateway_tally {
    uint64_t changed;   /* now; the rest was so before */
    uint64_t terminals; /* that are registered */
    uint64_t unknown;   /* that are not */
};

/*
 * Changes the terminals of these indexes, or these SMNs, and adds to *tally (which the caller
 * zeroes). `begun` is the audit record with which this library began what the change is part of.
 * Idempotent: after an error the same can be asked again. What the gateway refuses comes back as
 * its status with its words; POS_ERR_NETWORK, POS_ERR_TIMEOUT, POS_ERR_CLOSED: the link is of no
 * use any more.
 */
POS_MUST_USE enum pos_status
pos_gateway_link_change(struct pos_gateway_link *link, enum pos_gateway_change change,
                        const struct pos_audit_head *begun, const uint32_t *indexes, size_t count,
                        struct pos_gateway_tally *tally, struct pos_error *error);
POS_MUST_USE enum pos_status pos_gateway_link_change_smns(struct pos_gateway_link *link,
                                                          enum pos_gateway_change change,
                                                          const struct pos_audit_head *begun,
                                                          const struct pos_smn *smns, size_t count,
                                                          struct pos_gateway_tally *tally,
                                                          struct pos_error *error);

/* Returns when the gateway has read the key library up to that audit record and holds none of its
 * deleted files any more. POS_ERR_NOT_FOUND, POS_ERR_MISMATCH: it follows another library. */
POS_MUST_USE enum pos_status pos_gateway_link_catch_up(struct pos_gateway_link *link,
                                                       const struct pos_audit_head *record,
                                                       struct pos_error *error);
/* Returns when no file of its table holds what was overwritten in it before. */
POS_MUST_USE enum pos_status pos_gateway_link_scrub(struct pos_gateway_link *link,
                                                    struct pos_error *error);

#endif
