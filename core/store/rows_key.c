/*
 * The key library's rows.
 *
 * keys, by index. The row is what the key itself says; the batch it belongs to may say more (see
 * key_library.c), so neither destination nor export and load times stand here:
 *    0  1  version, 2
 *    1  1  state
 *    2  1  algorithm
 *    3  1  form of the working keys
 *    4  4  batch
 *    8  8  generated    16  8  changed
 *   24  8  serial, padded with NULs
 *   32  7  check values (method 1, size 1, data 5): TMK, 39 TPK, 46 TAK, 53 TDK
 *   60     TMK, TPK, TAK, TDK: algorithm 1, size 1, data each; size 0: none, or destroyed
 *
 * batches, by number:
 *    0  1  version, 2
 *    1  1  state
 *    2  1  algorithm
 *    3  1  form of the working keys
 *    4  4  first index  8  4  count
 *   12  8  created     20  8  exported     28  8  loaded       36  8  burned
 *   44 16  mother POS, padded with NULs
 *
 * mothers, by name:
 *    0  1  version, 2
 *    1  1  01 compromised
 *    2  8  created
 *   10  7  check value
 *   17     KTK: algorithm 1, size 1, data
 *
 * links, by name padded with NULs to 16 and usage (1):
 *    0  1  version, 1
 *    1  8  created
 *    9  7  check value
 *   16     ZPK or ZAK: algorithm 1, size 1, data
 *
 * meta "floor", when an old copy was accepted: version 1 (1), index 4, batch 4; what is new lies
 * behind both.
 */
#include <string.h>

#include "core/store/rows.h"

enum {
    KEY_VERSION = 2,
    BATCH_VERSION = 2,
    MOTHER_VERSION = 2,
    LINK_VERSION = 1,
    FLOOR_VERSION = 1,
    MOTHER_COMPROMISED = 0x01
};

static bool name_valid(const char *name, bool may_be_empty)
{
    if (name[0] == '\0')
        return may_be_empty;
    return pos_row_text_valid(name, POS_KEY_NAME_SIZE_MAX) &&
           pos_key_name_valid(pos_bytes_text(name));
}

static bool index_valid(uint32_t index)
{
    return index >= POS_KEY_INDEX_MIN && index <= POS_KEY_INDEX_MAX;
}

static bool form_valid(enum pos_key_form form, enum pos_algorithm algorithm)
{
    return (unsigned)form < POS_FORM_COUNT && pos_row_algorithm_valid(algorithm) &&
           pos_key_form_possible(form, algorithm);
}

static bool keys_valid(const struct pos_key_row *row)
{
    return pos_row_key_valid(&row->tmk, POS_USAGE_TMK) &&
           pos_row_key_valid(&row->tpk, POS_USAGE_TPK) &&
           pos_row_key_valid(&row->tak, POS_USAGE_TAK) &&
           pos_row_key_valid(&row->tdk, POS_USAGE_TDK) &&
           (row->tdk.size == 0 || pos_key_form_has_tdk(row->form, row->algorithm));
}

static bool key_valid(const struct pos_key_row *row)
{
    return index_valid(row->index) && row->state > POS_KEY_NONE &&
           row->state < POS_KEY_STATE_COUNT && form_valid(row->form, row->algorithm) &&
           row->batch > 0 && pos_row_kcv_valid(&row->tmk_kcv) && pos_row_kcv_valid(&row->tpk_kcv) &&
           pos_row_kcv_valid(&row->tak_kcv) && pos_row_kcv_valid(&row->tdk_kcv) &&
           keys_valid(row) &&
           (row->serial[0] == '\0' || (pos_row_text_valid(row->serial, POS_SERIAL_SIZE) &&
                                       pos_serial_valid(pos_bytes_text(row->serial))));
}

