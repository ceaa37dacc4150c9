/*
 * The end of keys: destroyed, compromised, or burned because an old copy of the library came back.
 */
#include <string.h>

#include "core/store/key_library_inside.h"

/* ---- destroy and compromise ---- */

struct ending {
    struct pos_library_write write;
    const uint32_t *indexes;
    size_t count;
    uint64_t utc_ms;
    bool (*end)(struct pos_key_row *row); /* false: it is so already */
};

static enum pos_status stage_ending(struct pos_library_write *write,
                                    struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct ending, write) == 0, "the write is the ending");
    const struct ending *ending = (const struct ending *)(void *)write;
    if (ending->count == 0 || ending->count > POS_COMMIT_BATCH_COUNT_MAX)
        return POS_ERR_LIMIT;
    enum pos_status status = POS_OK;
    uint32_t last = 0;
    for (size_t i = 0; status == POS_OK && i < ending->count; i++) {
        struct pos_key_row row;
        if (ending->indexes[i] <= last)
            return POS_ERR_ORDER;
        last = ending->indexes[i];
        status = pos_key_library_find(write->library, last, &row);
        if (status != POS_OK || !ending->end(&row))
            continue;
        row.changed_ms = ending->utc_ms;
        status = pos_library_put_key(transaction, &row);
    }
    return status;
}

static bool destroy(struct pos_key_row *row)
{
    if (row->state == POS_KEY_DESTROYED)
        return false;
    row->state = POS_KEY_DESTROYED;
    row->tmk = row->tpk = row->tak = row->tdk = (struct pos_key){0};
    return true;
}

enum pos_status pos_key_library_destroy(struct pos_key_library *library, const uint32_t *indexes,
                                        size_t count, uint64_t utc_ms, const void *event)
{
    struct ending ending = {.write = {.stage = stage_ending, .event = event},
                            .indexes = indexes,
                            .count = count,
                            .utc_ms = utc_ms,
                            .end = destroy};
    return pos_library_run(library, &ending.write);
}

static bool compromise(struct pos_key_row *row)
{
    if (row->state == POS_KEY_DESTROYED || row->state == POS_KEY_COMPROMISED)
        return false;
    row->state = POS_KEY_COMPROMISED;
    return true;
}

enum pos_status pos_key_library_compromise(struct pos_key_library *library, const uint32_t *indexes,
                                           size_t count, uint64_t utc_ms, const void *event)
{
    struct ending ending = {.write = {.stage = stage_ending, .event = event},
                            .indexes = indexes,
                            .count = count,
                            .utc_ms = utc_ms,
                            .end = compromise};
    return pos_library_run(library, &ending.write);
}

struct compromise_mother {
    struct pos_library_write write;
    const char *name;
};

static enum pos_status stage_compromise_mother(struct pos_library_write *write,
                                               struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct compromise_mother, write) == 0, "the write is the mother's");
    const char *name = ((const struct compromise_mother *)(void *)write)->name;
    struct pos_mother_row row;
    enum pos_status status = pos_key_library_find_mother(write->library, name, &row);
    row.compromised = true;
    return status == POS_OK ? pos_library_put_mother(transaction, &row) : status;
}

enum pos_status pos_key_library_compromise_mother(struct pos_key_library *library, const char *name,
                                                  const void *event)
{
    struct compromise_mother write = {.write = {.stage = stage_compromise_mother, .event = event},
                                      .name = name};
    return pos_library_run(library, &write.write);
}

/* ---- copies ---- */

/* Its record first: a copy of which nobody would know is not made. */
enum pos_status pos_key_library_checkpoint(struct pos_key_library *library, const char *path,
                                           const void *event)
{
    if (library->committer == NULL)
        return POS_ERR_NOT_ALLOWED;
    enum pos_status status = event == NULL ? POS_OK : pos_key_library_audit(library, event);
    if (status == POS_OK)
        status = pos_rocks_checkpoint(library->rocks, path);
    return status == POS_OK ? pos_committer_move_epoch(library->committer) : status;
}

struct burn {
    struct pos_library_write write;
    uint32_t high_water;
    uint64_t utc_ms;
    uint64_t indexes;
    uint32_t batches;
    struct pos_transaction *transaction;
    enum pos_status status;
};

/* It may have been exported since. One that was exported before is what it was. */
static bool burn_batch(void *context, const struct pos_batch_row *row)
{
    struct burn *burn = context;
    if (row->state != POS_BATCH_GENERATED)
        return true;
    struct pos_batch_row burned = *row;
    burned.state = POS_BATCH_BURNED;
    burned.burned_ms = burn->utc_ms;
    burn->status = pos_library_put_batch(burn->transaction, &burned);
    burn->batches++;
    burn->indexes += row->count;
    return burn->status == POS_OK;
}

/* What comes next lies behind every index that may be out, and behind as many batch numbers: each
 * batch has at least one. */
static enum pos_status stage_floor(struct burn *burn, struct pos_transaction *transaction)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    uint32_t index, batch;
    enum pos_status status = pos_key_library_next(burn->write.library, &index, &batch);
    if (status != POS_OK || burn->high_water < index)
        return status;
    uint32_t skipped = burn->high_water - index + 1;
    const struct pos_library_floor floor = {.index = burn->high_water,
                                            .batch = batch - 1 + skipped};
    pos_library_floor_encode(&floor, &value);
    pos_transaction_put(transaction, POS_LIBRARY_META, pos_bytes_text(pos_library_floor_key),
                        pos_buffer_view(&value));
    pos_transaction_raise(transaction, burn->high_water);
    burn->indexes += skipped;
    return POS_OK;
}

static enum pos_status stage_burn(struct pos_library_write *write,
                                  struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct burn, write) == 0, "the write is the burning");
    struct burn *burn = (struct burn *)(void *)write;
    burn->transaction = transaction;
    if (burn->high_water > POS_KEY_INDEX_MAX)
        return POS_ERR_FORMAT;
    enum pos_status status = pos_key_library_walk_batches(write->library, burn_batch, burn);
    if (status == POS_OK)
        status = burn->status;
    return status == POS_OK ? stage_floor(burn, transaction) : status;
}

enum pos_status pos_key_library_burn_since(struct pos_key_library *library, uint32_t high_water,
                                           uint64_t utc_ms, uint64_t *indexes, uint32_t *batches,
                                           const void *event)
{
    struct burn burn = {.write = {.stage = stage_burn, .event = event},
                        .high_water = high_water,
                        .utc_ms = utc_ms,
                        .status = POS_OK};
    enum pos_status status = pos_library_run(library, &burn.write);
    *indexes = status == POS_OK ? burn.indexes : 0;
    *batches = status == POS_OK ? burn.batches : 0;
    return status;
}

/* ---- off the disk ---- */

enum pos_status pos_key_library_scrub(struct pos_key_library *library)
{
    return pos_rocks_scrub(library->rocks);
}

enum pos_status pos_key_library_let_go(struct pos_key_library *library)
{
    return pos_rocks_let_go(library->rocks);
}
