/*
 * The codec on messages that nobody thought of, in every dialect: 100,000 of each come back as they
 * were; of some of them every truncation, every longer form and every flipped bit is tried. The
 * same messages every time.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/core/wire/support.h"

enum {
    MESSAGES = 100000,
    SPOILED_EACH = 400, /* of so many messages one is spoiled in every way */
    SPOILED_SIZE_MAX = 400,
};

static uint64_t seed(size_t dialect_number)
{
    return UINT64_C(0x9E3779B97F4A7C15) + dialect_number;
}

/* ---- there and back ---- */

static size_t expect_values(const struct pos_message *message, const struct pos_draft *draft,
                            unsigned number)
{
    size_t fields = 0;
    cr_assert(message->mti == draft->mti && message->present[0] == draft->present[0] &&
              message->present[1] == draft->present[1]);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_message_has(message, field))
            continue;
        fields++;
        uint8_t text[1024];
        struct pos_bytes value = pos_message_value(message, field, text, sizeof text);
        cr_assert(pos_bytes_equal(value, pos_draft_value(draft, field)), "%s %u field %u",
                  message->dialect->name, number, field);
    }
    return fields;
}

static void come_back_unchanged(size_t d)
{
    const struct pos_dialect *in = dialect(d);
    uint64_t state = seed(d);
    size_t fields = 0;
    for (unsigned n = 0; n < MESSAGES; n++) {
        struct pos_draft draft;
        struct message_bytes bytes, again;
        struct pos_decode_error error;
        struct pos_message message;
        random_message(in, &state, &draft, &bytes);
        cr_assert_eq(pos_iso8583_decode(in, view_of(&bytes), &message, &error), POS_OK,
                     "%s %u: field %u at %u: %s", in->name, n, error.field, error.offset,
                     pos_decode_reason_text(error.reason));
        fields += expect_values(&message, &draft, n);
        cr_assert_eq(encode_again(&message, true, &again, &error), POS_OK);
        cr_assert(pos_bytes_equal(view_of(&again), view_of(&bytes)), "%s %u echoed", in->name, n);
    }
    cr_expect_gt(fields, MESSAGES * 5, "%s: %zu fields", in->name, fields);
}

Test(iso8583_random, iso87b_comes_back_unchanged)
{
    come_back_unchanged(0);
}

Test(iso8583_random, iso87a_comes_back_unchanged)
{
    come_back_unchanged(1);
}

Test(iso8583_random, iso87x_comes_back_unchanged)
{
    come_back_unchanged(2);
}

Test(iso8583_random, cup_comes_back_unchanged)
{
    come_back_unchanged(CUP);
}

/* ---- spoiled ---- */

static void expect_cut_and_longer_refused(const struct pos_dialect *in,
                                          const struct message_bytes *bytes, uint8_t extra)
{
    struct pos_message message;
    struct pos_decode_error error;
    for (size_t size = 0; size < bytes->size; size++) {
        cr_assert_eq(decode_exactly(in, pos_bytes(bytes->data, size), &message, &error),
                     POS_ERR_FORMAT, "%s: cut to %zu of %zu", in->name, size, bytes->size);
        cr_assert_eq(error.reason, POS_DECODE_SHORT);
    }
    struct message_bytes longer = *bytes;
    longer.data[longer.size++] = extra;
    cr_assert_eq(decode_exactly(in, view_of(&longer), &message, &error), POS_ERR_FORMAT);
    cr_assert_eq(error.reason, POS_DECODE_LEFT_OVER);
    cr_assert_eq(error.offset, bytes->size);
}

/* Offsets that hold hexadecimal digits: bitmaps and b fields. Those are read in lower case too. */
static bool is_hex(const struct pos_message *message, size_t at)
{
    size_t bitmaps = message->present[1] != 0 ? 32 : 16;
    if (message->dialect->bitmap == POS_BITMAP_HEX && at >= 4 && at < 4 + bitmaps)
        return true;
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++)
        if (pos_message_has(message, field) && message->dialect->binary == POS_BINARY_HEX &&
            message->dialect->fields[field].kind == POS_FIELD_B &&
            at >= message->fields[field].offset &&
            at < (size_t)message->fields[field].offset + message->fields[field].size)
            return true;
    return false;
}

static void expect_same(const struct pos_message *message, const struct message_bytes *again,
                        size_t bit)
{
    cr_assert_eq(again->size, message->bytes.size, "%s bit %zu", message->dialect->name, bit);
    for (size_t i = 0; i < again->size; i++) {
        uint8_t was = message->bytes.data[i];
        if (was >= 'a' && was <= 'f' && is_hex(message, i))
            was = (uint8_t)(was - 'a' + 'A');
        cr_assert_eq(again->data[i], was, "%s bit %zu: byte %zu", message->dialect->name, bit, i);
    }
}

