/*
 * All that this floor asks of RocksDB, without its types: open with column families (as the writer
 * or as a follower of another process), get, get many, walk, and a batch that can be read, undone
 * to a mark and written with or without a sync. Only rocks*.c include rocksdb/c.h.
 *
 * A handle may be used from any thread; a batch from one thread at a time. Errors are
 * POS_ERR_CORRUPT where RocksDB says so, else POS_ERR_DATABASE; the sentence goes to the log, at
 * most once a second.
 */
#ifndef POS_STORE_ROCKS_H
#define POS_STORE_ROCKS_H

#include "core/base/error.h"
#include "core/base/limits.h"

enum {
    POS_ROCKS_FAMILY_COUNT_MAX = 12, /* column families of a database, with RocksDB's own */
    POS_ROCKS_MANY_COUNT_MAX = POS_TURN_REQUEST_COUNT_MAX,
};

struct pos_rocks;
struct pos_rocks_batch;

/* A row: a family's place in the list, a key, a value. */
struct pos_rocks_item {
    size_t family;
    struct pos_bytes key, value;
};

struct pos_rocks_options {
    const char *path;
    const char *const *families; /* borrowed until close; a family is known by its place here */
    size_t family_count;
    const char *format; /* what the database is, "terminal-table"; checked on open */
    const char *writer; /* the program that writes it, for the error when it is open already */
    bool follower;      /* reads what another process writes */
    /* A follower's own folder, for RocksDB's log. NULL: one in /tmp each time the database is
     * opened, gone at once, so that nothing stays behind however the process ends. */
    const char *scratch;
    bool create;       /* make it when it is not there */
    bool exclusive;    /* with create: POS_ERR_EXISTS when it is there */
    size_t cache_size; /* bytes of block cache */
    /* Bytes of another one for all families but the first, which then has cache_size for itself and
     * is written to be looked up quickly; 0: one cache for all, and all are written alike. */
    size_t rest_cache_size;
    /* Where look-ups mostly find their row, or there are none, a bit for each place: write buffers
     * need no filter there, which costs every row that is written a fifth of its time. */
    uint32_t found_families;
    /* Rows of meta that a new database is born with; there or it is not there. */
    const struct pos_rocks_item *born;
    size_t born_count;
};

bool pos_rocks_there(const char *path); /* a database, of whatever kind */

/* POS_ERR_NOT_FOUND, POS_ERR_EXISTS, POS_ERR_BUSY, POS_ERR_VERSION, POS_ERR_MISMATCH (another kind
 * of database), POS_ERR_CORRUPT, POS_ERR_DATABASE. The last family of every database is "meta"; the
 * row "format" in it is the open's own. */
POS_MUST_USE enum pos_status pos_rocks_open(const struct pos_rocks_options *options,
                                            struct pos_rocks **rocks, struct pos_error *error);
void pos_rocks_close(struct pos_rocks *rocks);

/* Followers: what the writer has written since becomes readable; opens the database anew where that
 * is needed, as below. POS_ERR_BUSY: writers came and went so fast that some of it may be missing
 * until the next time. */
POS_MUST_USE enum pos_status pos_rocks_catch_up(struct pos_rocks *rocks);
/* Followers: opens the database anew and closes what was open, so that files which the writer has
 * deleted since are not held any more. Reads go on meanwhile; it waits for those that began before.
 * Not within a walk. POS_ERR_BUSY as above; when it fails otherwise, everything is as before. */
POS_MUST_USE enum pos_status pos_rocks_let_go(struct pos_rocks *rocks);

/* Copies the value into the empty `value`. POS_ERR_NOT_FOUND; POS_ERR_CORRUPT when it does not fit,
 * as no row of ours is larger than its buffer. */
POS_MUST_USE enum pos_status pos_rocks_get(struct pos_rocks *rocks, size_t family,
                                           struct pos_bytes key, struct pos_buffer *value);

/* The same without reading the disk: POS_ERR_BUSY when it would have to. */
POS_MUST_USE enum pos_status pos_rocks_get_in_memory(struct pos_rocks *rocks, size_t family,
                                                     struct pos_bytes key,
                                                     struct pos_buffer *value);
/* Bytes of the tables that a family's rows are in now, without what is not flushed yet. */
uint64_t pos_rocks_tables_size(struct pos_rocks *rocks, size_t family);
/* Bytes of memory, beside the cache, for the filters and indexes of those that are open. */
uint64_t pos_rocks_filters_size(struct pos_rocks *rocks, size_t family);

/* What this thread reads because it is not in the cache, from the call with `on` to the next. The
 * kernel may have it in memory. RocksDB counts unless it is told not to, comparisons of keys too,
 * which makes storing a row take a tenth longer. */
struct pos_rocks_reads {
    uint64_t blocks, bytes;
};
void pos_rocks_count_reads(bool on); /* from 0 */
struct pos_rocks_reads pos_rocks_reads(void);

/* Gets at most POS_ROCKS_MANY_COUNT_MAX keys of one size together; `each` sees every value,
 * borrowed for the call, or why there is none. */
