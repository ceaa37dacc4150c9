/*
 * The codec against a second one that is slow and obviously right (reference.h): both must say the
 * same about every message, good or damaged, down to the error's field, offset and reason; and
 * about every draft, good or not. The same messages every time.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/wire/reference.h"
#include "tests/core/wire/support.h"

enum {
    MESSAGES = 15000,
    DAMAGED_EACH = 6,
    DRAFTS = 30000,
    REASON_COUNT = POS_DECODE_LEFT_OVER + 1
};

static uint64_t seed(size_t dialect_number)
{
    return UINT64_C(0xD1B54A32D192ED03) + dialect_number;
}

static size_t below(uint64_t *state, size_t bound)
{
    return (size_t)(next_random(state) >> 16) % bound;
}

/* ---- taking apart ---- */

/* Bytes at the edges of a set, as characters or as two nibbles. */
static uint8_t edge(uint64_t *state)
{
    static const uint8_t edges[] = {
        0x00, 0x0A, 0x0D, 0x0F, 0x10, 0x1F, 0x20, '/',  '0',  '9',  ':',  '<',  '=',  '>',  '@',
        'A',  'C',  'D',  'E',  'F',  'G',  'Z',  '[',  '`',  'a',  'f',  'g',  'z',  '{',  0x7E,
        0x7F, 0x80, 0x99, 0x9A, 0xA0, 0xA9, 0xB0, 0xBA, 0xC0, 0xCF, 0xD0, 0xD9, 0xE0, 0xF0, 0xFF};
    return edges[below(state, sizeof edges)];
}

static void copy_within(uint64_t *state, struct message_bytes *bytes)
{
    size_t from = below(state, bytes->size), to = below(state, bytes->size);
    size_t room = bytes->size - (from > to ? from : to);
    memmove(bytes->data + to, bytes->data + from, 1 + below(state, room < 24 ? room : 24));
}

static void damage(uint64_t *state, struct message_bytes *bytes)
{
    size_t at = below(state, bytes->size);
    switch (below(state, 8)) {
    case 0:
        bytes->data[at] ^= (uint8_t)(1 << below(state, 8));
        break;
    case 1:
        bytes->data[at] = (uint8_t)next_random(state);
        break;
    case 2: /* in the MTI and the bitmaps */
        bytes->data[at < 36 ? at : at % 36] ^= (uint8_t)(1 << below(state, 8));
        break;
    case 3:
        bytes->size = 1 + at;
        break;
    case 4:
        for (size_t more = 1 + below(state, 4); more > 0; more--)
            bytes->data[bytes->size++] = (uint8_t)next_random(state);
        break;
    case 5:
        copy_within(state, bytes);
        break;
    default:
        bytes->data[at] = edge(state);
        break;
    }
}

static void expect_same_message(const struct pos_message *got, const struct pos_message *expected)
{
    cr_assert(got->mti == expected->mti && got->present[0] == expected->present[0] &&
                  got->present[1] == expected->present[1],
              "%s: MTI %04X and %04X, fields %016llx %016llx and %016llx %016llx",
              got->dialect->name, got->mti, expected->mti, (unsigned long long)got->present[0],
              (unsigned long long)got->present[1], (unsigned long long)expected->present[0],
              (unsigned long long)expected->present[1]);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        const struct pos_field_view *a = &got->fields[field], *b = &expected->fields[field];
        if (pos_message_has(got, field))
            cr_assert(a->offset == b->offset && a->size == b->size && a->count == b->count,
                      "%s field %u: %u bytes for %u at %u, and %u for %u at %u", got->dialect->name,
                      field, a->size, a->count, a->offset, b->size, b->count, b->offset);
    }
}

static void expect_same_error(const struct pos_dialect *in, const struct pos_decode_error *got,
                              const struct pos_decode_error *expected)
{
    cr_assert(got->reason == expected->reason && got->field == expected->field &&
                  got->offset == expected->offset,
              "%s: '%s' in field %u at %u, and '%s' in field %u at %u", in->name,
              pos_decode_reason_text(got->reason), got->field, got->offset,
              pos_decode_reason_text(expected->reason), expected->field, expected->offset);
}

static enum pos_decode_reason expect_same_decoding(const struct pos_dialect *in,
                                                   const struct message_bytes *bytes)
{
    struct pos_message got, expected;
    struct pos_decode_error got_error, expected_error;
    enum pos_status status = decode_exactly(in, view_of(bytes), &got, &got_error);
    cr_assert_eq(status, reference_decode(in, view_of(bytes), &expected, &expected_error));
    expect_same_error(in, &got_error, &expected_error);
    expect_same_message(&got, &expected);
    return got_error.reason;
}

/* Fillers are of packed digits; a bitmap of bytes is wrong only when it may not be empty. */
static bool can_happen(const struct pos_dialect *in, enum pos_decode_reason reason)
{
    if (reason == POS_DECODE_FILLER)
        return in->digits == POS_DIGITS_BCD;
    return reason != POS_DECODE_BITMAP || in->bitmap == POS_BITMAP_HEX || !in->bitmap_second_empty;
}

static void decode_like_the_reference(size_t d)
{
    const struct pos_dialect *in = dialect(d);
    uint64_t state = seed(d);
    size_t seen[POS_DECODE_LEFT_OVER + 1] = {0};
    for (unsigned n = 0; n < MESSAGES; n++) {
        struct pos_draft draft;
        struct message_bytes bytes;
        random_message(in, &state, &draft, &bytes);
        cr_assert_eq(expect_same_decoding(in, &bytes), POS_DECODE_OK);
        for (unsigned i = 0; i < DAMAGED_EACH; i++) {
            struct message_bytes damaged = bytes;
            for (size_t times = 1 + below(&state, 3); times > 0; times--)
                damage(&state, &damaged);
            seen[expect_same_decoding(in, &damaged)]++;
        }
    }
    for (enum pos_decode_reason reason = POS_DECODE_OK; reason <= POS_DECODE_LEFT_OVER; reason++)
        cr_expect(can_happen(in, reason) ? seen[reason] > 20 : seen[reason] == 0,
                  "%s: '%s' %zu times", in->name, pos_decode_reason_text(reason), seen[reason]);
}

