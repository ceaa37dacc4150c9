/* Views, bounded buffers and cursors: what does not fit changes nothing, and is not forgotten. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/bytes.h"

Test(bytes, views_are_equal_by_content)
{
    cr_expect(pos_bytes_equal(pos_bytes_text("abc"), pos_bytes("abcd", 3)));
    cr_expect(!pos_bytes_equal(pos_bytes_text("abc"), pos_bytes_text("abd")));
    cr_expect(!pos_bytes_equal(pos_bytes_text("abc"), pos_bytes_text("ab")));
    cr_expect(pos_bytes_equal(pos_bytes(NULL, 0), pos_bytes_text("")));
    cr_expect(pos_bytes_equal_text(pos_bytes("xy", 2), "xy"));
    cr_expect(!pos_bytes_equal_text(pos_bytes("xy", 1), "xy"));
}

Test(bytes, a_line_is_without_its_end)
{
    static const char *const rows[] = {"ab", "ab\n", "ab\r\n", "ab\n\r\n\n"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect(pos_bytes_equal_text(pos_bytes_without_line_end(pos_bytes_text(rows[i])), "ab"),
                  "row %zu", i);
    cr_expect(pos_bytes_equal_text(pos_bytes_without_line_end(pos_bytes_text("a\nb \n")), "a\nb "));
    cr_expect_eq(pos_bytes_without_line_end(pos_bytes_text("\r\n")).size, 0);
    cr_expect_eq(pos_bytes_without_line_end(pos_bytes(NULL, 0)).size, 0);
}

Test(bytes, are_split_at_separators)
{
    struct pos_bytes text = pos_bytes_text("one||three");
    cr_expect(pos_bytes_equal_text(pos_bytes_split(&text, '|'), "one"));
    cr_expect(pos_bytes_equal_text(pos_bytes_split(&text, '|'), ""));
    cr_expect(pos_bytes_equal_text(text, "three"));
    cr_expect(pos_bytes_equal_text(pos_bytes_split(&text, '|'), "three"));
    cr_expect_eq(text.size, 0);
    cr_expect_eq(pos_bytes_split(&text, '|').size, 0, "nothing, as often as one asks");
    text = pos_bytes(NULL, 0);
    cr_expect_eq(pos_bytes_split(&text, '|').size, 0);
}

Test(buffer, writes_numbers_big_endian)
{
    uint8_t memory[15];
    struct pos_buffer buffer = pos_buffer(memory, sizeof memory);
    pos_buffer_put_u8(&buffer, 0x01);
    pos_buffer_put_u16(&buffer, 0x0203);
    pos_buffer_put_u32(&buffer, 0x04050607);
    pos_buffer_put_u64(&buffer, 0x08090A0B0C0D0E0F);
    cr_assert(!buffer.overflow);
    cr_assert_eq(buffer.size, 15);
    for (uint8_t i = 0; i < 15; i++)
        cr_expect_eq(memory[i], i + 1);
}

Test(buffer, what_does_not_fit_is_not_written_and_sticks)
{
    char memory[] = "....!";
    struct pos_buffer buffer = pos_buffer(memory, 4);
    pos_buffer_put_text(&buffer, "abc");
    pos_buffer_put_text(&buffer, "de");
    cr_expect(buffer.overflow);
    cr_expect_eq(buffer.size, 3);
    pos_buffer_put_text(&buffer, "f"); /* would fit */
    pos_buffer_format(&buffer, "%s", "");
    cr_expect_eq(buffer.size, 3);
    cr_expect_null(pos_buffer_take(&buffer, 0));
    cr_expect_eq(memory[4], '!');
}

Test(buffer, fills_to_the_last_byte)
{
    char memory[4];
    struct pos_buffer buffer = pos_buffer(memory, sizeof memory);
    pos_buffer_put_text(&buffer, "abcd");
    cr_expect(!buffer.overflow);
    pos_buffer_put(&buffer, pos_bytes(NULL, 0));
    cr_expect(!buffer.overflow);
    pos_buffer_put_u8(&buffer, 0);
    cr_expect(buffer.overflow);
}

Test(buffer, formatted_text_needs_room_for_its_nul)
{
    char memory[4];
    struct pos_buffer fits = pos_buffer(memory, 4), tight = pos_buffer(memory, 3);
    pos_buffer_format(&fits, "%d", 123);
    cr_expect(!fits.overflow);
    cr_expect_eq(fits.size, 3);
    pos_buffer_format(&tight, "%d", 123);
    cr_expect(tight.overflow);
    cr_expect_eq(tight.size, 0);
}

Test(cursor, reads_what_a_buffer_wrote)
{
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'x', 'y'};
    struct pos_cursor cursor = pos_cursor(pos_bytes(data, sizeof data));
    cr_expect_eq(pos_cursor_u8(&cursor), 0x01);
    cr_expect_eq(pos_cursor_u16(&cursor), 0x0203);
    cr_expect_eq(pos_cursor_u32(&cursor), 0x04050607);
    cr_expect_eq(pos_cursor_u64(&cursor), 0x08090A0B0C0D0E0F);
    cr_expect(!pos_cursor_done(&cursor));
    cr_expect(pos_bytes_equal_text(pos_cursor_take(&cursor, 2), "xy"));
    cr_expect(pos_cursor_done(&cursor));
}

Test(cursor, a_read_past_the_end_sticks)
{
    static const uint8_t data[] = {1, 2, 3};
    struct pos_cursor cursor = pos_cursor(pos_bytes(data, sizeof data));
    cr_expect_eq(pos_cursor_u32(&cursor), 0);
    cr_expect(cursor.failed);
    cr_expect_eq(pos_cursor_u8(&cursor), 0);
    cr_expect_eq(pos_cursor_take(&cursor, SIZE_MAX).size, 0);
    cr_expect(!pos_cursor_done(&cursor));
}
