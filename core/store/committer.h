/*
 * One committer thread a database: drains a bounded queue into one write batch and one sync, then
 * tells each writer. So durable writes cost one sync a batch, nothing syncs on an event loop, and
 * what must be compared and set is decided in one place, one write after the other.
 *
 * A write is an intrusive node in the caller's memory, kept by the committer from submit until its
 * `done` was called. `decide` runs on the committer's thread, in order, and reads and stages rows
 * through the transaction it is given (it sees what earlier writes of the same batch staged);
 * `done` runs there too, after the sync (or at once when nothing of the batch needed one), and must
 * only hand the result on.
 */
#ifndef POS_STORE_COMMITTER_H
#define POS_STORE_COMMITTER_H

#include "core/base/audit_writer.h"
#include "core/base/error.h"
#include "core/base/limits.h"

struct pos_committer;
struct pos_transaction; /* reading and staging, for the typed tables of this floor */

struct pos_commit {
    /* Stages rows, or refuses: anything but POS_OK drops what this write staged and is its result.
     */
    enum pos_status (*decide)(struct pos_commit *commit, struct pos_transaction *transaction);
    void (*done)(struct pos_commit *commit, enum pos_status status);
    bool relaxed; /* its rows need not be on disk before `done` (promotion of a pending key) */
    /* the committer's own: */
    enum pos_status status;
    struct pos_commit *next;
    void *waiter; /* of pos_committer_run */
};

/* Any thread. POS_ERR_BUSY when the queue is full; POS_ERR_DATABASE once a sync has failed (every
 * later write would fail too: restart the process). `done` is not called then. */
POS_MUST_USE enum pos_status pos_committer_submit(struct pos_committer *committer,
                                                  struct pos_commit *commit);

/* Submits and waits: for commands, never on an event loop. */
POS_MUST_USE enum pos_status pos_committer_run(struct pos_committer *committer,
                                               struct pos_commit *commit);

struct pos_committer_stats {
    uint64_t commits, batches, syncs, failures;
    uint64_t queue_length, queue_length_max;
    uint64_t sync_ns_sum, sync_ns_max;
    bool failed; /* a sync failed: writes are off until restart */
};
void pos_committer_stats(struct pos_committer *committer, struct pos_committer_stats *stats);

#endif
