#include "core/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct pos_bytes pos_bytes_text(const char *text)
{
    return pos_bytes(text, strlen(text));
}

bool pos_bytes_equal(struct pos_bytes a, struct pos_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool pos_bytes_equal_text(struct pos_bytes a, const char *text)
{
    return pos_bytes_equal(a, pos_bytes_text(text));
}

struct pos_bytes pos_bytes_without_line_end(struct pos_bytes line)
{
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    return line;
}

struct pos_bytes pos_bytes_split(struct pos_bytes *text, char separator)
{
    const uint8_t *found = text->size == 0 ? NULL : memchr(text->data, separator, text->size);
    size_t size = found == NULL ? text->size : (size_t)(found - text->data);
    size_t used = found == NULL ? size : size + 1;
    struct pos_bytes part = pos_bytes(text->data, size);
    if (used > 0)
        *text = pos_bytes(text->data + used, text->size - used);
    return part;
}

uint8_t *pos_buffer_take(struct pos_buffer *buffer, size_t size)
{
    if (buffer->overflow || size > buffer->capacity - buffer->size) {
        buffer->overflow = true;
        return NULL;
    }
    uint8_t *room = buffer->data + buffer->size;
    buffer->size += size;
    return room;
}

void pos_buffer_put(struct pos_buffer *buffer, struct pos_bytes bytes)
{
    uint8_t *room = pos_buffer_take(buffer, bytes.size);
    if (room != NULL && bytes.size > 0)
        memcpy(room, bytes.data, bytes.size);
}

void pos_buffer_put_text(struct pos_buffer *buffer, const char *text)
{
    pos_buffer_put(buffer, pos_bytes_text(text));
}

static void put_big_endian(struct pos_buffer *buffer, uint64_t value, size_t size)
{
    uint8_t *room = pos_buffer_take(buffer, size);
    if (room == NULL)
        return;
    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

void pos_buffer_put_u8(struct pos_buffer *buffer, uint8_t value)
{
    put_big_endian(buffer, value, 1);
}

void pos_buffer_put_u16(struct pos_buffer *buffer, uint16_t value)
{
    put_big_endian(buffer, value, 2);
}

void pos_buffer_put_u32(struct pos_buffer *buffer, uint32_t value)
{
    put_big_endian(buffer, value, 4);
}

void pos_buffer_put_u64(struct pos_buffer *buffer, uint64_t value)
{
    put_big_endian(buffer, value, 8);
}

void pos_buffer_format(struct pos_buffer *buffer, const char *format, ...)
{
    if (buffer->overflow)
        return;
    size_t room = buffer->capacity - buffer->size;
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf((char *)buffer->data + buffer->size, room, format, arguments);
    va_end(arguments);
    if (used < 0 || (size_t)used >= room)
        buffer->overflow = true;
    else
        buffer->size += (size_t)used;
}

struct pos_bytes pos_cursor_take(struct pos_cursor *cursor, size_t size)
{
    if (cursor->failed || size > cursor->bytes.size - cursor->offset) {
        cursor->failed = true;
        return pos_bytes(NULL, 0);
    }
    struct pos_bytes taken = pos_bytes(cursor->bytes.data + cursor->offset, size);
    cursor->offset += size;
    return taken;
}

static uint64_t take_big_endian(struct pos_cursor *cursor, size_t size)
{
    struct pos_bytes taken = pos_cursor_take(cursor, size);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.size; i++)
        value = value << 8 | taken.data[i];
    return value;
}

uint8_t pos_cursor_u8(struct pos_cursor *cursor)
{
    return (uint8_t)take_big_endian(cursor, 1);
}

uint16_t pos_cursor_u16(struct pos_cursor *cursor)
{
    return (uint16_t)take_big_endian(cursor, 2);
}

uint32_t pos_cursor_u32(struct pos_cursor *cursor)
{
    return (uint32_t)take_big_endian(cursor, 4);
}

uint64_t pos_cursor_u64(struct pos_cursor *cursor)
{
    return take_big_endian(cursor, 8);
}

bool pos_cursor_done(const struct pos_cursor *cursor)
{
    return !cursor->failed && cursor->offset == cursor->bytes.size;
}
