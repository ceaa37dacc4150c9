/*
 * Rows in sorted files: written beside the database's own tables, with the same options, and taken
 * in by a change of names. Nothing goes through the log, a write buffer or a compaction, and each
 * file can be written by a thread of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/store/rocks_inside.h"

struct pos_rocks_sorted {
    rocksdb_envoptions_t *environment;
    rocksdb_sstfilewriter_t *writer;
};

/* In the database's folder, as a change of names needs one file system; RocksDB leaves alone what
 * is not called as its own files are. */
static void sorted_path(const struct pos_rocks *rocks, size_t family, size_t part,
                        char path[POS_ROCKS_SORTED_PATH_SIZE])
{
    (void)snprintf(path, POS_ROCKS_SORTED_PATH_SIZE, "%s/%s-%zu.sorted", rocks->path,
                   rocks->family_names[family], part);
}

static enum pos_status sorted_status(const char *what, char *text)
{
    static const char disorder[] = "Invalid argument: Keys must be added in strict ascending order";
    if (text == NULL || strncmp(text, disorder, sizeof disorder - 1) != 0)
        return pos_rocks_status(what, text);
    rocksdb_free(text);
    return POS_ERR_ORDER;
}

enum pos_status pos_rocks_sorted_create(struct pos_rocks *rocks, size_t family, size_t part,
                                        struct pos_rocks_sorted **sorted)
{
    char path[POS_ROCKS_SORTED_PATH_SIZE];
    char *text = NULL;
    struct pos_rocks_sorted *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->environment = rocksdb_envoptions_create();
    made->writer = rocksdb_sstfilewriter_create(made->environment, rocks->family_options[family]);
    sorted_path(rocks, family, part, path);
    rocksdb_sstfilewriter_open(made->writer, path, &text);
    if (text == NULL)
        *sorted = made;
    else
        pos_rocks_sorted_destroy(made);
    return pos_rocks_status("sorted-open", text);
}

enum pos_status pos_rocks_sorted_put(struct pos_rocks_sorted *sorted, struct pos_bytes key,
                                     struct pos_bytes value)
{
    char *text = NULL;
    rocksdb_sstfilewriter_put(sorted->writer, (const char *)key.data, key.size,
                              (const char *)value.data, value.size, &text);
    return sorted_status("sorted-put", text);
}

enum pos_status pos_rocks_sorted_finish(struct pos_rocks_sorted *sorted)
{
    char *text = NULL;
    rocksdb_sstfilewriter_finish(sorted->writer, &text);
    return pos_rocks_status("sorted-finish", text);
}

void pos_rocks_sorted_destroy(struct pos_rocks_sorted *sorted)
{
    if (sorted == NULL)
        return;
    rocksdb_sstfilewriter_destroy(sorted->writer);
    rocksdb_envoptions_destroy(sorted->environment);
    free(sorted);
}

static char *take(struct pos_rocks *rocks, size_t family, const char *const *paths, size_t count)
{
    char *text = NULL;
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    rocksdb_ingest_external_file_cf(rocks->now->db, rocks->now->families[family], paths, count,
                                    options, &text);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return text;
}

enum pos_status pos_rocks_take_sorted(struct pos_rocks *rocks, size_t family, size_t count)
{
    if (rocks->follower)
        return POS_ERR_NOT_ALLOWED;
    char(*names)[POS_ROCKS_SORTED_PATH_SIZE] = calloc(count, sizeof *names);
    const char **paths = calloc(count, sizeof *paths);
    enum pos_status status = POS_ERR_MEMORY;
    if (names != NULL && paths != NULL) {
        for (size_t i = 0; i < count; i++) {
            sorted_path(rocks, family, i, names[i]);
            paths[i] = names[i];
        }
        status = pos_rocks_status("take-sorted", take(rocks, family, paths, count));
    }
    free(paths);
    free(names);
    return status;
}

void pos_rocks_drop_sorted(struct pos_rocks *rocks, size_t family, size_t count)
{
    char path[POS_ROCKS_SORTED_PATH_SIZE];
    for (size_t i = 0; i < count; i++) {
        sorted_path(rocks, family, i, path);
        (void)unlink(path);
    }
}
