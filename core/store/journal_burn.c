/*
 * Keys that are never offered again: those of a session that the operator closes, and those that
 * may have left before an old copy of the journal came back.
 */
#include <stddef.h>

#include "core/store/journal_inside.h"

static const char floor_key[] = "floor";

enum { CHUNK = 256 };

enum pos_status pos_journal_burn_row(struct pos_transaction *transaction,
                                     struct pos_journal_row *row, uint64_t utc_ms)
{
    row->state = POS_JOURNAL_BURNED;
    row->reply_size = 0;
    row->changed_ms = utc_ms;
    return pos_journal_put_row(transaction, row);
}

/* Rows found by a walk that may not change what it walks over. */
struct found {
    struct pos_journal_row rows[CHUNK];
    size_t count;
    uint32_t next, last; /* where to go on, and where to end */
    bool free_too;
    enum pos_status status;
};

static bool find_row(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct found *found = context;
    struct pos_journal_row *row = &found->rows[found->count];
    uint32_t index;
    found->status = pos_key4_read(key, &index);
    if (found->status == POS_OK)
        found->status = pos_journal_row_decode(index, value, row);
    if (found->status != POS_OK || index > found->last)
        return false;
    found->next = index + 1;
    found->count +=
        row->state == POS_JOURNAL_RESERVED || (found->free_too && row->state == POS_JOURNAL_FREE);
    return found->count < CHUNK;
}

/* Burns what is reserved, and free if told, up to an index. Counts both. */
static enum pos_status burn_rows(struct pos_transaction *transaction, uint32_t last, bool free_too,
                                 uint64_t utc_ms, uint32_t *reserved, uint32_t *free)
{
    struct found found = {.last = last, .free_too = free_too, .status = POS_OK};
    enum pos_status status = POS_OK;
    *reserved = *free = 0;
    do {
        struct pos_key4 from = pos_key4(found.next);
        found.count = 0;
        status = pos_transaction_walk(transaction, POS_JOURNAL_KEYS, pos_key4_view(&from), find_row,
                                      &found);
        if (status == POS_OK)
            status = found.status;
        for (size_t i = 0; status == POS_OK && i < found.count; i++) {
            *(found.rows[i].state == POS_JOURNAL_FREE ? free : reserved) += 1;
            status = pos_journal_burn_row(transaction, &found.rows[i], utc_ms);
        }
    } while (status == POS_OK && found.count == CHUNK);
    return status;
}

enum pos_status pos_journal_decide_close(struct pos_journal_write *write,
                                         struct pos_transaction *transaction)
{
    struct pos_journal *journal = pos_transaction_context(transaction);
    uint32_t none;
    enum pos_status status =
        burn_rows(transaction, POS_KEY_INDEX_MAX, false, write->utc_ms, &write->burned, &none);
    if (status != POS_OK)
        return status;
    pos_tally_move(&journal->tally, POS_JOURNAL_RESERVED, POS_JOURNAL_BURNED, write->burned);
    write->outcome = POS_JOURNAL_GIVEN;
    return POS_OK;
}

/* ---- after an old copy ---- */

enum pos_status pos_journal_get_floor(struct pos_transaction *transaction, uint32_t *index)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    *index = 0;
    enum pos_status status =
        pos_transaction_get(transaction, POS_JOURNAL_META, pos_bytes_text(floor_key), &value);
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    return status == POS_OK ? pos_journal_floor_decode(pos_buffer_view(&value), index) : status;
}

static enum pos_status raise_floor(struct pos_transaction *transaction, uint32_t high_water)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    uint32_t floor;
    enum pos_status status = pos_journal_get_floor(transaction, &floor);
    if (status != POS_OK || floor >= high_water)
        return status;
    pos_journal_floor_encode(high_water, &value);
    pos_transaction_put(transaction, POS_JOURNAL_META, pos_bytes_text(floor_key),
                        pos_buffer_view(&value));
    pos_transaction_raise(transaction, high_water);
    return POS_OK;
}

struct burn_since {
    struct pos_commit commit;
    uint32_t high_water;
    uint64_t utc_ms;
    uint32_t burned;
};

static enum pos_status decide_burn_since(struct pos_commit *commit,
                                         struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct burn_since, commit) == 0, "the commit is the burning");
    struct burn_since *burn = (struct burn_since *)(void *)commit;
    struct pos_journal *journal = pos_transaction_context(transaction);
    uint32_t reserved, free;
    if (burn->high_water > POS_KEY_INDEX_MAX)
        return POS_ERR_FORMAT;
    enum pos_status status =
        burn_rows(transaction, burn->high_water, true, burn->utc_ms, &reserved, &free);
    if (status == POS_OK)
        status = raise_floor(transaction, burn->high_water);
    if (status != POS_OK)
        return status;
    pos_tally_move(&journal->tally, POS_JOURNAL_RESERVED, POS_JOURNAL_BURNED, reserved);
    pos_tally_move(&journal->tally, POS_JOURNAL_FREE, POS_JOURNAL_BURNED, free);
    burn->burned = reserved + free;
    return POS_OK;
}

enum pos_status pos_journal_burn_since(struct pos_journal *journal, uint32_t high_water,
                                       uint64_t utc_ms, uint32_t *burned)
{
    struct burn_since burn = {
        .commit.decide = decide_burn_since, .high_water = high_water, .utc_ms = utc_ms};
    enum pos_status status = pos_committer_run(journal->committer, &burn.commit);
    *burned = status == POS_OK ? burn.burned : 0;
    return status;
}

enum pos_status pos_journal_checkpoint(struct pos_journal *journal, const char *path)
{
    enum pos_status status = pos_rocks_checkpoint(journal->rocks, path);
    return status == POS_OK ? pos_committer_move_epoch(journal->committer) : status;
}
