/*
 * core/store/rocks.h without a disk: a few rows in memory, in key order, gone when closed. It is
 * linked in front of the real one, so tables, committer and row layouts above it are the real ones.
 * A full table fails writes, as a full disk does.
 *
 * A batch is a copy of all rows that is changed and put back; that is dear for a database and cheap
 * for sixty rows.
 */
#include <stdlib.h>
#include <string.h>

#include "core/store/rocks.h"
#include "tests/fuzz/fuzz.h"

enum { ROW_COUNT_MAX = 60, KEY_SIZE_MAX = 32, VALUE_SIZE_MAX = 700 };

struct memory_row {
    uint8_t family, key_size;
    uint16_t value_size;
    uint8_t key[KEY_SIZE_MAX], value[VALUE_SIZE_MAX];
};

/* In order of family and key. */
struct memory_rows {
    size_t count;
    bool full; /* a row had no room */
    struct memory_row rows[ROW_COUNT_MAX];
};

struct pos_rocks {
    struct memory_rows now;
};

struct pos_rocks_batch {
    struct pos_rocks *rocks;
    size_t count, marked_count;
    struct memory_rows staged, marked;
};

/* ---- rows ---- */

static int compare(const struct memory_row *row, size_t family, struct pos_bytes key)
{
    if (row->family != family)
        return row->family < family ? -1 : 1;
    size_t size = row->key_size < key.size ? row->key_size : key.size;
    int order = size == 0 ? 0 : memcmp(row->key, key.data, size);
    return order != 0 ? order : (row->key_size > key.size) - (row->key_size < key.size);
}

/* The place of the first row that is not before this key. */
static size_t place_of(const struct memory_rows *rows, size_t family, struct pos_bytes key)
{
    size_t place = 0;
    while (place < rows->count && compare(&rows->rows[place], family, key) < 0)
        place++;
    return place;
}

static bool is_at(const struct memory_rows *rows, size_t place, size_t family, struct pos_bytes key)
{
    return place < rows->count && compare(&rows->rows[place], family, key) == 0;
}

static void copy_rows(struct memory_rows *to, const struct memory_rows *from)
{
    to->count = from->count;
    to->full = from->full;
    memcpy(to->rows, from->rows, from->count * sizeof from->rows[0]);
}

static void put(struct memory_rows *rows, size_t family, struct pos_bytes key,
                struct pos_bytes value)
{
    size_t place = place_of(rows, family, key);
    struct memory_row *row = &rows->rows[place];
    fuzz_must(key.size <= KEY_SIZE_MAX && value.size <= VALUE_SIZE_MAX, "a row fits the double");
    if (!is_at(rows, place, family, key)) {
        if (rows->count == ROW_COUNT_MAX) {
            rows->full = true;
            return;
        }
        memmove(row + 1, row, (rows->count - place) * sizeof *row);
        rows->count++;
    }
    row->family = (uint8_t)family;
    row->key_size = (uint8_t)key.size;
    row->value_size = (uint16_t)value.size;
    memcpy(row->key, key.data, key.size);
    if (value.size > 0)
        memcpy(row->value, value.data, value.size);
}

static void drop(struct memory_rows *rows, size_t place)
{
    rows->count--;
    memmove(&rows->rows[place], &rows->rows[place + 1],
            (rows->count - place) * sizeof rows->rows[0]);
}

static enum pos_status get(const struct memory_rows *rows, size_t family, struct pos_bytes key,
                           struct pos_buffer *value)
{
    size_t place = place_of(rows, family, key);
    if (!is_at(rows, place, family, key))
        return POS_ERR_NOT_FOUND;
    pos_buffer_put(value, pos_bytes(rows->rows[place].value, rows->rows[place].value_size));
    return value->overflow ? POS_ERR_CORRUPT : POS_OK;
}

static enum pos_status walk(const struct memory_rows *rows, size_t family, struct pos_bytes first,
                            pos_rocks_each *each, void *context)
{
    bool more = true;
    for (size_t place = place_of(rows, family, first);
         more && place < rows->count && rows->rows[place].family == family; place++) {
        const struct memory_row *row = &rows->rows[place];
        more = each(context, pos_bytes(row->key, row->key_size),
                    pos_bytes(row->value, row->value_size));
    }
    return POS_OK;
}

/* ---- the database ---- */

bool pos_rocks_there(const char *path)
{
    (void)path;
    return false; /* each is new */
}

enum pos_status pos_rocks_open(const struct pos_rocks_options *options, struct pos_rocks **rocks,
                               struct pos_error *error)
{
    *rocks = calloc(1, sizeof **rocks);
    if (*rocks == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory");
    for (size_t i = 0; i < options->born_count; i++)
        put(&(*rocks)->now, options->born[i].family, options->born[i].key, options->born[i].value);
    return POS_OK;
}

void pos_rocks_close(struct pos_rocks *rocks)
{
    free(rocks);
}

enum pos_status pos_rocks_catch_up(struct pos_rocks *rocks)
{
    (void)rocks;
    return POS_OK;
}

enum pos_status pos_rocks_let_go(struct pos_rocks *rocks)
{
    (void)rocks;
    return POS_OK;
}

enum pos_status pos_rocks_scrub(struct pos_rocks *rocks)
{
    (void)rocks;
    return POS_OK;
}

enum pos_status pos_rocks_checkpoint(struct pos_rocks *rocks, const char *path)
{
    (void)rocks, (void)path;
    return POS_ERR_DATABASE; /* there is no disk to copy to */
}

void pos_rocks_count_reads(bool on)
{
    (void)on;
}

enum pos_status pos_rocks_get(struct pos_rocks *rocks, size_t family, struct pos_bytes key,
                              struct pos_buffer *value)
{
    return get(&rocks->now, family, key, value);
}

void pos_rocks_get_many(struct pos_rocks *rocks, size_t family, const char *const *keys,
                        size_t key_size, size_t count,
                        void (*each)(void *context, size_t i, enum pos_status status,
                                     struct pos_bytes value),
                        void *context)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t memory[VALUE_SIZE_MAX];
        struct pos_buffer value = pos_buffer(memory, sizeof memory);
        enum pos_status status = get(&rocks->now, family, pos_bytes(keys[i], key_size), &value);
        each(context, i, status, pos_buffer_view(&value));
    }
}

