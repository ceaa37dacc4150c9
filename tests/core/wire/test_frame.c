#include <criterion/criterion.h>
#include <string.h>

#include "core/wire/frame.h"
#include "tests/core/wire/support.h"

/* Frames as a peer gets them out of a stream that comes in pieces. */
struct collected {
    size_t count, keep_alives;
    uint8_t bytes[8192];
    size_t size;
    enum pos_frame_result last;
};

/* As a connection does: what is not used is kept, what comes is put behind it. */
static void feed(const struct pos_dialect *dialect, struct pos_bytes stream, const size_t *cuts,
                 size_t cut_count, struct collected *got)
{
    uint8_t kept[8192];
    size_t have = 0, from = 0;
    memset(got, 0, sizeof *got);
    for (size_t i = 0; i <= cut_count; i++) {
        size_t to = i == cut_count ? stream.size : cuts[i];
        memcpy(kept + have, stream.data + from, to - from);
        have += to - from;
        from = to;
        size_t used = 0, consumed;
        struct pos_frame frame;
        const char *reason;
        while ((got->last = pos_frame_next(dialect, pos_bytes(kept + used, have - used), &frame,
                                           &consumed, &reason)) != POS_FRAME_PARTIAL) {
            if (got->last == POS_FRAME_BROKEN)
                return;
            if (got->last == POS_FRAME_KEEP_ALIVE)
                got->keep_alives++;
            else {
                got->count++;
                memcpy(got->bytes + got->size, frame.message.data, frame.message.size);
                got->size += frame.message.size;
            }
            used += consumed;
        }
        cr_assert_eq(consumed, 0, "a partial frame must not be used");
        memmove(kept, kept + used, have - used);
        have -= used;
    }
    cr_expect_eq(have, 0, "%zu bytes are left", have);
}

static struct pos_frame model(void)
{
    static const uint8_t tpdu[] = {0x60, 0x11, 0x22, 0x33, 0x44};
    static const uint8_t header[] = {0x60, 0x31, 0x00, 0x31, 0x13, 0x12};
    return (struct pos_frame){.tpdu = pos_bytes(tpdu, sizeof tpdu),
                              .header = pos_bytes(header, sizeof header)};
}

static void put_frame(const struct pos_dialect *dialect, size_t size, struct pos_buffer *out)
{
    struct pos_frame from = model();
    size_t start = pos_frame_begin(dialect, &from, false, out);
    for (size_t i = 0; i < size; i++)
        pos_buffer_put_u8(out, (uint8_t)(i + size));
    cr_assert_eq(pos_frame_end(out, start), POS_OK);
}

Test(frame, come_out_the_same_however_the_stream_is_cut)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        uint8_t memory[1024];
        struct pos_buffer stream = pos_buffer(memory, sizeof memory);
        put_frame(dialect(d), 20, &stream);
        pos_buffer_put_u16(&stream, 0);
        put_frame(dialect(d), 127, &stream);
        put_frame(dialect(d), 21, &stream);
        pos_buffer_put_u16(&stream, 0);
        struct collected whole, parts;
        feed(dialect(d), pos_buffer_view(&stream), NULL, 0, &whole);
        cr_assert(whole.count == 3 && whole.keep_alives == 2 && whole.size == 168);
        for (size_t a = 0; a <= stream.size; a++) {
            for (size_t b = a; b <= stream.size; b++) {
                const size_t cuts[] = {a, b};
                feed(dialect(d), pos_buffer_view(&stream), cuts, 2, &parts);
                cr_assert(parts.count == 3 && parts.keep_alives == 2 && parts.size == whole.size &&
                              memcmp(parts.bytes, whole.bytes, whole.size) == 0,
                          "%s cut at %zu and %zu", dialect(d)->name, a, b);
            }
        }
        size_t every[1024];
        for (size_t i = 0; i < stream.size; i++)
            every[i] = i;
        feed(dialect(d), pos_buffer_view(&stream), every, stream.size, &parts);
        cr_expect(parts.count == 3 && memcmp(parts.bytes, whole.bytes, whole.size) == 0,
                  "%s byte by byte", dialect(d)->name);
    }
}

Test(frame, length_is_judged_from_its_two_bytes)
{
    static const struct {
        size_t dialect;
        unsigned smallest;
    } rows[] = {{0, 10}, {1, 20}, {2, 12}, {CUP, 21}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned length = 0; length <= 0xFFFF; length++) {
            const uint8_t two[] = {(uint8_t)(length >> 8), (uint8_t)length};
            struct pos_frame frame;
            size_t consumed;
            const char *reason = NULL;
            enum pos_frame_result got = pos_frame_next(dialect(rows[i].dialect), pos_bytes(two, 2),
                                                       &frame, &consumed, &reason);
            enum pos_frame_result expected = length == 0 ? POS_FRAME_KEEP_ALIVE
                                             : length < rows[i].smallest || length > 4096
                                                 ? POS_FRAME_BROKEN
                                                 : POS_FRAME_PARTIAL;
            cr_assert_eq(got, expected, "%s length %u", dialect(rows[i].dialect)->name, length);
            cr_assert_eq(consumed, length == 0 ? 2 : 0);
            if (got == POS_FRAME_BROKEN)
                cr_assert_str_eq(reason, length > 4096 ? "frame-too-long" : "frame-too-short");
        }
    }
}

