/*
 * RocksDB behind rocks.h. Options follow what was measured: whole-key bloom filter of 10 bits, 4
 * KiB blocks, LRU cache, index and filter outside the cache, no compression.
 *
 * The info log is kept at its fatal level: it lives on the database's own disk, and Debian's build
 * has assertions on, so with a chattier log a full disk would abort the process inside a put
 * instead of failing that put. Its head is written at any level, when a database is opened; so a
 * disk without room is refused before.
 */
#include "core/store/rocks.h"

#include <assert.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/store/rocks_folder.h"

enum {
    INFO_LOG_FATAL = 4,
    READ_TIER_MEMORY = 1, /* kBlockCacheTier: memtables and block cache */
    COMPACT_FORCE = 2,    /* BottommostLevelCompaction::kForce */
    COMPACT_COUNT_MAX = 10,
    INFO_LOG_SIZE_MAX = 1 << 20,
    INFO_LOG_FILE_COUNT = 2,
    OPEN_FILE_COUNT_MAX = 512,
    BLOCK_SIZE = 4096,
    BLOOM_BITS = 10,
    WRITE_BUFFER_SIZE = 32 << 20,     /* of a family */
    WRITE_BUFFERS_SIZE = 128 << 20,   /* of all families */
    WRITE_AHEAD_SIZE_MAX = 256 << 20, /* bounds what a reopen replays */
    FORMAT_VERSION = 2,               /* of the database as a whole */
    FORMAT_SIZE_MAX = 64,
    OPEN_NEWER_COUNT_MAX = 5,
};

/* Of a write buffer, for a filter of its keys: most look-ups find nothing in it, and without the
 * filter each would search it (also those of the committer, which ask whether a row is there). */
static const double MEMTABLE_BLOOM_SHARE = 0.05;

static const char format_key[] = "format";

/* The database as it was opened at some time. */
struct instance {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[POS_ROCKS_FAMILY_COUNT_MAX];
    size_t reader_count; /* of a follower: reads under way */
};

/*
 * A writer has one instance. A follower gets a new one now and then (pos_rocks_let_go), because an
 * open one holds on to every file that it has seen. Reads that began with the old one end with it.
 */
struct pos_rocks {
    struct instance *now;
    bool follower;
    pthread_mutex_t lock;     /* a follower's: guards `now` and reader counts */
    pthread_cond_t unread;    /* a reader count became 0 */
    pthread_mutex_t renewing; /* one renewal at a time */
    char path[POS_PATH_SIZE_MAX], scratch[POS_PATH_SIZE_MAX];
    const char *const *family_names;
    rocksdb_options_t *options, *rest_options; /* rest_: of all families but the first, or NULL */
    rocksdb_block_based_table_options_t *table_options, *rest_table_options;
    rocksdb_cache_t *cache, *rest_cache;
    rocksdb_readoptions_t *read, *read_past_cache, *read_memory;
    rocksdb_writeoptions_t *write, *write_synced, *write_unlogged;
    size_t family_count;
};

struct pos_rocks_batch {
    struct pos_rocks *rocks;
    rocksdb_writebatch_wi_t *rows;
};

/* Takes the error text over: logs it, frees it, says its class. */
static enum pos_status status_of(const char *what, char *text)
{
    static _Thread_local struct pos_log_limit limit;
    if (text == NULL)
        return POS_OK;
    enum pos_status status =
        strncmp(text, "Corruption", 10) == 0 ? POS_ERR_CORRUPT : POS_ERR_DATABASE;
    uint32_t suppressed;
    if (pos_log_allow(&limit, 1, pos_clock_utc_ms(), &suppressed))
        pos_log(POS_LOG_ERROR, "database-error", "what=%s suppressed=%u text=\"%s\"", what,
                suppressed, text);
    rocksdb_free(text);
    return status;
}

/* ---- instances ---- */

static struct instance *enter(struct pos_rocks *rocks)
{
    if (!rocks->follower)
        return rocks->now;
    (void)pthread_mutex_lock(&rocks->lock);
    struct instance *instance = rocks->now;
    instance->reader_count++;
    (void)pthread_mutex_unlock(&rocks->lock);
    return instance;
}

