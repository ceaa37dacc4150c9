#include "core/wire/dialect.h"

/*
 * How a dialect writes digits, bytes and characters decides what each of its fields is on the wire.
 * The compiler works all of that out: `in` is a sum of these, `n` a field's digits, characters or
 * bytes.
 */
enum { PACKED = 1, HEXADECIMAL = 2, HIGH = 4 };

#define IS_DIGITS(kind)     ((kind) == POS_FIELD_N || (kind) == POS_FIELD_XN || (kind) == POS_FIELD_Z)
#define IS_PACKED(in, kind) (IS_DIGITS(kind) && ((in)&PACKED) != 0)
#define IS_HEX(in, kind)    ((kind) == POS_FIELD_B && ((in)&HEXADECIMAL) != 0)
#define LETTERS(kind)       ((kind) == POS_FIELD_XN ? 1 : 0)
#define DIGITS_SIZE(in, kind, n)                                                                   \
    (IS_PACKED(in, kind) ? ((n) + 1) / 2 : IS_HEX(in, kind) ? 2 * (n) : (n))
#define WIRE_SIZE(in, kind, n) (LETTERS(kind) + DIGITS_SIZE(in, kind, (n)-LETTERS(kind)))
#define ALPHABET(in, kind)                                                                         \
    (IS_PACKED(in, kind)       ? (kind) == POS_FIELD_Z ? POS_ALPHABET_BCD_TRACK : POS_ALPHABET_BCD \
     : (kind) == POS_FIELD_Z   ? POS_ALPHABET_TRACK                                                \
     : IS_DIGITS(kind)         ? POS_ALPHABET_DIGITS                                               \
     : (kind) == POS_FIELD_AN  ? POS_ALPHABET_AN                                                   \
     : (kind) == POS_FIELD_ANS ? ((in)&HIGH) != 0 ? POS_ALPHABET_ANS_HIGH : POS_ALPHABET_ANS       \
     : IS_HEX(in, kind)        ? POS_ALPHABET_HEX                                                  \
                               : POS_ALPHABET_ANY)
#define JOINS(in, kind, length, n)                                                                 \
    ((length) != POS_LENGTH_FIXED || LETTERS(kind) > 0 || (IS_PACKED(in, kind) && (n) % 2 != 0)    \
         ? POS_ALPHABET_NONE                                                                       \
         : ALPHABET(in, kind))
#define FIELD(in, kind, length, n)                                                                 \
    {                                                                                              \
        kind, length, WIRE_SIZE(in, kind, n), n, ALPHABET(in, kind), JOINS(in, kind, length, n)    \
    }
#define FIXED(in, kind, n) FIELD(in, POS_FIELD_##kind, POS_LENGTH_FIXED, n)
#define LL(in, kind, n)    FIELD(in, POS_FIELD_##kind, POS_LENGTH_LL, n)
#define LLL(in, kind, n)   FIELD(in, POS_FIELD_##kind, POS_LENGTH_LLL, n)

/* ISO 8583:1987, clause 4.3, table 6; the arguments are the fields that are not alike everywhere.
 * Field 1 is the second bitmap, 65 would be a third: neither is a field. */
#define FIELDS(in, kind_60, size_60, kind_62, size_62)                                             \
    {                                                                                              \
        [2] = LL(in, N, 19), [3] = FIXED(in, N, 6),                                                \
        [4 ... 6] = FIXED(in, N, 12), [7] = FIXED(in, N, 10), [8 ... 10] = FIXED(in, N, 8),        \
        [11 ... 12] = FIXED(in, N, 6), [13 ... 18] = FIXED(in, N, 4),                              \
        [19 ... 24] = FIXED(in, N, 3), [25 ... 26] = FIXED(in, N, 2), [27] = FIXED(in, N, 1),      \
        [28 ... 31] = FIXED(in, XN, 9), [32 ... 33] = LL(in, N, 11), [34] = LL(in, ANS, 28),       \
        [35] = LL(in, Z, 37), [36] = LLL(in, Z, 104), [37] = FIXED(in, AN, 12),                    \
        [38] = FIXED(in, AN, 6), [39] = FIXED(in, AN, 2), [40] = FIXED(in, AN, 3),                 \
        [41] = FIXED(in, ANS, 8), [42] = FIXED(in, ANS, 15), [43] = FIXED(in, ANS, 40),            \
        [44] = LL(in, ANS, 25), [45] = LL(in, ANS, 76), [46 ... 48] = LLL(in, ANS, 999),           \
        [49 ... 51] = FIXED(in, AN, 3), [52] = FIXED(in, B, 8), [53] = FIXED(in, N, 16),           \
        [54] = LLL(in, AN, 120), [55] = LLL(in, B, 255),                                           \
        [56 ... 59] = LLL(in, ANS, 999), [60] = LLL(in, kind_60, size_60),                         \
        [61] = LLL(in, ANS, 999), [62] = LLL(in, kind_62, size_62), [63] = LLL(in, ANS, 999),      \
        [64] = FIXED(in, B, 8), [66] = FIXED(in, N, 1), [67] = FIXED(in, N, 2),                    \
        [68 ... 70] = FIXED(in, N, 3), [71 ... 72] = FIXED(in, N, 4), [73] = FIXED(in, N, 6),      \
        [74 ... 81] = FIXED(in, N, 10), [82 ... 85] = FIXED(in, N, 12),                            \
        [86 ... 89] = FIXED(in, N, 16), [90] = FIXED(in, N, 42), [91] = FIXED(in, AN, 1),          \
        [92] = FIXED(in, AN, 2), [93] = FIXED(in, AN, 5), [94] = FIXED(in, AN, 7),                 \
        [95] = FIXED(in, AN, 42), [96] = FIXED(in, B, 8), [97] = FIXED(in, XN, 17),                \
        [98] = FIXED(in, ANS, 25), [99 ... 100] = LL(in, N, 11), [101] = LL(in, ANS, 17),          \
        [102 ... 103] = LL(in, ANS, 28), [104] = LLL(in, ANS, 100),                                \
        [105 ... 127] = LLL(in, ANS, 999), [128] = FIXED(in, B, 8),                                \
    }

