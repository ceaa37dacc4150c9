/*
 * Taking a key file in. Lines are kept as they come, beside the keys, and become keys in one batch
 * once the caller has verified the trailer.
 *
 * The row "load" says how many lines count. So a load that begins anew, or is dropped, changes that
 * row alone; lines behind what it says are leftovers, overwritten by the next load and dropped in
 * one stroke when no load is under way.
 */
#include <string.h>

#include "core/base/log.h"
#include "core/store/journal_inside.h"

static const char load_key[] = "load";

enum { LINE_VERSION = 1, BATCH_VERSION = 1 };

struct load_write {
    struct pos_commit commit;
    struct pos_journal *journal;
    uint32_t batch, line_number;
    struct pos_bytes line;
    const struct pos_journal_row *rows;
    size_t count;
};

static struct load_write *load_write_of(struct pos_commit *commit)
{
    _Static_assert(offsetof(struct load_write, commit) == 0, "the commit is the write");
    return (struct load_write *)(void *)commit;
}

/* batch 0 when no load is under way. */
static enum pos_status decode_load(enum pos_status status, const struct pos_buffer *value,
                                   struct pos_journal_load *load)
{
    *load = (struct pos_journal_load){0};
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    return status == POS_OK ? pos_journal_load_decode(pos_buffer_view(value), load) : status;
}

enum pos_status pos_journal_load_status(struct pos_journal *journal, struct pos_journal_load *load)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_rocks_get(journal->rocks, POS_JOURNAL_META, pos_bytes_text(load_key), &value);
    return decode_load(status, &value, load);
}

static enum pos_status get_load(struct pos_transaction *transaction, struct pos_journal_load *load)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_transaction_get(transaction, POS_JOURNAL_META, pos_bytes_text(load_key), &value);
    return decode_load(status, &value, load);
}

enum pos_status pos_journal_batch_known(struct pos_journal *journal, uint32_t batch, bool *known)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_journal_meta_key key = pos_journal_meta_key(POS_JOURNAL_BATCH, batch);
    enum pos_status status =
        pos_rocks_get(journal->rocks, POS_JOURNAL_META, pos_journal_meta_view(&key), &value);
    *known = status == POS_OK;
    return status == POS_ERR_NOT_FOUND ? POS_OK : status;
}

/* ---- lines ---- */

static void put_load(struct pos_transaction *transaction, const struct pos_journal_load *load)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    pos_journal_load_encode(load, &value);
    pos_transaction_put(transaction, POS_JOURNAL_META, pos_bytes_text(load_key),
                        pos_buffer_view(&value));
}

static enum pos_status decide_line(struct pos_commit *commit, struct pos_transaction *transaction)
{
    struct load_write *write = load_write_of(commit);
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_journal_load load;
    enum pos_status status = get_load(transaction, &load);
    if (status != POS_OK)
        return status;
    bool begins = write->line_number == 1;
    if (!begins && (load.batch != write->batch || load.line_count + 1 != write->line_number))
        return POS_ERR_ORDER;
    load = (struct pos_journal_load){.batch = write->batch, .line_count = write->line_number};
    put_load(transaction, &load);
    struct pos_journal_meta_key key = pos_journal_meta_key(POS_JOURNAL_LINE, write->line_number);
    pos_buffer_put_u8(&value, LINE_VERSION);
    pos_buffer_put(&value, write->line);
    pos_transaction_put(transaction, POS_JOURNAL_META, pos_journal_meta_view(&key),
                        pos_buffer_view(&value));
    return POS_OK;
}

enum pos_status pos_journal_load_line(struct pos_journal *journal, uint32_t batch,
                                      uint32_t line_number, struct pos_bytes line)
{
    _Static_assert(POS_KEY_FILE_LINE_SIZE_MAX < POS_ROW_SIZE_MAX, "a line and its version fit");
    if (batch == 0 || line_number == 0)
        return POS_ERR_FORMAT;
    if (line.size > POS_KEY_FILE_LINE_SIZE_MAX)
        return POS_ERR_LENGTH;
    struct load_write write = {.commit = {.decide = decide_line, .relaxed = true},
                               .batch = batch,
                               .line_number = line_number,
                               .line = line};
    return pos_committer_run(journal->committer, &write.commit);
}

struct line_walk {
    bool (*each)(void *context, uint32_t number, struct pos_bytes line);
    void *context;
    uint32_t next, count;
    enum pos_status status;
};

static bool walk_line(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct line_walk *walk = context;
    struct pos_journal_meta_key expected = pos_journal_meta_key(POS_JOURNAL_LINE, walk->next);
    struct pos_cursor cursor = pos_cursor(value);
    if (walk->next > walk->count)
        return false;
    walk->status = pos_bytes_equal(key, pos_journal_meta_view(&expected))
                       ? pos_row_take_version(&cursor, LINE_VERSION)
                       : POS_ERR_CORRUPT;
    return walk->status == POS_OK &&
           walk->each(walk->context, walk->next++, pos_cursor_take(&cursor, value.size - 1));
}

