/*
 * The terminal table's rows.
 *
 * hot, by SMN; at most POS_HOT_ROW_SIZE_MAX bytes, because every request reads one:
 *    0  1  version, 1
 *    1  1  state in the low 4 bits; 10 proved, 20 signed off, 40 proved where MACs are ECB
 *    2  1  algorithm of the TMK
 *    3  1  algorithm of the current TAK in the low 4 bits, of the pending TAK in the high
 *    4  4  change counter
 *    8  8  TID, padded with NULs; all NUL: not bound
 *   16 15  MID, likewise
 *   31  1  size of the current TAK; 0: none
 *   32     current TAK, then the pending TAK, which is the rest of the row
 *
 * detail, by SMN:
 *    0  1  version, 2
 *    1  1  01 the first pair was given
 *    2  8  registered   10  8  signed on   18  8  changed
 *   26  7  check values (method 1, size 1, data 5): current TAK, 33 pending TAK, 40 current TPK,
 *          47 pending TPK, 54 current TDK, 61 pending TDK
 *   68     current TPK, pending TPK, current TDK, pending TDK: algorithm 1, size 1, data each
 *
 * by_index, by key index:
 *    0  1  version, 1
 *    1  1  01 proved
 *    2 16  SMN
 *
 * meta "reserved": version 1, next number 8.
 */
#include <string.h>

#include "core/store/rows.h"

enum {
    HOT_VERSION = 1,
    DETAIL_VERSION = 2,
    HOLDER_VERSION = 1,
    RESERVED_VERSION = 1,

    HOT_PROVED = 0x10,
    HOT_SIGNED_OFF = 0x20,
    HOT_ECB = 0x40,
    HOT_FIXED_SIZE = 32,
    DETAIL_FIRST_PAIR = 0x01,
    HOLDER_PROVED = 0x01,
};

_Static_assert(HOT_FIXED_SIZE + 2 * POS_KEY_VALUE_SIZE_MAX <= POS_HOT_ROW_SIZE_MAX,
               "two TAKs fit a hot row");
_Static_assert(POS_TERMINAL_STATE_COUNT <= 16 && POS_ALGORITHM_COUNT <= 16, "they fit 4 bits");

static bool hot_valid(const struct pos_terminal_hot *row)
{
    return row->state > POS_TERMINAL_NONE && row->state < POS_TERMINAL_STATE_COUNT &&
           (row->proved || !row->ecb) && pos_row_algorithm_valid(row->algorithm) &&
           pos_row_text_valid(row->tid, POS_TID_SIZE) &&
           pos_row_text_valid(row->mid, POS_MID_SIZE) &&
           pos_row_key_valid(&row->tak[0], POS_USAGE_TAK) &&
           pos_row_key_valid(&row->tak[1], POS_USAGE_TAK);
}

static unsigned tak_algorithm(const struct pos_key *tak)
{
    return tak->size == 0 ? POS_ALGORITHM_NONE : tak->algorithm;
}

enum pos_status pos_terminal_hot_encode(const struct pos_terminal_hot *row,
                                        struct pos_buffer *buffer)
{
    if (!hot_valid(row))
        return POS_ERR_FORMAT;
    unsigned flags = (row->proved ? HOT_PROVED : 0) | (row->signed_off ? HOT_SIGNED_OFF : 0) |
                     (row->ecb ? HOT_ECB : 0);
    pos_buffer_put_u8(buffer, HOT_VERSION);
    pos_buffer_put_u8(buffer, (uint8_t)(row->state | flags));
    pos_buffer_put_u8(buffer, (uint8_t)row->algorithm);
    pos_buffer_put_u8(buffer,
                      (uint8_t)(tak_algorithm(&row->tak[0]) | tak_algorithm(&row->tak[1]) << 4));
    pos_buffer_put_u32(buffer, row->version);
    pos_row_put_text(buffer, row->tid, POS_TID_SIZE);
    pos_row_put_text(buffer, row->mid, POS_MID_SIZE);
    pos_buffer_put_u8(buffer, row->tak[0].size);
    pos_buffer_put(buffer, pos_bytes(row->tak[0].data, row->tak[0].size));
    pos_buffer_put(buffer, pos_bytes(row->tak[1].data, row->tak[1].size));
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

static bool take_tak(struct pos_cursor *cursor, size_t size, unsigned algorithm,
                     struct pos_key *tak)
{
    struct pos_bytes data = pos_cursor_take(cursor, size);
    if (cursor->failed || size > POS_KEY_VALUE_SIZE_MAX)
        return false;
    tak->usage = size == 0 ? POS_USAGE_NONE : POS_USAGE_TAK;
    tak->algorithm = (enum pos_algorithm)algorithm;
    tak->size = (uint8_t)size;
    if (size > 0)
        memcpy(tak->data, data.data, size);
    return (size == 0) == (algorithm == POS_ALGORITHM_NONE);
}

enum pos_status pos_terminal_hot_decode(struct pos_bytes bytes, struct pos_terminal_hot *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, HOT_VERSION);
    if (status != POS_OK)
        return status;
    unsigned state = pos_cursor_u8(&cursor);
    row->algorithm = (enum pos_algorithm)pos_cursor_u8(&cursor);
    unsigned algorithms = pos_cursor_u8(&cursor);
    row->state = (enum pos_terminal_state)(state & 0x0f);
    row->proved = (state & HOT_PROVED) != 0;
    row->signed_off = (state & HOT_SIGNED_OFF) != 0;
    row->ecb = (state & HOT_ECB) != 0;
    row->version = pos_cursor_u32(&cursor);
    bool good = (state & 0x80) == 0 && pos_row_take_text(&cursor, row->tid, POS_TID_SIZE) &&
                pos_row_take_text(&cursor, row->mid, POS_MID_SIZE);
    uint8_t size = pos_cursor_u8(&cursor);
    good = good && take_tak(&cursor, size, algorithms & 0x0f, &row->tak[0]) &&
           take_tak(&cursor, bytes.size - cursor.offset, algorithms >> 4, &row->tak[1]);
    return good && pos_cursor_done(&cursor) && hot_valid(row) ? POS_OK : POS_ERR_CORRUPT;
}

