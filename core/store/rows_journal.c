/*
 * The mother POS journal's rows.
 *
 * keys, by index:
 *    0  1  version, 1
 *    1  1  state
 *    2  1  algorithm
 *    3  4  batch
 *    7  8  changed
 *   15  7  check value of the TMK
 *   22     TMK under the mother POS's LMK: algorithm 1, size 1, data
 *   and, unless the key is free:
 *       8  serial, all NUL when it was burned and nobody knows who has it, if anybody
 *      32  public key of the request, 32 public key of the reply
 *       1  size of the reply, and the reply
 *
 * serials, by serial: version 1 (1), newest index 4 (0: none), burn count 1.
 *
 * meta "load": version 1 (1), batch 4, lines held 4. Meta "B" and a batch number (4): taken in; the
 * value is a version alone (1). Meta "L" and a line number (4): that line, as received, after a
 * version (1). Meta "floor": version 1 (1), index 4: keys up to it are not handed out.
 */
#include <string.h>

#include "core/store/rows.h"

enum { ROW_VERSION = 1, SERIAL_VERSION = 1, LOAD_VERSION = 1, FLOOR_VERSION = 1 };

static bool serial_valid(const struct pos_journal_row *row)
{
    if (row->serial[0] == '\0')
        return row->state == POS_JOURNAL_FREE || row->state == POS_JOURNAL_BURNED;
    return row->state != POS_JOURNAL_FREE && pos_row_text_valid(row->serial, POS_SERIAL_SIZE) &&
           pos_serial_valid(pos_bytes_text(row->serial));
}

static bool row_valid(const struct pos_journal_row *row)
{
    return row->index >= POS_KEY_INDEX_MIN && row->index <= POS_KEY_INDEX_MAX &&
           row->state > POS_JOURNAL_NONE && row->state <= POS_JOURNAL_BURNED &&
           pos_row_algorithm_valid(row->algorithm) && row->tmk.size > 0 &&
           pos_row_key_valid(&row->tmk, POS_USAGE_TMK) && pos_row_kcv_valid(&row->kcv) &&
           row->batch > 0 && serial_valid(row);
}

enum pos_status pos_journal_row_encode(const struct pos_journal_row *row, struct pos_buffer *buffer)
{
    if (!row_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, ROW_VERSION);
    pos_buffer_put_u8(buffer, (uint8_t)row->state);
    pos_buffer_put_u8(buffer, (uint8_t)row->algorithm);
    pos_buffer_put_u32(buffer, row->batch);
    pos_buffer_put_u64(buffer, row->changed_ms);
    pos_row_put_kcv(buffer, &row->kcv);
    pos_row_put_key(buffer, &row->tmk);
    if (row->state != POS_JOURNAL_FREE) {
        pos_row_put_text(buffer, row->serial, POS_SERIAL_SIZE);
        pos_buffer_put(buffer, pos_bytes(row->terminal_public, POS_PUBLIC_KEY_SIZE));
        pos_buffer_put(buffer, pos_bytes(row->mother_public, POS_PUBLIC_KEY_SIZE));
        pos_buffer_put_u8(buffer, row->reply_size);
        pos_buffer_put(buffer, pos_bytes(row->reply, row->reply_size));
    }
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

static bool take_holder(struct pos_cursor *cursor, struct pos_journal_row *row)
{
    bool good = pos_row_take_text(cursor, row->serial, POS_SERIAL_SIZE);
    struct pos_bytes terminal = pos_cursor_take(cursor, POS_PUBLIC_KEY_SIZE);
    struct pos_bytes mother = pos_cursor_take(cursor, POS_PUBLIC_KEY_SIZE);
    row->reply_size = pos_cursor_u8(cursor);
    struct pos_bytes reply = pos_cursor_take(cursor, row->reply_size);
    if (!good || cursor->failed)
        return false;
    memcpy(row->terminal_public, terminal.data, terminal.size);
    memcpy(row->mother_public, mother.data, mother.size);
    if (reply.size > 0)
        memcpy(row->reply, reply.data, reply.size);
    return true;
}

enum pos_status pos_journal_row_decode(uint32_t index, struct pos_bytes bytes,
                                       struct pos_journal_row *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, ROW_VERSION);
    if (status != POS_OK)
        return status;
    *row = (struct pos_journal_row){.index = index};
    row->state = (enum pos_journal_state)pos_cursor_u8(&cursor);
    row->algorithm = (enum pos_algorithm)pos_cursor_u8(&cursor);
    row->batch = pos_cursor_u32(&cursor);
    row->changed_ms = pos_cursor_u64(&cursor);
    bool good = pos_row_take_kcv(&cursor, &row->kcv) &&
                pos_row_take_key(&cursor, POS_USAGE_TMK, &row->tmk) &&
                (row->state == POS_JOURNAL_FREE || take_holder(&cursor, row));
    return good && pos_cursor_done(&cursor) && row_valid(row) ? POS_OK : POS_ERR_CORRUPT;
}

void pos_journal_serial_encode(const struct pos_journal_serial *row, struct pos_buffer *buffer)
{
    pos_buffer_put_u8(buffer, SERIAL_VERSION);
    pos_buffer_put_u32(buffer, row->index);
    pos_buffer_put_u8(buffer, row->burn_count);
}

enum pos_status pos_journal_serial_decode(struct pos_bytes bytes, struct pos_journal_serial *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, SERIAL_VERSION);
    if (status != POS_OK)
        return status;
    row->index = pos_cursor_u32(&cursor);
    row->burn_count = pos_cursor_u8(&cursor);
    bool good = pos_cursor_done(&cursor) && row->index <= POS_KEY_INDEX_MAX;
    return good ? POS_OK : POS_ERR_CORRUPT;
}

void pos_journal_load_encode(const struct pos_journal_load *row, struct pos_buffer *buffer)
{
    pos_buffer_put_u8(buffer, LOAD_VERSION);
    pos_buffer_put_u32(buffer, row->batch);
    pos_buffer_put_u32(buffer, row->line_count);
}

enum pos_status pos_journal_load_decode(struct pos_bytes bytes, struct pos_journal_load *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, LOAD_VERSION);
    if (status != POS_OK)
        return status;
    row->batch = pos_cursor_u32(&cursor);
    row->line_count = pos_cursor_u32(&cursor);
    bool good = pos_cursor_done(&cursor) && row->batch > 0 && row->line_count > 0;
    return good ? POS_OK : POS_ERR_CORRUPT;
}

void pos_journal_floor_encode(uint32_t index, struct pos_buffer *buffer)
{
    pos_buffer_put_u8(buffer, FLOOR_VERSION);
    pos_buffer_put_u32(buffer, index);
}

enum pos_status pos_journal_floor_decode(struct pos_bytes bytes, uint32_t *index)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, FLOOR_VERSION);
    if (status != POS_OK)
        return status;
    *index = pos_cursor_u32(&cursor);
    return pos_cursor_done(&cursor) && *index <= POS_KEY_INDEX_MAX ? POS_OK : POS_ERR_CORRUPT;
}
