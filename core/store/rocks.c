/*
 * RocksDB behind rocks.h: opening and closing, and the format row that says what a database is.
 */
#include "core/store/rocks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/store/rocks_folder.h"
#include "core/store/rocks_inside.h"

enum {
    FORMAT_VERSION = 2, /* of the database as a whole */
    FORMAT_SIZE_MAX = 64,
};

static const char format_key[] = "format";

enum pos_status pos_rocks_status(const char *what, char *text)
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

void pos_rocks_close(struct pos_rocks *rocks)
{
    if (rocks == NULL)
        return;
    pos_rocks_close_instance(rocks, rocks->now);
    pos_rocks_destroy_options(rocks);
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
    rocks->now = pos_rocks_open_instance(rocks, &text);
    if (rocks->now != NULL)
        return POS_OK;
    return text != NULL
               ? open_failed(options, text, error)
               : pos_error_set(error, POS_ERR_MEMORY, "no memory to open %s", options->path);
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
    pos_rocks_put_item(rocks, batch, &format);
    for (size_t i = 0; i < options->born_count; i++)
        pos_rocks_put_item(rocks, batch, &options->born[i]);
    char *text = NULL;
    rocksdb_write(rocks->now->db, rocks->write_synced, batch, &text);
    rocksdb_writebatch_destroy(batch);
    enum pos_status status = pos_rocks_status("write-format", text);
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
    if (options->follower || !options->create)
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
    made->follower = options->follower;
    (void)snprintf(made->path, sizeof made->path, "%s", options->path);
    (void)snprintf(made->scratch, sizeof made->scratch, "%s",
                   options->scratch == NULL ? "" : options->scratch);
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_cond_init(&made->unread, NULL);
    (void)pthread_mutex_init(&made->renewing, NULL);
    pos_rocks_make_options(made, options);
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
