/* The codec in every dialect: what it takes, what it refuses and where, and that nothing it takes
 * comes out changed. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/wire/support.h"

Test(iso8583, each_kind_of_field_has_its_form_in_each_dialect)
{
    static const struct {
        size_t dialect;
        unsigned field;
        const char *plain;
        const char *wire; /* prefix and content */
        unsigned count;
    } rows[] = {
        {0, 11, "000042", "000042", 6},
        {0, 22, "051", "0051", 3},
        {0, 2, "411111", "06 411111", 6},
        {0, 2, "4111111", "07 04111111", 7},
        {0, 2, "", "00", 0},
        {0, 35, "41=3", "04 41D3", 4},
        {0, 35, "41=30", "05 041D30", 5},
        {0, 36, "123", "0003 0123", 3},
        {0, 28, "C00000123", "43 00000123", 9},
        {0, 28, "D00000123", "44 00000123", 9},
        {0, 38, "aZ 019", "615A20303139", 6},
        {0, 44, "~ !", "03 7E2021", 3},
        {0, 48, "A", "0001 41", 1},
        {0, 55, "\x01\x80\xFF", "0003 0180FF", 3},
        {0, 64, "12345678", "3132333435363738", 8},
        {1, 11, "000042", "303030303432", 6},
        {1, 22, "051", "303531", 3},
        {1, 2, "4111111", "3037 34313131313131", 7},
        {1, 35, "41=3", "3034 34313D33", 4},
        {1, 28, "C00000123", "43 3030303030313233", 9},
        {1, 48, "A", "303031 41", 1},
        {1, 55, "\x01\x80\xFF", "303036 303138304646", 3},
        {1, 64, "\x01\x23\x45\x67\x89\xAB\xCD\xEF", "30313233343536373839414243444546", 8},
        {2, 55, "\x01\x80\xFF", "303033 0180FF", 3},
        {2, 35, "41=3", "3034 34313D33", 4},
        {CUP, 22, "051", "0510", 3},
        {CUP, 23, "051", "0051", 3},
        {CUP, 2, "4111111", "07 41111110", 7},
        {CUP, 35, "41=30", "05 41D300", 5},
        {CUP, 60, "00000001003", "0011 000000010030", 11},
        {CUP, 44, "\x80\xFF!", "03 80FF21", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct pos_dialect *in = dialect(rows[i].dialect);
        const struct plain values[] = {{rows[i].field, rows[i].plain}, {0, NULL}};
        struct message_bytes bytes = build(in, 0x0200, values, false);
        struct message_bytes wire = from_hex(rows[i].wire);
        size_t head = in->digits == POS_DIGITS_BCD ? 10 : in->bitmap == POS_BITMAP_HEX ? 20 : 12;
        cr_expect(pos_bytes_equal(pos_bytes(bytes.data + head, bytes.size - head), view_of(&wire)),
                  "%s field %u '%s' is written as it should be", in->name, rows[i].field,
                  rows[i].plain);
        struct pos_message message;
        struct pos_decode_error error;
        cr_assert_eq(decode_exactly(in, view_of(&bytes), &message, &error), POS_OK);
        char text[64];
        struct pos_bytes value = pos_message_value(&message, rows[i].field, text, sizeof text);
        cr_expect(pos_bytes_equal_text(value, rows[i].plain), "%s field %u reads '%.*s'", in->name,
                  rows[i].field, (int)value.size, text);
        cr_expect_eq(message.fields[rows[i].field].count, rows[i].count);
        cr_expect_eq(pos_message_raw(&message, rows[i].field).size,
                     message.fields[rows[i].field].size);
    }
}

struct refusal {
    const char *name;
    size_t dialect;
    const char *hex;
    unsigned field, offset;
    enum pos_decode_reason reason;
    unsigned last; /* a field that must still be there, 0: none */
};