enum pos_status pos_journal_load_walk(struct pos_journal *journal,
                                      bool (*each)(void *context, uint32_t number,
                                                   struct pos_bytes line),
                                      void *context)
{
    struct pos_journal_load load;
    enum pos_status status = pos_journal_load_status(journal, &load);
    if (status != POS_OK || load.batch == 0)
        return status;
    struct line_walk walk = {.each = each,
                             .context = context,
                             .next = 1,
                             .count = load.line_count,
                             .status = POS_ERR_CORRUPT};
    struct pos_journal_meta_key first = pos_journal_meta_key(POS_JOURNAL_LINE, 1);
    status = pos_rocks_walk(journal->rocks, POS_JOURNAL_META, pos_journal_meta_view(&first), false,
                            walk_line, &walk);
    return status == POS_OK ? walk.status : status;
}

/* ---- the end of a load ---- */

/* A key that may have been handed out, before an old copy of the journal came back, comes burned.
 */
static enum pos_status stage_key(struct pos_transaction *transaction, uint32_t batch,
                                 const struct pos_journal_row *row, bool burned)
{
    struct pos_journal_row there, put = *row;
    if (row->state != POS_JOURNAL_FREE || row->batch != batch)
        return POS_ERR_FORMAT;
    enum pos_status status = pos_journal_get_row(transaction, row->index, &there);
    if (status != POS_ERR_NOT_FOUND)
        return status == POS_OK ? POS_ERR_EXISTS : status;
    put.state = burned ? POS_JOURNAL_BURNED : POS_JOURNAL_FREE;
    return pos_journal_put_row(transaction, &put);
}

static void stage_batch_known(struct pos_transaction *transaction, uint32_t batch)
{
    static const uint8_t version = BATCH_VERSION;
    struct pos_journal_meta_key key = pos_journal_meta_key(POS_JOURNAL_BATCH, batch);
    pos_transaction_put(transaction, POS_JOURNAL_META, pos_journal_meta_view(&key),
                        pos_bytes(&version, 1));
}

static enum pos_status decide_finish(struct pos_commit *commit, struct pos_transaction *transaction)
{
    struct load_write *write = load_write_of(commit);
    struct pos_journal *journal = pos_transaction_context(transaction);
    struct pos_journal_load load;
    enum pos_status status = get_load(transaction, &load);
    uint32_t floor = 0, burned = 0;
    if (status == POS_OK && load.batch != write->batch)
        status = POS_ERR_ORDER;
    if (status == POS_OK)
        status = pos_journal_get_floor(transaction, &floor);
    for (size_t i = 0; status == POS_OK && i < write->count; i++) {
        bool burns = write->rows[i].index <= floor;
        status = stage_key(transaction, write->batch, &write->rows[i], burns);
        burned += burns;
    }
    if (status != POS_OK)
        return status;
    stage_batch_known(transaction, write->batch);
    pos_transaction_delete(transaction, POS_JOURNAL_META, pos_bytes_text(load_key));
    pos_tally_move(&journal->tally, POS_JOURNAL_NONE, POS_JOURNAL_FREE,
                   (uint32_t)write->count - burned);
    pos_tally_move(&journal->tally, POS_JOURNAL_NONE, POS_JOURNAL_BURNED, burned);
    for (size_t i = 0; i < write->count; i++)
        if (write->rows[i].index < journal->free_from)
            journal->free_from = write->rows[i].index;
    return POS_OK;
}

static enum pos_status decide_drop(struct pos_commit *commit, struct pos_transaction *transaction)
{
    (void)commit;
    pos_transaction_delete(transaction, POS_JOURNAL_META, pos_bytes_text(load_key));
    return POS_OK;
}

/* No line counts any more; when dropping them fails they are dropped at the next open. */
static void drop_lines(struct pos_journal *journal)
{
    struct pos_journal_meta_key first = pos_journal_meta_key(POS_JOURNAL_LINE, 0);
    struct pos_journal_meta_key end = pos_journal_meta_key(POS_JOURNAL_LINE + 1, 0);
    if (pos_rocks_drop_range(journal->rocks, POS_JOURNAL_META, pos_journal_meta_view(&first),
                             pos_journal_meta_view(&end)) != POS_OK)
        pos_log(POS_LOG_WARNING, "journal-lines-left", "action=\"dropped at the next start\"");
}

void pos_journal_drop_leftovers(struct pos_journal *journal)
{
    struct pos_journal_load load;
    if (pos_journal_load_status(journal, &load) == POS_OK && load.batch == 0)
        drop_lines(journal);
}

enum pos_status pos_journal_load_finish(struct pos_journal *journal, uint32_t batch,
                                        const struct pos_journal_row *rows, size_t count)
{
    if (count > POS_KEY_FILE_COUNT_MAX)
        return POS_ERR_LIMIT;
    struct load_write write = {
        .commit.decide = decide_finish, .batch = batch, .rows = rows, .count = count};
    enum pos_status status = pos_committer_run(journal->committer, &write.commit);
    if (status == POS_OK)
        drop_lines(journal);
    return status;
}

enum pos_status pos_journal_load_drop(struct pos_journal *journal)
{
    struct load_write write = {.commit.decide = decide_drop};
    enum pos_status status = pos_committer_run(journal->committer, &write.commit);
    if (status == POS_OK)
        drop_lines(journal);
    return status;
}
