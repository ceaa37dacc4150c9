/* The table of fields against ISO 8583:1987's own way of writing it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/message.h"
#include "tests/core/wire/support.h"

static const char *const standard[] = {
    "2 n..19",
    "3 n6",
    "4-6 n12",
    "7 n10",
    "8-10 n8",
    "11 n6",
    "12 n6",
    "13-18 n4",
    "19-24 n3",
    "25-26 n2",
    "27 n1",
    "28-31 x+n8",
    "32-33 n..11",
    "34 ans..28",
    "35 z..37",
    "36 z...104",
    "37 an12",
    "38 an6",
    "39 an2",
    "40 an3",
    "41 ans8",
    "42 ans15",
    "43 ans40",
    "44 ans..25",
    "45 ans..76",
    "46-48 ans...999",
    "49-51 an3",
    "52 b8",
    "53 n16",
    "54 an...120",
    "55 b...255",
    "56-63 ans...999",
    "64 b8",
    "66 n1",
    "67 n2",
    "68-70 n3",
    "71-72 n4",
    "73 n6",
    "74-81 n10",
    "82-85 n12",
    "86-89 n16",
    "90 n42",
    "91 an1",
    "92 an2",
    "93 an5",
    "94 an7",
    "95 an42",
    "96 b8",
    "97 x+n16",
    "98 ans25",
    "99-100 n..11",
    "101 ans..17",
    "102-103 ans..28",
    "104 ans...100",
    "105-127 ans...999",
    "128 b8",
};

/* "x+n8" and the like; x+n has its letter besides. */
static struct pos_field read_form(const char *form)
{
    static const struct {
        const char *text;
        enum pos_field_kind kind;
    } kinds[] = {{"x+n", POS_FIELD_XN}, {"ans", POS_FIELD_ANS}, {"an", POS_FIELD_AN},
                 {"n", POS_FIELD_N},    {"z", POS_FIELD_Z},     {"b", POS_FIELD_B}};
    struct pos_field field = {.kind = POS_FIELD_NONE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(form, kinds[i].text, strlen(kinds[i].text)) != 0)
            continue;
        field.kind = kinds[i].kind;
        form += strlen(kinds[i].text);
        break;
    }
    size_t dots = strspn(form, ".");
    field.length = dots == 0 ? POS_LENGTH_FIXED : dots == 2 ? POS_LENGTH_LL : POS_LENGTH_LLL;
    field.size = (uint16_t)(atoi(form + dots) + (field.kind == POS_FIELD_XN ? 1 : 0));
    return field;
}

static void read_standard(struct pos_field fields[POS_FIELD_COUNT + 1])
{
    memset(fields, 0, sizeof(struct pos_field) * (POS_FIELD_COUNT + 1));
    for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++) {
        char *rest;
        long first = strtol(standard[i], &rest, 10);
        long last = *rest == '-' ? strtol(rest + 1, &rest, 10) : first;
        for (long field = first; field <= last; field++)
            fields[field] = read_form(rest + 1);
    }
}

Test(dialect, every_field_is_as_the_standard_writes_it)
{
    struct pos_field expected[POS_FIELD_COUNT + 1];
    read_standard(expected);
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        if (d == CUP) {
            expected[60] = read_form("n...17");
            expected[62] = read_form("b...999");
        }
        for (unsigned field = 0; field <= POS_FIELD_COUNT; field++) {
            const struct pos_field *got = &dialect(d)->fields[field];
            cr_expect(got->kind == expected[field].kind && got->length == expected[field].length &&
                          got->size == expected[field].size,
                      "%s field %u: kind %d length %d size %u", dialect(d)->name, field, got->kind,
                      got->length, got->size);
        }
    }
}

/* What a kind is taken from, in the order of the dialects. */
static enum pos_alphabet alphabet_of(enum pos_field_kind kind, size_t d)
{
    static const enum pos_alphabet rows[][DIALECT_COUNT] = {
        [POS_FIELD_N] = {POS_ALPHABET_BCD, POS_ALPHABET_DIGITS, POS_ALPHABET_DIGITS,
                         POS_ALPHABET_BCD},
        [POS_FIELD_XN] = {POS_ALPHABET_BCD, POS_ALPHABET_DIGITS, POS_ALPHABET_DIGITS,
                          POS_ALPHABET_BCD},
        [POS_FIELD_Z] = {POS_ALPHABET_BCD_TRACK, POS_ALPHABET_TRACK, POS_ALPHABET_TRACK,
                         POS_ALPHABET_BCD_TRACK},
        [POS_FIELD_AN] = {POS_ALPHABET_AN, POS_ALPHABET_AN, POS_ALPHABET_AN, POS_ALPHABET_AN},
        [POS_FIELD_ANS] = {POS_ALPHABET_ANS, POS_ALPHABET_ANS, POS_ALPHABET_ANS,
                           POS_ALPHABET_ANS_HIGH},
        [POS_FIELD_B] = {POS_ALPHABET_ANY, POS_ALPHABET_HEX, POS_ALPHABET_ANY, POS_ALPHABET_ANY},
    };
    return rows[kind][d];
}

