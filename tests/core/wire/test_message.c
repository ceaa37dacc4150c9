/* The messages table against an independent list, and what both sides do with it. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/wire/frame.h"
#include "core/wire/message.h"
#include "tests/core/wire/support.h"

#define FINANCIAL "3 7 11 22 25 41 42 49"

static const struct {
    enum pos_kind kind;
    const char *name;
    enum pos_kind_link link;
    unsigned mti, code;
    const char *processing;
    bool smn, mac, card;
    const char *required, *echoed;
} list[] = {
    {POS_KIND_REGISTER, "register", POS_LINK_GATEWAY, 0x0800, 901, NULL, true, true, false,
     "11 41 70", "7 11 41 70"},
    {POS_KIND_SIGN_ON, "sign-on", POS_LINK_GATEWAY, 0x0800, 1, NULL, true, true, false, "11 41 70",
     "7 11 41 70"},
    {POS_KIND_AUTHENTICATE, "authenticate", POS_LINK_GATEWAY, 0x0800, 902, NULL, true, true, false,
     "11 41 70", "7 11 41 70"},
    {POS_KIND_SIGN_OFF, "sign-off", POS_LINK_GATEWAY, 0x0800, 2, NULL, true, true, false,
     "11 41 70", "7 11 41 70"},
    {POS_KIND_ECHO, "echo", POS_LINK_GATEWAY, 0x0800, 301, NULL, false, false, false, "11 41 70",
     "7 11 41 70"},
    {POS_KIND_SALE, "sale", POS_LINK_HOST, 0x0200, 0, "000000", true, true, true, "4 " FINANCIAL,
     "3 4 7 11 41 42"},
    {POS_KIND_BALANCE, "balance", POS_LINK_HOST, 0x0200, 0, "310000", true, true, true, FINANCIAL,
     "3 7 11 41 42"},
    {POS_KIND_VOID, "void", POS_LINK_HOST, 0x0200, 0, "200000", true, true, true, "4 " FINANCIAL,
     "3 4 7 11 41 42"},
    {POS_KIND_PREAUTHORISATION, "preauthorisation", POS_LINK_HOST, 0x0100, 0, NULL, true, true,
     true, "4 " FINANCIAL, "3 4 7 11 41 42"},
    {POS_KIND_COMPLETION, "completion", POS_LINK_HOST, 0x0220, 0, "000000", true, true, true,
     "4 " FINANCIAL, "3 4 7 11 41 42"},
    {POS_KIND_REFUND, "refund", POS_LINK_HOST, 0x0220, 0, "200000", true, true, true,
     "4 " FINANCIAL, "3 4 7 11 41 42"},
    {POS_KIND_REVERSAL, "reversal", POS_LINK_HOST, 0x0400, 0, NULL, true, true, false,
     "4 39 90 " FINANCIAL, "3 4 7 11 37 41 42"},
    {POS_KIND_REVERSAL_ADVICE, "reversal-advice", POS_LINK_HOST, 0x0420, 0, NULL, true, true, false,
     "4 39 90 " FINANCIAL, "3 4 7 11 37 41 42"},
    {POS_KIND_SETTLEMENT, "settlement", POS_LINK_HOST, 0x0500, 0, NULL, true, true, false,
     "11 41 42", "7 11 41 42"},
    {POS_KIND_BATCH_UPLOAD, "batch-upload", POS_LINK_HOST, 0x0320, 0, NULL, true, true, false,
     "11 41 42", "7 11 41 42"},
    {POS_KIND_LOAD, "load", POS_LINK_MOTHER, 0x0800, 921, NULL, false, false, false, "11 62 70",
     "11 70"},
    {POS_KIND_LOAD_STATUS, "load-status", POS_LINK_MOTHER, 0x0800, 922, NULL, false, false, false,
     "11 70", "11 70"},
    {POS_KIND_KEY_REQUEST, "key-request", POS_LINK_MOTHER, 0x0800, 911, NULL, false, false, false,
     "11 62 63 70", "11 70"},
    {POS_KIND_KEY_CONFIRM, "key-confirm", POS_LINK_MOTHER, 0x0800, 912, NULL, true, true, false,
     "11 70", "11 70"},
};

enum { LIST_COUNT = sizeof list / sizeof list[0] };

static void read_set(const char *text, uint64_t set[2])
{
    set[0] = set[1] = 0;
    for (char *rest; *text != '\0'; text = rest + strspn(rest, " "))
        pos_field_set_add(set, (unsigned)strtol(text, &rest, 10));
}

Test(message, rules_are_those_of_the_independent_list)
{
    cr_assert_eq(LIST_COUNT, POS_KIND_COUNT);
    for (size_t i = 0; i < LIST_COUNT; i++) {
        const struct pos_kind_rule *rule = pos_kind_rule(list[i].kind);
        uint64_t required[2], echoed[2];
        read_set(list[i].required, required);
        read_set(list[i].echoed, echoed);
        cr_expect_eq(list[i].kind, i);
        cr_expect_eq(rule->kind, list[i].kind, "%s", list[i].name);
        cr_expect_str_eq(rule->name, list[i].name);
        cr_expect_eq(rule->link, list[i].link, "%s", list[i].name);
        cr_expect_eq(rule->mti, list[i].mti, "%s", list[i].name);
        cr_expect_eq(rule->network_code, list[i].code, "%s", list[i].name);
        cr_expect(rule->smn == list[i].smn && rule->mac == list[i].mac &&
                      rule->card == list[i].card,
                  "%s", list[i].name);
        cr_expect(list[i].processing == NULL ? rule->processing == NULL
                                             : strcmp(rule->processing, list[i].processing) == 0,
                  "%s", list[i].name);
        cr_expect_arr_eq(rule->required, required, sizeof required, "%s", list[i].name);
        cr_expect_arr_eq(rule->echoed, echoed, sizeof echoed, "%s", list[i].name);
    }
}

/* A value for each field a request may have to carry. */
static const char *value_of(unsigned field, size_t row)
{
    static char code[4];
    switch (field) {
    case 2:
        return "4111111111111111";
    case 3:
        return list[row].processing == NULL ? "030000" : list[row].processing;
    case 4:
        return "000000001234";
    case 7:
        return "1123090000";
    case 11:
        return "000042";
    case 22:
        return "051";
    case 25:
        return "00";
    case 37:
        return "632709000001";
    case 39:
        return "68";
    case 41:
        return "10000159";
    case 42:
        return "880210010210160";
    case 49:
        return "156";
    case 60:
        (void)snprintf(code, sizeof code, "%03u", list[row].code);
        return code;
    case 62:
        return "123L013K00000278";
    case 63:
        return "00112233";
    case 70:
        (void)snprintf(code, sizeof code, "%03u", list[row].code);
        return code;
    default:
        return "020000004111230900000000000000000000000000"; /* 90 */
    }
}