static void leave(struct pos_rocks *rocks, struct instance *instance)
{
    if (!rocks->follower)
        return;
    (void)pthread_mutex_lock(&rocks->lock);
    if (--instance->reader_count == 0)
        (void)pthread_cond_broadcast(&rocks->unread);
    (void)pthread_mutex_unlock(&rocks->lock);
}

static void close_instance(struct pos_rocks *rocks, struct instance *instance)
{
    if (instance == NULL)
        return;
    for (size_t i = 0; i <= rocks->family_count; i++)
        rocksdb_column_family_handle_destroy(instance->families[i]);
    rocksdb_close(instance->db);
    free(instance);
}

/* *text is RocksDB's, when there is no instance. */
static struct instance *open_instance(struct pos_rocks *rocks, char **text)
{
    /* RocksDB wants its own "default" family opened too; it stays empty, behind ours. */
    const char *names[POS_ROCKS_FAMILY_COUNT_MAX];
    const rocksdb_options_t *family_options[POS_ROCKS_FAMILY_COUNT_MAX];
    int count = (int)rocks->family_count + 1;
    struct instance *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    for (int i = 0; i < count; i++) {
        names[i] = i < count - 1 ? rocks->family_names[i] : "default";
        family_options[i] =
            i == 0 || rocks->rest_options == NULL ? rocks->options : rocks->rest_options;
    }
    if (rocks->follower)
        made->db = rocksdb_open_as_secondary_column_families(rocks->options, rocks->path,
                                                             rocks->scratch, count, names,
                                                             family_options, made->families, text);
    else
        made->db = rocksdb_open_column_families(rocks->options, rocks->path, count, names,
                                                family_options, made->families, text);
    if (*text == NULL)
        return made;
    free(made);
    return NULL;
}

/* ---- open and close ---- */

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

/* The other families with a cache of their own, so that they push nothing out of the first's. */
static void make_rest_options(struct pos_rocks *rocks, size_t cache_size)
{
    if (cache_size == 0)
        return;
    rocks->rest_cache = rocksdb_cache_create_lru(cache_size);
    rocks->rest_table_options = make_table_options(rocks->rest_cache);
    rocks->rest_options = rocksdb_options_create_copy(rocks->options);
    rocksdb_options_set_block_based_table_factory(rocks->rest_options, rocks->rest_table_options);
}

static void destroy_rest_options(struct pos_rocks *rocks)
{
    if (rocks->rest_options == NULL)
        return;
    rocksdb_options_destroy(rocks->rest_options);
    rocksdb_block_based_options_destroy(rocks->rest_table_options);
    rocksdb_cache_destroy(rocks->rest_cache);
}

static void make_options(struct pos_rocks *rocks, const struct pos_rocks_options *from)
{
    rocks->cache = rocksdb_cache_create_lru(from->cache_size);
    rocks->table_options = make_table_options(rocks->cache);

    rocksdb_options_t *options = rocks->options = rocksdb_options_create();
    rocksdb_options_set_block_based_table_factory(options, rocks->table_options);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_info_log_level(options, INFO_LOG_FATAL);
    rocksdb_options_set_max_log_file_size(options, INFO_LOG_SIZE_MAX);
    rocksdb_options_set_keep_log_file_num(options, INFO_LOG_FILE_COUNT);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFER_SIZE);
    rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, MEMTABLE_BLOOM_SHARE);
    rocksdb_options_set_db_write_buffer_size(options, WRITE_BUFFERS_SIZE);
    rocksdb_options_set_max_total_wal_size(options, WRITE_AHEAD_SIZE_MAX);
    rocksdb_options_set_create_if_missing(options, from->create);
    rocksdb_options_set_create_missing_column_families(options, from->create);
    /* A follower must hold on to files that the writer deletes. */
    rocksdb_options_set_max_open_files(options, from->scratch != NULL ? -1 : OPEN_FILE_COUNT_MAX);

    make_rest_options(rocks, from->rest_cache_size);

    rocks->read = rocksdb_readoptions_create();
    rocks->read_memory = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(rocks->read_memory, READ_TIER_MEMORY);
    rocks->read_past_cache = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(rocks->read_past_cache, 0);
    rocks->write = rocksdb_writeoptions_create();
    rocks->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write_synced, 1);
    rocks->write_unlogged = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->write_unlogged, 1);
}