static size_t wire_size_of(enum pos_alphabet alphabet, size_t count)
{
    switch (alphabet) {
    case POS_ALPHABET_BCD:
    case POS_ALPHABET_BCD_TRACK:
        return count / 2 + count % 2;
    case POS_ALPHABET_HEX:
        return 2 * count;
    default:
        return count;
    }
}

/* The columns that follow from how a dialect writes things. */
Test(dialect, every_field_is_on_the_wire_as_the_dialect_writes_its_kind)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        for (unsigned number = 0; number <= POS_FIELD_COUNT; number++) {
            const struct pos_field *field = &dialect(d)->fields[number];
            enum pos_alphabet alphabet = alphabet_of(field->kind, d);
            size_t letter = field->kind == POS_FIELD_XN;
            size_t size = letter + wire_size_of(alphabet, field->size - letter);
            bool more = field->length != POS_LENGTH_FIXED || letter == 1 ||
                        (wire_size_of(alphabet, 2) == 1 && field->size % 2 != 0);
            cr_expect_eq(field->alphabet, alphabet, "%s field %u", dialect(d)->name, number);
            cr_expect_eq(field->wire_size, size, "%s field %u", dialect(d)->name, number);
            cr_expect_eq(field->joins, more ? POS_ALPHABET_NONE : alphabet, "%s field %u",
                         dialect(d)->name, number);
        }
    }
}

Test(dialect, fields_1_and_65_are_none)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        cr_expect_eq(dialect(d)->fields[1].kind, POS_FIELD_NONE, "%s", dialect(d)->name);
        cr_expect_eq(dialect(d)->fields[65].kind, POS_FIELD_NONE, "%s", dialect(d)->name);
    }
}

/* One network message as each dialect names it. */
Test(dialect, network_messages_have_a_name_in_each)
{
    static const struct {
        size_t dialect;
        enum pos_kind kind;
        uint32_t batch;
        unsigned mti;
        const char *text; /* NULL: it has none */
    } rows[] = {
        {0, POS_KIND_REGISTER, 7, 0x0800, "901"},
        {1, POS_KIND_SIGN_ON, 7, 0x0800, "001"},
        {2, POS_KIND_ECHO, 7, 0x0800, "301"},
        {0, POS_KIND_KEY_REQUEST, 7, 0x0800, "911"},
        {0, POS_KIND_SALE, 7, 0, NULL},
        {CUP, POS_KIND_REGISTER, 7, 0x0800, "00000007901"},
        {CUP, POS_KIND_SIGN_ON, 1, 0x0800, "00000001001"},
        {CUP, POS_KIND_AUTHENTICATE, 999999, 0x0800, "00999999902"},
        {CUP, POS_KIND_SIGN_OFF, 0, 0x0820, "00000000002"},
        {CUP, POS_KIND_ECHO, 1000000, 0x0820, "00000000301"},
        {CUP, POS_KIND_KEY_REQUEST, 7, 0, NULL},
        {CUP, POS_KIND_SALE, 7, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_network_name name;
        enum pos_status status = pos_network_name(
            dialect(rows[i].dialect), pos_kind_rule(rows[i].kind), rows[i].batch, &name);
        cr_expect_eq(status, rows[i].text == NULL ? POS_ERR_NOT_FOUND : POS_OK, "row %zu", i);
        if (rows[i].text == NULL || status != POS_OK)
            continue;
        cr_expect_eq(name.mti, rows[i].mti, "row %zu: %04X", i, name.mti);
        cr_expect_str_eq(name.text, rows[i].text, "row %zu", i);
    }
}

Test(dialect, is_found_by_its_whole_name_alone)
{
    cr_expect_eq(pos_dialect_find(pos_bytes_text("iso87b")), &pos_dialect_iso87b);
    cr_expect_eq(pos_dialect_find(pos_bytes_text("iso87a")), &pos_dialect_iso87a);
    cr_expect_eq(pos_dialect_find(pos_bytes_text("iso87x")), &pos_dialect_iso87x);
    cr_expect_eq(pos_dialect_find(pos_bytes_text("cup")), &pos_dialect_cup);
    static const char *const none[] = {"", "iso87", "iso87bb", "ISO87B", "iso87c", "cu", "cup "};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        cr_expect_null(pos_dialect_find(pos_bytes_text(none[i])), "'%s'", none[i]);
}

Test(dialect, names_are_listed_for_people)
{
    char memory[64];
    struct pos_buffer names = pos_buffer(memory, sizeof memory);
    pos_dialect_names(&names);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&names), "iso87b, iso87a, iso87x, cup"));
}

Test(dialect, all_can_be_gone_through_by_number)
{
    size_t n = 0;
    cr_expect_eq(pos_dialect_nth(0), &pos_dialect_iso87b, "the default is the first");
    for (; pos_dialect_nth(n) != NULL; n++)
        cr_expect_eq(pos_dialect_find(pos_bytes_text(pos_dialect_nth(n)->name)), pos_dialect_nth(n),
                     "%zu", n);
    cr_expect_eq(n, 4);
    cr_expect_null(pos_dialect_nth(n + 1));
}