static bool flip(const struct pos_dialect *in, const struct message_bytes *bytes, size_t bit)
{
    struct message_bytes flipped = *bytes, again;
    struct pos_message message;
    struct pos_decode_error error;
    flipped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (decode_exactly(in, view_of(&flipped), &message, &error) != POS_OK) {
        cr_assert(error.reason != POS_DECODE_OK && error.offset <= flipped.size);
        return false;
    }
    cr_assert_eq(encode_again(&message, false, &again, &error), POS_OK);
    expect_same(&message, &again, bit);
    return true;
}

static void spoil(size_t d)
{
    const struct pos_dialect *in = dialect(d);
    uint64_t state = seed(d);
    size_t messages = 0, refused = 0, kept = 0;
    for (unsigned n = 0; n < MESSAGES; n++) {
        struct pos_draft draft;
        struct message_bytes bytes;
        random_message(in, &state, &draft, &bytes);
        if (n % SPOILED_EACH != 0 || bytes.size > SPOILED_SIZE_MAX)
            continue;
        messages++;
        expect_cut_and_longer_refused(in, &bytes, (uint8_t)n);
        for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
            bool taken = flip(in, &bytes, bit);
            kept += taken;
            refused += !taken;
        }
    }
    cr_expect(messages > 150 && refused > 20000 && kept > 20000,
              "%s: %zu messages, %zu flips refused, %zu kept", in->name, messages, refused, kept);
}

Test(iso8583_random, iso87b_spoiled)
{
    spoil(0);
}

Test(iso8583_random, iso87a_spoiled)
{
    spoil(1);
}

Test(iso8583_random, iso87x_spoiled)
{
    spoil(2);
}

Test(iso8583_random, cup_spoiled)
{
    spoil(CUP);
}

/* ---- digits of cup, to the nibble ---- */

/* What a field of so many digits must be on the wire, worked out in text. */
static struct message_bytes cup_wire(unsigned field, const struct pos_field *form,
                                     const char *value, const char *filler)
{
    char hex[2100], digits[1100];
    size_t count = strlen(value);
    bool odd = count % 2 != 0;
    bool front = field == 23 || (field >= 4 && field <= 6);
    (void)snprintf(digits, sizeof digits, "%s%s%s", odd && front ? filler : "", value,
                   odd && !front ? filler : "");
    for (char *c = digits; *c != '\0'; c++)
        if (*c == '=')
            *c = 'D';
    if (form->length == POS_LENGTH_FIXED)
        (void)snprintf(hex, sizeof hex, "%s", digits);
    else
        (void)snprintf(hex, sizeof hex, "%0*zu%s", form->length == POS_LENGTH_LL ? 2 : 4, count,
                       digits);
    return from_hex(hex);
}

static void expect_cup_field(unsigned field, const char *value)
{
    const struct pos_field *form = &pos_dialect_cup.fields[field];
    const struct plain values[] = {{field, value}, {0, NULL}};
    struct message_bytes bytes = build(&pos_dialect_cup, 0x0200, values, false);
    size_t head = field > 64 ? 18 : 10;
    struct message_bytes zero = cup_wire(field, form, value, "0");
    cr_assert(pos_bytes_equal(pos_bytes(bytes.data + head, bytes.size - head), view_of(&zero)),
              "field %u with %zu digits", field, strlen(value));
    struct message_bytes filled = cup_wire(field, form, value, "F");
    memcpy(bytes.data + head, filled.data, filled.size);
    struct pos_message message;
    struct pos_decode_error error;
    char text[256];
    cr_assert_eq(pos_iso8583_decode(&pos_dialect_cup, view_of(&bytes), &message, &error), POS_OK,
                 "field %u with %zu digits and filler F", field, strlen(value));
    struct pos_bytes read = pos_message_value(&message, field, text, sizeof text);
    cr_assert(pos_bytes_equal_text(read, value), "field %u: %.*s", field, (int)read.size, text);
}

Test(iso8583_random, cup_has_its_digits_to_the_left_and_the_filler_behind)
{
    uint64_t state = seed(77);
    unsigned tried = 0;
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        const struct pos_field *form = &pos_dialect_cup.fields[field];
        if (form->kind != POS_FIELD_N && form->kind != POS_FIELD_Z)
            continue;
        size_t least = form->length == POS_LENGTH_FIXED ? form->size : 1;
        for (size_t size = least; size <= form->size; size++) {
            char value[256] = {0};
            for (size_t i = 0; i < size; i++)
                value[i] = (char)('0' + (next_random(&state) >> 8) % 10);
            if (form->kind == POS_FIELD_Z && size > 2)
                value[size / 2] = '=';
            expect_cup_field(field, value);
            tried += size % 2;
        }
    }
    cr_expect_gt(tried, 100, "%u odd lengths", tried);
}
