/* Reading: one row, many together, in key order, the last. */
#include <assert.h>
#include <string.h>

#include "core/store/rocks_inside.h"

enum pos_status pos_rocks_copy_out(struct pos_bytes from, struct pos_buffer *into)
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
    struct pos_rocks_instance *now = pos_rocks_enter(rocks);
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(now->db, read, now->families[family],
                                                           (const char *)key.data, key.size, &text);
    if (slice != NULL) {
        status = pos_rocks_copy_out(slice_view(slice), value);
        rocksdb_pinnableslice_destroy(slice);
    }
    pos_rocks_leave(rocks, now);
    if (read == rocks->read_memory && text != NULL && strncmp(text, "Result incomplete", 17) == 0) {
        rocksdb_free(text);
        return POS_ERR_BUSY;
    }
    return text != NULL ? pos_rocks_status("get", text) : status;
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

typedef void each_of_many(void *context, size_t i, enum pos_status status, struct pos_bytes value);

/* Hands one result on and gives its memory back. */
static void hand_on(size_t i, rocksdb_pinnableslice_t *slice, char *text, each_of_many *each,
                    void *context)
{
    if (text != NULL) {
        each(context, i, pos_rocks_status("get-many", text), pos_bytes(NULL, 0));
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
    struct pos_rocks_instance *now = pos_rocks_enter(rocks);
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
    pos_rocks_leave(rocks, now);
}

enum pos_status pos_rocks_walk_iterator(rocksdb_iterator_t *iterator, struct pos_bytes first,
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
    return pos_rocks_status("walk", text);
}

enum pos_status pos_rocks_walk(struct pos_rocks *rocks, size_t family, struct pos_bytes first,
                               bool cache, pos_rocks_each *each, void *context)
{
    const rocksdb_readoptions_t *some = cache ? rocks->read : rocks->read_past_cache;
    const rocksdb_readoptions_t *all = cache ? rocks->read_all : rocks->read_all_past_cache;
    struct pos_rocks_instance *now = pos_rocks_enter(rocks);
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator_cf(now->db, first.size == 0 ? all : some, now->families[family]);
    enum pos_status status = pos_rocks_walk_iterator(iterator, first, each, context);
    pos_rocks_leave(rocks, now);
    return status;
}

enum pos_status pos_rocks_last(struct pos_rocks *rocks, size_t family, struct pos_buffer *key,
                               struct pos_buffer *value)
{
    struct pos_rocks_instance *now = pos_rocks_enter(rocks);
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator_cf(now->db, rocks->read, now->families[family]);
    rocksdb_iter_seek_to_last(iterator);
    enum pos_status status = POS_ERR_NOT_FOUND;
    if (rocksdb_iter_valid(iterator)) {
        size_t size;
        const char *data = rocksdb_iter_key(iterator, &size);
        status = pos_rocks_copy_out(pos_bytes(data, size), key);
        data = rocksdb_iter_value(iterator, &size);
        if (status == POS_OK)
            status = pos_rocks_copy_out(pos_bytes(data, size), value);
    }
    char *text = NULL;
    rocksdb_iter_get_error(iterator, &text);
    rocksdb_iter_destroy(iterator);
    pos_rocks_leave(rocks, now);
    return text != NULL ? pos_rocks_status("last", text) : status;
}
