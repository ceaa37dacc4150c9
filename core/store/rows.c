#include "core/store/rows.h"

#include <string.h>

struct pos_key4 pos_key4(uint32_t number)
{
    struct pos_key4 key;
    struct pos_buffer buffer = pos_buffer(key.data, sizeof key.data);
    pos_buffer_put_u32(&buffer, number);
    return key;
}

struct pos_bytes pos_key4_view(const struct pos_key4 *key)
{
    return pos_bytes(key->data, sizeof key->data);
}

enum pos_status pos_key4_read(struct pos_bytes key, uint32_t *number)
{
    struct pos_cursor cursor = pos_cursor(key);
    *number = pos_cursor_u32(&cursor);
    return pos_cursor_done(&cursor) ? POS_OK : POS_ERR_CORRUPT;
}

bool pos_row_text_valid(const char *text, size_t size)
{
    size_t length = strnlen(text, size + 1);
    for (size_t i = 0; i < length && length <= size; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return length <= size;
}

void pos_row_put_text(struct pos_buffer *buffer, const char *text, size_t size)
{
    uint8_t *room = pos_buffer_take(buffer, size);
    size_t length = strnlen(text, size);
    if (room == NULL)
        return;
    memcpy(room, text, length);
    memset(room + length, 0, size - length);
}

bool pos_row_take_text(struct pos_cursor *cursor, char *text, size_t size)
{
    struct pos_bytes bytes = pos_cursor_take(cursor, size);
    if (bytes.size != size)
        return false;
    memcpy(text, bytes.data, size);
    text[size] = '\0';
    for (size_t i = strlen(text); i < size; i++)
        if (bytes.data[i] != 0)
            return false;
    return pos_row_text_valid(text, size);
}

bool pos_row_kcv_valid(const struct pos_kcv *kcv)
{
    if (kcv->method == POS_KCV_NONE)
        return kcv->size == 0;
    return (kcv->method == POS_KCV_ZEROS || kcv->method == POS_KCV_CMAC) &&
           kcv->size >= POS_KCV_SIZE_MIN && kcv->size <= POS_KCV_SIZE_MAX;
}

void pos_row_put_kcv(struct pos_buffer *buffer, const struct pos_kcv *kcv)
{
    uint8_t data[POS_KCV_SIZE_MAX] = {0};
    memcpy(data, kcv->data, kcv->size);
    pos_buffer_put_u8(buffer, (uint8_t)kcv->method);
    pos_buffer_put_u8(buffer, kcv->size);
    pos_buffer_put(buffer, pos_bytes(data, sizeof data));
}

bool pos_row_take_kcv(struct pos_cursor *cursor, struct pos_kcv *kcv)
{
    kcv->method = (enum pos_kcv_method)pos_cursor_u8(cursor);
    kcv->size = pos_cursor_u8(cursor);
    struct pos_bytes data = pos_cursor_take(cursor, POS_KCV_SIZE_MAX);
    if (cursor->failed)
        return false;
    memcpy(kcv->data, data.data, POS_KCV_SIZE_MAX);
    for (size_t i = kcv->size; i < POS_KCV_SIZE_MAX; i++)
        if (kcv->data[i] != 0)
            return false;
    return pos_row_kcv_valid(kcv);
}

bool pos_row_algorithm_valid(enum pos_algorithm algorithm)
{
    return algorithm > POS_ALGORITHM_NONE && algorithm < POS_ALGORITHM_COUNT;
}

bool pos_row_key_valid(const struct pos_key *key, enum pos_key_usage usage)
{
    if (key->size == 0)
        return true;
    return key->size <= POS_KEY_VALUE_SIZE_MAX && key->usage == usage &&
           pos_row_algorithm_valid(key->algorithm);
}

void pos_row_put_key(struct pos_buffer *buffer, const struct pos_key *key)
{
    pos_buffer_put_u8(buffer, (uint8_t)(key->size == 0 ? POS_ALGORITHM_NONE : key->algorithm));
    pos_buffer_put_u8(buffer, key->size);
    pos_buffer_put(buffer, pos_bytes(key->data, key->size));
}

bool pos_row_take_key(struct pos_cursor *cursor, enum pos_key_usage usage, struct pos_key *key)
{
    key->algorithm = (enum pos_algorithm)pos_cursor_u8(cursor);
    key->size = pos_cursor_u8(cursor);
    struct pos_bytes data = pos_cursor_take(cursor, key->size);
    if (cursor->failed || key->size > POS_KEY_VALUE_SIZE_MAX)
        return false;
    key->usage = key->size == 0 ? POS_USAGE_NONE : usage;
    if (key->size > 0)
        memcpy(key->data, data.data, key->size);
    return key->size == 0 ? key->algorithm == POS_ALGORITHM_NONE : pos_row_key_valid(key, usage);
}

enum pos_status pos_row_take_version(struct pos_cursor *cursor, uint8_t known)
{
    uint8_t version = pos_cursor_u8(cursor);
    if (version > known)
        return POS_ERR_VERSION;
    return version == known ? POS_OK : POS_ERR_CORRUPT;
}