static const struct refusal refusals[] = {
    {"nothing", 0, "", 0, 0, POS_DECODE_SHORT, 0},
    {"half an MTI", 0, "02", 0, 0, POS_DECODE_SHORT, 0},
    {"half an MTI in ASCII", 1, "303230", 0, 0, POS_DECODE_SHORT, 0},
    {"MTI with a letter", 0, "0A00 0000000000000000", 0, 0, POS_DECODE_MTI, 0},
    {"MTI with a letter behind", 0, "080B 0000000000000000", 0, 1, POS_DECODE_MTI, 0},
    {"MTI with a letter in ASCII", 1, "30384130 30303030303030303030303030303030", 0, 2,
     POS_DECODE_MTI, 0},
    {"no bitmap", 0, "0800", 1, 2, POS_DECODE_SHORT, 0},
    {"cut bitmap", 0, "0800 00000000000000", 1, 2, POS_DECODE_SHORT, 0},
    {"cut hex bitmap", 1, "30383030 303030303030303030303030303030", 1, 4, POS_DECODE_SHORT, 0},
    {"hex bitmap with a G", 1, "30383030 30303030303030304730303030303030", 1, 12,
     POS_DECODE_BITMAP, 0},
    {"cut second bitmap", 0, "0800 8000000000000000 00000000000000", 1, 10, POS_DECODE_SHORT, 0},
    {"empty second bitmap", 0, "0800 8000000000000000 0000000000000000", 1, 10, POS_DECODE_BITMAP,
     0},
    {"field 65", 0, "0800 8020000000000000 8000000000000000 000001", 65, 21,
     POS_DECODE_UNKNOWN_FIELD, 11},
    {"prefix with a letter", 0, "0200 4000000000000000 1A", 2, 10, POS_DECODE_PREFIX, 0},
    {"prefix too large", 0, "0200 4000000000000000 20 11111111111111111111", 2, 10,
     POS_DECODE_PREFIX, 0},
    {"prefix of 1000", 0, "0200 0000000000010000 1000 41", 48, 10, POS_DECODE_PREFIX, 0},
    {"prefix with a letter in ASCII", 2, "30323030 0000000000010000 30303A", 48, 12,
     POS_DECODE_PREFIX, 0},
    {"odd number of hex digits", 1, "30323030 30303030303030303030303030323030 303033 303132", 55,
     20, POS_DECODE_PREFIX, 0},
    {"cut prefix", 0, "0200 0000000000010000 00", 48, 10, POS_DECODE_SHORT, 0},
    {"cut content behind a prefix", 0, "0200 0000000000010000 0002 41", 48, 10, POS_DECODE_SHORT,
     0},
    {"cut fixed field", 0, "0200 2020000000000000 000000 0001", 11, 13, POS_DECODE_SHORT, 3},
    {"digit is none", 0, "0200 2020000000000000 000000 00C001", 11, 14, POS_DECODE_DIGITS, 3},
    {"digit is none, second nibble", 0, "0200 2020000000000000 000000 00000F", 11, 15,
     POS_DECODE_DIGITS, 3},
    {"digit is none in a long field", 0,
     "0200 8000000000000000 0000004000000000 020000004111230900000000000000000000B00000", 90, 36,
     POS_DECODE_DIGITS, 0},
    {"digit is none in ASCII", 2, "30323030 0020000000000000 303030303A31", 11, 16,
     POS_DECODE_DIGITS, 0},
    {"track with an E", 0, "0200 0000000020000000 04 41E3", 35, 12, POS_DECODE_DIGITS, 0},
    {"track with an E in ASCII", 2, "30323030 0000000020000000 3034 34314533", 35, 16,
     POS_DECODE_DIGITS, 0},
    {"x+n digit is none", 0, "0200 0000001000000000 43 0000A123", 28, 13, POS_DECODE_DIGITS, 0},
    {"filler in front is 1", 0, "0200 0020040000000000 000001 1051", 22, 13, POS_DECODE_FILLER, 11},
    {"filler in front is F", 0, "0200 0000040000000000 F051", 22, 10, POS_DECODE_FILLER, 0},
    {"odd digit is none", 0, "0200 0000040000000000 0A51", 22, 10, POS_DECODE_DIGITS, 0},
    {"filler of a track is 1", 0, "0200 0000000020000000 03 11D3", 35, 11, POS_DECODE_FILLER, 0},
    {"filler behind is 1", CUP, "0200 0000040000000000 0511", 22, 11, POS_DECODE_FILLER, 0},
    {"filler behind is E", CUP, "0200 0000040000000000 051E", 22, 11, POS_DECODE_FILLER, 0},
    {"filler of field 23 is in front", CUP, "0200 0000020000000000 5100", 23, 10, POS_DECODE_FILLER,
     0},
    {"control character", 0, "0200 0000000000800000 3030303030301F30", 41, 16,
     POS_DECODE_CHARACTERS, 0},
    {"delete character", 0, "0200 0000000000800000 7F30303030303030", 41, 10, POS_DECODE_CHARACTERS,
     0},
    {"high character", 0, "0200 0000000000800000 3030303030303080", 41, 17, POS_DECODE_CHARACTERS,
     0},
    {"delete character where high ones pass", CUP, "0200 0000000000800000 80FF30307F303030", 41, 14,
     POS_DECODE_CHARACTERS, 0},
    {"punctuation in an", 0, "0200 0000000004000000 30303030302D", 38, 15, POS_DECODE_CHARACTERS,
     0},
    {"neither C nor D", 0, "0200 0000001000000000 45 00000123", 28, 10, POS_DECODE_CHARACTERS, 0},
    {"not a hex digit", 1,
     "30323030 30303030303030303030303030303031 30313233343536373839414243444547", 64, 35,
     POS_DECODE_CHARACTERS, 0},
    {"one byte too many", 0, "0200 2000000000000000 000000 00", 3, 13, POS_DECODE_LEFT_OVER, 3},
    {"bytes behind no field", 0, "0200 0000000000000000 00", 1, 10, POS_DECODE_LEFT_OVER, 0},
};

