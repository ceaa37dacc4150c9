/*
 * Where a database stands: a row in meta that each synced batch counts up and stamps, and the
 * anchor, which is synced behind the batch and before anybody hears of it. When that fails the
 * batch is on disk and counts as failed, for nobody may build on what the anchor does not know.
 */
#include <assert.h>

#include "core/base/failpoint.h"
#include "core/store/committer_inside.h"

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

enum pos_status pos_committer_write_synced(struct pos_committer *committer)
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

/* The row that says where the database stands; a new or changed state is written at once. */
enum pos_status pos_committer_resume(struct pos_committer *committer,
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
        status = pos_committer_write_synced(committer);
    else if (behind)
        status = pos_anchor_write(committer->anchor, &committer->stands);
    pos_rocks_batch_clear(committer->transaction.batch);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "the anchor %s cannot be written: %s",
                                            options->anchor->path, pos_status_text(status));
}

/* ---- epochs ---- */

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
