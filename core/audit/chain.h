/*
 * A chain that grows inside a table's committer: the head as it is on disk, and as it will be once
 * the batch under way is. One committer's thread.
 */
#ifndef POS_AUDIT_CHAIN_H
#define POS_AUDIT_CHAIN_H

#include "core/audit/audit.h"
#include "core/base/audit_writer.h"

struct pos_audit_chain {
    struct pos_audit_head kept;     /* on disk */
    struct pos_audit_head next;     /* with what was appended since */
    struct pos_audit_sealer sealer; /* set after init, before the first record that needs it */
};

/* Zeroes *chain and returns the functions that a table wants. The chain must outlive the table. */
struct pos_audit_writer pos_audit_chain_init(struct pos_audit_chain *chain);

#endif