Test(iso8583, every_error_says_field_offset_and_reason)
{
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *row = &refusals[i];
        struct message_bytes bytes = from_hex(row->hex);
        struct pos_message message;
        struct pos_decode_error error;
        cr_expect_eq(decode_exactly(dialect(row->dialect), view_of(&bytes), &message, &error),
                     POS_ERR_FORMAT, "%s", row->name);
        cr_expect(error.field == row->field && error.offset == row->offset &&
                      error.reason == row->reason,
                  "%s: field %u at %u: %s", row->name, error.field, error.offset,
                  pos_decode_reason_text(error.reason));
        seen |= 1u << error.reason;
        for (unsigned field = 2; field <= POS_FIELD_COUNT; field++)
            if (field == row->last)
                cr_expect(pos_message_has(&message, field), "%s: holds %u", row->name, field);
            else
                cr_expect_not(pos_message_has(&message, field), "%s: holds %u", row->name, field);
        cr_expect_eq(message.mti,
                     error.field == 0        ? 0
                     : bytes.data[0] == 0x08 ? 0x0800
                     : bytes.data[0] == 0x02 ? 0x0200
                     : bytes.data[1] == '8'  ? 0x0800
                                             : 0x0200,
                     "%s", row->name);
    }
    for (int reason = POS_DECODE_SHORT; reason <= POS_DECODE_LEFT_OVER; reason++) {
        cr_expect(seen & 1u << reason, "reason %d has a row", reason);
        cr_expect_gt(strlen(pos_decode_reason_text((enum pos_decode_reason)reason)), 4);
    }
}