enum pos_status pos_rocks_walk(struct pos_rocks *rocks, size_t family, struct pos_bytes first,
                               bool cache, pos_rocks_each *each, void *context)
{
    (void)cache;
    return walk(&rocks->now, family, first, each, context);
}

enum pos_status pos_rocks_last(struct pos_rocks *rocks, size_t family, struct pos_buffer *key,
                               struct pos_buffer *value)
{
    size_t end = place_of(&rocks->now, family + 1, pos_bytes("", 0));
    if (end == 0 || rocks->now.rows[end - 1].family != family)
        return POS_ERR_NOT_FOUND;
    const struct memory_row *row = &rocks->now.rows[end - 1];
    if (key != NULL)
        pos_buffer_put(key, pos_bytes(row->key, row->key_size));
    if (value != NULL)
        pos_buffer_put(value, pos_bytes(row->value, row->value_size));
    return POS_OK;
}

enum pos_status pos_rocks_flush(struct pos_rocks *rocks)
{
    (void)rocks;
    return POS_OK;
}

enum pos_status pos_rocks_drop_range(struct pos_rocks *rocks, size_t family, struct pos_bytes first,
                                     struct pos_bytes end)
{
    size_t place = place_of(&rocks->now, family, first);
    while (place < rocks->now.count && compare(&rocks->now.rows[place], family, end) < 0)
        drop(&rocks->now, place);
    return POS_OK;
}

enum pos_status pos_rocks_load(struct pos_rocks *rocks, const struct pos_rocks_item *items,
                               size_t count)
{
    for (size_t i = 0; i < count; i++)
        put(&rocks->now, items[i].family, items[i].key, items[i].value);
    return rocks->now.full ? POS_ERR_DATABASE : POS_OK;
}

/* ---- the batch ---- */

/* The first thing staged begins with what the database holds. */
static void begin(struct pos_rocks_batch *batch)
{
    if (batch->count == 0)
        copy_rows(&batch->staged, &batch->rocks->now);
}

struct pos_rocks_batch *pos_rocks_batch_create(struct pos_rocks *rocks)
{
    struct pos_rocks_batch *batch = calloc(1, sizeof *batch);
    if (batch != NULL)
        batch->rocks = rocks;
    return batch;
}

/* For the committer of a key library, which no target runs. */
struct pos_rocks_batch *pos_rocks_batch_create_blind(struct pos_rocks *rocks)
{
    (void)rocks;
    abort();
}

void pos_rocks_batch_destroy(struct pos_rocks_batch *batch)
{
    free(batch);
}

size_t pos_rocks_batch_count(struct pos_rocks_batch *batch)
{
    return batch->count;
}

void pos_rocks_batch_clear(struct pos_rocks_batch *batch)
{
    batch->count = 0;
}

void pos_rocks_batch_mark(struct pos_rocks_batch *batch)
{
    begin(batch);
    batch->marked_count = batch->count;
    copy_rows(&batch->marked, &batch->staged);
}

void pos_rocks_batch_undo(struct pos_rocks_batch *batch)
{
    batch->count = batch->marked_count;
    copy_rows(&batch->staged, &batch->marked);
}

void pos_rocks_batch_put(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key,
                         struct pos_bytes value)
{
    begin(batch);
    batch->count++;
    put(&batch->staged, family, key, value);
}

void pos_rocks_batch_delete(struct pos_rocks_batch *batch, size_t family, struct pos_bytes key)
{
    begin(batch);
    batch->count++;
    size_t place = place_of(&batch->staged, family, key);
    if (is_at(&batch->staged, place, family, key))
        drop(&batch->staged, place);
}

enum pos_status pos_rocks_batch_get(struct pos_rocks_batch *batch, size_t family,
                                    struct pos_bytes key, struct pos_buffer *value)
{
    begin(batch);
    return get(&batch->staged, family, key, value);
}

enum pos_status pos_rocks_batch_walk(struct pos_rocks_batch *batch, size_t family,
                                     struct pos_bytes first, pos_rocks_each *each, void *context)
{
    begin(batch);
    return walk(&batch->staged, family, first, each, context);
}

enum pos_status pos_rocks_batch_write(struct pos_rocks_batch *batch, bool sync)
{
    (void)sync;
    if (batch->staged.full)
        return POS_ERR_DATABASE;
    if (batch->count > 0)
        copy_rows(&batch->rocks->now, &batch->staged);
    return POS_OK;
}
