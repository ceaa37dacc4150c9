/* Prints the tables that drive the wire, one row a line, for check_tables.py to hold against the
 * tables of the documents. */
#include <stdio.h>

#include "core/wire/dialect.h"
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
    print_messages();
    for (int i = 0; i < POS_RESPONSE_COUNT; i++)
        printf("response|%s\n", pos_response_code((enum pos_response)i));
#define X(name, text) printf("refusal|%s\n", text);
    POS_REFUSAL_LIST(X)
#undef X
    return 0;
}