Test(iso8583, the_neighbours_of_refused_messages_pass)
{
    static const struct {
        const char *name;
        size_t dialect;
        const char *hex;
    } rows[] = {
        {"no field at all", 0, "0200 0000000000000000"},
        {"empty second bitmap where it is legal", 2, "30323030 8000000000000000 0000000000000000"},
        {"hex bitmap in lower case", 1, "30323030 30303030303030303030303030323030 303032 6646"},
        {"19 digits", 0, "0200 4000000000000000 19 01111111111111111111"},
        {"999 is not 1000", 0, "0200 0000000000010000 0000"},
        {"filler 0 behind", CUP, "0200 0000040000000000 0510"},
        {"filler F behind", CUP, "0200 0000040000000000 051F"},
        {"filler 0 in front of 23", CUP, "0200 0000020000000000 0051"},
        {"filler F in front of 23", CUP, "0200 0000020000000000 F051"},
        {"track in ASCII with D", 2, "30323030 0000000020000000 3034 34314433"},
        {"track in ASCII with =", 2, "30323030 0000000020000000 3034 34313D33"},
        {"D of x+n", 0, "0200 0000001000000000 44 00000123"},
        {"both ends of ans", 0, "0200 0000000000800000 207E30303030207E"},
        {"high characters", CUP, "0200 0000000000800000 80FF30303030207E"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct message_bytes bytes = from_hex(rows[i].hex);
        struct pos_message message;
        struct pos_decode_error error;
        cr_expect_eq(decode_exactly(dialect(rows[i].dialect), view_of(&bytes), &message, &error),
                     POS_OK, "%s: field %u at %u: %s", rows[i].name, error.field, error.offset,
                     pos_decode_reason_text(error.reason));
    }
}

Test(iso8583, each_character_belongs_to_its_sets_and_no_other)
{
    static const unsigned fields[] = {38, 39, 41, 42, 35, 11};
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
            const struct pos_field *form = &dialect(d)->fields[fields[f]];
            for (unsigned c = 0; c < 256; c++) {
                bool an = c < 0x80 && (isalnum((int)c) || c == ' ');
                bool ans = (c >= 0x20 && c <= 0x7E) || (d == CUP && c >= 0x80);
                bool track = (c >= '0' && c <= '9') || c == '=' || c == 'D';
                bool good = form->kind == POS_FIELD_AN    ? an
                            : form->kind == POS_FIELD_ANS ? ans
                            : form->kind == POS_FIELD_Z   ? track
                                                          : c >= '0' && c <= '9';
                for (size_t at = 0; at < form->size; at++) {
                    uint8_t value[64], out[256];
                    memset(value, '0', sizeof value);
                    value[at] = (uint8_t)c;
                    struct pos_buffer buffer = pos_buffer(out, sizeof out);
                    struct pos_draft draft;
                    struct pos_encoded encoded;
                    struct pos_decode_error error;
                    pos_draft_init(&draft, 0x0200);
                    pos_draft_set(&draft, fields[f], pos_bytes(value, form->size));
                    enum pos_status status =
                        pos_iso8583_encode(dialect(d), &draft, &buffer, &encoded, &error);
                    cr_assert_eq(status, good ? POS_OK : POS_ERR_FORMAT, "%s field %u, %02X at %zu",
                                 dialect(d)->name, fields[f], c, at);
                    if (!good)
                        cr_assert_eq(error.field, fields[f]);
                }
            }
        }
    }
}

