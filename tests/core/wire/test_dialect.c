/* The table of fields against ISO 8583:1987's own way of writing it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    struct pos_field field = {POS_FIELD_NONE, POS_LENGTH_FIXED, 0};
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
    for (size_t d = 0; d < CUP; d++) {
        for (unsigned field = 0; field <= POS_FIELD_COUNT; field++) {
            const struct pos_field *got = &dialect(d)->fields[field];
            cr_expect(got->kind == expected[field].kind && got->length == expected[field].length &&
                          got->size == expected[field].size,
                      "%s field %u: kind %d length %d size %u", dialect(d)->name, field, got->kind,
                      got->length, got->size);
        }
    }
}

Test(dialect, fields_1_and_65_are_none)
{
    for (size_t d = 0; d < CUP; d++) {
        cr_expect_eq(dialect(d)->fields[1].kind, POS_FIELD_NONE, "%s", dialect(d)->name);
        cr_expect_eq(dialect(d)->fields[65].kind, POS_FIELD_NONE, "%s", dialect(d)->name);
    }
}

Test(dialect, is_found_by_its_whole_name_alone)
{
    cr_expect_eq(pos_dialect_find(pos_bytes_text("iso87b")), &pos_dialect_iso87b);
    cr_expect_eq(pos_dialect_find(pos_bytes_text("iso87a")), &pos_dialect_iso87a);
    cr_expect_eq(pos_dialect_find(pos_bytes_text("iso87x")), &pos_dialect_iso87x);
    static const char *const none[] = {"", "iso87", "iso87bb", "ISO87B", "iso87c"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        cr_expect_null(pos_dialect_find(pos_bytes_text(none[i])), "'%s'", none[i]);
}

Test(dialect, names_are_listed_for_people)
{
    char memory[64];
    struct pos_buffer names = pos_buffer(memory, sizeof memory);
    pos_dialect_names(&names);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&names), "iso87b, iso87a, iso87x"));
}