void pos_rocks_close(struct pos_rocks *rocks)
{
    if (rocks == NULL)
        return;
    close_instance(rocks, rocks->now);
    rocksdb_writeoptions_destroy(rocks->write_unlogged);
    rocksdb_writeoptions_destroy(rocks->write_synced);
    rocksdb_writeoptions_destroy(rocks->write);
    rocksdb_readoptions_destroy(rocks->read_past_cache);
    rocksdb_readoptions_destroy(rocks->read_memory);
    rocksdb_readoptions_destroy(rocks->read);
    destroy_rest_options(rocks);
    rocksdb_options_destroy(rocks->options);
    rocksdb_block_based_options_destroy(rocks->table_options);
    rocksdb_cache_destroy(rocks->cache);
    (void)pthread_mutex_destroy(&rocks->renewing);
    (void)pthread_cond_destroy(&rocks->unread);
    (void)pthread_mutex_destroy(&rocks->lock);
    free(rocks);
}

/* RocksDB's text to a status and a sentence that says what to do. */
static enum pos_status open_failed(const struct pos_rocks_options *options, char *text,
                                   struct pos_error *error)
{
    enum pos_status status;
    if (strstr(text, "/LOCK:") != NULL)
        status = pos_error_set(error, POS_ERR_BUSY,
                               "%s: another %s has it open; end that one first, or wait",
                               options->path, options->writer);
    else if (strstr(text, "olumn famil") != NULL)
        status = pos_error_set(error, POS_ERR_MISMATCH,
                               "%s is not a %s database of this version: "
                               "%s",
                               options->path, options->format, text);
    else if (strncmp(text, "Corruption", 10) == 0)
        status = pos_error_set(error, POS_ERR_CORRUPT, "%s is damaged: %s; restore a backup",
                               options->path, text);
    else
        status = pos_error_set(error, POS_ERR_DATABASE, "cannot open %s: %s", options->path, text);
    rocksdb_free(text);
    return status;
}

static enum pos_status open_database(struct pos_rocks *rocks,
                                     const struct pos_rocks_options *options,
                                     struct pos_error *error)
{
    char *text = NULL;
    rocks->now = open_instance(rocks, &text);
    if (rocks->now != NULL)
        return POS_OK;
    return text != NULL
               ? open_failed(options, text, error)
               : pos_error_set(error, POS_ERR_MEMORY, "no memory to open %s", options->path);
}

static void put_item(const struct pos_rocks *rocks, rocksdb_writebatch_t *batch,
                     const struct pos_rocks_item *item)
{
    rocksdb_writebatch_put_cf(batch, rocks->now->families[item->family],
                              (const char *)item->key.data, item->key.size,
                              (const char *)item->value.data, item->value.size);
}