Test(frame, one_byte_of_length_is_partial)
{
    struct pos_frame frame;
    size_t consumed;
    const char *reason;
    const uint8_t one[] = {0xFF};
    cr_expect_eq(pos_frame_next(&pos_dialect_iso87b, pos_bytes(one, 1), &frame, &consumed, &reason),
                 POS_FRAME_PARTIAL);
    cr_expect_eq(pos_frame_next(&pos_dialect_iso87b, pos_bytes(one, 0), &frame, &consumed, &reason),
                 POS_FRAME_PARTIAL);
}

Test(frame, a_reply_goes_back_the_way_the_request_came)
{
    uint8_t memory[64];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_frame from = model();
    size_t start = pos_frame_begin(dialect(CUP), &from, true, &out);
    pos_buffer_put_text(&out, "0123456789");
    cr_assert_eq(pos_frame_end(&out, start), POS_OK);
    struct message_bytes reply = from_hex("0015 6033441122 603100311312 30313233343536373839");
    cr_expect(pos_bytes_equal(pos_buffer_view(&out), view_of(&reply)), "addresses swapped");

    out.size = 0;
    start = pos_frame_begin(dialect(CUP), &from, false, &out);
    pos_buffer_put_text(&out, "0123456789");
    cr_assert_eq(pos_frame_end(&out, start), POS_OK);
    struct message_bytes request = from_hex("0015 6011223344 603100311312 30313233343536373839");
    cr_expect(pos_bytes_equal(pos_buffer_view(&out), view_of(&request)), "as the model says");
}

Test(frame, a_client_knows_the_way_back_of_its_requests)
{
    static const struct pos_route route = {.tpdu = {0x60, 0x11, 0x22, 0x33, 0x44},
                                           .header = {0x60, 0x31, 0x00, 0x31, 0x13, 0x12}};
    static const struct {
        const char *name, *frame;
        bool answered;
    } rows[] = {
        {"swapped", "0015 6033441122 603100311312 30313233343536373839", true},
        {"not swapped", "0015 6011223344 603100311312 30313233343536373839", false},
        {"another identifier", "0015 6833441122 603100311312 30313233343536373839", false},
        {"another destination", "0015 6033441123 603100311312 30313233343536373839", false},
        {"another header", "0015 6033441122 603100311313 30313233343536373839", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct message_bytes bytes = from_hex(rows[i].frame);
        struct pos_frame frame;
        size_t consumed;
        const char *reason;
        cr_assert_eq(pos_frame_next(&pos_dialect_cup, view_of(&bytes), &frame, &consumed, &reason),
                     POS_FRAME_READY);
        cr_expect_eq(pos_route_answered(&route, &frame), rows[i].answered, "%s", rows[i].name);
    }
    struct pos_frame own = pos_route_frame(&route), expected = model();
    cr_expect(pos_bytes_equal(own.tpdu, expected.tpdu));
    cr_expect(pos_bytes_equal(own.header, expected.header));
}

Test(frame, largest_body_fits_and_one_byte_more_does_not)
{
    static uint8_t memory[POS_FRAME_SIZE_MAX + 16];
    static const struct {
        size_t size, capacity;
        enum pos_status status;
    } rows[] = {
        {4096, sizeof memory, POS_OK}, {4097, sizeof memory, POS_ERR_LENGTH},
        {4096, 3 + 4098, POS_OK},      {4096, 3 + 4097, POS_ERR_LENGTH},
        {10, 3 + 1, POS_ERR_LENGTH},   {0, 3 + 2, POS_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_buffer out = pos_buffer(memory, rows[i].capacity);
        pos_buffer_put_text(&out, "abc");
        size_t start = pos_frame_begin(&pos_dialect_iso87b, NULL, false, &out);
        (void)pos_buffer_take(&out, rows[i].size);
        cr_expect_eq(start, 3);
        cr_expect_eq(pos_frame_end(&out, start), rows[i].status, "row %zu", i);
        cr_expect_eq(out.size, rows[i].status == POS_OK ? 5 + rows[i].size : 3, "row %zu", i);
        if (rows[i].status == POS_OK)
            cr_expect(memory[3] == rows[i].size >> 8 && memory[4] == (rows[i].size & 255));
    }
}
