/*
 * The batch: staged rows, read over those of the database. The index that makes this possible costs
 * as much as staging and writing the row together, so there are blind batches without one.
 */
#include <assert.h>
#include <stdlib.h>

#include "core/store/rocks_inside.h"

struct pos_rocks_batch {
    struct pos_rocks *rocks;
    rocksdb_writebatch_wi_t *rows; /* one of the two */
    rocksdb_writebatch_t *blind;
};

static struct pos_rocks_batch *create(struct pos_rocks *rocks)
{
    struct pos_rocks_batch *batch = calloc(1, sizeof *batch);
    if (batch != NULL)
        batch->rocks = rocks;
    return batch;
}

struct pos_rocks_batch *pos_rocks_batch_create(struct pos_rocks *rocks)
{
    struct pos_rocks_batch *batch = create(rocks);
    if (batch != NULL)
        batch->rows = rocksdb_writebatch_wi_create(0, 1);
    return batch;
}

struct pos_rocks_batch *pos_rocks_batch_create_blind(struct pos_rocks *rocks)
{
    struct pos_rocks_batch *batch = create(rocks);
    if (batch != NULL)
        batch->blind = rocksdb_writebatch_create();
    return batch;
}

void pos_rocks_batch_destroy(struct pos_rocks_batch *batch)
{
    if (batch == NULL)
        return;
    if (batch->blind != NULL)
        rocksdb_writebatch_destroy(batch->blind);
    else
        rocksdb_writebatch_wi_destroy(batch->rows);
    free(batch);
}

size_t pos_rocks_batch_count(struct pos_rocks_batch *batch)
{
    return (size_t)(batch->blind != NULL ? rocksdb_writebatch_count(batch->blind)
                                         : rocksdb_writebatch_wi_count(batch->rows));
}

void pos_rocks_batch_clear(struct pos_rocks_batch *batch)
{
    if (batch->blind != NULL)
        rocksdb_writebatch_clear(batch->blind);
    else
        rocksdb_writebatch_wi_clear(batch->rows);
}

void pos_rocks_batch_mark(struct pos_rocks_batch *batch)
{
    if (batch->blind != NULL)
        rocksdb_writebatch_set_save_point(batch->blind);
    else
        rocksdb_writebatch_wi_set_save_point(batch->rows);
}

void pos_rocks_batch_undo(struct pos_rocks_batch *batch)
{
    char *text = NULL;
    if (batch->blind != NULL)
        rocksdb_writebatch_rollback_to_save_point(batch->blind, &text);
    else
        rocksdb_writebatch_wi_rollback_to_save_point(batch->rows, &text);
    assert(text == NULL); /* fails without a mark only */
}

void pos_rocks_batch_put(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key,
                         struct pos_bytes value)
{
    rocksdb_column_family_handle_t *handle = batch->rocks->now->families[family];
    const char *k = (const char *)key.data, *v = (const char *)value.data;
    if (batch->blind != NULL)
        rocksdb_writebatch_put_cf(batch->blind, handle, k, key.size, v, value.size);
    else
        rocksdb_writebatch_wi_put_cf(batch->rows, handle, k, key.size, v, value.size);
}

void pos_rocks_batch_delete(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key)
{
    rocksdb_column_family_handle_t *handle = batch->rocks->now->families[family];
    if (batch->blind != NULL)
        rocksdb_writebatch_delete_cf(batch->blind, handle, (const char *)key.data, key.size);
    else
        rocksdb_writebatch_wi_delete_cf(batch->rows, handle, (const char *)key.data, key.size);
}

enum pos_status pos_rocks_batch_get(struct pos_rocks_batch *batch, size_t family,
                                    struct pos_bytes key, struct pos_buffer *value)
{
    size_t size;
    char *text = NULL;
    if (batch->blind != NULL)
        return pos_rocks_get(batch->rocks, family, key, value);
    char *data = rocksdb_writebatch_wi_get_from_batch_and_db_cf(
        batch->rows, batch->rocks->now->db, batch->rocks->read, batch->rocks->now->families[family],
        (const char *)key.data, key.size, &size, &text);
    if (text != NULL)
        return pos_rocks_status("batch-get", text);
    if (data == NULL)
        return POS_ERR_NOT_FOUND;
    enum pos_status status = pos_rocks_copy_out(pos_bytes(data, size), value);
    rocksdb_free(data);
    return status;
}

enum pos_status pos_rocks_batch_walk(struct pos_rocks_batch *batch, size_t family,
                                     struct pos_bytes first, pos_rocks_each *each, void *context)
{
    if (batch->blind != NULL)
        return pos_rocks_walk(batch->rocks, family, first, true, each, context);
    rocksdb_column_family_handle_t *handle = batch->rocks->now->families[family];
    rocksdb_iterator_t *base =
        rocksdb_create_iterator_cf(batch->rocks->now->db, batch->rocks->read, handle);
    /* the new iterator owns its base */
    return pos_rocks_walk_iterator(
        rocksdb_writebatch_wi_create_iterator_with_base_cf(batch->rows, base, handle), first, each,
        context);
}

enum pos_status pos_rocks_batch_write(struct pos_rocks_batch *batch, bool sync)
{
    char *text = NULL;
    rocksdb_t *db = batch->rocks->now->db;
    const rocksdb_writeoptions_t *how = sync ? batch->rocks->write_synced : batch->rocks->write;
    if (batch->blind != NULL)
        rocksdb_write(db, how, batch->blind, &text);
    else
        rocksdb_write_writebatch_wi(db, how, batch->rows, &text);
    return pos_rocks_status("write", text);
}
