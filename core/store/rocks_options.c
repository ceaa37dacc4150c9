/*
 * How a database is opened, read and written. Options follow what was measured: whole-key bloom
 * filter of 10 bits, 4 KiB blocks, LRU cache, index and filter outside the cache, no compression.
 *
 * A look-up in a table that fills memory takes as long as it misses the processor's caches. So in
 * the family that requests look up a block has a hash of its keys and is entered close to the row,
 * an index is small, and tables are large, as a batch begins anew in each: a sixth less. Writing
 * may pay for it, which is why the other families have none of it. Tables that were written with
 * other options are read as they are.
 *
 * The info log is kept at its fatal level: it lives on the database's own disk, and Debian's build
 * has assertions on, so with a chattier log a full disk would abort the process inside a put
 * instead of failing that put. Its head is written at any level, when a database is opened; so a
 * disk without room is refused before (rocks_folder.c).
 */
#include "core/store/rocks_inside.h"

enum {
    INFO_LOG_FATAL = 4,
    READ_TIER_MEMORY = 1, /* kBlockCacheTier: memtables and block cache */
    INFO_LOG_SIZE_MAX = 1 << 20,
    INFO_LOG_FILE_COUNT = 2,
    OPEN_FILE_COUNT_MAX = 512,
    BLOCK_SIZE = 4096,
    HASHED_RESTART_INTERVAL = 4, /* rows; the hash leads to the first of so many */
    INDEX_RESTART_INTERVAL = 8,  /* entries, which share what their keys begin with */
    LARGE_TABLE_SIZE = 128 << 20,
    BLOOM_BITS = 10,
    READ_AHEAD_SIZE = 2 << 20,        /* RocksDB alone would go up to 256 KiB */
    WRITE_BUFFER_SIZE = 32 << 20,     /* of a family */
    WRITE_BUFFERS_SIZE = 128 << 20,   /* of all families */
    WRITE_AHEAD_SIZE_MAX = 256 << 20, /* bounds what a reopen replays */
    TABLE_SYNC_SIZE = 1 << 20,        /* a log's sync must not wait behind a whole table */
};

/* Of a write buffer, for a filter of its keys: most look-ups find nothing in it, and without the
 * filter each would search it (also those of the committer, which ask whether a row is there). */
static const double MEMTABLE_BLOOM_SHARE = 0.05;

