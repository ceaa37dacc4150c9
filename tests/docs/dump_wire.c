/* Prints the tables that drive the wire, one row a line, for check_tables.py to hold against the
 * tables of the documents. */
#include <stdio.h>

#include "core/wire/frame.h"
#include "core/wire/message.h"
#include "gateway/counters.h"

static const char *const kinds[] = {
    [POS_FIELD_NONE] = "-", [POS_FIELD_N] = "n", [POS_FIELD_AN] = "an", [POS_FIELD_ANS] = "ans",
    [POS_FIELD_Z] = "z",    [POS_FIELD_B] = "b", [POS_FIELD_XN] = "x+n"};
static const char *const links[] = {
    [POS_LINK_GATEWAY] = "gateway", [POS_LINK_HOST] = "gateway", [POS_LINK_MOTHER] = "mother"};

static void print_fields(const struct pos_dialect *dialect)
{
    for (unsigned i = 2; i <= POS_FIELD_COUNT; i++) {
        const struct pos_field *field = &dialect->fields[i];
        if (field->kind == POS_FIELD_NONE)
            continue;
        unsigned size = field->kind == POS_FIELD_XN ? field->size - 1u : field->size;
        printf("field|%u|%s|%.*s%u\n", i, kinds[field->kind],
               field->length == POS_LENGTH_LL    ? 2
               : field->length == POS_LENGTH_LLL ? 3
                                                 : 0,
               "...", size);
    }
}

/* ---- dialects: one row for each way in which they differ, a cell each ---- */

static const struct pos_dialect *const dialects[] = {&pos_dialect_iso87b, &pos_dialect_iso87a,
                                                     &pos_dialect_iso87x, &pos_dialect_cup};

static const char *digits_of(const struct pos_dialect *dialect)
{
    return dialect->digits == POS_DIGITS_BCD ? "packed" : "ASCII";
}

static const char *filler_of(const struct pos_dialect *dialect)
{
    static char text[64];
    if (dialect->digits == POS_DIGITS_ASCII)
        return "-";
    if (dialect->filler_front[0] == UINT64_MAX)
        return dialect->filler_f ? "0 or F in front" : "0 in front";
    /* Of the fields with their filler in front only those with an odd number of digits count. */
    int used = snprintf(text, sizeof text, "%s", dialect->filler_f ? "0 or F behind" : "0 behind");
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++)
        if (pos_field_set_has(dialect->filler_front, field) && dialect->fields[field].size % 2 != 0)
            used +=
                snprintf(text + used, sizeof text - (size_t)used, "; in front in field %u", field);
    return text;
}

static const char *prefix_of(const struct pos_dialect *dialect)
{
    return dialect->digits == POS_DIGITS_BCD ? "1 or 2 bytes, packed" : "2 or 3 digits";
}

static const char *bitmap_of(const struct pos_dialect *dialect)
{
    return dialect->bitmap == POS_BITMAP_HEX ? "hex" : "bytes";
}

static const char *empty_bitmap_of(const struct pos_dialect *dialect)
{
    return dialect->bitmap_second_empty ? "ignored" : "30";
}

static const char *binary_of(const struct pos_dialect *dialect)
{
    return dialect->binary == POS_BINARY_HEX ? "hex" : "bytes";
}

static const char *characters_of(const struct pos_dialect *dialect)
{
    return dialect->high_characters ? "20-7E and 80-FF" : "20-7E";
}

static const char *route_of(const struct pos_dialect *dialect)
{
    return dialect->routed ? "yes" : "no";
}

static const char *network_of(const struct pos_dialect *dialect)
{
    return dialect->network_field == 60 ? "field 60" : "field 70";
}

static const char *variable_of(const struct pos_field *field)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "%s ...%u", kinds[field->kind], field->size);
    return text;
}

static const char *sixty_of(const struct pos_dialect *dialect)
{
    return variable_of(&dialect->fields[60]);
}

static const char *sixty_two_of(const struct pos_dialect *dialect)
{
    return variable_of(&dialect->fields[62]);
}

/* The shortest length that is not refused. */
static const char *smallest_of(const struct pos_dialect *dialect)
{
    static char text[8];
    for (uint8_t length = 1; length < 100; length++) {
        const uint8_t two[] = {0, length};
        struct pos_frame frame;
        size_t consumed;
        const char *reason;
        if (pos_frame_next(dialect, pos_bytes(two, 2), &frame, &consumed, &reason) !=
            POS_FRAME_PARTIAL)
            continue;
        (void)snprintf(text, sizeof text, "%u", length);
        return text;
    }
    return "none";
}

static void print_dialects(void)
{
    static const struct {
        const char *name;
        const char *(*of)(const struct pos_dialect *dialect);
    } rows[] = {{"digits", digits_of},
                {"filler of an odd number of digits", filler_of},
                {"length prefix", prefix_of},
                {"bitmap", bitmap_of},
                {"empty second bitmap", empty_bitmap_of},
                {"b fields", binary_of},
                {"ans", characters_of},
                {"TPDU and header", route_of},
                {"network code", network_of},
                {"field 60", sixty_of},
                {"field 62", sixty_two_of},
                {"smallest body", smallest_of}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("dialect|%s", rows[i].name);
        for (size_t d = 0; d < sizeof dialects / sizeof dialects[0]; d++)
            printf("|%s", rows[i].of(dialects[d]));
        printf("\n");
    }
}

static const char *meaning_of(uint16_t code)
{
    for (int i = 0; i < POS_KIND_COUNT; i++)
        if (pos_kind_rule((enum pos_kind)i)->network_code == code)
            return pos_kind_rule((enum pos_kind)i)->name;
    return "nothing";
}

static void print_network_codes(const struct pos_dialect *dialect)
{
    for (const struct pos_network_code *row = dialect->network_codes; row->mti != 0; row++)
        printf("network|%03u|%04X|%s\n", row->code, row->mti, meaning_of(row->means));
}

static void print_set(const uint64_t set[2])
{
    const char *comma = "";
    for (unsigned i = 2; i <= POS_FIELD_COUNT; i++) {
        if (!pos_field_set_has(set, i))
            continue;
        printf("%s%u", comma, i);
        comma = ", ";
    }
}

static void print_messages(void)
{
    for (int i = 0; i < POS_KIND_COUNT; i++) {
        const struct pos_kind_rule *rule = pos_kind_rule((enum pos_kind)i);
        printf("message|%s|%s|%04X|", rule->name, links[rule->link], rule->mti);
        if (rule->network_code != 0)
            printf("%03u|", rule->network_code);
        else
            printf("-|");
        printf("%s|%d|%d|%d|", rule->processing != NULL ? rule->processing : "any", rule->smn,
               rule->mac, rule->card);
        print_set(rule->required);
        printf("|");
        print_set(rule->echoed);
        printf("\n");
    }
}

int main(void)
{
    print_fields(&pos_dialect_iso87b);
    print_dialects();
    print_network_codes(&pos_dialect_cup);
    print_messages();
    for (int i = 0; i < POS_RESPONSE_COUNT; i++)
        printf("response|%s\n", pos_response_code((enum pos_response)i));
#define X(name, text) printf("refusal|%s\n", text);
    POS_REFUSAL_LIST(X)
#undef X
    return 0;
}
