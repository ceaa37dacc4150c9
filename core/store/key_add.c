/*
 * Adding new keys to the library: the rows of a chunk, their batch's row made or grown, and the
 * chunk's audit record are one batch.
 *
 * A chunk can be written while the caller makes the next one. Whether it is in order is decided
 * when it is its turn, against the rows that are on disk by then; so nothing of a chunk is fixed
 * before the one in front of it is there.
 */
#include <stdlib.h>

#include "core/store/key_library_inside.h"

struct pos_key_addition {
    struct pos_library_write write;
    const struct pos_key_row *rows;
    size_t count;
    struct pos_batch_row batch; /* first and count are not read */
};

/* The batch's row as it will be: new, or the newest one made longer. */
static enum pos_status grow_batch(const struct pos_key_addition *add, struct pos_batch_row *batch)
{
    struct pos_key_library *library = add->write.library;
    uint32_t next_index, next_batch;
    enum pos_status status = pos_key_library_next(library, &next_index, &next_batch);
    if (status != POS_OK)
        return status;
    if (add->count == 0 || add->rows[0].index != next_index)
        return POS_ERR_ORDER;
    if (add->count > POS_KEY_INDEX_MAX || next_index > POS_KEY_INDEX_MAX - add->count + 1)
        return POS_ERR_EXHAUSTED;
    if (add->batch.number == next_batch) {
        *batch = add->batch;
        batch->first = next_index;
        batch->count = (uint32_t)add->count;
        return batch->state == POS_BATCH_GENERATED ? POS_OK : POS_ERR_STATE;
    }
    if (add->batch.number != next_batch - 1)
        return POS_ERR_ORDER;
    status = pos_key_library_find_batch(library, add->batch.number, batch);
    if (status != POS_OK)
        return status;
    if (batch->state != POS_BATCH_GENERATED || batch->algorithm != add->batch.algorithm ||
        batch->form != add->batch.form)
        return POS_ERR_STATE;
    batch->count += (uint32_t)add->count;
    return POS_OK;
}

/* A new key says nothing that only its batch may say. */
static bool key_is_new(const struct pos_key_row *row, const struct pos_batch_row *batch)
{
    return row->state == POS_KEY_GENERATED && row->batch == batch->number &&
           row->algorithm == batch->algorithm && row->form == batch->form &&
           row->mother[0] == '\0' && row->serial[0] == '\0' && row->exported_ms == 0 &&
           row->loaded_ms == 0 && row->tmk.size > 0;
}

static enum pos_status stage_add(struct pos_library_write *write,
                                 struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct pos_key_addition, write) == 0, "the write is the add");
    const struct pos_key_addition *add = (const struct pos_key_addition *)(void *)write;
    struct pos_batch_row batch;
    enum pos_status status = grow_batch(add, &batch);
    if (status == POS_OK)
        status = pos_library_put_batch(transaction, &batch);
    for (size_t i = 0; status == POS_OK && i < add->count; i++) {
        const struct pos_key_row *row = &add->rows[i];
        if (row->index != add->rows[0].index + i)
            status = POS_ERR_ORDER;
        else if (!key_is_new(row, &batch))
            status = POS_ERR_FORMAT;
        else
            status = pos_library_put_key(transaction, row);
    }
    if (status == POS_OK)
        pos_transaction_raise(transaction, batch.first + batch.count - 1);
    return status;
}

static struct pos_key_addition addition_of(const struct pos_key_row *rows, size_t count,
                                           const struct pos_batch_row *batch, const void *event)
{
    return (struct pos_key_addition){.write = {.stage = stage_add, .event = event},
                                     .rows = rows,
                                     .count = count,
                                     .batch = *batch};
}

enum pos_status pos_key_library_add(struct pos_key_library *library, const struct pos_key_row *rows,
                                    size_t count, const struct pos_batch_row *batch,
                                    const void *event)
{
    struct pos_key_addition add = addition_of(rows, count, batch, event);
    return pos_library_run(library, &add.write);
}

enum pos_status pos_key_library_add_start(struct pos_key_library *library,
                                          const struct pos_key_row *rows, size_t count,
                                          const struct pos_batch_row *batch, const void *event,
                                          struct pos_key_addition **addition)
{
    *addition = NULL;
    struct pos_key_addition *add = malloc(sizeof *add);
    if (add == NULL)
        return POS_ERR_MEMORY;
    *add = addition_of(rows, count, batch, event);
    enum pos_status status = pos_library_start(library, &add->write);
    if (status == POS_OK)
        *addition = add;
    else
        free(add);
    return status;
}

enum pos_status pos_key_library_add_await(struct pos_key_addition *addition)
{
    enum pos_status status = pos_library_await(&addition->write);
    free(addition);
    return status;
}
