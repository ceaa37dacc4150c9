/*
 * The batch: staged rows, read over those of the database. RocksDB's own index of a batch is sorted
 * and cost a registration 5 us, half of what it took; so rows are found in a hash table
 * (staged.c), and a sorted index is made of them only where somebody walks.
 */
#include <assert.h>
#include <stdlib.h>

#include "core/store/rocks_inside.h"
#include "core/store/staged.h"

struct pos_rocks_batch {
    struct pos_rocks *rocks;
    rocksdb_writebatch_t *rows;
    struct pos_staged *staged; /* the same rows; NULL: blind */
    size_t marked;             /* of them */
    bool incomplete;           /* no memory for one of them */
    rocksdb_writebatch_wi_t *sorted;
    size_t sorted_count; /* of the staged rows, those that are in it */
};

struct pos_rocks_batch *pos_rocks_batch_create_blind(struct pos_rocks *rocks)
{
    struct pos_rocks_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->rocks = rocks;
    batch->rows = rocksdb_writebatch_create();
    return batch;
}

struct pos_rocks_batch *pos_rocks_batch_create(struct pos_rocks *rocks)
{
    struct pos_rocks_batch *batch = pos_rocks_batch_create_blind(rocks);
    if (batch == NULL)
        return NULL;
    batch->sorted = rocksdb_writebatch_wi_create(0, 1);
    batch->staged = pos_staged_create();
    if (batch->staged != NULL)
        return batch;
    pos_rocks_batch_destroy(batch);
    return NULL;
}

void pos_rocks_batch_destroy(struct pos_rocks_batch *batch)
{
    if (batch == NULL)
        return;
    rocksdb_writebatch_destroy(batch->rows);
    if (batch->sorted != NULL)
        rocksdb_writebatch_wi_destroy(batch->sorted);
    pos_staged_destroy(batch->staged);
    free(batch);
}

size_t pos_rocks_batch_count(struct pos_rocks_batch *batch)
{
    return (size_t)rocksdb_writebatch_count(batch->rows);
}

static void cut(struct pos_rocks_batch *batch, size_t count)
{
    if (batch->staged == NULL)
        return;
    pos_staged_cut(batch->staged, count);
    if (batch->sorted_count <= count)
        return;
    rocksdb_writebatch_wi_clear(batch->sorted);
    batch->sorted_count = 0;
}

void pos_rocks_batch_clear(struct pos_rocks_batch *batch)
{
    rocksdb_writebatch_clear(batch->rows);
    cut(batch, 0);
    batch->marked = 0;
    batch->incomplete = false;
}

void pos_rocks_batch_mark(struct pos_rocks_batch *batch)
{
    rocksdb_writebatch_set_save_point(batch->rows);
    if (batch->staged != NULL)
        batch->marked = pos_staged_count(batch->staged);
}

void pos_rocks_batch_undo(struct pos_rocks_batch *batch)
{
    char *text = NULL;
    rocksdb_writebatch_rollback_to_save_point(batch->rows, &text);
    assert(text == NULL); /* fails without a mark only */
    cut(batch, batch->marked);
}

static void stage(struct pos_rocks_batch *batch, const struct pos_staged_row *row)
{
    if (batch->staged != NULL && !pos_staged_add(batch->staged, row))
        batch->incomplete = true;
}

void pos_rocks_batch_put(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key,
                         struct pos_bytes value)
{
    rocksdb_writebatch_put_cf(batch->rows, batch->rocks->now->families[family],
                              (const char *)key.data, key.size, (const char *)value.data,
                              value.size);
    stage(batch, &(struct pos_staged_row){.family = family, .key = key, .value = value});
}

void pos_rocks_batch_delete(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key)
{
    rocksdb_writebatch_delete_cf(batch->rows, batch->rocks->now->families[family],
                                 (const char *)key.data, key.size);
    stage(batch, &(struct pos_staged_row){.family = family, .key = key, .deleted = true});
}

enum pos_status pos_rocks_batch_get(struct pos_rocks_batch *batch, size_t family,
                                    struct pos_bytes key, struct pos_buffer *value)
{
    struct pos_staged_row row;
    if (batch->incomplete)
        return POS_ERR_MEMORY;
    if (batch->staged == NULL || !pos_staged_find(batch->staged, family, key, &row))
        return pos_rocks_get(batch->rocks, family, key, value);
    return row.deleted ? POS_ERR_NOT_FOUND : pos_rocks_copy_out(row.value, value);
}

/* Brings the sorted index along to the last staged row. */
static void sort(struct pos_rocks_batch *batch)
{
    for (; batch->sorted_count < pos_staged_count(batch->staged); batch->sorted_count++) {
        struct pos_staged_row row = pos_staged_at(batch->staged, batch->sorted_count);
        rocksdb_column_family_handle_t *handle = batch->rocks->now->families[row.family];
        const char *key = (const char *)row.key.data, *value = (const char *)row.value.data;
        if (row.deleted)
            rocksdb_writebatch_wi_delete_cf(batch->sorted, handle, key, row.key.size);
        else
            rocksdb_writebatch_wi_put_cf(batch->sorted, handle, key, row.key.size, value,
                                         row.value.size);
    }
}

enum pos_status pos_rocks_batch_walk(struct pos_rocks_batch *batch, size_t family,
                                     struct pos_bytes first, pos_rocks_each *each, void *context)
{
    if (batch->incomplete)
        return POS_ERR_MEMORY;
    if (batch->staged == NULL)
        return pos_rocks_walk(batch->rocks, family, first, true, each, context);
    sort(batch);
    rocksdb_column_family_handle_t *handle = batch->rocks->now->families[family];
    rocksdb_iterator_t *base =
        rocksdb_create_iterator_cf(batch->rocks->now->db, batch->rocks->read, handle);
    /* the new iterator owns its base */
    return pos_rocks_walk_iterator(
        rocksdb_writebatch_wi_create_iterator_with_base_cf(batch->sorted, base, handle), first,
        each, context);
}

enum pos_status pos_rocks_batch_write(struct pos_rocks_batch *batch, bool sync)
{
    char *text = NULL;
    if (batch->incomplete)
        return POS_ERR_MEMORY;
    rocksdb_write(batch->rocks->now->db, sync ? batch->rocks->write_synced : batch->rocks->write,
                  batch->rows, &text);
    return pos_rocks_status("write", text);
}