static bool detail_valid(const struct pos_terminal_detail *row)
{
    for (size_t i = 0; i < 2; i++)
        if (!pos_row_kcv_valid(&row->tak_kcv[i]) || !pos_row_kcv_valid(&row->tpk_kcv[i]) ||
            !pos_row_kcv_valid(&row->tdk_kcv[i]) ||
            !pos_row_key_valid(&row->tpk[i], POS_USAGE_TPK) ||
            !pos_row_key_valid(&row->tdk[i], POS_USAGE_TDK))
            return false;
    return true;
}

enum pos_status pos_terminal_detail_encode(const struct pos_terminal_detail *row,
                                           struct pos_buffer *buffer)
{
    if (!detail_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, DETAIL_VERSION);
    pos_buffer_put_u8(buffer, row->first_pair_given ? DETAIL_FIRST_PAIR : 0);
    pos_buffer_put_u64(buffer, row->registered_ms);
    pos_buffer_put_u64(buffer, row->signed_on_ms);
    pos_buffer_put_u64(buffer, row->changed_ms);
    pos_row_put_kcv(buffer, &row->tak_kcv[0]);
    pos_row_put_kcv(buffer, &row->tak_kcv[1]);
    pos_row_put_kcv(buffer, &row->tpk_kcv[0]);
    pos_row_put_kcv(buffer, &row->tpk_kcv[1]);
    pos_row_put_kcv(buffer, &row->tdk_kcv[0]);
    pos_row_put_kcv(buffer, &row->tdk_kcv[1]);
    pos_row_put_key(buffer, &row->tpk[0]);
    pos_row_put_key(buffer, &row->tpk[1]);
    pos_row_put_key(buffer, &row->tdk[0]);
    pos_row_put_key(buffer, &row->tdk[1]);
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_terminal_detail_decode(struct pos_bytes bytes, struct pos_terminal_detail *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, DETAIL_VERSION);
    if (status != POS_OK)
        return status;
    uint8_t flags = pos_cursor_u8(&cursor);
    row->first_pair_given = (flags & DETAIL_FIRST_PAIR) != 0;
    row->registered_ms = pos_cursor_u64(&cursor);
    row->signed_on_ms = pos_cursor_u64(&cursor);
    row->changed_ms = pos_cursor_u64(&cursor);
    bool good = (flags & ~DETAIL_FIRST_PAIR) == 0 && pos_row_take_kcv(&cursor, &row->tak_kcv[0]) &&
                pos_row_take_kcv(&cursor, &row->tak_kcv[1]) &&
                pos_row_take_kcv(&cursor, &row->tpk_kcv[0]) &&
                pos_row_take_kcv(&cursor, &row->tpk_kcv[1]) &&
                pos_row_take_kcv(&cursor, &row->tdk_kcv[0]) &&
                pos_row_take_kcv(&cursor, &row->tdk_kcv[1]) &&
                pos_row_take_key(&cursor, POS_USAGE_TPK, &row->tpk[0]) &&
                pos_row_take_key(&cursor, POS_USAGE_TPK, &row->tpk[1]) &&
                pos_row_take_key(&cursor, POS_USAGE_TDK, &row->tdk[0]) &&
                pos_row_take_key(&cursor, POS_USAGE_TDK, &row->tdk[1]);
    return good && pos_cursor_done(&cursor) ? POS_OK : POS_ERR_CORRUPT;
}

enum pos_status pos_terminal_holder_encode(const struct pos_terminal_holder *row,
                                           struct pos_buffer *buffer)
{
    struct pos_smn checked;
    if (pos_smn_parse(pos_bytes(row->smn.text, POS_SMN_SIZE), &checked) != POS_OK)
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, HOLDER_VERSION);
    pos_buffer_put_u8(buffer, row->proved ? HOLDER_PROVED : 0);
    pos_buffer_put(buffer, pos_bytes(row->smn.text, POS_SMN_SIZE));
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_terminal_holder_decode(struct pos_bytes bytes, struct pos_terminal_holder *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, HOLDER_VERSION);
    if (status != POS_OK)
        return status;
    uint8_t flags = pos_cursor_u8(&cursor);
    row->proved = (flags & HOLDER_PROVED) != 0;
    bool good = (flags & ~HOLDER_PROVED) == 0 &&
                pos_smn_parse(pos_cursor_take(&cursor, POS_SMN_SIZE), &row->smn) == POS_OK;
    return good && pos_cursor_done(&cursor) ? POS_OK : POS_ERR_CORRUPT;
}

void pos_terminal_reserved_encode(uint64_t next, struct pos_buffer *buffer)
{
    pos_buffer_put_u8(buffer, RESERVED_VERSION);
    pos_buffer_put_u64(buffer, next);
}

enum pos_status pos_terminal_reserved_decode(struct pos_bytes bytes, uint64_t *next)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, RESERVED_VERSION);
    if (status != POS_OK)
        return status;
    *next = pos_cursor_u64(&cursor);
    return pos_cursor_done(&cursor) ? POS_OK : POS_ERR_CORRUPT;
}
