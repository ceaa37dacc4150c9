/*
 * The committer's thread: take what is queued (at most POS_COMMIT_BATCH_COUNT_MAX writes), decide
 * each in order over one batch, write the batch once, tell every writer.
 *
 * A refused write is undone to the mark set before it. The mark costs nothing; undoing rebuilds the
 * batch's index, so it is done only when the refused write had staged something.
 *
 * RocksDB refuses every write after one failed sync until it is opened again, and a sync must never
 * be tried twice (the kernel may have dropped the pages it could not write). So the first failure
 * is final here too. The anchor is synced behind the batch and before anybody hears of it; when
 * that fails the batch is on disk and counts as failed, for nobody may build on what the anchor
 * does not know.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/counter.h"
#include "core/base/failpoint.h"
#include "core/base/log.h"
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
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows, up to the counters */
    pthread_cond_t wake;
    struct pos_commit *first, *last;
    size_t queue_length, queue_length_max;
    bool stopping;

    atomic_bool failed;
    struct pos_counter commits, batches, syncs, failures, sync_ns_sum, sync_ns_max;
};

/* ---- what a decide may do ---- */

void *pos_transaction_context(struct pos_transaction *transaction)
{
    return transaction->context;
}

enum pos_status pos_transaction_get(struct pos_transaction *transaction, size_t family,
                                    struct pos_bytes key, struct pos_buffer *value)
{
    return pos_rocks_batch_get(transaction->batch, family, key, value);
}

enum pos_status pos_transaction_walk(struct pos_transaction *transaction, size_t family,
                                     struct pos_bytes first, pos_rocks_each *each, void *context)
{
    return pos_rocks_batch_walk(transaction->batch, family, first, each, context);
}

void pos_transaction_put(struct pos_transaction *transaction, size_t family, struct pos_bytes key,
                         struct pos_bytes value)
{
    pos_rocks_batch_put(transaction->batch, family, key, value);
}

void pos_transaction_delete(struct pos_transaction *transaction, size_t family,
                            struct pos_bytes key)
{
    pos_rocks_batch_delete(transaction->batch, family, key);
}

static struct pos_bytes sequence_key(uint64_t sequence, uint8_t memory[8])
{
    struct pos_buffer key = pos_buffer(memory, 8);
    pos_buffer_put_u64(&key, sequence);
    return pos_buffer_view(&key);
}

enum pos_status pos_transaction_audit(struct pos_transaction *transaction, const void *event)
{
    uint8_t memory[POS_AUDIT_RECORD_SIZE_MAX], key[8];
    struct pos_buffer record = pos_buffer(memory, sizeof memory);
    if (transaction->audit.append == NULL)
        return POS_ERR_USAGE;
    enum pos_status status = transaction->audit.append(transaction->audit.context, event, &record);
    if (status == POS_OK && record.overflow)
        status = POS_ERR_LENGTH;
    if (status != POS_OK)
        return status;
    pos_transaction_put(transaction, transaction->audit_family,
                        sequence_key(++transaction->audit_sequence, key), pos_buffer_view(&record));
    return POS_OK;
}

void pos_transaction_raise(struct pos_transaction *transaction, uint32_t index)
{
    if (transaction->high_water < index)
        transaction->high_water = index;
}

static void keep(struct pos_transaction *transaction)
{
    transaction->high_water_kept = transaction->high_water;
    transaction->audit_sequence_kept = transaction->audit_sequence;
    if (transaction->audit.keep != NULL)
        transaction->audit.keep(transaction->audit.context);
}

static void forget(struct pos_transaction *transaction)
{
    transaction->high_water = transaction->high_water_kept;
    transaction->audit_sequence = transaction->audit_sequence_kept;
    if (transaction->audit.forget != NULL)
        transaction->audit.forget(transaction->audit.context);
}

/* ---- the thread ---- */

/* Waits for work. NULL: nothing is left and the committer stops. */
static struct pos_commit *take_writes(struct pos_committer *committer)
{
    (void)pthread_mutex_lock(&committer->lock);
    while (committer->first == NULL && !committer->stopping)
        (void)pthread_cond_wait(&committer->wake, &committer->lock);
    struct pos_commit *first = committer->first, *last = NULL;
    size_t count = 0;
    for (struct pos_commit *at = first; at != NULL && count < POS_COMMIT_BATCH_COUNT_MAX;
         at = at->next) {
        last = at;
        count++;
    }
    if (last != NULL) {
        committer->first = last->next;
        last->next = NULL;
        committer->queue_length -= count;
    }
    (void)pthread_mutex_unlock(&committer->lock);
    return first;
}