static enum pos_status write_format(struct pos_rocks *rocks,
                                    const struct pos_rocks_options *options,
                                    struct pos_error *error)
{
    uint8_t memory[FORMAT_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    pos_buffer_put_u8(&row, FORMAT_VERSION);
    pos_buffer_put_text(&row, options->format);
    assert(!row.overflow);
    struct pos_rocks_item format = {rocks->family_count - 1, pos_bytes_text(format_key),
                                    pos_buffer_view(&row)};
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    put_item(rocks, batch, &format);
    for (size_t i = 0; i < options->born_count; i++)
        put_item(rocks, batch, &options->born[i]);
    char *text = NULL;
    rocksdb_write(rocks->now->db, rocks->write_synced, batch, &text);
    rocksdb_writebatch_destroy(batch);
    enum pos_status status = status_of("write-format", text);
    return status == POS_OK ? status
                            : pos_error_set(error, status, "cannot write to the new database");
}

static bool seen_any(void *context, struct pos_bytes key, struct pos_bytes value)
{
    (void)key, (void)value;
    *(bool *)context = true;
    return false;
}

/* A database without its format row was made by a process that died before its first write, or is
 * none of ours. */
static enum pos_status unformatted(struct pos_rocks *rocks, const struct pos_rocks_options *options,
                                   struct pos_error *error)
{
    bool any = false;
    for (size_t i = 0; i < rocks->family_count; i++)
        if (pos_rocks_walk(rocks, i, pos_bytes(NULL, 0), true, seen_any, &any) != POS_OK || any)
            return pos_error_set(error, POS_ERR_CORRUPT,
                                 "%s has rows and no format row; restore a backup", options->path);
    if (options->scratch != NULL || !options->create)
        return pos_error_set(error, POS_ERR_NOT_FOUND,
                             "%s is an empty database: %s did not finish "
                             "making it",
                             options->path, options->writer);
    return write_format(rocks, options, error);
}

static enum pos_status check_format(struct pos_rocks *rocks,
                                    const struct pos_rocks_options *options,
                                    struct pos_error *error)
{
    uint8_t memory[FORMAT_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_rocks_get(rocks, rocks->family_count - 1, pos_bytes_text(format_key), &row);
    if (status == POS_ERR_NOT_FOUND)
        return unformatted(rocks, options, error);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the format row of %s", options->path);
    if (row.size == 0 || row.data[0] == 0)
        return pos_error_set(error, POS_ERR_CORRUPT,
                             "%s has a damaged format row; restore a "
                             "backup",
                             options->path);
    if (row.data[0] > FORMAT_VERSION)
        return pos_error_set(error, POS_ERR_VERSION,
                             "%s was written by a newer version (format %u, this program knows "
                             "%d); use that version",
                             options->path, row.data[0], FORMAT_VERSION);
    if (row.data[0] < FORMAT_VERSION)
        return pos_error_set(error, POS_ERR_MISMATCH,
                             "%s is from before the first release (format %u, this program knows "
                             "%d) and is not read; make a new one",
                             options->path, row.data[0], FORMAT_VERSION);
    if (!pos_bytes_equal_text(pos_bytes(row.data + 1, row.size - 1), options->format))
        return pos_error_set(error, POS_ERR_MISMATCH, "%s is not a %s database: it is a %.*s",
                             options->path, options->format, (int)(row.size - 1),
                             (const char *)row.data + 1);
    return POS_OK;
}

enum pos_status pos_rocks_open(const struct pos_rocks_options *options, struct pos_rocks **rocks,
                               struct pos_error *error)
{
    assert(options->family_count > 0 && options->family_count < POS_ROCKS_FAMILY_COUNT_MAX);
    assert(strcmp(options->families[options->family_count - 1], "meta") == 0);
    *rocks = NULL;
    enum pos_status status = pos_rocks_check_folder(options, error);
    if (status == POS_OK)
        status = pos_rocks_check_room(options, error);
    if (status != POS_OK)
        return status;
    struct pos_rocks *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to open %s", options->path);
    made->family_count = options->family_count;
    made->family_names = options->families;
    made->follower = options->scratch != NULL;
    (void)snprintf(made->path, sizeof made->path, "%s", options->path);
    (void)snprintf(made->scratch, sizeof made->scratch, "%s",
                   made->follower ? options->scratch : "");
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_cond_init(&made->unread, NULL);
    (void)pthread_mutex_init(&made->renewing, NULL);
    make_options(made, options);
    status = open_database(made, options, error);
    if (status == POS_OK)
        status = check_format(made, options, error);
    if (status != POS_OK) {
        pos_rocks_close(made);
        return status;
    }
    *rocks = made;
    return POS_OK;
}

enum pos_status pos_rocks_catch_up(struct pos_rocks *rocks)
{
    char *text = NULL;
    struct instance *now = enter(rocks);
    rocksdb_try_catch_up_with_primary(now->db, &text);
    leave(rocks, now);
    return status_of("catch-up", text);
}

/* Opening races with the writer, which may delete a file between its being listed and opened. */
static struct instance *open_newer(struct pos_rocks *rocks, char **text)
{
    for (int i = 0; i < OPEN_NEWER_COUNT_MAX; i++) {
        if (*text != NULL)
            rocksdb_free(*text);
        *text = NULL;
        struct instance *made = open_instance(rocks, text);
        if (made != NULL || *text == NULL)
            return made;
    }
    return NULL;
}

enum pos_status pos_rocks_let_go(struct pos_rocks *rocks)
{
    if (!rocks->follower)
        return POS_ERR_NOT_ALLOWED;
    char *text = NULL;
    (void)pthread_mutex_lock(&rocks->renewing);
    struct instance *newer = open_newer(rocks, &text);
    if (newer == NULL) {
        (void)pthread_mutex_unlock(&rocks->renewing);
        return text == NULL ? POS_ERR_MEMORY : status_of("let-go", text);
    }
    (void)pthread_mutex_lock(&rocks->lock);
    struct instance *older = rocks->now;
    rocks->now = newer;
    while (older->reader_count > 0)
        (void)pthread_cond_wait(&rocks->unread, &rocks->lock);
    (void)pthread_mutex_unlock(&rocks->lock);
    close_instance(rocks, older);
    (void)pthread_mutex_unlock(&rocks->renewing);
    return POS_OK;
}

/* ---- reading ---- */

static enum pos_status copy_out(struct pos_bytes from, struct pos_buffer *into)
{
    if (into == NULL)
        return POS_OK;
    pos_buffer_put(into, from);
    return into->overflow ? POS_ERR_CORRUPT : POS_OK;
}

static struct pos_bytes slice_view(const rocksdb_pinnableslice_t *slice)
{
    size_t size;
    const char *data = rocksdb_pinnableslice_value(slice, &size);
    return pos_bytes(data, size);
}

static enum pos_status get(struct pos_rocks *rocks, const rocksdb_readoptions_t *read,
                           size_t family, struct pos_bytes key, struct pos_buffer *value)
{
    char *text = NULL;
    enum pos_status status = POS_ERR_NOT_FOUND;
    struct instance *now = enter(rocks);
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(now->db, read, now->families[family],
                                                           (const char *)key.data, key.size, &text);
    if (slice != NULL) {
        status = copy_out(slice_view(slice), value);
        rocksdb_pinnableslice_destroy(slice);
    }
    leave(rocks, now);
    if (read == rocks->read_memory && text != NULL && strncmp(text, "Result incomplete", 17) == 0) {
        rocksdb_free(text);
        return POS_ERR_BUSY;
    }
    return text != NULL ? status_of("get", text) : status;
}

enum pos_status pos_rocks_get(struct pos_rocks *rocks, size_t family, struct pos_bytes key,
                              struct pos_buffer *value)
{
    return get(rocks, rocks->read, family, key, value);
}

enum pos_status pos_rocks_get_in_memory(struct pos_rocks *rocks, size_t family,
                                        struct pos_bytes key, struct pos_buffer *value)
{
    return get(rocks, rocks->read_memory, family, key, value);
}

uint64_t pos_rocks_tables_size(struct pos_rocks *rocks, size_t family)
{
    uint64_t size = 0;
    struct instance *now = enter(rocks);
    (void)rocksdb_property_int_cf(now->db, now->families[family], "rocksdb.live-sst-files-size",
                                  &size);
    leave(rocks, now);
    return size;
}

typedef void each_of_many(void *context, size_t i, enum pos_status status, struct pos_bytes value);

/* Hands one result on and gives its memory back. */
static void hand_on(size_t i, rocksdb_pinnableslice_t *slice, char *text, each_of_many *each,
                    void *context)
{
    if (text != NULL) {
        each(context, i, status_of("get-many", text), pos_bytes(NULL, 0));
    } else if (slice == NULL) {
        each(context, i, POS_ERR_NOT_FOUND, pos_bytes(NULL, 0));
    } else {
        each(context, i, POS_OK, slice_view(slice));
        rocksdb_pinnableslice_destroy(slice);
    }
}

void pos_rocks_get_many(struct pos_rocks *rocks, size_t family, const char *const *keys,
                        size_t key_size, size_t count, each_of_many *each, void *context)
{
    assert(count <= POS_ROCKS_MANY_COUNT_MAX);
    rocksdb_pinnableslice_t *slices[POS_ROCKS_MANY_COUNT_MAX];
    char *texts[POS_ROCKS_MANY_COUNT_MAX];
    struct instance *now = enter(rocks);
    if (count == 1) {
        texts[0] = NULL;
        slices[0] = rocksdb_get_pinned_cf(now->db, rocks->read, now->families[family], keys[0],
                                          key_size, &texts[0]);
    } else if (count > 1) {
        size_t sizes[POS_ROCKS_MANY_COUNT_MAX];
        for (size_t i = 0; i < count; i++)
            sizes[i] = key_size;
        rocksdb_batched_multi_get_cf(now->db, rocks->read, now->families[family], count, keys,
                                     sizes, slices, texts, false);
    }
    for (size_t i = 0; i < count; i++)
        hand_on(i, slices[i], texts[i], each, context);
    leave(rocks, now);
}

static enum pos_status walk_iterator(rocksdb_iterator_t *iterator, struct pos_bytes first,
                                     pos_rocks_each *each, void *context)
{
    if (first.size == 0)
        rocksdb_iter_seek_to_first(iterator);
    else
        rocksdb_iter_seek(iterator, (const char *)first.data, first.size);
    for (; rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        size_t key_size, value_size;
        const char *key = rocksdb_iter_key(iterator, &key_size);
        const char *value = rocksdb_iter_value(iterator, &value_size);
        if (!each(context, pos_bytes(key, key_size), pos_bytes(value, value_size)))
            break;
    }
    char *text = NULL;
    rocksdb_iter_get_error(iterator, &text);
    rocksdb_iter_destroy(iterator);
    return status_of("walk", text);
}

enum pos_status pos_rocks_walk(struct pos_rocks *rocks, size_t family, struct pos_bytes first,
                               bool cache, pos_rocks_each *each, void *context)
{
    struct instance *now = enter(rocks);
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(
        now->db, cache ? rocks->read : rocks->read_past_cache, now->families[family]);
    enum pos_status status = walk_iterator(iterator, first, each, context);
    leave(rocks, now);
    return status;
}

enum pos_status pos_rocks_last(struct pos_rocks *rocks, size_t family, struct pos_buffer *key,
                               struct pos_buffer *value)
{
    struct instance *now = enter(rocks);
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator_cf(now->db, rocks->read, now->families[family]);
    rocksdb_iter_seek_to_last(iterator);
    enum pos_status status = POS_ERR_NOT_FOUND;
    if (rocksdb_iter_valid(iterator)) {
        size_t size;
        const char *data = rocksdb_iter_key(iterator, &size);
        status = copy_out(pos_bytes(data, size), key);
        data = rocksdb_iter_value(iterator, &size);
        if (status == POS_OK)
            status = copy_out(pos_bytes(data, size), value);
    }
    char *text = NULL;
    rocksdb_iter_get_error(iterator, &text);
    rocksdb_iter_destroy(iterator);
    leave(rocks, now);
    return text != NULL ? status_of("last", text) : status;
}

/* ---- writing outside of a batch ---- */

enum pos_status pos_rocks_flush(struct pos_rocks *rocks)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    char *text = NULL;
    for (size_t i = 0; text == NULL && i < rocks->family_count; i++)
        rocksdb_flush_cf(rocks->now->db, options, rocks->now->families[i], &text);
    rocksdb_flushoptions_destroy(options);
    return status_of("flush", text);
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
        return status_of("checkpoint", text);
    rocksdb_checkpoint_create(checkpoint, path, 0, &text);
    rocksdb_checkpoint_object_destroy(checkpoint);
    if (text != NULL)
        return status_of("checkpoint", text);
    return chmod(path, 0700) == 0 ? POS_OK : POS_ERR_IO;
}

enum pos_status pos_rocks_drop_range(struct pos_rocks *rocks, size_t family, struct pos_bytes first,
                                     struct pos_bytes end)
{
    char *text = NULL;
    rocksdb_delete_range_cf(rocks->now->db, rocks->write, rocks->now->families[family],
                            (const char *)first.data, first.size, (const char *)end.data, end.size,
                            &text);
    return status_of("drop-range", text);
}

enum pos_status pos_rocks_load(struct pos_rocks *rocks, const struct pos_rocks_item *items,
                               size_t count)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    for (size_t i = 0; i < count; i++)
        put_item(rocks, batch, &items[i]);
    char *text = NULL;
    rocksdb_write(rocks->now->db, rocks->write_unlogged, batch, &text);
    rocksdb_writebatch_destroy(batch);
    return status_of("load", text);
}

