/*
 * What a write may do while it is decided, and the audit chain that grows in the same batch.
 *
 * A record's key is its sequence. Records of writes that are refused, or of a batch that could not
 * be written, are forgotten; the chain's head goes back to the last one that was kept.
 */
#include "core/store/committer_inside.h"

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

void pos_transaction_keep(struct pos_transaction *transaction)
{
    transaction->high_water_kept = transaction->high_water;
    transaction->audit_sequence_kept = transaction->audit_sequence;
    if (transaction->audit.keep != NULL)
        transaction->audit.keep(transaction->audit.context);
}

void pos_transaction_forget(struct pos_transaction *transaction)
{
    transaction->high_water = transaction->high_water_kept;
    transaction->audit_sequence = transaction->audit_sequence_kept;
    if (transaction->audit.forget != NULL)
        transaction->audit.forget(transaction->audit.context);
}

/* ---- the chain ---- */

enum pos_status pos_transaction_resume(struct pos_transaction *transaction, struct pos_rocks *rocks,
                                       struct pos_error *error)
{
    uint8_t record_memory[POS_AUDIT_RECORD_SIZE_MAX], key_memory[8];
    struct pos_buffer record = pos_buffer(record_memory, sizeof record_memory);
    struct pos_buffer key = pos_buffer(key_memory, sizeof key_memory);
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
