/*
 * Handing keys out. Decided on the committer's thread, one after the other, so no index can be
 * chosen twice; and `done` comes after the sync, so none leaves before the journal says so.
 */
#include <assert.h>
#include <string.h>

#include "core/store/journal_inside.h"

static struct pos_journal_write *write_of(struct pos_commit *commit)
{
    _Static_assert(offsetof(struct pos_journal_write, commit) == 0, "the commit is the write");
    return (struct pos_journal_write *)(void *)commit;
}

static enum pos_status finish(struct pos_journal_write *write, enum pos_journal_outcome outcome)
{
    write->outcome = outcome;
    return POS_OK;
}

/* ---- serials ---- */

static enum pos_status get_serial(struct pos_transaction *transaction, const char *serial,
                                  struct pos_journal_serial *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    *row = (struct pos_journal_serial){0};
    enum pos_status status =
        pos_transaction_get(transaction, POS_JOURNAL_SERIALS, pos_bytes_text(serial), &value);
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    return status == POS_OK ? pos_journal_serial_decode(pos_buffer_view(&value), row) : status;
}

static void put_serial(struct pos_transaction *transaction, const char *serial,
                       const struct pos_journal_serial *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    pos_journal_serial_encode(row, &value);
    pos_transaction_put(transaction, POS_JOURNAL_SERIALS, pos_bytes_text(serial),
                        pos_buffer_view(&value));
}

/* ---- reserve ---- */

struct search {
    struct pos_journal_row *row;
    enum pos_status status; /* POS_ERR_NOT_FOUND until a free key was seen */
};

static bool search_free(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct search *search = context;
    uint32_t index;
    search->status = pos_key4_read(key, &index);
    if (search->status == POS_OK)
        search->status = pos_journal_row_decode(index, value, search->row);
    if (search->status != POS_OK)
        return false;
    if (search->row->state == POS_JOURNAL_FREE)
        return false;
    search->status = POS_ERR_NOT_FOUND;
    return true;
}

/* The free key with the lowest index. POS_ERR_NOT_FOUND: none. */
static enum pos_status find_free(struct pos_journal *journal, struct pos_transaction *transaction,
                                 struct pos_journal_row *row)
{
    struct search search = {.row = row, .status = POS_ERR_NOT_FOUND};
    struct pos_key4 from = pos_key4(journal->free_from);
    enum pos_status status = pos_transaction_walk(transaction, POS_JOURNAL_KEYS,
                                                  pos_key4_view(&from), search_free, &search);
    return status == POS_OK ? search.status : status;
}

/* What stands in the way of a new key for this serial, if anything. */
enum answer { ANSWER_NEW, ANSWER_NEW_AND_BURN, ANSWER_AGAIN, ANSWER_HAS_KEY, ANSWER_TOO_OFTEN };

static enum answer judge(const struct pos_journal_write *write,
                         const struct pos_journal_serial *serial,
                         const struct pos_journal_row *newest)
{
    if (serial->index == 0 || newest->state == POS_JOURNAL_BURNED)
        return ANSWER_NEW;
    if (newest->state == POS_JOURNAL_ISSUED)
        return write->allow_rekey ? ANSWER_NEW : ANSWER_HAS_KEY;
    if (memcmp(newest->terminal_public, write->terminal_public, POS_PUBLIC_KEY_SIZE) == 0)
        return ANSWER_AGAIN;
    return serial->burn_count < POS_MOTHER_BURN_COUNT_MAX ? ANSWER_NEW_AND_BURN : ANSWER_TOO_OFTEN;
}

/* Picks a key, lets the caller make the reply, stages both rows. */
static enum pos_status hand_out(struct pos_journal_write *write,
                                struct pos_transaction *transaction,
                                struct pos_journal_serial *serial, struct pos_journal_row *to_burn)
{
    struct pos_journal *journal = pos_transaction_context(transaction);
    struct pos_journal_row *row = &write->row;
    enum pos_status status = find_free(journal, transaction, row);
    if (status == POS_ERR_NOT_FOUND) {
        memset(row, 0, sizeof *row); /* the search left its last row there */
        return finish(write, POS_JOURNAL_EXHAUSTED);
    }
    if (status != POS_OK)
        return status;
    row->state = POS_JOURNAL_RESERVED;
    row->changed_ms = write->utc_ms;
    memcpy(row->serial, write->serial, sizeof row->serial);
    memcpy(row->terminal_public, write->terminal_public, sizeof row->terminal_public);
    status = write->deliver(write->deliver_context, row);
    if (status == POS_OK)
        status = pos_journal_put_row(transaction, row);
    if (status == POS_OK && to_burn != NULL)
        status = pos_journal_burn_row(transaction, to_burn, write->utc_ms);
    if (status == POS_OK && to_burn != NULL)
        write->burned++;
    if (status != POS_OK)
        return status;
    serial->index = row->index;
    serial->burn_count = (uint8_t)(serial->burn_count + (to_burn != NULL));
    put_serial(transaction, write->serial, serial);
    pos_tally_move(&journal->tally, POS_JOURNAL_FREE, POS_JOURNAL_RESERVED, 1);
    pos_tally_move(&journal->tally, POS_JOURNAL_RESERVED, POS_JOURNAL_BURNED, write->burned);
    journal->free_from = row->index + 1;
    pos_transaction_raise(transaction, row->index);
    return finish(write, POS_JOURNAL_GIVEN);
}

