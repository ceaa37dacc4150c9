/*
 * Writing to the key library. One write at a time, each its own batch and sync: the writer is a
 * command, and what it gains by groups it gains by adding many rows in one call.
 */
#include <string.h>

#include "core/store/key_library_inside.h"

static enum pos_status decide(struct pos_commit *commit, struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct pos_library_write, commit) == 0, "the commit is the write");
    struct pos_library_write *write = (struct pos_library_write *)(void *)commit;
    enum pos_status status = write->stage == NULL ? POS_OK : write->stage(write, transaction);
    if (status == POS_OK && write->event != NULL)
        status = pos_transaction_audit(transaction, write->event);
    return status;
}

enum pos_status pos_library_start(struct pos_key_library *library, struct pos_library_write *write)
{
    if (library->committer == NULL)
        return POS_ERR_NOT_ALLOWED; /* a follower */
    write->library = library;
    write->commit.decide = decide;
    (void)pthread_mutex_lock(&library->writing);
    enum pos_status status =
        pos_committer_start(library->committer, &write->commit, &write->waiter);
    if (status != POS_OK)
        (void)pthread_mutex_unlock(&library->writing);
    return status;
}

enum pos_status pos_library_await(struct pos_library_write *write)
{
    enum pos_status status = pos_committer_await(&write->commit);
    (void)pthread_mutex_unlock(&write->library->writing);
    return status;
}

enum pos_status pos_library_run(struct pos_key_library *library, struct pos_library_write *write)
{
    enum pos_status status = pos_library_start(library, write);
    return status == POS_OK ? pos_library_await(write) : status;
}

enum pos_status pos_library_put_batch(struct pos_transaction *transaction,
                                      const struct pos_batch_row *batch)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(batch->number);
    enum pos_status status = pos_batch_row_encode(batch, &value);
    if (status == POS_OK)
        pos_transaction_put(transaction, POS_LIBRARY_BATCHES, pos_key4_view(&key),
                            pos_buffer_view(&value));
    return status;
}

enum pos_status pos_library_put_key(struct pos_transaction *transaction,
                                    const struct pos_key_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(row->index);
    enum pos_status status = pos_key_row_encode(row, &value);
    if (status == POS_OK)
        pos_transaction_put(transaction, POS_LIBRARY_KEYS, pos_key4_view(&key),
                            pos_buffer_view(&value));
    return status;
}

/* ---- move a batch ---- */

struct move {
    struct pos_library_write write;
    uint32_t number;
    enum pos_key_state state;
    const char *mother;
    uint64_t utc_ms;
};

/* A mother POS whose KTK is compromised gets nothing more. */
static enum pos_status check_mother(struct pos_key_library *library, const char *name)
{
    struct pos_mother_row mother;
    enum pos_status status = pos_key_library_find_mother(library, name, &mother);
    if (status == POS_OK && mother.compromised)
        return POS_ERR_STATE;
    return status == POS_ERR_NOT_FOUND ? POS_OK : status;
}

/* A destination is set by the export and cannot change afterwards. */
static enum pos_status move_row(const struct move *write, struct pos_batch_row *batch)
{
    bool named = write->mother != NULL && write->mother[0] != '\0';
    if (write->state == POS_KEY_EXPORTED && batch->state == POS_BATCH_GENERATED) {
        if (!named || strlen(write->mother) > POS_KEY_NAME_SIZE_MAX)
            return POS_ERR_FORMAT;
        memcpy(batch->mother, write->mother, strlen(write->mother) + 1);
        batch->state = POS_BATCH_EXPORTED;
        batch->exported_ms = write->utc_ms;
        return check_mother(write->write.library, write->mother);
    }
    if (write->state == POS_KEY_LOADED && batch->state == POS_BATCH_EXPORTED) {
        if (named && strcmp(write->mother, batch->mother) != 0)
            return POS_ERR_MISMATCH;
        batch->state = POS_BATCH_LOADED;
        batch->loaded_ms = write->utc_ms;
        return POS_OK;
    }
    return POS_ERR_STATE;
}

static enum pos_status stage_move(struct pos_library_write *write,
                                  struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct move, write) == 0, "the write is the move");
    const struct move *move = (const struct move *)(void *)write;
    struct pos_batch_row batch;
    enum pos_status status = pos_key_library_find_batch(write->library, move->number, &batch);
    if (status == POS_OK)
        status = move_row(move, &batch);
    return status == POS_OK ? pos_library_put_batch(transaction, &batch) : status;
}

enum pos_status pos_key_library_move_batch(struct pos_key_library *library, uint32_t number,
                                           enum pos_key_state state, const char *mother,
                                           uint64_t utc_ms, const void *event)
{
    struct move move = {.write = {.stage = stage_move, .event = event},
                        .number = number,
                        .state = state,
                        .mother = mother,
                        .utc_ms = utc_ms};
    return pos_library_run(library, &move.write);
}

