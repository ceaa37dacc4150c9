/*
 * The committer's thread: take what is queued (at most POS_COMMIT_BATCH_COUNT_MAX writes), decide
 * each in order over one batch, write the batch once, tell every writer.
 *
 * A refused write is undone to the mark set before it. The mark costs nothing; undoing rebuilds the
 * batch's index, so it is done only when the refused write had staged something.
 *
 * RocksDB refuses every write after one failed sync until it is opened again, and a sync must never
 * be tried twice (the kernel may have dropped the pages it could not write). So the first failure
 * is final here too.
 */
#include <assert.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/condition.h"
#include "core/base/log.h"
#include "core/store/committer_inside.h"

enum { GATHERED_COUNT = 64 }; /* writes that wait for no more */

/* ---- the thread ---- */

/* With the lock held and something queued. A sync costs as much processor time as ten requests,
 * so where writes come beside each other a batch waits for more of them; what comes alone does not.
 */
static void gather(struct pos_committer *committer)
{
    bool several = committer->taken_count > 1 || committer->queue_length > 1;
    uint64_t until_ns = committer->taken_ns + committer->gather_ns;
    while (committer->gather_ns > 0 && several && !committer->stopping &&
           committer->queue_length < GATHERED_COUNT &&
           pos_condition_wait_until(&committer->wake, &committer->lock, until_ns))
        ;
    committer->taken_ns = pos_clock_monotonic_ns();
}

/* Waits for work. NULL: nothing is left and the committer stops. */
static struct pos_commit *take_writes(struct pos_committer *committer)
{
    (void)pthread_mutex_lock(&committer->lock);
    while (committer->first == NULL && !committer->stopping)
        (void)pthread_cond_wait(&committer->wake, &committer->lock);
    gather(committer);
    struct pos_commit *first = committer->first, *last = NULL;
    size_t count = 0;
    for (struct pos_commit *at = first; at != NULL && count < POS_COMMIT_BATCH_COUNT_MAX;
         at = at->next) {
        last = at;
        count++;
    }
    committer->taken_count = count;
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
        pos_transaction_keep(transaction);
        return staged && !commit->relaxed;
    }
    if (staged)
        pos_rocks_batch_undo(transaction->batch);
    pos_transaction_forget(transaction);
    return false;
}

static enum pos_status write_batch(struct pos_committer *committer, bool sync)
{
    uint64_t begun = pos_clock_monotonic_ns();
    enum pos_status status = sync ? pos_committer_write_synced(committer)
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
    pos_transaction_forget(&committer->transaction);
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
    pos_rocks_count_reads(false);
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
    made->gather_ns = options->gather_ns;
    (void)pthread_mutex_init(&made->lock, NULL);
    pos_condition_init(&made->wake);
    made->transaction.batch = options->blind ? pos_rocks_batch_create_blind(options->rocks)
                                             : pos_rocks_batch_create(options->rocks);
    enum pos_status status =
        made->transaction.batch == NULL
            ? pos_error_set(error, POS_ERR_MEMORY, "no memory for a batch")
            : pos_transaction_resume(&made->transaction, options->rocks, error);
    if (status == POS_OK)
        status = pos_committer_resume(made, options, error);
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
        if (committer->queue_length == 1 || committer->queue_length == GATHERED_COUNT)
            (void)pthread_cond_signal(&committer->wake);
    }
    (void)pthread_mutex_unlock(&committer->lock);
    return full ? POS_ERR_BUSY : POS_OK;
}

static void wake_waiter(struct pos_commit *commit, enum pos_status status)
{
    struct pos_commit_waiter *waiter = commit->waiter;
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->status = status;
    waiter->done = true;
    (void)pthread_cond_signal(&waiter->wake);
    (void)pthread_mutex_unlock(&waiter->lock);
}

enum pos_status pos_committer_start(struct pos_committer *committer, struct pos_commit *commit,
                                    struct pos_commit_waiter *waiter)
{
    *waiter = (struct pos_commit_waiter){.lock = PTHREAD_MUTEX_INITIALIZER,
                                         .wake = PTHREAD_COND_INITIALIZER};
    commit->waiter = waiter;
    commit->done = wake_waiter;
    return pos_committer_submit(committer, commit);
}

enum pos_status pos_committer_await(struct pos_commit *commit)
{
    struct pos_commit_waiter *waiter = commit->waiter;
    (void)pthread_mutex_lock(&waiter->lock);
    while (!waiter->done)
        (void)pthread_cond_wait(&waiter->wake, &waiter->lock);
    (void)pthread_mutex_unlock(&waiter->lock);
    (void)pthread_cond_destroy(&waiter->wake);
    (void)pthread_mutex_destroy(&waiter->lock);
    return waiter->status;
}

enum pos_status pos_committer_run(struct pos_committer *committer, struct pos_commit *commit)
{
    struct pos_commit_waiter waiter;
    enum pos_status status = pos_committer_start(committer, commit, &waiter);
    return status == POS_OK ? pos_committer_await(commit) : status;
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
