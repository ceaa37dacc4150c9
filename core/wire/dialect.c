#include "core/wire/dialect.h"

/* ISO 8583:1987, clause 4.3, table 6. Field 1 is the second bitmap, 65 would be a third: neither
 * is a field. */
#define FIXED(kind, size)                                                                          \
    {                                                                                              \
        POS_FIELD_##kind, POS_LENGTH_FIXED, size                                                   \
    }
#define LL(kind, size)                                                                             \
    {                                                                                              \
        POS_FIELD_##kind, POS_LENGTH_LL, size                                                      \
    }
#define LLL(kind, size)                                                                            \
    {                                                                                              \
        POS_FIELD_##kind, POS_LENGTH_LLL, size                                                     \
    }
/* The arguments are the fields that are not alike everywhere. */
#define ISO8583_1987_FIELDS(field_60, field_62)                                                    \
    {                                                                                              \
        [2] = LL(N, 19), [3] = FIXED(N, 6), [4 ... 6] = FIXED(N, 12), [7] = FIXED(N, 10),          \
        [8 ... 10] = FIXED(N, 8), [11 ... 12] = FIXED(N, 6), [13 ... 18] = FIXED(N, 4),            \
        [19 ... 24] = FIXED(N, 3), [25 ... 26] = FIXED(N, 2), [27] = FIXED(N, 1),                  \
        [28 ... 31] = FIXED(XN, 9), [32 ... 33] = LL(N, 11), [34] = LL(ANS, 28), [35] = LL(Z, 37), \
        [36] = LLL(Z, 104), [37] = FIXED(AN, 12), [38] = FIXED(AN, 6), [39] = FIXED(AN, 2),        \
        [40] = FIXED(AN, 3), [41] = FIXED(ANS, 8), [42] = FIXED(ANS, 15), [43] = FIXED(ANS, 40),   \
        [44] = LL(ANS, 25), [45] = LL(ANS, 76), [46 ... 48] = LLL(ANS, 999),                       \
        [49 ... 51] = FIXED(AN, 3), [52] = FIXED(B, 8), [53] = FIXED(N, 16), [54] = LLL(AN, 120),  \
        [55] = LLL(B, 255),                                                                        \
        [56 ... 59] = LLL(ANS, 999), [60] = field_60, [61] = LLL(ANS, 999), [62] = field_62,       \
        [63] = LLL(ANS, 999), [64] = FIXED(B, 8), [66] = FIXED(N, 1), [67] = FIXED(N, 2),          \
        [68 ... 70] = FIXED(N, 3), [71 ... 72] = FIXED(N, 4), [73] = FIXED(N, 6),                  \
        [74 ... 81] = FIXED(N, 10), [82 ... 85] = FIXED(N, 12),                                    \
        [86 ... 89] = FIXED(N, 16), [90] = FIXED(N, 42), [91] = FIXED(AN, 1), [92] = FIXED(AN, 2), \
        [93] = FIXED(AN, 5), [94] = FIXED(AN, 7), [95] = FIXED(AN, 42), [96] = FIXED(B, 8),        \
        [97] = FIXED(XN, 17), [98] = FIXED(ANS, 25),                                               \
        [99 ... 100] = LL(N, 11), [101] = LL(ANS, 17),                                             \
        [102 ... 103] = LL(ANS, 28), [104] = LLL(ANS, 100),                                        \
        [105 ... 127] = LLL(ANS, 999), [128] = FIXED(B, 8),                                        \
    }

const struct pos_dialect pos_dialect_iso87b = {
    .name = "iso87b",
    .digits = POS_DIGITS_BCD,
    .odd = POS_ODD_ZERO_IN_FRONT,
    .bitmap = POS_BITMAP_BINARY,
    .binary = POS_BINARY_BYTES,
    .network_field = 70,
    .fields = ISO8583_1987_FIELDS(LLL(ANS, 999), LLL(ANS, 999)),
};

const struct pos_dialect pos_dialect_iso87a = {
    .name = "iso87a",
    .digits = POS_DIGITS_ASCII,
    .bitmap = POS_BITMAP_HEX,
    .binary = POS_BINARY_HEX,
    .network_field = 70,
    .fields = ISO8583_1987_FIELDS(LLL(ANS, 999), LLL(ANS, 999)),
};

const struct pos_dialect pos_dialect_iso87x = {
    .name = "iso87x",
    .digits = POS_DIGITS_ASCII,
    .bitmap = POS_BITMAP_BINARY,
    .bitmap_second_empty = true,
    .binary = POS_BINARY_BYTES,
    .network_field = 70,
    .fields = ISO8583_1987_FIELDS(LLL(ANS, 999), LLL(ANS, 999)),
};

/* Amounts and the card sequence number keep their filler in front; of these only 23 is odd. */
static const uint8_t cup_odd_front[] = {4, 5, 6, 23, 0};

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
    .digits = POS_DIGITS_BCD,
    .odd = POS_ODD_FILLER_BEHIND,
    .odd_front = cup_odd_front,
    .odd_filler_f = true,
    .bitmap = POS_BITMAP_BINARY,
    .binary = POS_BINARY_BYTES,
    .high_characters = true,
    .routed = true,
    .network_field = 60,
    .network_codes = cup_network_codes,
    .announces_smn = true,
    .sign_on_without_mac = true,
    .bare_keys = true,
    .ecb_mac = true,
    .fields = ISO8583_1987_FIELDS(LLL(N, 17), LLL(B, 999)),
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