Test(iso8583_reference, iso87b_decodes_like_it)
{
    decode_like_the_reference(0);
}

Test(iso8583_reference, iso87a_decodes_like_it)
{
    decode_like_the_reference(1);
}

Test(iso8583_reference, iso87x_decodes_like_it)
{
    decode_like_the_reference(2);
}

Test(iso8583_reference, cup_decodes_like_it)
{
    decode_like_the_reference(CUP);
}

/* ---- building ---- */

/* Spoils a value, a copy of it: another character, one too few or one too many. */
static void spoil(uint64_t *state, struct reference_value *value, uint8_t *copy)
{
    if (value->bytes.size > 0)
        memcpy(copy, value->bytes.data, value->bytes.size);
    copy[value->bytes.size] = edge(state);
    value->bytes.data = copy;
    size_t what = below(state, 6);
    if (what == 0)
        value->bytes.size++;
    else if (value->bytes.size > 0 && what == 1)
        value->bytes.size--;
    else if (value->bytes.size > 0)
        copy[below(state, value->bytes.size)] = edge(state);
}

/* In memory of exactly so many bytes. */
static enum pos_status encode_into(const struct pos_dialect *in, const struct pos_draft *draft,
                                   size_t room, struct message_bytes *bytes,
                                   struct pos_decode_error *error)
{
    uint8_t *exact = malloc(room + 1);
    struct pos_buffer out = pos_buffer(exact, room);
    struct pos_encoded encoded;
    cr_assert_not_null(exact);
    *error = (struct pos_decode_error){.reason = POS_DECODE_OK};
    enum pos_status status = pos_iso8583_encode(in, draft, &out, &encoded, error);
    bytes->size = out.size;
    memcpy(bytes->data, exact, out.size);
    free(exact);
    return status;
}

static enum pos_status expect_same_encoding(const struct pos_dialect *in,
                                            const struct pos_draft *draft,
                                            const struct reference_value *values)
{
    static uint8_t memory[RANDOM_VALUES_SIZE];
    struct pos_buffer expected = pos_buffer(memory, sizeof memory);
    struct message_bytes got;
    struct pos_decode_error expected_error, error;
    enum pos_status status =
        reference_encode(in, draft->mti, draft->present, values, &expected, &expected_error);
    size_t room = status == POS_OK ? expected.size : sizeof got.data;
    cr_assert_eq(encode_into(in, draft, room, &got, &error), status, "%s: field %u: %s", in->name,
                 expected_error.field, pos_decode_reason_text(expected_error.reason));
    expect_same_error(in, &error, &expected_error);
    if (status != POS_OK)
        return status;
    cr_assert(pos_bytes_equal(view_of(&got), pos_buffer_view(&expected)), "%s", in->name);
    cr_assert_eq(encode_into(in, draft, room - 1, &got, &error), POS_ERR_LENGTH);
    return status;
}

/* Each value of the draft as it is, as it stands in the message of the same draft, or spoiled. */
static void draft_again(const struct pos_message *message, const struct pos_draft *from,
                        uint64_t *state, struct pos_draft *draft, struct reference_value *values)
{
    static uint8_t copies[RANDOM_VALUES_SIZE];
    size_t used = 0;
    bool spoils = below(state, 2) == 0;
    pos_draft_init(draft, below(state, 500) == 0 ? 0x02A0 : from->mti);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_message_has(message, field))
            continue;
        values[field] = (struct reference_value){.bytes = pos_draft_value(from, field)};
        if (below(state, 3) == 0) {
            values[field] = (struct reference_value){.bytes = pos_message_raw(message, field),
                                                     .wire = true,
                                                     .count = message->fields[field].count};
            pos_draft_echo(draft, field, message);
            continue;
        }
        if (spoils && below(state, 12) == 0)
            spoil(state, &values[field], copies + used);
        used += values[field].bytes.size + 1;
        pos_draft_set(draft, field, values[field].bytes);
    }
}

static void encode_like_the_reference(size_t d)
{
    const struct pos_dialect *in = dialect(d);
    uint64_t state = seed(d + DIALECT_COUNT);
    size_t good = 0;
    for (unsigned n = 0; n < DRAFTS; n++) {
        struct pos_draft draft, again;
        struct message_bytes bytes;
        struct pos_message message;
        struct pos_decode_error error;
        struct reference_value values[POS_FIELD_COUNT + 1];
        random_message(in, &state, &draft, &bytes);
        cr_assert_eq(pos_iso8583_decode(in, view_of(&bytes), &message, &error), POS_OK);
        draft_again(&message, &draft, &state, &again, values);
        good += expect_same_encoding(in, &again, values) == POS_OK;
    }
    cr_expect(good > DRAFTS / 3 && good < DRAFTS - DRAFTS / 10, "%s: %zu of %d drafts good",
              in->name, good, DRAFTS);
}

Test(iso8583_reference, iso87b_encodes_like_it)
{
    encode_like_the_reference(0);
}

Test(iso8583_reference, iso87a_encodes_like_it)
{
    encode_like_the_reference(1);
}

Test(iso8583_reference, iso87x_encodes_like_it)
{
    encode_like_the_reference(2);
}

Test(iso8583_reference, cup_encodes_like_it)
{
    encode_like_the_reference(CUP);
}