void pos_rocks_get_many(struct pos_rocks *rocks, size_t family, const char *const *keys,
                        size_t key_size, size_t count,
                        void (*each)(void *context, size_t i, enum pos_status status,
                                     struct pos_bytes value),
                        void *context);

/* Calls `each` in key order from `first` on (empty: the first of all) until it returns false.
 * `cache`: blocks read stay in the cache. */
typedef bool pos_rocks_each(void *context, struct pos_bytes key, struct pos_bytes value);
POS_MUST_USE enum pos_status pos_rocks_walk(struct pos_rocks *rocks, size_t family,
                                            struct pos_bytes first, bool cache,
                                            pos_rocks_each *each, void *context);
/* Copies the last row; POS_ERR_NOT_FOUND when there is none. Either buffer may be NULL. */
POS_MUST_USE enum pos_status pos_rocks_last(struct pos_rocks *rocks, size_t family,
                                            struct pos_buffer *key, struct pos_buffer *value);

POS_MUST_USE enum pos_status pos_rocks_flush(struct pos_rocks *rocks);
/* When it returns POS_OK no file of the folder holds a value that was overwritten or deleted before
 * it was called. Writes go on meanwhile. POS_ERR_BUSY: a walk keeps old files; once more, later.
 * POS_ERR_DATABASE: tables could not be written anew, for want of room perhaps. */
POS_MUST_USE enum pos_status pos_rocks_scrub(struct pos_rocks *rocks);
/* A copy in the new folder `path`, which its owner alone can read: tables by links, or copied where
 * `path` is on another file system. Writes go on meanwhile. POS_ERR_EXISTS. */
POS_MUST_USE enum pos_status pos_rocks_checkpoint(struct pos_rocks *rocks, const char *path);
/* Drops the keys from `first` to before `end`, unsynced. */
POS_MUST_USE enum pos_status pos_rocks_drop_range(struct pos_rocks *rocks, size_t family,
                                                  struct pos_bytes first, struct pos_bytes end);

/* Rows in bulk, past log and batch: on disk after the next flush and not before. */
POS_MUST_USE enum pos_status pos_rocks_load(struct pos_rocks *rocks,
                                            const struct pos_rocks_item *items, size_t count);

/* ---- sorted files: many rows at once into an empty family ---- */

/* File number `part` of a family's rows, in the folder of the database, which is the writer's; one
 * thread at a time, different files from different threads. */
struct pos_rocks_sorted;
POS_MUST_USE enum pos_status pos_rocks_sorted_create(struct pos_rocks *rocks, size_t family,
                                                     size_t part, struct pos_rocks_sorted **sorted);
/* Keys ascend. POS_ERR_ORDER. */
POS_MUST_USE enum pos_status pos_rocks_sorted_put(struct pos_rocks_sorted *sorted,
                                                  struct pos_bytes key, struct pos_bytes value);
/* Has it on disk; one row at least. */
POS_MUST_USE enum pos_status pos_rocks_sorted_finish(struct pos_rocks_sorted *sorted);
void pos_rocks_sorted_destroy(struct pos_rocks_sorted *sorted); /* NULL is fine */

/* Files 0 to count - 1, which are finished and of which none has keys within another's range,
 * become tables of the family: all, synced, or after an error none. */
POS_MUST_USE enum pos_status pos_rocks_take_sorted(struct pos_rocks *rocks, size_t family,
                                                   size_t count);
/* Removes those that were not taken, whether they are there or not. */
void pos_rocks_drop_sorted(struct pos_rocks *rocks, size_t family, size_t count);

/* ---- the batch: staged rows, read over those of the database ---- */

struct pos_rocks_batch *pos_rocks_batch_create(struct pos_rocks *rocks);
/* The same, but get and walk see the rows of the database alone, which makes staging cheap. */
struct pos_rocks_batch *pos_rocks_batch_create_blind(struct pos_rocks *rocks);
void pos_rocks_batch_destroy(struct pos_rocks_batch *batch);
size_t pos_rocks_batch_count(struct pos_rocks_batch *batch); /* staged puts and deletes */
void pos_rocks_batch_clear(struct pos_rocks_batch *batch);
void pos_rocks_batch_mark(struct pos_rocks_batch *batch);
void pos_rocks_batch_undo(struct pos_rocks_batch *batch); /* back to the last mark */
void pos_rocks_batch_put(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key,
                         struct pos_bytes value);
void pos_rocks_batch_delete(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key);
POS_MUST_USE enum pos_status pos_rocks_batch_get(struct pos_rocks_batch *batch, size_t family,
                                                 struct pos_bytes key, struct pos_buffer *value);
/* `each` may not change the batch. */
POS_MUST_USE enum pos_status pos_rocks_batch_walk(struct pos_rocks_batch *batch, size_t family,
                                                  struct pos_bytes first, pos_rocks_each *each,
                                                  void *context);
POS_MUST_USE enum pos_status pos_rocks_batch_write(struct pos_rocks_batch *batch, bool sync);

#endif