/* ---- settle ---- */

struct settle {
    struct pos_library_write write;
    const struct pos_key_settlement *settlements;
    size_t count;
};

/* The row with what its batch says; written back without that, which is not stored in it. */
static enum pos_status settle_one(const struct pos_key_settlement *settlement,
                                  struct pos_key_row *row)
{
    if (settlement->state != POS_KEY_ISSUED && settlement->state != POS_KEY_BURNED)
        return POS_ERR_FORMAT;
    if (!pos_serial_valid(pos_bytes_text(settlement->serial)))
        return POS_ERR_FORMAT;
    if (row->state != POS_KEY_EXPORTED && row->state != POS_KEY_LOADED)
        return POS_ERR_STATE;
    row->state = settlement->state;
    row->changed_ms = settlement->utc_ms;
    memcpy(row->serial, settlement->serial, sizeof row->serial);
    return POS_OK;
}

static enum pos_status stage_settle(struct pos_library_write *write,
                                    struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct settle, write) == 0, "the write is the settlement");
    const struct settle *settle = (const struct settle *)(void *)write;
    enum pos_status status = settle->count == 0 ? POS_ERR_FORMAT : POS_OK;
    uint32_t last = 0;
    for (size_t i = 0; status == POS_OK && i < settle->count; i++) {
        const struct pos_key_settlement *settlement = &settle->settlements[i];
        struct pos_key_row row;
        if (settlement->index <= last)
            return POS_ERR_ORDER;
        last = settlement->index;
        status = pos_key_library_find(write->library, settlement->index, &row);
        if (status == POS_OK)
            status = settle_one(settlement, &row);
        if (status == POS_OK)
            status = pos_library_put_key(transaction, &row);
    }
    return status;
}

enum pos_status pos_key_library_settle(struct pos_key_library *library,
                                       const struct pos_key_settlement *settlements, size_t count,
                                       const void *event)
{
    struct settle settle = {.write = {.stage = stage_settle, .event = event},
                            .settlements = settlements,
                            .count = count};
    return pos_library_run(library, &settle.write);
}

/* ---- mothers and links ---- */

struct add_mother {
    struct pos_library_write write;
    const struct pos_mother_row *row;
};

enum pos_status pos_library_put_mother(struct pos_transaction *transaction,
                                       const struct pos_mother_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status = pos_mother_row_encode(row, &value);
    if (status == POS_OK)
        pos_transaction_put(transaction, POS_LIBRARY_MOTHERS, pos_bytes_text(row->name),
                            pos_buffer_view(&value));
    return status;
}

static enum pos_status stage_mother(struct pos_library_write *write,
                                    struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct add_mother, write) == 0, "the write is the addition");
    const struct pos_mother_row *row = ((const struct add_mother *)(void *)write)->row;
    struct pos_mother_row there;
    enum pos_status status = pos_library_put_mother(transaction, row);
    if (status != POS_OK)
        return status;
    status = pos_key_library_find_mother(write->library, row->name, &there);
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    return status == POS_OK ? POS_ERR_EXISTS : status;
}

enum pos_status pos_key_library_add_mother(struct pos_key_library *library,
                                           const struct pos_mother_row *row, const void *event)
{
    struct add_mother add = {.write = {.stage = stage_mother, .event = event}, .row = row};
    return pos_library_run(library, &add.write);
}

struct add_link {
    struct pos_library_write write;
    const struct pos_link_row *row;
};

enum pos_status pos_library_put_link(struct pos_transaction *transaction,
                                     const struct pos_link_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status = pos_link_row_encode(row, &value);
    if (status != POS_OK)
        return status;
    struct pos_link_key key = pos_link_key(row->name, row->key.usage);
    pos_transaction_put(transaction, POS_LIBRARY_LINKS, pos_bytes(key.data, sizeof key.data),
                        pos_buffer_view(&value));
    return POS_OK;
}

static enum pos_status stage_link(struct pos_library_write *write,
                                  struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct add_link, write) == 0, "the write is the addition");
    const struct pos_link_row *row = ((const struct add_link *)(void *)write)->row;
    struct pos_link_row there;
    enum pos_status status = pos_library_put_link(transaction, row);
    if (status != POS_OK)
        return status;
    status = pos_key_library_find_link(write->library, row->name, row->key.usage, &there);
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    return status == POS_OK ? POS_ERR_EXISTS : status;
}

enum pos_status pos_key_library_add_link(struct pos_key_library *library,
                                         const struct pos_link_row *row, const void *event)
{
    struct add_link add = {.write = {.stage = stage_link, .event = event}, .row = row};
    return pos_library_run(library, &add.write);
}

/* ---- the rest ---- */

enum pos_status pos_key_library_audit(struct pos_key_library *library, const void *event)
{
    struct pos_library_write write = {.event = event};
    return event == NULL ? POS_ERR_USAGE : pos_library_run(library, &write);
}