/* A request of list row `row` without field `left_out` (0: whole), with field 37 besides. */
static struct message_bytes request(size_t row, unsigned left_out)
{
    struct plain values[16];
    size_t count = 0;
    uint64_t set[2];
    read_set(list[row].required, set);
    if (list[row].smn)
        pos_field_set_add(set, 62);
    if (list[row].card)
        pos_field_set_add(set, 2);
    if (list[row].link == POS_LINK_HOST)
        pos_field_set_add(set, 37);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++)
        if (field != left_out && pos_field_set_has(set, field))
            values[count++] = (struct plain){field, value_of(field, row)};
    values[count].field = 0;
    return build(&pos_dialect_iso87b, (uint16_t)list[row].mti, values, list[row].mac);
}

static void decode(const struct pos_dialect *dialect, const struct message_bytes *bytes,
                   struct pos_message *message)
{
    struct pos_decode_error error;
    cr_assert_eq(pos_iso8583_decode(dialect, view_of(bytes), message, &error), POS_OK,
                 "field %u at %u: %s", error.field, error.offset,
                 pos_decode_reason_text(error.reason));
}

Test(message, classify_tells_every_kind)
{
    for (size_t i = 0; i < LIST_COUNT; i++) {
        struct message_bytes bytes = request(i, 0);
        struct pos_message message;
        const struct pos_kind_rule *rule;
        unsigned missing;
        decode(&pos_dialect_iso87b, &bytes, &message);
        cr_expect_eq(pos_message_classify(&message, &rule, &missing), POS_OK, "%s misses %u",
                     list[i].name, missing);
        cr_expect_str_eq(rule->name, list[i].name);
    }
}

