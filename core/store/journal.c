/*
 * The mother POS's journal: opening it and reading it. What is loaded stands in journal_load.c,
 * what is handed out in journal_write.c.
 */
#include "core/store/journal.h"

#include <stdlib.h>

#include "core/store/anchor_inside.h"
#include "core/store/journal_inside.h"

enum { CACHE_SIZE = 8 << 20 };

static const char *const families[POS_JOURNAL_FAMILY_COUNT] = {
    [POS_JOURNAL_KEYS] = "keys",
    [POS_JOURNAL_SERIALS] = "serials",
    [POS_JOURNAL_META] = "meta",
};

const char *pos_journal_state_name(enum pos_journal_state state)
{
    static const char *const names[] = {
        [POS_JOURNAL_NONE] = "none",         [POS_JOURNAL_FREE] = "free",
        [POS_JOURNAL_RESERVED] = "reserved", [POS_JOURNAL_ISSUED] = "issued",
        [POS_JOURNAL_BURNED] = "burned",
    };
    return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

struct pos_journal_meta_key pos_journal_meta_key(char letter, uint32_t number)
{
    struct pos_journal_meta_key key;
    struct pos_buffer buffer = pos_buffer(key.data, sizeof key.data);
    pos_buffer_put_u8(&buffer, (uint8_t)letter);
    pos_buffer_put_u32(&buffer, number);
    return key;
}

/* ---- open and close ---- */

struct count_walk {
    struct pos_journal *journal;
    enum pos_status status;
};

static bool count_row(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct count_walk *walk = context;
    struct pos_journal_row row;
    uint32_t index;
    walk->status = pos_key4_read(key, &index);
    if (walk->status == POS_OK)
        walk->status = pos_journal_row_decode(index, value, &row);
    if (walk->status != POS_OK)
        return false;
    pos_tally_move(&walk->journal->tally, POS_JOURNAL_NONE, row.state, 1);
    if (row.state == POS_JOURNAL_FREE && index < walk->journal->free_from)
        walk->journal->free_from = index;
    return true;
}

/* A journal with a damaged row hands out nothing: it could not tell what was handed out before. */
static enum pos_status count_rows(struct pos_journal *journal, const char *path,
                                  struct pos_error *error)
{
    struct count_walk walk = {.journal = journal, .status = POS_OK};
    enum pos_status status = pos_rocks_walk(journal->rocks, POS_JOURNAL_KEYS, pos_bytes(NULL, 0),
                                            true, count_row, &walk);
    if (status == POS_OK)
        status = walk.status;
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the keys in %s: %s", path,
                             pos_status_text(status));
    pos_tally_apply(&journal->tally);
    return POS_OK;
}

static void apply_counts(void *context)
{
    struct pos_journal *journal = context;
    pos_tally_apply(&journal->tally);
}

static enum pos_status open_parts(struct pos_journal *journal, const char *path,
                                  const struct pos_anchor_options *anchor, struct pos_error *error)
{
    struct pos_anchor_birth birth;
    enum pos_status status = pos_anchor_birth(POS_JOURNAL_META, &birth, error);
    if (status == POS_OK && !pos_rocks_there(path))
        status = pos_anchor_check_new(anchor, path, error);
    struct pos_rocks_options rocks = {
        .path = path,
        .families = families,
        .family_count = POS_JOURNAL_FAMILY_COUNT,
        .format = "mother-journal",
        .writer = "posgate-emulator mother",
        .create = true,
        .cache_size = CACHE_SIZE,
        .born = &birth.item,
        .born_count = 1,
    };
    if (status == POS_OK)
        status = pos_rocks_open(&rocks, &journal->rocks, error);
    if (status == POS_OK)
        status = count_rows(journal, path, error);
    if (status != POS_OK)
        return status;
    struct pos_committer_options committer = {.rocks = journal->rocks,
                                              .written = apply_counts,
                                              .anchor = anchor,
                                              .path = path,
                                              .meta_family = POS_JOURNAL_META,
                                              .context = journal};
    status = pos_committer_create(&committer, &journal->committer, error);
    if (status == POS_OK)
        pos_journal_drop_leftovers(journal);
    return status;
}

enum pos_status pos_journal_open(const char *path, const struct pos_anchor_options *anchor,
                                 struct pos_journal **journal, struct pos_error *error)
{
    static const struct pos_anchor_options no_anchor = {.path = NULL};
    *journal = NULL;
    struct pos_journal *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the journal");
    made->free_from = UINT32_MAX;
    enum pos_status status = open_parts(made, path, anchor == NULL ? &no_anchor : anchor, error);
    if (status != POS_OK) {
        pos_journal_close(made);
        return status;
    }
    *journal = made;
    return POS_OK;
}

void pos_journal_close(struct pos_journal *journal)
{
    if (journal == NULL)
        return;
    pos_committer_destroy(journal->committer);
    pos_rocks_close(journal->rocks);
    free(journal);
}

/* ---- reading ---- */

static uint32_t count_of(struct pos_journal *journal, enum pos_journal_state state)
{
    return (uint32_t)pos_counter_read(&journal->tally.counts[state]);
}

void pos_journal_counts(struct pos_journal *journal, struct pos_journal_counts *counts)
{
    *counts = (struct pos_journal_counts){
        .free = count_of(journal, POS_JOURNAL_FREE),
        .reserved = count_of(journal, POS_JOURNAL_RESERVED),
        .issued = count_of(journal, POS_JOURNAL_ISSUED),
        .burned = count_of(journal, POS_JOURNAL_BURNED),
    };
}

enum pos_status pos_journal_find(struct pos_journal *journal, uint32_t index,
                                 struct pos_journal_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(index);
    enum pos_status status =
        pos_rocks_get(journal->rocks, POS_JOURNAL_KEYS, pos_key4_view(&key), &value);
    return status == POS_OK ? pos_journal_row_decode(index, pos_buffer_view(&value), row) : status;
}

struct walk {
    bool (*each)(void *context, const struct pos_journal_row *row);
    void *context;
    enum pos_status status;
};

static bool walk_row(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct walk *walk = context;
    struct pos_journal_row row;
    uint32_t index;
    walk->status = pos_key4_read(key, &index);
    if (walk->status == POS_OK)
        walk->status = pos_journal_row_decode(index, value, &row);
    return walk->status == POS_OK && walk->each(walk->context, &row);
}

enum pos_status pos_journal_walk(struct pos_journal *journal,
                                 bool (*each)(void *context, const struct pos_journal_row *row),
                                 void *context)
{
    struct walk walk = {.each = each, .context = context, .status = POS_OK};
    enum pos_status status = pos_rocks_walk(journal->rocks, POS_JOURNAL_KEYS, pos_bytes(NULL, 0),
                                            false, walk_row, &walk);
    return status == POS_OK ? walk.status : status;
}

/* ---- in a decide ---- */

enum pos_status pos_journal_get_row(struct pos_transaction *transaction, uint32_t index,
                                    struct pos_journal_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(index);
    enum pos_status status =
        pos_transaction_get(transaction, POS_JOURNAL_KEYS, pos_key4_view(&key), &value);
    return status == POS_OK ? pos_journal_row_decode(index, pos_buffer_view(&value), row) : status;
}

enum pos_status pos_journal_put_row(struct pos_transaction *transaction,
                                    const struct pos_journal_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(row->index);
    enum pos_status status = pos_journal_row_encode(row, &value);
    if (status == POS_OK)
        pos_transaction_put(transaction, POS_JOURNAL_KEYS, pos_key4_view(&key),
                            pos_buffer_view(&value));
    return status;
}