/* All that follows from what a dialect writes in. */
#define WRITTEN_IN(in, kind_60, size_60, kind_62, size_62)                                         \
    .digits = ((in)&PACKED) != 0 ? POS_DIGITS_BCD : POS_DIGITS_ASCII,                              \
    .binary = ((in)&HEXADECIMAL) != 0 ? POS_BINARY_HEX : POS_BINARY_BYTES,                         \
    .high_characters = ((in)&HIGH) != 0, .fields = FIELDS(in, kind_60, size_60, kind_62, size_62)

const struct pos_dialect pos_dialect_iso87b = {
    .name = "iso87b",
    WRITTEN_IN(PACKED, ANS, 999, ANS, 999),
    .filler_front = {UINT64_MAX, UINT64_MAX},
    .bitmap = POS_BITMAP_BINARY,
    .network_field = 70,
};

const struct pos_dialect pos_dialect_iso87a = {
    .name = "iso87a",
    WRITTEN_IN(HEXADECIMAL, ANS, 999, ANS, 999),
    .bitmap = POS_BITMAP_HEX,
    .network_field = 70,
};

const struct pos_dialect pos_dialect_iso87x = {
    .name = "iso87x",
    WRITTEN_IN(0, ANS, 999, ANS, 999),
    .bitmap = POS_BITMAP_BINARY,
    .bitmap_second_empty = true,
    .network_field = 70,
};

/* Amounts and the card sequence number have their filler in front; of these only 23 is odd. */
#define BIT(field) ((uint64_t)1 << ((field)-1))

/* The first row of a meaning is the one that is sent. */
static const struct pos_network_code cup_network_codes[] = {
    {0x0800, 1, 1},     {0x0800, 3, 1},     {0x0800, 4, 1},     {0x0820, 2, 2},
    {0x0820, 301, 301}, {0x0800, 901, 901}, {0x0800, 902, 902}, {0, 0, 0},
};

/* Field 60: type 2, batch 6, network code 3; installed terminals have up to six digits behind.
 * Field 62 brings working keys as bare bytes in the reply to a sign-on; an SMN in it is checked by
 * whoever reads it. */
const struct pos_dialect pos_dialect_cup = {
    .name = "cup",
    WRITTEN_IN(PACKED | HIGH, N, 17, B, 999),
    .filler_front = {BIT(4) | BIT(5) | BIT(6) | BIT(23), 0},
    .filler_f = true,
    .bitmap = POS_BITMAP_BINARY,
    .routed = true,
    .network_field = 60,
    .network_codes = cup_network_codes,
    .announces_smn = true,
    .sign_on_without_mac = true,
    .bare_keys = true,
    .ecb_mac = true,
};

static const struct pos_dialect *const dialects[] = {
    &pos_dialect_iso87b,
    &pos_dialect_iso87a,
    &pos_dialect_iso87x,
    &pos_dialect_cup,
};

enum { DIALECT_COUNT = sizeof dialects / sizeof dialects[0] };

const struct pos_dialect *pos_dialect_find(struct pos_bytes name)
{
    for (size_t i = 0; i < DIALECT_COUNT; i++)
        if (pos_bytes_equal_text(name, dialects[i]->name))
            return dialects[i];
    return NULL;
}

void pos_dialect_names(struct pos_buffer *names)
{
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        if (i > 0)
            pos_buffer_put_text(names, ", ");
        pos_buffer_put_text(names, dialects[i]->name);
    }
}

const struct pos_dialect *pos_dialect_nth(size_t n)
{
    return n < DIALECT_COUNT ? dialects[n] : NULL;
}