enum pos_status pos_key_row_encode(const struct pos_key_row *row, struct pos_buffer *buffer)
{
    if (!key_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, KEY_VERSION);
    pos_buffer_put_u8(buffer, (uint8_t)row->state);
    pos_buffer_put_u8(buffer, (uint8_t)row->algorithm);
    pos_buffer_put_u8(buffer, (uint8_t)row->form);
    pos_buffer_put_u32(buffer, row->batch);
    pos_buffer_put_u64(buffer, row->generated_ms);
    pos_buffer_put_u64(buffer, row->changed_ms);
    pos_row_put_text(buffer, row->serial, POS_SERIAL_SIZE);
    pos_row_put_kcv(buffer, &row->tmk_kcv);
    pos_row_put_kcv(buffer, &row->tpk_kcv);
    pos_row_put_kcv(buffer, &row->tak_kcv);
    pos_row_put_kcv(buffer, &row->tdk_kcv);
    pos_row_put_key(buffer, &row->tmk);
    pos_row_put_key(buffer, &row->tpk);
    pos_row_put_key(buffer, &row->tak);
    pos_row_put_key(buffer, &row->tdk);
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_key_row_decode(uint32_t index, struct pos_bytes bytes, struct pos_key_row *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, KEY_VERSION);
    if (status != POS_OK)
        return status;
    *row = (struct pos_key_row){.index = index};
    row->state = (enum pos_key_state)pos_cursor_u8(&cursor);
    row->algorithm = (enum pos_algorithm)pos_cursor_u8(&cursor);
    row->form = (enum pos_key_form)pos_cursor_u8(&cursor);
    row->batch = pos_cursor_u32(&cursor);
    row->generated_ms = pos_cursor_u64(&cursor);
    row->changed_ms = pos_cursor_u64(&cursor);
    bool good =
        pos_row_take_text(&cursor, row->serial, POS_SERIAL_SIZE) &&
        pos_row_take_kcv(&cursor, &row->tmk_kcv) && pos_row_take_kcv(&cursor, &row->tpk_kcv) &&
        pos_row_take_kcv(&cursor, &row->tak_kcv) && pos_row_take_kcv(&cursor, &row->tdk_kcv) &&
        pos_row_take_key(&cursor, POS_USAGE_TMK, &row->tmk) &&
        pos_row_take_key(&cursor, POS_USAGE_TPK, &row->tpk) &&
        pos_row_take_key(&cursor, POS_USAGE_TAK, &row->tak) &&
        pos_row_take_key(&cursor, POS_USAGE_TDK, &row->tdk);
    return good && pos_cursor_done(&cursor) && key_valid(row) ? POS_OK : POS_ERR_CORRUPT;
}

static bool batch_valid(const struct pos_batch_row *row)
{
    bool kept = row->state == POS_BATCH_GENERATED || row->state == POS_BATCH_BURNED;
    return row->number > 0 && row->state > POS_BATCH_NONE && row->state <= POS_BATCH_BURNED &&
           form_valid(row->form, row->algorithm) && index_valid(row->first) && row->count > 0 &&
           row->count <= POS_KEY_INDEX_MAX && index_valid(row->first + row->count - 1) &&
           name_valid(row->mother, kept);
}

enum pos_status pos_batch_row_encode(const struct pos_batch_row *row, struct pos_buffer *buffer)
{
    if (!batch_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, BATCH_VERSION);
    pos_buffer_put_u8(buffer, (uint8_t)row->state);
    pos_buffer_put_u8(buffer, (uint8_t)row->algorithm);
    pos_buffer_put_u8(buffer, (uint8_t)row->form);
    pos_buffer_put_u32(buffer, row->first);
    pos_buffer_put_u32(buffer, row->count);
    pos_buffer_put_u64(buffer, row->created_ms);
    pos_buffer_put_u64(buffer, row->exported_ms);
    pos_buffer_put_u64(buffer, row->loaded_ms);
    pos_buffer_put_u64(buffer, row->burned_ms);
    pos_row_put_text(buffer, row->mother, POS_KEY_NAME_SIZE_MAX);
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_batch_row_decode(uint32_t number, struct pos_bytes bytes,
                                     struct pos_batch_row *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, BATCH_VERSION);
    if (status != POS_OK)
        return status;
    *row = (struct pos_batch_row){.number = number};
    row->state = (enum pos_batch_state)pos_cursor_u8(&cursor);
    row->algorithm = (enum pos_algorithm)pos_cursor_u8(&cursor);
    row->form = (enum pos_key_form)pos_cursor_u8(&cursor);
    row->first = pos_cursor_u32(&cursor);
    row->count = pos_cursor_u32(&cursor);
    row->created_ms = pos_cursor_u64(&cursor);
    row->exported_ms = pos_cursor_u64(&cursor);
    row->loaded_ms = pos_cursor_u64(&cursor);
    row->burned_ms = pos_cursor_u64(&cursor);
    bool good = pos_row_take_text(&cursor, row->mother, POS_KEY_NAME_SIZE_MAX);
    return good && pos_cursor_done(&cursor) && batch_valid(row) ? POS_OK : POS_ERR_CORRUPT;
}

