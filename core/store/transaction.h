/*
 * The inside of the committer, for the typed tables of this floor: what a decide may do, and how a
 * table makes its committer.
 */
#ifndef POS_STORE_TRANSACTION_H
#define POS_STORE_TRANSACTION_H

#include <pthread.h>

#include "core/store/anchor.h"
#include "core/store/committer.h"
#include "core/store/rocks.h"

struct pos_committer_options {
    struct pos_rocks *rocks;       /* borrowed until the committer is destroyed */
    struct pos_audit_writer audit; /* append NULL: an event is refused with POS_ERR_USAGE */
    size_t audit_family;           /* sequence, 8 bytes big endian -> record */
    /* One write is submitted at a time and reads no row that it staged itself: rows are staged
     * without an index (pos_rocks_batch_create_blind). */
    bool blind;
    /* A batch that has company, before it or in it, is taken no sooner than so long after the one
     * before, unless many wait. 0: at once. */
    uint64_t gather_ns;
    /* Counts synced batches in meta, and in the anchor when there is one. NULL: neither, and no row
     * for it. Else the database was born with pos_anchor_birth. */
    const struct pos_anchor_options *anchor;
    const char *path;   /* of the database, for the anchor's errors */
    size_t meta_family; /* where the row stands */
    /* After a batch is written, before any `done` of it; NULL: nothing. */
    void (*written)(void *context);
    /* The same, also when that failed: its rows may be readable all the same. Before `written`. */
    void (*tried)(void *context);
    void *context; /* the table, for its decides and for these two */
};

/* Compares with the anchor, resumes the audit chain and starts the thread. POS_ERR_STATE
 * (anchor.h), POS_ERR_CORRUPT, POS_ERR_DATABASE, POS_ERR_MEMORY, or what the audit writer's resume
 * says. */
POS_MUST_USE enum pos_status pos_committer_create(const struct pos_committer_options *options,
                                                  struct pos_committer **committer,
                                                  struct pos_error *error);
/* Commits what is queued, then ends the thread. NULL is fine. */
void pos_committer_destroy(struct pos_committer *committer);

/* The two halves of pos_committer_run. Commit and waiter are kept from start until await returned;
 * start's errors are those of pos_committer_submit, and then there is nothing to wait for. */
struct pos_commit_waiter {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    enum pos_status status;
    bool done;
};
POS_MUST_USE enum pos_status pos_committer_start(struct pos_committer *committer,
                                                 struct pos_commit *commit,
                                                 struct pos_commit_waiter *waiter);
POS_MUST_USE enum pos_status pos_committer_await(struct pos_commit *commit);

/* Moves the anchor's epoch on, in a synced batch, and waits. */
POS_MUST_USE enum pos_status pos_committer_move_epoch(struct pos_committer *committer);

/* In a decide. Rows are read over what this batch staged so far. */
void *pos_transaction_context(struct pos_transaction *transaction);
POS_MUST_USE enum pos_status pos_transaction_get(struct pos_transaction *transaction, size_t family,
                                                 struct pos_bytes key, struct pos_buffer *value);
POS_MUST_USE enum pos_status pos_transaction_walk(struct pos_transaction *transaction,
                                                  size_t family, struct pos_bytes first,
                                                  pos_rocks_each *each, void *context);
void pos_transaction_put(struct pos_transaction *transaction, size_t family, struct pos_bytes key,
                         struct pos_bytes value);
void pos_transaction_delete(struct pos_transaction *transaction, size_t family,
                            struct pos_bytes key);
/* The anchor's high-water mark is at least this from then on. */
void pos_transaction_raise(struct pos_transaction *transaction, uint32_t index);
/* Stages the next record of the audit chain. Any failure must become the decide's result. */
POS_MUST_USE enum pos_status pos_transaction_audit(struct pos_transaction *transaction,
                                                   const void *event);

/* Every record of an audit family in order, from a sequence on. */
POS_MUST_USE enum pos_status pos_audit_walk(struct pos_rocks *rocks, size_t family, uint64_t first,
                                            bool (*each)(void *context, struct pos_bytes record),
                                            void *context);

#endif