/* ---- the batch ---- */

struct pos_rocks_batch *pos_rocks_batch_create(struct pos_rocks *rocks)
{
    struct pos_rocks_batch *batch = malloc(sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->rocks = rocks;
    batch->rows = rocksdb_writebatch_wi_create(0, 1);
    return batch;
}

void pos_rocks_batch_destroy(struct pos_rocks_batch *batch)
{
    if (batch == NULL)
        return;
    rocksdb_writebatch_wi_destroy(batch->rows);
    free(batch);
}

size_t pos_rocks_batch_count(struct pos_rocks_batch *batch)
{
    return (size_t)rocksdb_writebatch_wi_count(batch->rows);
}

void pos_rocks_batch_clear(struct pos_rocks_batch *batch)
{
    rocksdb_writebatch_wi_clear(batch->rows);
}

void pos_rocks_batch_mark(struct pos_rocks_batch *batch)
{
    rocksdb_writebatch_wi_set_save_point(batch->rows);
}

void pos_rocks_batch_undo(struct pos_rocks_batch *batch)
{
    char *text = NULL;
    rocksdb_writebatch_wi_rollback_to_save_point(batch->rows, &text);
    assert(text == NULL); /* fails without a mark only */
}

void pos_rocks_batch_put(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key,
                         struct pos_bytes value)
{
    rocksdb_writebatch_wi_put_cf(batch->rows, batch->rocks->now->families[family],
                                 (const char *)key.data, key.size, (const char *)value.data,
                                 value.size);
}

void pos_rocks_batch_delete(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key)
{
    rocksdb_writebatch_wi_delete_cf(batch->rows, batch->rocks->now->families[family],
                                    (const char *)key.data, key.size);
}

enum pos_status pos_rocks_batch_get(struct pos_rocks_batch *batch, size_t family,
                                    struct pos_bytes key, struct pos_buffer *value)
{
    size_t size;
    char *text = NULL;
    char *data = rocksdb_writebatch_wi_get_from_batch_and_db_cf(
        batch->rows, batch->rocks->now->db, batch->rocks->read, batch->rocks->now->families[family],
        (const char *)key.data, key.size, &size, &text);
    if (text != NULL)
        return status_of("batch-get", text);
    if (data == NULL)
        return POS_ERR_NOT_FOUND;
    enum pos_status status = copy_out(pos_bytes(data, size), value);
    rocksdb_free(data);
    return status;
}

enum pos_status pos_rocks_batch_walk(struct pos_rocks_batch *batch, size_t family,
                                     struct pos_bytes first, pos_rocks_each *each, void *context)
{
    rocksdb_column_family_handle_t *handle = batch->rocks->now->families[family];
    rocksdb_iterator_t *base =
        rocksdb_create_iterator_cf(batch->rocks->now->db, batch->rocks->read, handle);
    /* the new iterator owns its base */
    return walk_iterator(
        rocksdb_writebatch_wi_create_iterator_with_base_cf(batch->rows, base, handle), first, each,
        context);
}

enum pos_status pos_rocks_batch_write(struct pos_rocks_batch *batch, bool sync)
{
    char *text = NULL;
    rocksdb_write_writebatch_wi(batch->rocks->now->db,
                                sync ? batch->rocks->write_synced : batch->rocks->write,
                                batch->rows, &text);
    return status_of("write", text);
}