/* True: the write staged rows, and they must be on disk before its `done`. */
static bool decide(struct pos_transaction *transaction, struct pos_commit *commit)
{
    size_t before = pos_rocks_batch_count(transaction->batch);
    pos_rocks_batch_mark(transaction->batch);
    commit->status = commit->decide(commit, transaction);
    bool staged = pos_rocks_batch_count(transaction->batch) != before;
    if (commit->status == POS_OK) {
        keep(transaction);
        return staged && !commit->relaxed;
    }
    if (staged)
        pos_rocks_batch_undo(transaction->batch);
    forget(transaction);
    return false;
}

/* The next state, staged beside the rows that it counts. */
static enum pos_status stage_state(struct pos_committer *committer, struct pos_anchor_state *next)
{
    struct pos_transaction *transaction = &committer->transaction;
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    *next = committer->stands;
    next->epoch += transaction->moves_epoch;
    next->high_water = transaction->high_water_kept;
    if (transaction->audit.head != NULL)
        transaction->audit.head(transaction->audit.context, &next->audit_sequence,
                                next->audit_hash);
    enum pos_status status = pos_anchor_state_step(next);
    pos_anchor_state_encode(next, &row);
    pos_transaction_put(transaction, committer->meta_family, pos_bytes_text(pos_anchor_key),
                        pos_buffer_view(&row));
    return status;
}

static enum pos_status write_and_sync(struct pos_committer *committer)
{
    struct pos_rocks_batch *batch = committer->transaction.batch;
    struct pos_anchor_state next;
    if (!committer->counts_batches)
        return pos_rocks_batch_write(batch, true);
    enum pos_status status = stage_state(committer, &next);
    if (status == POS_OK)
        status = pos_rocks_batch_write(batch, true);
    if (status != POS_OK)
        return status;
    POS_FAILPOINT("batch-synced");
    committer->stands = next;
    committer->transaction.moves_epoch = false;
    return pos_anchor_write(committer->anchor, &next);
}

static enum pos_status write_batch(struct pos_committer *committer, bool sync)
{
    uint64_t begun = pos_clock_monotonic_ns();
    enum pos_status status = sync ? write_and_sync(committer)
                                  : pos_rocks_batch_write(committer->transaction.batch, false);
    uint64_t took = pos_clock_monotonic_ns() - begun;
    pos_counter_add(&committer->batches, 1);
    if (sync) {
        pos_counter_add(&committer->syncs, 1);
        pos_counter_add(&committer->sync_ns_sum, took);
        if (took > pos_counter_read(&committer->sync_ns_max))
            pos_counter_set(&committer->sync_ns_max, took);
    }
    if (status == POS_OK)
        return POS_OK;
    forget(&committer->transaction);
    pos_counter_add(&committer->failures, 1);
    atomic_store(&committer->failed, true);
    pos_log(POS_LOG_ERROR, "database-write-failed",
            "action=\"no more writes until restart; reads go on\"");
    return POS_ERR_DATABASE;
}

/* Decides and writes; what becomes of every write is in its status afterwards. */
static void commit_writes(struct pos_committer *committer, struct pos_commit *first)
{
    bool sync = false;
    for (struct pos_commit *at = first; at != NULL; at = at->next)
        sync |= decide(&committer->transaction, at);
    enum pos_status status = POS_OK;
    if (pos_rocks_batch_count(committer->transaction.batch) > 0)
        status = write_batch(committer, sync);
    pos_rocks_batch_clear(committer->transaction.batch);
    if (committer->tried != NULL)
        committer->tried(committer->transaction.context);
    if (status == POS_OK && committer->written != NULL)
        committer->written(committer->transaction.context);
    /* What a write saw may have been staged by another of the batch: none of it happened. */
    for (struct pos_commit *at = first; status != POS_OK && at != NULL; at = at->next)
        at->status = status;
}

static void *run(void *argument)
{
    struct pos_committer *committer = argument;
    struct pos_commit *first;
    while ((first = take_writes(committer)) != NULL) {
        if (!atomic_load(&committer->failed))
            commit_writes(committer, first);
        else
            for (struct pos_commit *at = first; at != NULL; at = at->next)
                at->status = POS_ERR_DATABASE;
        while (first != NULL) {
            struct pos_commit *next = first->next; /* `done` may give the node's memory back */
            pos_counter_add(&committer->commits, 1);
            first->done(first, first->status);
            first = next;
        }
    }
    return NULL;
}

