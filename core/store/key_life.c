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

/* ---- off the disk ---- */

enum pos_status pos_key_library_scrub(struct pos_key_library *library)
{
    return pos_rocks_scrub(library->rocks);
}

enum pos_status pos_key_library_let_go(struct pos_key_library *library)
{
    return pos_rocks_let_go(library->rocks);
}