/* Messages like those that travel, in every dialect. */
static size_t samples(const struct pos_dialect *in, struct message_bytes out[4])
{
    static const struct plain network[] = {{7, "1123090000"}, {11, "000001"},
                                           {41, "10000159"},  {62, "123L013K00000278"},
                                           {70, "901"},       {0, NULL}};
    static const struct plain sale[] = {{2, "4111111111111111111"},
                                        {3, "000000"},
                                        {4, "000000012345"},
                                        {7, "1123090000"},
                                        {11, "000001"},
                                        {14, "3012"},
                                        {22, "051"},
                                        {23, "001"},
                                        {25, "00"},
                                        {35, "4111111111111111=30121010000012345"},
                                        {41, "10000159"},
                                        {42, "880210010210160"},
                                        {49, "156"},
                                        {52, "\x12\x34\x56\x78\x9A\xBC\xDE\xF1"},
                                        {55, "\x9F\x26\x08\xFF\x82"},
                                        {62, "123L013K00000278"},
                                        {0, NULL}};
    static const struct plain rest[] = {{11, "000001"},
                                        {28, "C00000100"},
                                        {36, "123=456"},
                                        {64, "ordinary"},
                                        {90, "020000004111230900000000000000000000000000"},
                                        {97, "D0000000000001234"},
                                        {100, "123"},
                                        {0, NULL}};
    static const struct plain none[] = {{0, NULL}};
    out[0] = build(in, 0x0800, network, true);
    out[1] = build(in, 0x0200, sale, true);
    out[2] = build(in, 0x0400, rest, true);
    out[3] = build(in, 0x0800, none, false);
    return 4;
}

Test(iso8583, every_truncation_is_short_and_every_extension_left_over)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        struct message_bytes messages[4];
        size_t count = samples(dialect(d), messages);
        for (size_t i = 0; i < count; i++) {
            struct pos_message message;
            struct pos_decode_error error;
            cr_assert_eq(decode_exactly(dialect(d), view_of(&messages[i]), &message, &error),
                         POS_OK);
            for (size_t size = 0; size < messages[i].size; size++) {
                cr_assert_eq(
                    decode_exactly(dialect(d), pos_bytes(messages[i].data, size), &message, &error),
                    POS_ERR_FORMAT, "%s message %zu cut to %zu", dialect(d)->name, i, size);
                cr_expect_eq(error.reason, POS_DECODE_SHORT);
                cr_expect_leq(error.offset, size);
            }
            for (unsigned byte = 0; byte < 256; byte++) {
                struct message_bytes longer = messages[i];
                longer.data[longer.size++] = (uint8_t)byte;
                cr_assert_eq(decode_exactly(dialect(d), view_of(&longer), &message, &error),
                             POS_ERR_FORMAT);
                cr_expect_eq(error.reason, POS_DECODE_LEFT_OVER);
                cr_expect_eq(error.offset, messages[i].size);
            }
        }
    }
}

/* Hexadecimal is read in either case and written in upper case. */
static bool same(const struct pos_dialect *in, struct pos_bytes a, struct pos_bytes b)
{
    if (in->bitmap == POS_BITMAP_BINARY)
        return pos_bytes_equal(a, b);
    bool equal = a.size == b.size;
    for (size_t i = 0; i < a.size && equal; i++)
        equal = toupper(a.data[i]) == toupper(b.data[i]);
    return equal;
}

Test(iso8583, every_flipped_bit_is_refused_or_kept)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        struct message_bytes messages[4];
        size_t count = samples(dialect(d), messages);
        size_t refused = 0, kept = 0;
        for (size_t i = 0; i < count; i++) {
            for (size_t bit = 0; bit < 8 * messages[i].size; bit++) {
                struct message_bytes flipped = messages[i], again;
                flipped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                struct pos_message message;
                struct pos_decode_error error;
                if (decode_exactly(dialect(d), view_of(&flipped), &message, &error) != POS_OK) {
                    cr_assert(error.reason != POS_DECODE_OK && error.offset <= flipped.size);
                    refused++;
                    continue;
                }
                kept++;
                cr_assert_eq(encode_again(&message, false, &again, &error), POS_OK);
                cr_assert(same(dialect(d), view_of(&again), view_of(&flipped)),
                          "%s message %zu bit %zu from its values", dialect(d)->name, i, bit);
                cr_assert_eq(encode_again(&message, true, &again, &error), POS_OK);
                cr_assert(same(dialect(d), view_of(&again), view_of(&flipped)),
                          "%s message %zu bit %zu from its wire form", dialect(d)->name, i, bit);
            }
        }
        cr_expect(refused > 300 && kept > 300, "%s: %zu refused, %zu kept", dialect(d)->name,
                  refused, kept);
    }
}

