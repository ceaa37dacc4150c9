/* What the committer's files share: committer.c (the queue and its thread), transaction.c (what a
 * decide may do, and the audit chain) and committer_anchor.c (where the database stands). */
#ifndef POS_STORE_COMMITTER_INSIDE_H
#define POS_STORE_COMMITTER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/counter.h"
#include "core/store/anchor_inside.h"
#include "core/store/transaction.h"

struct pos_transaction {
    struct pos_rocks_batch *batch;
    void *context;
    struct pos_audit_writer audit;
    size_t audit_family;
    uint64_t audit_sequence;      /* of the last record staged or written */
    uint64_t audit_sequence_kept; /* of the last record of a write that was not refused */
    bool moves_epoch;
    uint32_t high_water, high_water_kept; /* as the two sequences */
};

struct pos_committer {
    struct pos_transaction transaction;
    void (*written)(void *context), (*tried)(void *context);
    bool counts_batches;            /* it has `stands` */
    struct pos_anchor_state stands; /* as on disk */
    struct pos_anchor *anchor;      /* NULL: none */
    size_t meta_family;
    uint64_t gather_ns;
    pthread_t thread;
    uint64_t taken_ns; /* the thread's own: when it took the last batch, and how many writes */
    size_t taken_count;

    pthread_mutex_t lock; /* guards what follows, up to the counters */
    pthread_cond_t wake;
    struct pos_commit *first, *last;
    size_t queue_length, queue_length_max;
    bool stopping;

    atomic_bool failed;
    struct pos_counter commits, batches, syncs, failures, sync_ns_sum, sync_ns_max;
};

/* The write that was decided last is kept, or none since the last one that was. */
void pos_transaction_keep(struct pos_transaction *transaction);
void pos_transaction_forget(struct pos_transaction *transaction);
/* The audit chain goes on from its last record. POS_ERR_CORRUPT, POS_ERR_DATABASE, or what the
 * audit writer says. */
POS_MUST_USE enum pos_status pos_transaction_resume(struct pos_transaction *transaction,
                                                    struct pos_rocks *rocks,
                                                    struct pos_error *error);

/* Reads the row that says where the database stands and compares it with the anchor. */
POS_MUST_USE enum pos_status pos_committer_resume(struct pos_committer *committer,
                                                  const struct pos_committer_options *options,
                                                  struct pos_error *error);
/* Writes the batch, counted and stamped, and syncs it, then the anchor. */
POS_MUST_USE enum pos_status pos_committer_write_synced(struct pos_committer *committer);

#endif