static bool mother_valid(const struct pos_mother_row *row)
{
    return name_valid(row->name, false) && row->ktk.size > 0 &&
           pos_row_key_valid(&row->ktk, POS_USAGE_KTK) && pos_row_kcv_valid(&row->ktk_kcv);
}

enum pos_status pos_mother_row_encode(const struct pos_mother_row *row, struct pos_buffer *buffer)
{
    if (!mother_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, MOTHER_VERSION);
    pos_buffer_put_u8(buffer, row->compromised ? MOTHER_COMPROMISED : 0);
    pos_buffer_put_u64(buffer, row->created_ms);
    pos_row_put_kcv(buffer, &row->ktk_kcv);
    pos_row_put_key(buffer, &row->ktk);
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_mother_row_decode(struct pos_bytes name, struct pos_bytes bytes,
                                      struct pos_mother_row *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, MOTHER_VERSION);
    if (status != POS_OK)
        return status;
    *row = (struct pos_mother_row){0};
    if (name.size > POS_KEY_NAME_SIZE_MAX)
        return POS_ERR_CORRUPT;
    memcpy(row->name, name.data, name.size);
    uint8_t flags = pos_cursor_u8(&cursor);
    row->compromised = (flags & MOTHER_COMPROMISED) != 0;
    row->created_ms = pos_cursor_u64(&cursor);
    bool good = (flags & ~MOTHER_COMPROMISED) == 0 && pos_row_take_kcv(&cursor, &row->ktk_kcv) &&
                pos_row_take_key(&cursor, POS_USAGE_KTK, &row->ktk);
    return good && pos_cursor_done(&cursor) && mother_valid(row) ? POS_OK : POS_ERR_CORRUPT;
}

struct pos_link_key pos_link_key(const char *name, enum pos_key_usage usage)
{
    struct pos_link_key key;
    struct pos_buffer buffer = pos_buffer(key.data, sizeof key.data);
    pos_row_put_text(&buffer, name, POS_KEY_NAME_SIZE_MAX);
    pos_buffer_put_u8(&buffer, (uint8_t)usage);
    return key;
}

static bool link_valid(const struct pos_link_row *row)
{
    enum pos_key_usage usage = row->key.usage;
    return name_valid(row->name, false) && row->key.size > 0 &&
           (usage == POS_USAGE_ZPK || usage == POS_USAGE_ZAK) &&
           pos_row_key_valid(&row->key, usage) && pos_row_kcv_valid(&row->kcv);
}

enum pos_status pos_link_row_encode(const struct pos_link_row *row, struct pos_buffer *buffer)
{
    if (!link_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, LINK_VERSION);
    pos_buffer_put_u64(buffer, row->created_ms);
    pos_row_put_kcv(buffer, &row->kcv);
    pos_row_put_key(buffer, &row->key);
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_link_row_decode(struct pos_bytes key, struct pos_bytes bytes,
                                    struct pos_link_row *row)
{
    struct pos_cursor name = pos_cursor(key), cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, LINK_VERSION);
    if (status != POS_OK)
        return status;
    *row = (struct pos_link_row){0};
    bool good = pos_row_take_text(&name, row->name, POS_KEY_NAME_SIZE_MAX);
    enum pos_key_usage usage = (enum pos_key_usage)pos_cursor_u8(&name);
    row->created_ms = pos_cursor_u64(&cursor);
    good = good && pos_cursor_done(&name) && pos_row_take_kcv(&cursor, &row->kcv) &&
           pos_row_take_key(&cursor, usage, &row->key);
    return good && pos_cursor_done(&cursor) && link_valid(row) ? POS_OK : POS_ERR_CORRUPT;
}

void pos_library_floor_encode(const struct pos_library_floor *floor, struct pos_buffer *buffer)
{
    pos_buffer_put_u8(buffer, FLOOR_VERSION);
    pos_buffer_put_u32(buffer, floor->index);
    pos_buffer_put_u32(buffer, floor->batch);
}

enum pos_status pos_library_floor_decode(struct pos_bytes bytes, struct pos_library_floor *floor)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, FLOOR_VERSION);
    if (status != POS_OK)
        return status;
    floor->index = pos_cursor_u32(&cursor);
    floor->batch = pos_cursor_u32(&cursor);
    return pos_cursor_done(&cursor) && floor->index <= POS_KEY_INDEX_MAX ? POS_OK : POS_ERR_CORRUPT;
}