static rocksdb_block_based_table_options_t *make_table_options(rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(options, cache);
    rocksdb_block_based_options_set_block_size(options, BLOCK_SIZE);
    rocksdb_block_based_options_set_filter_policy(
        options, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(options, 0);
    return options;
}

static void suit_look_ups(rocksdb_options_t *options, rocksdb_block_based_table_options_t *table)
{
    rocksdb_block_based_options_set_block_restart_interval(table, HASHED_RESTART_INTERVAL);
    rocksdb_block_based_options_set_index_block_restart_interval(table, INDEX_RESTART_INTERVAL);
    rocksdb_block_based_options_set_data_block_index_type(
        table, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_options_set_target_file_size_base(options, LARGE_TABLE_SIZE);
}

static rocksdb_options_t *make_family_options(const struct pos_rocks *rocks,
                                              const struct pos_rocks_options *from, size_t family)
{
    rocksdb_options_t *options = rocksdb_options_create_copy(rocks->options);
    if (rocks->rest_table_options == NULL)
        rocksdb_options_set_block_based_table_factory(options, rocks->table_options);
    else if (family > 0)
        rocksdb_options_set_block_based_table_factory(options, rocks->rest_table_options);
    else
        suit_look_ups(options, rocks->table_options);
    if ((from->found_families >> family & 1) == 0) {
        rocksdb_options_set_memtable_whole_key_filtering(options, 1);
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, MEMTABLE_BLOOM_SHARE);
    }
    return options;
}

/* The families behind the first have a cache of their own, so that they push nothing out of its:
 * and RocksDB has a family of its own behind ours. */
static void make_families_options(struct pos_rocks *rocks, const struct pos_rocks_options *from)
{
    rocks->table_options = make_table_options(rocks->cache);
    if (from->rest_cache_size > 0) {
        rocks->rest_cache = rocksdb_cache_create_lru(from->rest_cache_size);
        rocks->rest_table_options = make_table_options(rocks->rest_cache);
    }
    for (size_t i = 0; i <= from->family_count; i++)
        rocks->family_options[i] = make_family_options(rocks, from, i);
}

void pos_rocks_make_options(struct pos_rocks *rocks, const struct pos_rocks_options *from)
{
    rocks->cache = rocksdb_cache_create_lru(from->cache_size);
    rocksdb_options_t *options = rocks->options = rocksdb_options_create();
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_info_log_level(options, INFO_LOG_FATAL);
    rocksdb_options_set_max_log_file_size(options, INFO_LOG_SIZE_MAX);
    rocksdb_options_set_keep_log_file_num(options, INFO_LOG_FILE_COUNT);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFER_SIZE);
    rocksdb_options_set_db_write_buffer_size(options, WRITE_BUFFERS_SIZE);
    rocksdb_options_set_max_total_wal_size(options, WRITE_AHEAD_SIZE_MAX);
    rocksdb_options_set_bytes_per_sync(options, TABLE_SYNC_SIZE);
    rocksdb_options_set_create_if_missing(options, from->create);
    rocksdb_options_set_create_missing_column_families(options, from->create);
    /* A follower must hold on to files that the writer deletes. */
    rocksdb_options_set_max_open_files(options, from->follower ? -1 : OPEN_FILE_COUNT_MAX);
    /* It would open them with 16 threads a family, made anew with each instance: every second. */
    rocksdb_options_set_max_file_opening_threads(options, 1);

    make_families_options(rocks, from);

    rocks->read = rocksdb_readoptions_create();
    rocks->read_memory = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(rocks->read_memory, READ_TIER_MEMORY);
    rocks->read_past_cache = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(rocks->read_past_cache, 0);
    rocks->read_all = rocksdb_readoptions_create();
    rocksdb_readoptions_set_readahead_size(rocks->read_all, READ_AHEAD_SIZE);
    rocks->read_all_past_cache = rocksdb_readoptions_create();
    rocksdb_readoptions_set_readahead_size(rocks->read_all_past_cache, READ_AHEAD_SIZE);
    rocksdb_readoptions_set_fill_cache(rocks->read_all_past_cache, 0);
    rocks->write = rocksdb_writeoptions_create();
    rocks->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write_synced, 1);
    rocks->write_unlogged = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->write_unlogged, 1);
}

static void destroy_families_options(struct pos_rocks *rocks)
{
    for (size_t i = 0; i <= rocks->family_count; i++)
        rocksdb_options_destroy(rocks->family_options[i]);
    rocksdb_block_based_options_destroy(rocks->table_options);
    rocksdb_cache_destroy(rocks->cache);
    if (rocks->rest_table_options == NULL)
        return;
    rocksdb_block_based_options_destroy(rocks->rest_table_options);
    rocksdb_cache_destroy(rocks->rest_cache);
}

void pos_rocks_destroy_options(struct pos_rocks *rocks)
{
    rocksdb_writeoptions_destroy(rocks->write_unlogged);
    rocksdb_writeoptions_destroy(rocks->write_synced);
    rocksdb_writeoptions_destroy(rocks->write);
    rocksdb_readoptions_destroy(rocks->read_all_past_cache);
    rocksdb_readoptions_destroy(rocks->read_all);
    rocksdb_readoptions_destroy(rocks->read_past_cache);
    rocksdb_readoptions_destroy(rocks->read_memory);
    rocksdb_readoptions_destroy(rocks->read);
    destroy_families_options(rocks);
    rocksdb_options_destroy(rocks->options);
}
