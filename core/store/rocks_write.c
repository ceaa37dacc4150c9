/* Writing outside of a batch: rows in bulk, flushing, and what becomes of the tables. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store/rocks_folder.h"
#include "core/store/rocks_inside.h"

enum {
    COMPACT_FORCE = 2, /* BottommostLevelCompaction::kForce */
    COMPACT_COUNT_MAX = 10,
};

void pos_rocks_put_item(const struct pos_rocks *rocks, rocksdb_writebatch_t *batch,
                        const struct pos_rocks_item *item)
{
    rocksdb_writebatch_put_cf(batch, rocks->now->families[item->family],
                              (const char *)item->key.data, item->key.size,
                              (const char *)item->value.data, item->value.size);
}

enum pos_status pos_rocks_flush(struct pos_rocks *rocks)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    char *text = NULL;
    for (size_t i = 0; text == NULL && i < rocks->family_count; i++)
        rocksdb_flush_cf(rocks->now->db, options, rocks->now->families[i], &text);
    rocksdb_flushoptions_destroy(options);
    return pos_rocks_status("flush", text);
}

/* Is a table in use that was there before? */
static bool uses_old_tables(struct pos_rocks *rocks, uint64_t newest_table)
{
    bool any = false;
    const rocksdb_livefiles_t *files = rocksdb_livefiles(rocks->now->db);
    for (int i = 0; i < rocksdb_livefiles_count(files); i++) {
        const char *name = rocksdb_livefiles_name(files, i); /* "/000123.sst" */
        any |= strtoull(name + 1, NULL, 10) <= newest_table;
    }
    rocksdb_livefiles_destroy(files);
    return any;
}

static void compact(struct pos_rocks *rocks)
{
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();
    rocksdb_compactoptions_set_bottommost_level_compaction(options, COMPACT_FORCE);
    for (size_t i = 0; i < rocks->family_count; i++)
        rocksdb_compact_range_cf_opt(rocks->now->db, rocks->now->families[i], options, NULL, 0,
                                     NULL, 0);
    rocksdb_compactoptions_destroy(options);
}

/* Old versions of a row go when its family is compacted down to its last level, which has to be
 * asked for: RocksDB would leave a table alone that it could only copy. Compacting tells nobody
 * that it failed, and passes over what RocksDB compacts by itself just then; so what counts is that
 * every table of before is gone. */
enum pos_status pos_rocks_scrub(struct pos_rocks *rocks)
{
    if (rocks->follower)
        return POS_ERR_NOT_ALLOWED;
    struct pos_rocks_age newest;
    enum pos_status status = pos_rocks_flush(rocks);
    if (status == POS_OK)
        status = pos_rocks_newest(rocks->path, &newest);
    if (status != POS_OK)
        return status;
    for (int i = 0; i < COMPACT_COUNT_MAX && uses_old_tables(rocks, newest.table); i++)
        compact(rocks);
    return uses_old_tables(rocks, newest.table) ? POS_ERR_DATABASE
                                                : pos_rocks_wait_gone(rocks->path, &newest);
}

enum pos_status pos_rocks_checkpoint(struct pos_rocks *rocks, const char *path)
{
    if (rocks->follower)
        return POS_ERR_NOT_ALLOWED;
    if (access(path, F_OK) == 0)
        return POS_ERR_EXISTS;
    char *text = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(rocks->now->db, &text);
    if (text != NULL)
        return pos_rocks_status("checkpoint", text);
    rocksdb_checkpoint_create(checkpoint, path, 0, &text);
    rocksdb_checkpoint_object_destroy(checkpoint);
    if (text != NULL)
        return pos_rocks_status("checkpoint", text);
    return chmod(path, 0700) == 0 ? POS_OK : POS_ERR_IO;
}

enum pos_status pos_rocks_drop_range(struct pos_rocks *rocks, size_t family, struct pos_bytes first,
                                     struct pos_bytes end)
{
    char *text = NULL;
    rocksdb_delete_range_cf(rocks->now->db, rocks->write, rocks->now->families[family],
                            (const char *)first.data, first.size, (const char *)end.data, end.size,
                            &text);
    return pos_rocks_status("drop-range", text);
}

enum pos_status pos_rocks_load(struct pos_rocks *rocks, const struct pos_rocks_item *items,
                               size_t count)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    for (size_t i = 0; i < count; i++)
        pos_rocks_put_item(rocks, batch, &items[i]);
    char *text = NULL;
    rocksdb_write(rocks->now->db, rocks->write_unlogged, batch, &text);
    rocksdb_writebatch_destroy(batch);
    return pos_rocks_status("load", text);
}
