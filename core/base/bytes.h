/*
 * Views and bounded buffers: the only two ways bytes travel in posgate.
 *
 * A view borrows; it says nothing about lifetime, the function that takes or returns it does.
 * A buffer writes into the caller's memory; when something does not fit nothing is written, the
 * buffer is marked `overflow`, and everything after is refused too. So a run of writes is checked
 * once, at its end. A cursor reads the same way: the first read past the end marks it `failed`.
 */
#ifndef POS_BASE_BYTES_H
#define POS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

struct pos_bytes {
    const uint8_t *data; /* borrowed; may be NULL when size is 0 */
    size_t size;         /* bytes */
};

struct pos_buffer {
    uint8_t *data; /* the caller's memory */
    size_t size;   /* bytes written */
    size_t capacity;
    bool overflow; /* a write did not fit; sticky */
};

struct pos_cursor {
    struct pos_bytes bytes;
    size_t offset; /* of the next byte to read */
    bool failed;   /* a read went past the end; sticky */
};

static inline struct pos_bytes pos_bytes(const void *data, size_t size)
{
    return (struct pos_bytes){.data = data, .size = size};
}

/* View of a NUL-terminated string, without the NUL. */
struct pos_bytes pos_bytes_text(const char *text);
bool pos_bytes_equal(struct pos_bytes a, struct pos_bytes b); /* not for secrets */
bool pos_bytes_equal_text(struct pos_bytes a, const char *text);

/* What stands before the line end, or line ends, that editors leave behind a line: LF or CR LF. */
struct pos_bytes pos_bytes_without_line_end(struct pos_bytes line);
/* What stands before the first `separator`, or all; *text becomes what is behind that. */
struct pos_bytes pos_bytes_split(struct pos_bytes *text, char separator);

static inline struct pos_buffer pos_buffer(void *memory, size_t capacity)
{
    return (struct pos_buffer){.data = memory, .capacity = capacity};
}

static inline struct pos_bytes pos_buffer_view(const struct pos_buffer *buffer)
{
    return pos_bytes(buffer->data, buffer->size);
}

/* Room for `size` bytes, counted as written; NULL (and overflow) when it does not fit. */
uint8_t *pos_buffer_take(struct pos_buffer *buffer, size_t size);
void pos_buffer_put(struct pos_buffer *buffer, struct pos_bytes bytes);
void pos_buffer_put_text(struct pos_buffer *buffer, const char *text);
void pos_buffer_put_u8(struct pos_buffer *buffer, uint8_t value);
void pos_buffer_put_u16(struct pos_buffer *buffer, uint16_t value); /* big endian, as all below */
void pos_buffer_put_u32(struct pos_buffer *buffer, uint32_t value);
void pos_buffer_put_u64(struct pos_buffer *buffer, uint64_t value);
void pos_buffer_format(struct pos_buffer *buffer, const char *format, ...) POS_PRINTF(2, 3);

static inline struct pos_cursor pos_cursor(struct pos_bytes bytes)
{
    return (struct pos_cursor){.bytes = bytes};
}

/* The next `size` bytes, borrowed from the cursor's bytes; an empty view when they are not there.
 */
struct pos_bytes pos_cursor_take(struct pos_cursor *cursor, size_t size);
uint8_t pos_cursor_u8(struct pos_cursor *cursor);
uint16_t pos_cursor_u16(struct pos_cursor *cursor);
uint32_t pos_cursor_u32(struct pos_cursor *cursor);
uint64_t pos_cursor_u64(struct pos_cursor *cursor);
/* True when nothing failed and nothing is left over. */
bool pos_cursor_done(const struct pos_cursor *cursor);

#endif