Test(iso8583, a_value_that_does_not_suit_is_refused_before_it_is_sent)
{
    static const struct {
        unsigned mti;
        struct plain value;
        unsigned field;
        enum pos_decode_reason reason;
    } rows[] = {
        {0x0200, {11, "00001"}, 11, POS_DECODE_SHORT},
        {0x0200, {11, "0000001"}, 11, POS_DECODE_PREFIX},
        {0x0200, {11, "00000A"}, 11, POS_DECODE_DIGITS},
        {0x0200, {11, ""}, 11, POS_DECODE_SHORT},
        {0x0200, {2, "41111111111111111111"}, 2, POS_DECODE_PREFIX},
        {0x0200, {35, "41:3"}, 35, POS_DECODE_DIGITS},
        {0x0200, {28, "E00000100"}, 28, POS_DECODE_CHARACTERS},
        {0x0200, {28, "C0000010x"}, 28, POS_DECODE_DIGITS},
        {0x0200, {41, "1000015"}, 41, POS_DECODE_SHORT},
        {0x0200, {41, "1000015\t"}, 41, POS_DECODE_CHARACTERS},
        {0x0200, {38, "12345-"}, 38, POS_DECODE_CHARACTERS},
        {0x0200, {64, "1234567"}, 64, POS_DECODE_SHORT},
        {0x0200, {65, "1"}, 65, POS_DECODE_UNKNOWN_FIELD},
        {0x0A00, {11, "000001"}, 0, POS_DECODE_MTI},
        {0x020F, {11, "000001"}, 0, POS_DECODE_MTI},
    };
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            uint8_t memory[128];
            struct pos_buffer out = pos_buffer(memory, sizeof memory);
            struct pos_draft draft;
            struct pos_encoded encoded;
            struct pos_decode_error error;
            pos_buffer_put_text(&out, "abc");
            pos_draft_init(&draft, (uint16_t)rows[i].mti);
            pos_draft_set(&draft, rows[i].value.field, pos_bytes_text(rows[i].value.value));
            cr_expect_eq(pos_iso8583_encode(dialect(d), &draft, &out, &encoded, &error),
                         POS_ERR_FORMAT, "%s row %zu", dialect(d)->name, i);
            cr_expect(error.field == rows[i].field && error.reason == rows[i].reason &&
                          error.offset == 0,
                      "%s row %zu: field %u: %s", dialect(d)->name, i, error.field,
                      pos_decode_reason_text(error.reason));
            cr_expect(out.size == 3 && !out.overflow);
        }
    }
}

Test(iso8583, a_buffer_that_is_too_small_by_any_number_of_bytes_is_left_alone)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        struct message_bytes messages[4];
        size_t count = samples(dialect(d), messages);
        for (size_t i = 0; i < count; i++) {
            struct pos_message message;
            struct pos_decode_error error;
            cr_assert_eq(decode_exactly(dialect(d), view_of(&messages[i]), &message, &error),
                         POS_OK);
            for (size_t room = 0; room <= messages[i].size; room++) {
                uint8_t *exact = malloc(room + 1);
                struct pos_buffer out = pos_buffer(exact, room);
                struct pos_draft draft;
                struct pos_encoded encoded;
                pos_draft_init(&draft, message.mti);
                for (unsigned field = 2; field <= POS_FIELD_COUNT; field++)
                    pos_draft_echo(&draft, field, &message);
                enum pos_status status =
                    pos_iso8583_encode(dialect(d), &draft, &out, &encoded, &error);
                cr_assert_eq(status, room < messages[i].size ? POS_ERR_LENGTH : POS_OK,
                             "%s message %zu into %zu", dialect(d)->name, i, room);
                cr_assert_eq(out.size, room < messages[i].size ? 0 : room);
                free(exact);
            }
        }
    }
}