Test(message, classify_names_each_field_that_is_missing)
{
    for (size_t i = 0; i < LIST_COUNT; i++) {
        uint64_t required[2];
        read_set(list[i].required, required);
        if (list[i].card)
            pos_field_set_add(required, 2);
        for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
            if (!pos_field_set_has(required, field))
                continue;
            struct message_bytes bytes = request(i, field);
            struct pos_message message;
            const struct pos_kind_rule *rule;
            unsigned missing;
            decode(&pos_dialect_iso87b, &bytes, &message);
            cr_expect_eq(pos_message_classify(&message, &rule, &missing), POS_ERR_FORMAT,
                         "%s without %u", list[i].name, field);
            cr_expect_eq(missing, field, "%s without %u: %u", list[i].name, field, missing);
            cr_expect_eq(rule->mti, list[i].mti, "%s without %u", list[i].name, field);
        }
    }
}

Test(message, track_two_does_for_the_card_number)
{
    static const struct plain values[] = {{3, "000000"},
                                          {4, "000000001234"},
                                          {7, "1123090000"},
                                          {11, "000001"},
                                          {22, "021"},
                                          {25, "00"},
                                          {35, "4111111111111111=3012101"},
                                          {41, "10000159"},
                                          {42, "880210010210160"},
                                          {49, "156"},
                                          {0, NULL}};
    struct message_bytes bytes = build(&pos_dialect_iso87b, 0x0200, values, true);
    struct pos_message message;
    const struct pos_kind_rule *rule;
    unsigned missing;
    decode(&pos_dialect_iso87b, &bytes, &message);
    cr_expect_eq(pos_message_classify(&message, &rule, &missing), POS_OK, "misses %u", missing);
}