/* ---- making it ---- */

static enum pos_status resume_audit(struct pos_committer *committer, struct pos_rocks *rocks,
                                    struct pos_error *error)
{
    uint8_t record_memory[POS_AUDIT_RECORD_SIZE_MAX], key_memory[8];
    struct pos_buffer record = pos_buffer(record_memory, sizeof record_memory);
    struct pos_buffer key = pos_buffer(key_memory, sizeof key_memory);
    struct pos_transaction *transaction = &committer->transaction;
    if (transaction->audit.append == NULL)
        return POS_OK;
    enum pos_status status = pos_rocks_last(rocks, transaction->audit_family, &key, &record);
    if (status == POS_ERR_NOT_FOUND)
        record.size = 0;
    else if (status != POS_OK || key.size != sizeof key_memory)
        return pos_error_set(error, status == POS_OK ? POS_ERR_CORRUPT : status,
                             "cannot read the last audit record");
    struct pos_cursor cursor = pos_cursor(pos_buffer_view(&key));
    transaction->audit_sequence = key.size == 0 ? 0 : pos_cursor_u64(&cursor);
    transaction->audit_sequence_kept = transaction->audit_sequence;
    if (transaction->audit.resume == NULL)
        return POS_OK;
    status = transaction->audit.resume(transaction->audit.context, pos_buffer_view(&record));
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status,
                                            "the audit chain cannot go on from its "
                                            "last record: %s",
                                            pos_status_text(status));
}

/* The row that says where the database stands; a new or changed state is written at once. */
static enum pos_status resume_anchor(struct pos_committer *committer,
                                     const struct pos_committer_options *options,
                                     struct pos_error *error)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    bool stale, behind;
    if (options->anchor == NULL)
        return POS_OK;
    enum pos_status status =
        pos_rocks_get(options->rocks, options->meta_family, pos_bytes_text(pos_anchor_key), &row);
    if (status == POS_OK)
        status = pos_anchor_state_decode(pos_buffer_view(&row), &committer->stands);
    if (status != POS_OK)
        return pos_error_set(error, status == POS_ERR_NOT_FOUND ? POS_ERR_CORRUPT : status,
                             "%s does not say where it stands; restore a backup", options->path);
    status = pos_anchor_open(options->anchor, options->path, &committer->stands, &committer->anchor,
                             &stale, &behind, error);
    if (status != POS_OK)
        return status;
    committer->counts_batches = true;
    committer->meta_family = options->meta_family;
    committer->transaction.high_water = committer->transaction.high_water_kept =
        committer->stands.high_water;
    if (stale)
        status = write_and_sync(committer);
    else if (behind)
        status = pos_anchor_write(committer->anchor, &committer->stands);
    pos_rocks_batch_clear(committer->transaction.batch);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "the anchor %s cannot be written: %s",
                                            options->anchor->path, pos_status_text(status));
}

static void release(struct pos_committer *committer)
{
    pos_anchor_close(committer->anchor);
    pos_rocks_batch_destroy(committer->transaction.batch);
    (void)pthread_cond_destroy(&committer->wake);
    (void)pthread_mutex_destroy(&committer->lock);
    free(committer);
}

enum pos_status pos_committer_create(const struct pos_committer_options *options,
                                     struct pos_committer **committer, struct pos_error *error)
{
    *committer = NULL;
    struct pos_committer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the committer");
    made->written = options->written;
    made->tried = options->tried;
    made->transaction.context = options->context;
    made->transaction.audit = options->audit;
    made->transaction.audit_family = options->audit_family;
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_cond_init(&made->wake, NULL);
    made->transaction.batch = pos_rocks_batch_create(options->rocks);
    enum pos_status status = made->transaction.batch == NULL
                                 ? pos_error_set(error, POS_ERR_MEMORY, "no memory for a batch")
                                 : resume_audit(made, options->rocks, error);
    if (status == POS_OK)
        status = resume_anchor(made, options, error);
    if (status == POS_OK && pthread_create(&made->thread, NULL, run, made) != 0)
        status = pos_error_set(error, POS_ERR_LIMIT, "cannot start the committer's thread");
    if (status != POS_OK) {
        release(made);
        return status;
    }
    *committer = made;
    return POS_OK;
}