Test(iso8583, mac_is_64_or_where_a_higher_field_is_128)
{
    static const uint8_t mac[POS_MAC_SIZE] = {0xA0, 0x1B, 0, 0xFF, 0x7F, 0x80, 0x10, 0x01};
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        const struct pos_dialect *in = dialect(d);
        size_t size = in->binary == POS_BINARY_HEX ? 16 : 8;
        struct message_bytes messages[4];
        (void)samples(in, messages);
        static const unsigned fields[] = {128, 64, 128};
        for (size_t i = 0; i < 3; i++) {
            struct pos_message message;
            struct pos_decode_error error;
            struct pos_bytes covered;
            uint8_t got[POS_MAC_SIZE];
            cr_assert_eq(decode_exactly(in, view_of(&messages[i]), &message, &error), POS_OK);
            cr_assert_eq(pos_message_mac(&message, &covered, got), POS_OK, "%s %zu", in->name, i);
            cr_expect(pos_message_has(&message, fields[i]));
            cr_expect_arr_eq(got, mac, sizeof mac, "%s %zu", in->name, i);
            cr_expect(covered.data == messages[i].data && covered.size == messages[i].size - size,
                      "%s %zu: %zu bytes are covered", in->name, i, covered.size);
        }
        struct pos_message message;
        struct pos_decode_error error;
        struct pos_bytes covered;
        uint8_t got[POS_MAC_SIZE];
        cr_assert_eq(decode_exactly(in, view_of(&messages[3]), &message, &error), POS_OK);
        cr_expect_eq(pos_message_mac(&message, &covered, got), POS_ERR_MAC, "%s", in->name);
        static const struct plain ordinary[] = {{64, "12345678"}, {70, "301"}, {0, NULL}};
        struct message_bytes bytes = build(in, 0x0800, ordinary, false);
        cr_assert_eq(decode_exactly(in, view_of(&bytes), &message, &error), POS_OK);
        cr_expect_eq(pos_message_mac(&message, &covered, got), POS_ERR_MAC,
                     "%s: 64 is an ordinary field beside 70", in->name);
    }
}

Test(iso8583, encoder_says_what_its_mac_covers)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        static const uint8_t mac[POS_MAC_SIZE] = {1, 2, 3, 4, 5, 6, 7, 0xF8};
        uint8_t memory[256], got[POS_MAC_SIZE];
        struct pos_buffer out = pos_buffer(memory, sizeof memory);
        struct pos_draft draft;
        struct pos_encoded encoded;
        struct pos_decode_error error;
        struct pos_message message;
        struct pos_bytes covered;
        pos_buffer_put_u16(&out, 0);
        pos_draft_init(&draft, 0x0810);
        pos_draft_set(&draft, 70, pos_bytes_text("301"));
        pos_draft_set(&draft, 39, pos_bytes_text("00"));
        pos_draft_reserve_mac(&draft);
        cr_assert_eq(pos_iso8583_encode(dialect(d), &draft, &out, &encoded, &error), POS_OK);
        cr_expect_eq(encoded.bytes.data, memory + 2);
        cr_expect_eq(encoded.bytes.size, out.size - 2);
        pos_encoded_set_mac(&encoded, mac);
        cr_assert_eq(decode_exactly(dialect(d), encoded.bytes, &message, &error), POS_OK);
        cr_assert_eq(pos_message_mac(&message, &covered, got), POS_OK);
        cr_expect(pos_bytes_equal(covered, encoded.covered));
        cr_expect_arr_eq(got, mac, sizeof mac, "%s", dialect(d)->name);

        out.size = 0;
        pos_draft_init(&draft, 0x0810);
        pos_draft_set(&draft, 39, pos_bytes_text("00"));
        cr_assert_eq(pos_iso8583_encode(dialect(d), &draft, &out, &encoded, &error), POS_OK);
        cr_expect(encoded.mac == NULL && encoded.covered.size == 0, "no MAC was reserved");
    }
}