Test(message, classify_knows_what_is_no_request)
{
    static const struct {
        unsigned mti;
        struct plain value;
    } rows[] = {
        {0x0800, {70, "903"}},    {0x0800, {70, "000"}},    {0x0800, {70, "999"}},
        {0x0810, {70, "001"}},    {0x0820, {70, "301"}},    {0x0200, {3, "010000"}},
        {0x0220, {3, "310000"}},  {0x0210, {3, "000000"}},  {0x0600, {3, "000000"}},
        {0x0000, {11, "000001"}}, {0x9999, {11, "000001"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct plain values[] = {rows[i].value, {0, NULL}};
        struct message_bytes bytes =
            build(&pos_dialect_iso87b, (uint16_t)rows[i].mti, values, false);
        struct pos_message message;
        const struct pos_kind_rule *rule = pos_kind_rule(POS_KIND_ECHO);
        unsigned missing;
        decode(&pos_dialect_iso87b, &bytes, &message);
        cr_expect_eq(pos_message_classify(&message, &rule, &missing), POS_ERR_NOT_FOUND, "row %zu",
                     i);
        cr_expect_null(rule, "row %zu", i);
    }
}

Test(message, another_dialect_names_network_messages_its_own_way)
{
    static const struct {
        unsigned mti;
        const char *field60;
        enum pos_status status;
        enum pos_kind kind;
    } rows[] = {
        {0x0800, "00000001001", POS_OK, POS_KIND_SIGN_ON},
        {0x0800, "00000001003", POS_OK, POS_KIND_SIGN_ON},
        {0x0800, "00000001004", POS_OK, POS_KIND_SIGN_ON},
        {0x0820, "00000001002", POS_OK, POS_KIND_SIGN_OFF},
        {0x0820, "00000001301", POS_OK, POS_KIND_ECHO},
        {0x0800, "00000001901", POS_OK, POS_KIND_REGISTER},
        {0x0800, "0000000190212", POS_OK, POS_KIND_AUTHENTICATE},
        {0x0800, "00000001002", POS_ERR_NOT_FOUND, POS_KIND_COUNT},
        {0x0820, "00000001001", POS_ERR_NOT_FOUND, POS_KIND_COUNT},
        {0x0800, "0000000190", POS_ERR_NOT_FOUND, POS_KIND_COUNT},
        {0x0820, NULL, POS_ERR_FORMAT, POS_KIND_COUNT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct plain values[] = {{11, "000001"}, {41, "10000159"}, {0, NULL}, {0, NULL}};
        if (rows[i].field60 != NULL)
            values[2] = (struct plain){60, rows[i].field60};
        struct message_bytes bytes = build(dialect(CUP), (uint16_t)rows[i].mti, values, false);
        struct pos_message message;
        const struct pos_kind_rule *rule;
        unsigned missing;
        decode(dialect(CUP), &bytes, &message);
        cr_expect_eq(pos_message_classify(&message, &rule, &missing), rows[i].status, "row %zu", i);
        if (rows[i].status == POS_OK)
            cr_expect_eq(rule->kind, rows[i].kind, "row %zu: %s", i, rule->name);
        if (rows[i].status == POS_ERR_FORMAT)
            cr_expect_eq(missing, 60);
    }
}

static json_t *vector(const char *file, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/vectors/%s", POSGATE_SOURCE_DIR, file);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    cr_assert_not_null(root, "%s: %s", path, error.text);
    json_t *found = json_incref(json_object_get(root, name));
    json_decref(root);
    cr_assert_not_null(found, "%s", name);
    return found;
}

/* The whole frame built anew from the message's values, to its last byte. */
static void expect_frame_again(const struct pos_frame *frame, const struct pos_message *message,
                               bool reply, struct pos_bytes expected)
{
    struct message_bytes again;
    struct pos_decode_error error;
    uint8_t memory[256];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    size_t start = pos_frame_begin(dialect(CUP), frame, reply, &out);
    cr_assert_eq(encode_again(message, false, &again, &error), POS_OK);
    pos_buffer_put(&out, view_of(&again));
    cr_assert_eq(pos_frame_end(&out, start), POS_OK);
    cr_expect(pos_bytes_equal(pos_buffer_view(&out), expected), "the frame is written the same");
}

Test(message, a_captured_sign_on_decodes_to_its_last_byte)
{
    json_t *known = vector("unionpay.json", "sign_on_request_frame");
    struct message_bytes bytes = from_hex(json_string_value(json_object_get(known, "frame")));
    struct pos_frame frame;
    size_t consumed;
    const char *reason;
    cr_assert_eq(pos_frame_next(dialect(CUP), view_of(&bytes), &frame, &consumed, &reason),
                 POS_FRAME_READY);
    cr_expect_eq(consumed, bytes.size);
    char hex[32];
    pos_hex_encode(frame.tpdu, hex);
    cr_expect_str_eq(hex, json_string_value(json_object_get(known, "tpdu")));
    pos_hex_encode(frame.header, hex);
    cr_expect_str_eq(hex, json_string_value(json_object_get(known, "header")));
    struct pos_message message;
    struct pos_decode_error error;
    cr_assert_eq(pos_iso8583_decode(dialect(CUP), frame.message, &message, &error), POS_OK,
                 "field %u at %u", error.field, error.offset);
    const char *field;
    json_t *expected;
    uint64_t all[2] = {0, 0};
    json_object_foreach(json_object_get(known, "fields"), field, expected)
    {
        char text[128];
        pos_field_set_add(all, (unsigned)atoi(field));
        struct pos_bytes value =
            pos_message_value(&message, (unsigned)atoi(field), text, sizeof text);
        cr_expect(pos_bytes_equal_text(value, json_string_value(expected)), "field %s: %.*s", field,
                  (int)value.size, text);
    }
    pos_field_set_add(all, 11);
    cr_expect_arr_eq(message.present, all, sizeof all, "these fields and no other");
    const struct pos_kind_rule *rule;
    unsigned missing;
    cr_expect_eq(pos_message_classify(&message, &rule, &missing), POS_OK);
    cr_expect_eq(rule->kind, POS_KIND_SIGN_ON);
    expect_frame_again(&frame, &message, false, view_of(&bytes));
    /* Back the same way: 60 and its own address, then the sender's; 0501 was the destination. */
    struct message_bytes reply = bytes;
    static const uint8_t swapped[] = {0x60, 0x00, 0x00, 0x05, 0x01};
    memcpy(reply.data + 2, swapped, sizeof swapped);
    expect_frame_again(&frame, &message, true, view_of(&reply));
    json_decref(known);
}

Test(message, smn_is_read_in_both_forms_and_no_other)
{
    static const struct {
        const char *field62;
        const char *smn; /* NULL: refused */
    } rows[] = {
        {"123L013K00000278", "123L013K00000278"},
        {"Sequence No16123L013K00000278", "123L013K00000278"},
        {"123L013K00000000", "123L013K00000000"},
        {"123L013K99999999", "123L013K99999999"},
        {"", NULL},
        {"123L013K0000027", NULL},
        {"123L013K000002788", NULL},
        {"123l013K00000278", NULL},
        {"123L013 00000278", NULL},
        {"123L013K0000027A", NULL},
        {"Sequence No16", NULL},
        {"Sequence No15123L013K00000278", NULL},
        {"sequence No16123L013K00000278", NULL},
        {"Sequence No16123L013K0000027", NULL},
        {"Sequence No16123L013K000002788", NULL},
        {"Sequence No163150SXX-4C304191", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct plain values[] = {{62, rows[i].field62}, {0, NULL}};
        struct message_bytes bytes = build(&pos_dialect_iso87b, 0x0800, values, false);
        struct pos_message message;
        struct pos_smn smn;
        decode(&pos_dialect_iso87b, &bytes, &message);
        enum pos_status status = pos_message_smn(&message, &smn);
        cr_expect_eq(status, rows[i].smn == NULL ? POS_ERR_FORMAT : POS_OK, "'%s'",
                     rows[i].field62);
        if (status == POS_OK)
            cr_expect_str_eq(smn.text, rows[i].smn);
    }
    struct message_bytes none = build(&pos_dialect_iso87b, 0x0800, (struct plain[]){{0, NULL}}, 0);
    struct pos_message message;
    struct pos_smn smn;
    decode(&pos_dialect_iso87b, &none, &message);
    cr_expect_eq(pos_message_smn(&message, &smn), POS_ERR_FORMAT, "no field 62");
}

Test(message, third_digit_tells_a_request)
{
    static const struct {
        unsigned mti;
        bool request;
    } rows[] = {{0x0800, true},  {0x0820, true},  {0x0200, true},  {0x0400, true},  {0x0420, true},
                {0x0810, false}, {0x0210, false}, {0x0430, false}, {0x0990, false}, {0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(pos_mti_is_request((uint16_t)rows[i].mti), rows[i].request, "%04X",
                     rows[i].mti);
}

static const struct pos_reply_times times = {"090001", "1123"};

/* Encodes a reply and reads it again. */
static void read_reply(const struct pos_draft *reply, const struct pos_dialect *dialect,
                       struct message_bytes *bytes, struct pos_message *message)
{
    struct pos_buffer out = pos_buffer(bytes->data, sizeof bytes->data);
    struct pos_encoded encoded;
    struct pos_decode_error error;
    cr_assert_eq(pos_iso8583_encode(dialect, reply, &out, &encoded, &error), POS_OK, "field %u",
                 error.field);
    bytes->size = out.size;
    decode(dialect, bytes, message);
}

static void expect_field(const struct pos_message *message, unsigned field, const char *expected)
{
    char text[64];
    struct pos_bytes value = pos_message_value(message, field, text, sizeof text);
    cr_expect(pos_bytes_equal_text(value, expected), "field %u: %.*s", field, (int)value.size,
              text);
}

Test(message, a_reply_repeats_what_the_table_says_and_nothing_else)
{
    for (size_t i = 0; i < LIST_COUNT; i++) {
        struct message_bytes bytes = request(i, 0), again;
        struct pos_message message, got;
        struct pos_draft reply;
        decode(&pos_dialect_iso87b, &bytes, &message);
        pos_reply_init(&reply, &message, pos_kind_rule(list[i].kind), POS_RESPONSE_APPROVED,
                       &times);
        read_reply(&reply, &pos_dialect_iso87b, &again, &got);
        uint64_t expected[2], echoed[2];
        read_set("12 13 39", expected);
        read_set(list[i].echoed, echoed);
        for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
            if (!pos_field_set_has(echoed, field) || !pos_message_has(&message, field))
                continue;
            pos_field_set_add(expected, field);
            cr_expect(
                pos_bytes_equal(pos_message_raw(&got, field), pos_message_raw(&message, field)),
                "%s field %u", list[i].name, field);
        }
        cr_expect_arr_eq(got.present, expected, sizeof expected, "%s", list[i].name);
        cr_expect_eq(got.mti, list[i].mti + 0x10, "%s", list[i].name);
        expect_field(&got, 12, "090001");
        expect_field(&got, 13, "1123");
        expect_field(&got, 39, "00");
    }
}

Test(message, a_30_carries_what_came_before_the_error)
{
    /* 0800 with 7, 11, 41, 62, 70; 62 is cut. 41 could be read, 70 could not. */
    static const struct plain values[] = {{7, "1123090000"}, {11, "000001"},
                                          {41, "10000159"},  {62, "123L013K00000278"},
                                          {70, "901"},       {0, NULL}};
    struct message_bytes bytes = build(&pos_dialect_iso87b, 0x0800, values, false), again;
    struct pos_message message, got;
    struct pos_decode_error error;
    struct pos_draft reply;
    bytes.size -= 4;
    cr_assert_eq(pos_iso8583_decode(&pos_dialect_iso87b, view_of(&bytes), &message, &error),
                 POS_ERR_FORMAT);
    cr_assert_eq(error.field, 62);
    pos_reply_init(&reply, &message, NULL, POS_RESPONSE_FORMAT, NULL);
    read_reply(&reply, &pos_dialect_iso87b, &again, &got);
    uint64_t expected[2];
    read_set("11 39 41", expected);
    cr_expect_arr_eq(got.present, expected, sizeof expected);
    cr_expect_eq(got.mti, 0x0810);
    expect_field(&got, 39, "30");
    expect_field(&got, 11, "000001");
}

Test(message, a_30_for_a_known_kind_has_no_more_than_any_30)
{
    struct message_bytes bytes = request(POS_KIND_SALE, 49), again;
    struct pos_message message, got;
    struct pos_draft reply;
    decode(&pos_dialect_iso87b, &bytes, &message);
    pos_reply_init(&reply, &message, pos_kind_rule(POS_KIND_SALE), POS_RESPONSE_FORMAT, &times);
    read_reply(&reply, &pos_dialect_iso87b, &again, &got);
    uint64_t expected[2];
    read_set("11 39 41", expected);
    cr_expect_arr_eq(got.present, expected, sizeof expected);
}

Test(message, a_40_names_the_code_it_does_not_know)
{
    static const struct plain values[] = {
        {7, "1123090000"}, {11, "000001"}, {41, "10000159"}, {70, "903"}, {0, NULL}};
    struct message_bytes bytes = build(&pos_dialect_iso87b, 0x0800, values, false), again;
    struct pos_message message, got;
    struct pos_draft reply;
    decode(&pos_dialect_iso87b, &bytes, &message);
    pos_reply_init(&reply, &message, NULL, POS_RESPONSE_NOT_SUPPORTED, &times);
    read_reply(&reply, &pos_dialect_iso87b, &again, &got);
    uint64_t expected[2];
    read_set("11 12 13 39 41 70", expected);
    cr_expect_arr_eq(got.present, expected, sizeof expected);
    expect_field(&got, 39, "40");
    expect_field(&got, 70, "903");
}

Test(message, a_reply_repeats_the_network_code_where_the_dialect_has_it)
{
    static const struct plain values[] = {
        {11, "000001"}, {41, "10000159"}, {60, "00000001003"}, {0, NULL}};
    struct message_bytes bytes = build(dialect(CUP), 0x0800, values, false), again;
    struct pos_message message, got;
    struct pos_draft reply;
    decode(dialect(CUP), &bytes, &message);
    pos_reply_init(&reply, &message, pos_kind_rule(POS_KIND_SIGN_ON), POS_RESPONSE_APPROVED,
                   &times);
    read_reply(&reply, dialect(CUP), &again, &got);
    expect_field(&got, 60, "00000001003");
    cr_expect_not(pos_message_has(&got, 70));
}