void pos_committer_destroy(struct pos_committer *committer)
{
    if (committer == NULL)
        return;
    (void)pthread_mutex_lock(&committer->lock);
    committer->stopping = true;
    (void)pthread_cond_signal(&committer->wake);
    (void)pthread_mutex_unlock(&committer->lock);
    (void)pthread_join(committer->thread, NULL);
    release(committer);
}

/* ---- submitting ---- */

enum pos_status pos_committer_submit(struct pos_committer *committer, struct pos_commit *commit)
{
    assert(commit->decide != NULL && commit->done != NULL);
    if (atomic_load(&committer->failed))
        return POS_ERR_DATABASE;
    commit->next = NULL;
    (void)pthread_mutex_lock(&committer->lock);
    assert(!committer->stopping);
    bool full = committer->queue_length >= POS_COMMIT_QUEUE_COUNT_MAX;
    if (!full) {
        if (committer->first == NULL)
            committer->first = commit;
        else
            committer->last->next = commit;
        committer->last = commit;
        committer->queue_length++;
        if (committer->queue_length > committer->queue_length_max)
            committer->queue_length_max = committer->queue_length;
        (void)pthread_cond_signal(&committer->wake);
    }
    (void)pthread_mutex_unlock(&committer->lock);
    return full ? POS_ERR_BUSY : POS_OK;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    enum pos_status status;
    bool done;
};

static void wake_waiter(struct pos_commit *commit, enum pos_status status)
{
    struct waiter *waiter = commit->waiter;
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->status = status;
    waiter->done = true;
    (void)pthread_cond_signal(&waiter->wake);
    (void)pthread_mutex_unlock(&waiter->lock);
}

enum pos_status pos_committer_run(struct pos_committer *committer, struct pos_commit *commit)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    commit->waiter = &waiter;
    commit->done = wake_waiter;
    enum pos_status status = pos_committer_submit(committer, commit);
    if (status != POS_OK)
        return status;
    (void)pthread_mutex_lock(&waiter.lock);
    while (!waiter.done)
        (void)pthread_cond_wait(&waiter.wake, &waiter.lock);
    (void)pthread_mutex_unlock(&waiter.lock);
    (void)pthread_cond_destroy(&waiter.wake);
    (void)pthread_mutex_destroy(&waiter.lock);
    return waiter.status;
}

static enum pos_status decide_epoch(struct pos_commit *commit, struct pos_transaction *transaction)
{
    (void)commit;
    transaction->moves_epoch = true;
    /* a row makes a batch; the batch's own state goes over it */
    struct pos_committer *committer = (struct pos_committer *)(void *)transaction;
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    pos_anchor_state_encode(&committer->stands, &row);
    pos_transaction_put(transaction, committer->meta_family, pos_bytes_text(pos_anchor_key),
                        pos_buffer_view(&row));
    return POS_OK;
}

enum pos_status pos_committer_move_epoch(struct pos_committer *committer)
{
    _Static_assert(offsetof(struct pos_committer, transaction) == 0, "decide_epoch relies on it");
    assert(committer->counts_batches);
    struct pos_commit commit = {.decide = decide_epoch};
    return pos_committer_run(committer, &commit);
}

void pos_committer_stats(struct pos_committer *committer, struct pos_committer_stats *stats)
{
    *stats = (struct pos_committer_stats){
        .commits = pos_counter_read(&committer->commits),
        .batches = pos_counter_read(&committer->batches),
        .syncs = pos_counter_read(&committer->syncs),
        .failures = pos_counter_read(&committer->failures),
        .sync_ns_sum = pos_counter_read(&committer->sync_ns_sum),
        .sync_ns_max = pos_counter_read(&committer->sync_ns_max),
        .failed = atomic_load(&committer->failed),
    };
    (void)pthread_mutex_lock(&committer->lock);
    stats->queue_length = committer->queue_length;
    stats->queue_length_max = committer->queue_length_max;
    (void)pthread_mutex_unlock(&committer->lock);
}

/* ---- reading the chain ---- */

struct audit_walk {
    bool (*each)(void *context, struct pos_bytes record);
    void *context;
};

static bool each_record(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct audit_walk *walk = context;
    (void)key;
    return walk->each(walk->context, value);
}

enum pos_status pos_audit_walk(struct pos_rocks *rocks, size_t family, uint64_t first,
                               bool (*each)(void *context, struct pos_bytes record), void *context)
{
    uint8_t key[8];
    struct audit_walk walk = {.each = each, .context = context};
    return pos_rocks_walk(rocks, family, sequence_key(first, key), false, each_record, &walk);
}