Test(iso8583, the_second_bitmap_may_be_empty_only_in_some_dialects)
{
    struct message_bytes bytes =
        from_hex("30323030 8000000000000001 0000000000000000 0102030405060708");
    struct pos_message message;
    struct pos_decode_error error;
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    cr_assert_eq(decode_exactly(&pos_dialect_iso87x, view_of(&bytes), &message, &error), POS_OK);
    cr_expect_not(pos_message_has(&message, 1), "the bitmap is no field");
    cr_expect_eq(pos_message_mac(&message, &covered, mac), POS_OK, "and the MAC is field 64");
    cr_expect_eq(covered.size, 20);
}

Test(iso8583, values_and_numbers)
{
    static const struct plain values[] = {{4, "000000012345"},
                                          {22, "051"},
                                          {41, "10000159"},
                                          {53, "1234567890123456"},
                                          {90, "020000004111230900000000000000000000000000"},
                                          {0, NULL}};
    struct message_bytes bytes = build(&pos_dialect_iso87b, 0x0200, values, false);
    struct pos_message message;
    struct pos_decode_error error;
    char text[8];
    cr_assert_eq(decode_exactly(&pos_dialect_iso87b, view_of(&bytes), &message, &error), POS_OK);
    cr_expect_eq(pos_message_number(&message, 4, 7), 12345);
    cr_expect_eq(pos_message_number(&message, 22, 7), 51);
    cr_expect_eq(pos_message_number(&message, 53, 7), UINT64_C(1234567890123456));
    cr_expect_eq(pos_message_number(&message, 11, 7), 7, "absent");
    cr_expect_eq(pos_message_number(&message, 41, 7), 7, "not digits");
    cr_expect_eq(pos_message_number(&message, 90, 7), 7, "too many digits");
    cr_expect_eq(pos_message_value(&message, 41, text, 8).size, 8);
    cr_expect_eq(pos_message_value(&message, 41, text, 7).size, 0, "too long");
    cr_expect_eq(pos_message_value(&message, 11, text, 8).size, 0, "absent");
    cr_expect_eq(pos_message_raw(&message, 11).size, 0, "absent");
    cr_expect_eq(pos_message_raw(&message, 4).size, 6);
}

Test(iso8583, a_track_separator_may_be_given_either_way_and_reads_as_equals)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        static const struct plain with_d[] = {{35, "4111D3012"}, {0, NULL}};
        struct message_bytes bytes = build(dialect(d), 0x0200, with_d, false);
        struct pos_message message;
        struct pos_decode_error error;
        char text[16];
        cr_assert_eq(decode_exactly(dialect(d), view_of(&bytes), &message, &error), POS_OK);
        struct pos_bytes value = pos_message_value(&message, 35, text, sizeof text);
        cr_expect(pos_bytes_equal_text(value, "4111=3012"), "%s: %.*s", dialect(d)->name,
                  (int)value.size, text);
    }
}

Test(iso8583, a_message_larger_than_a_frame_is_not_looked_at)
{
    static uint8_t large[POS_FRAME_BODY_SIZE_MAX + 1] = {0x02, 0x00};
    struct pos_message message;
    struct pos_decode_error error;
    cr_expect_eq(
        decode_exactly(&pos_dialect_iso87b, pos_bytes(large, sizeof large), &message, &error),
        POS_ERR_FORMAT);
    cr_expect(error.reason == POS_DECODE_LEFT_OVER && error.offset == POS_FRAME_BODY_SIZE_MAX);
    cr_expect_eq(message.mti, 0);
}