static enum pos_status decide_reserve(struct pos_journal_write *write,
                                      struct pos_transaction *transaction)
{
    struct pos_journal_serial serial;
    struct pos_journal_row newest = {0};
    if (!pos_serial_valid(pos_bytes_text(write->serial)))
        return POS_ERR_FORMAT;
    enum pos_status status = get_serial(transaction, write->serial, &serial);
    if (status == POS_OK && serial.index != 0)
        status = pos_journal_get_row(transaction, serial.index, &newest);
    if (status != POS_OK)
        return status == POS_ERR_NOT_FOUND ? POS_ERR_CORRUPT : status;
    switch (judge(write, &serial, &newest)) {
    case ANSWER_NEW:
        return hand_out(write, transaction, &serial, NULL);
    case ANSWER_NEW_AND_BURN:
        return hand_out(write, transaction, &serial, &newest);
    case ANSWER_AGAIN:
        write->row = newest;
        return finish(write, POS_JOURNAL_AGAIN);
    case ANSWER_HAS_KEY:
        return finish(write, POS_JOURNAL_HAS_KEY);
    case ANSWER_TOO_OFTEN:
        return finish(write, POS_JOURNAL_TOO_OFTEN);
    }
    assert(false);
    return POS_ERR_STATE;
}

/* ---- confirm ---- */

static enum pos_status decide_confirm(struct pos_journal_write *write,
                                      struct pos_transaction *transaction)
{
    struct pos_journal *journal = pos_transaction_context(transaction);
    struct pos_journal_row row;
    enum pos_status status = pos_journal_get_row(transaction, write->index, &row);
    if (status == POS_ERR_NOT_FOUND)
        return finish(write, POS_JOURNAL_UNKNOWN);
    if (status != POS_OK)
        return status;
    bool held = row.state == POS_JOURNAL_RESERVED || row.state == POS_JOURNAL_ISSUED;
    if (!held || strncmp(row.serial, write->serial, POS_SERIAL_SIZE + 1) != 0)
        return finish(write, POS_JOURNAL_UNKNOWN);
    write->row = row;
    if (row.state == POS_JOURNAL_ISSUED)
        return finish(write, POS_JOURNAL_AGAIN);
    write->row.state = POS_JOURNAL_ISSUED;
    write->row.reply_size = 0; /* never given again */
    write->row.changed_ms = write->utc_ms;
    status = pos_journal_put_row(transaction, &write->row);
    if (status != POS_OK)
        return status;
    pos_tally_move(&journal->tally, POS_JOURNAL_RESERVED, POS_JOURNAL_ISSUED, 1);
    return finish(write, POS_JOURNAL_GIVEN);
}

/* ---- all of them ---- */

static enum pos_status decide(struct pos_commit *commit, struct pos_transaction *transaction)
{
    struct pos_journal_write *write = write_of(commit);
    write->burned = 0;
    memset(&write->row, 0, sizeof write->row);
    switch (write->operation) {
    case POS_JOURNAL_RESERVE:
        return decide_reserve(write, transaction);
    case POS_JOURNAL_CONFIRM:
        return decide_confirm(write, transaction);
    case POS_JOURNAL_CLOSE:
        return pos_journal_decide_close(write, transaction);
    }
    assert(false);
    return POS_ERR_USAGE;
}

enum pos_status pos_journal_submit(struct pos_journal *journal, struct pos_journal_write *write)
{
    write->commit.decide = decide;
    write->commit.relaxed = false;
    return pos_committer_submit(journal->committer, &write->commit);
}

enum pos_status pos_journal_run(struct pos_journal *journal, struct pos_journal_write *write)
{
    write->commit.decide = decide;
    write->commit.relaxed = false;
    return pos_committer_run(journal->committer, &write->commit);
}
