/*
 * Inside of rocks.h: what the files rocks*.c share. RocksDB's types stay in them; no other file
 * includes this header.
 */
#ifndef POS_STORE_ROCKS_INSIDE_H
#define POS_STORE_ROCKS_INSIDE_H

#include <pthread.h>
#include <rocksdb/c.h>

#include "core/store/rocks.h"
#include "core/store/rocks_folder.h"

/* The database as it was opened at some time. */
struct pos_rocks_instance {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[POS_ROCKS_FAMILY_COUNT_MAX];
    /* a follower's */
    size_t reader_count;      /* reads under way */
    struct pos_rocks_age age; /* of the writer's files when it was last read on, or before */
    bool unsure;              /* it may have missed a log */
};

/* A writer has one instance; a follower gets a new one now and then (rocks_instance.c). */
struct pos_rocks {
    struct pos_rocks_instance *now;
    bool follower;
    pthread_mutex_t lock;     /* a follower's: guards `now` and reader counts */
    pthread_cond_t unread;    /* a reader count became 0 */
    pthread_mutex_t renewing; /* one catch-up or renewal at a time */
    char path[POS_PATH_SIZE_MAX], scratch[POS_PATH_SIZE_MAX]; /* "": a brief one */
    const char *const *family_names;
    rocksdb_options_t *options; /* of the database */
    rocksdb_options_t *family_options[POS_ROCKS_FAMILY_COUNT_MAX];
    rocksdb_block_based_table_options_t *table_options, *rest_table_options;
    rocksdb_cache_t *cache, *rest_cache; /* rest_: of all families but the first, or NULL */
    rocksdb_readoptions_t *read, *read_past_cache, *read_memory;
    rocksdb_readoptions_t *read_all, *read_all_past_cache; /* ahead of a walk over a whole family */
    rocksdb_writeoptions_t *write, *write_synced, *write_unlogged;
    size_t family_count;
};

/* Takes the error text over: logs it, frees it, says its class. NULL: POS_OK. */
enum pos_status pos_rocks_status(const char *what, char *text);

enum { POS_ROCKS_SORTED_PATH_SIZE = POS_PATH_SIZE_MAX + 64 };

/* ---- rocks_options.c ---- */

void pos_rocks_make_options(struct pos_rocks *rocks, const struct pos_rocks_options *from);
void pos_rocks_destroy_options(struct pos_rocks *rocks);

/* ---- rocks_instance.c ---- */

/* A read is between these two; a writer's instance is always the same. */
struct pos_rocks_instance *pos_rocks_enter(struct pos_rocks *rocks);
void pos_rocks_leave(struct pos_rocks *rocks, struct pos_rocks_instance *instance);
/* NULL: *text is RocksDB's, or NULL too for want of memory. */
struct pos_rocks_instance *pos_rocks_open_instance(struct pos_rocks *rocks, char **text);
void pos_rocks_close_instance(struct pos_rocks *rocks, struct pos_rocks_instance *instance);

/* ---- rocks_read.c ---- */

/* POS_ERR_CORRUPT when it does not fit; `into` may be NULL. */
enum pos_status pos_rocks_copy_out(struct pos_bytes from, struct pos_buffer *into);
/* Destroys the iterator. */
enum pos_status pos_rocks_walk_iterator(rocksdb_iterator_t *iterator, struct pos_bytes first,
                                        pos_rocks_each *each, void *context);

/* ---- rocks_write.c ---- */

void pos_rocks_put_item(const struct pos_rocks *rocks, rocksdb_writebatch_t *batch,
                        const struct pos_rocks_item *item);

#endif
