/*
 * PINs from the terminal's field to the host's: which formats pass under which keys, that
 * everything wrong is one refusal, that nobody gets to try without end, and that neither block nor
 * card number goes anywhere else.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/log.h"
#include "tests/gateway/world.h"

enum { T2 = 2, T2_40 = 3, T2_24 = 4, T3 = 5, A128 = 7, SM4 = 8 }; /* keys of the world */

static const struct pos_policy strict = {
    .dialect = &pos_dialect_iso87b, .proof_to_register = true, .mac_required = true};
static const struct pos_pin pin = {.size = 6, .digits = {'1', '2', '3', '4', '5', '6'}};

static struct world *world;
static struct pos_terminal terminal;
static uint8_t zpk[POS_KEY_SIZE_MAX];

static void admit(const struct pos_policy *policy, size_t key)
{
    world_renew(world, policy, 64);
    world_terminal(world, key, "123L013K", &terminal);
    world_admit(world, &terminal);
}

static void start(void)
{
    pos_log_set_level(POS_LOG_ERROR);
    world = world_create(&strict, 64);
}

static void stop(void)
{
    cr_expect_eq(pos_session_pending(world->session), 0);
    world_destroy(world);
}

TestSuite(pin, .init = start, .fini = stop);

static uint64_t refusals(enum pos_refusal refusal)
{
    return pos_counter_read(&world->counters.refusals[refusal]);
}

static struct pos_sale sale_with(enum pos_pin_format format)
{
    struct pos_sale sale = world_sale;
    sale.pin = &pin;
    sale.pin_format = format;
    return sale;
}

static void sell(const struct pos_sale *sale, const char *code, const char *what)
{
    struct pos_verdict verdict;
    world->host_message_size = 0;
    world_sell(world, &terminal, sale, &verdict);
    cr_expect_str_eq(verdict.code, code, "%s: %s", what, verdict.explanation);
    cr_expect_eq(world->host_message_size > 0, strcmp(code, "00") == 0,
                 "%s: the host gets what is approved and nothing else", what);
}

/* ---- what the host got ---- */

static struct pos_message host_message(void)
{
    struct pos_message message;
    struct pos_decode_error error;
    cr_assert_eq(pos_iso8583_decode(&pos_dialect_iso87b,
                                    pos_bytes(world->host_message, world->host_message_size),
                                    &message, &error),
                 POS_OK);
    return message;
}

/* The block in field 52 or behind the tag. */
static struct pos_bytes host_block(const struct pos_message *message, uint8_t *block)
{
    char tags[999];
    struct pos_bytes value = pos_message_value(message, 52, block, 8);
    if (value.size > 0)
        return value;
    value = pos_message_value(message, 59, tags, sizeof tags);
    cr_assert(value.size >= 37 && memcmp(value.data + value.size - 37, "A1032", 5) == 0);
    cr_assert_eq(
        pos_hex_decode(pos_bytes(value.data + value.size - 32, 32), block, POS_PIN_BLOCK_SIZE_MAX),
        POS_OK);
    return pos_bytes(block, POS_PIN_BLOCK_SIZE_MAX);
}

static void expect_at_host(enum pos_algorithm algorithm, enum pos_pin_format format,
                           const char *what)
{
    uint8_t block[POS_PIN_BLOCK_SIZE_MAX];
    char security[16], expected[17];
    struct pos_pin found;
    struct pos_message message = host_message();
    struct pos_bytes view = host_block(&message, block);
    cr_expect_eq(
        pos_pin_block_open(format, algorithm, zpk, pos_bytes_text(world_sale.pan), view, &found),
        POS_OK, "%s", what);
    cr_expect(found.size == pin.size && memcmp(found.digits, pin.digits, pin.size) == 0, "%s",
              what);
    cr_expect_eq(pos_message_has(&message, 52), format != POS_PIN_FORMAT_4, "%s", what);
    struct pos_bytes value = pos_message_value(&message, 53, security, sizeof security);
    (void)snprintf(expected, sizeof expected, "%02d%014d", (int)format, 0);
    cr_expect(pos_bytes_equal_text(value, expected), "%s: field 53", what);
}

/* ---- what passes ---- */

Test(pin, each_format_passes_under_the_keys_it_is_for)
{
    static const struct {
        const char *what;
        size_t key;
        enum pos_pin_format from;
        enum pos_algorithm zpk;
        enum pos_pin_format to;
    } rows[] = {
        {"0 to 0", T2, POS_PIN_FORMAT_0, POS_ALGORITHM_T2, POS_PIN_FORMAT_0},
        {"0 to 3", T2, POS_PIN_FORMAT_0, POS_ALGORITHM_T3, POS_PIN_FORMAT_3},
        {"0 to 4", T2, POS_PIN_FORMAT_0, POS_ALGORITHM_A128, POS_PIN_FORMAT_4},
        {"1 to 0", T2_40, POS_PIN_FORMAT_1, POS_ALGORITHM_T2, POS_PIN_FORMAT_0},
        {"1 to 3", T3, POS_PIN_FORMAT_1, POS_ALGORITHM_T2, POS_PIN_FORMAT_3},
        {"1 to 4", T3, POS_PIN_FORMAT_1, POS_ALGORITHM_A256, POS_PIN_FORMAT_4},
        {"3 to 0", T3, POS_PIN_FORMAT_3, POS_ALGORITHM_T3, POS_PIN_FORMAT_0},
        {"3 to 3", T2_24, POS_PIN_FORMAT_3, POS_ALGORITHM_T2, POS_PIN_FORMAT_3},
        {"3 to 4", T2, POS_PIN_FORMAT_3, POS_ALGORITHM_A256, POS_PIN_FORMAT_4},
        {"4 to 0", 0, POS_PIN_FORMAT_4, POS_ALGORITHM_T2, POS_PIN_FORMAT_0},
        {"4 to 3", A128, POS_PIN_FORMAT_4, POS_ALGORITHM_T2, POS_PIN_FORMAT_3},
        {"4 to 4", 0, POS_PIN_FORMAT_4, POS_ALGORITHM_A256, POS_PIN_FORMAT_4},
        {"4 under SM4", SM4, POS_PIN_FORMAT_4, POS_ALGORITHM_T2, POS_PIN_FORMAT_0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        admit(&strict, rows[i].key);
        world_share_pin_key(world, rows[i].zpk, rows[i].to, zpk);
        const struct pos_sale sale = sale_with(rows[i].from);
        sell(&sale, "00", rows[i].what);
        expect_at_host(rows[i].zpk, rows[i].to, rows[i].what);
        pos_terminal_fini(&terminal);
    }
}

Test(pin, the_pending_pairs_key_is_used_when_its_MAC_verified)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    const struct pos_sale sale = sale_with(POS_PIN_FORMAT_0);
    struct pos_verdict verdict;
    sell(&sale, "00", "the current pair");
    uint8_t old_tpk[POS_KEY_SIZE_MAX], old_tak[POS_KEY_SIZE_MAX];
    memcpy(old_tpk, terminal.tpk, sizeof old_tpk);
    memcpy(old_tak, terminal.tak, sizeof old_tak);
    world_exchange(world, &terminal, POS_KIND_SIGN_ON, &verdict);
    uint8_t new_tpk[POS_KEY_SIZE_MAX], new_tak[POS_KEY_SIZE_MAX];
    memcpy(new_tpk, terminal.tpk, sizeof new_tpk);
    memcpy(new_tak, terminal.tak, sizeof new_tak);
    memcpy(terminal.tpk, old_tpk, sizeof old_tpk);
    memcpy(terminal.tak, old_tak, sizeof old_tak);
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    sell(&sale, "00", "still the current pair");
    expect_at_host(POS_ALGORITHM_T2, POS_PIN_FORMAT_0, "still the current pair");
    memcpy(terminal.tpk, new_tpk, sizeof new_tpk);
    sell(&sale, "99", "the pending TPK with a MAC under the current TAK");
    memcpy(terminal.tak, new_tak, sizeof new_tak);
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    world->promotes_nothing = true; /* it stays pending while the PIN is on its way */
    sell(&sale, "00", "the pending pair");
    expect_at_host(POS_ALGORITHM_T2, POS_PIN_FORMAT_0, "the pending pair");
    world->promotes_nothing = false;
    sell(&sale, "00", "the same pair, promoted");
    expect_at_host(POS_ALGORITHM_T2, POS_PIN_FORMAT_0, "the same pair, promoted");
    pos_terminal_fini(&terminal);
}

/* ---- what does not ---- */

struct field {
    unsigned number;
    const char *value; /* 8 bytes for field 52, else text; "": the field is left out */
};

static struct pos_bytes value_of(const struct field *field)
{
    if (field->number == 62)
        return pos_bytes(terminal.smn.text, POS_SMN_SIZE);
    return field->number == 52 ? pos_bytes(field->value, 8) : pos_bytes_text(field->value);
}

/* A sale of plain fields with a good MAC; what stands there twice is there as it stands last. */
static void send(const struct field *fields, const char *code, const char *what)
{
    static const struct field common[] = {
        {3, "000000"}, {4, "000000001234"}, {7, "1123090000"},       {11, "000001"},
        {22, "021"},   {25, "00"},          {41, "TERM0001"},        {42, "MERCHANT0000001"},
        {49, "156"},   {62, NULL},          {2, "6225880000000001"}, {0, NULL}};
    static uint8_t memory[POS_FRAME_BODY_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    char found[3] = "";
    pos_draft_init(&draft, 0x0200);
    for (const struct field *field = common; field->number != 0; field++)
        pos_draft_set(&draft, field->number, value_of(field));
    for (; fields->number != 0; fields++) {
        pos_draft_set(&draft, fields->number, value_of(fields));
        if (fields->number != 52 && fields->value[0] == '\0')
            draft.present[0] &= ~((uint64_t)1 << (fields->number - 1));
    }
    pos_draft_reserve_mac(&draft);
    cr_assert_eq(pos_iso8583_encode(world->policy.dialect, &draft, &out, &encoded, &error), POS_OK,
                 "%s: field %u", what, error.field);
    world->host_message_size = 0;
    (void)world_send_message(world, encoded.bytes, &world_row(world, &terminal.smn)->hot.tak[0],
                             POS_MAC_WORKING);
    world_settle(world);
    if (world_waits_for(world, WORLD_HOST))
        world_host_answers(world, "00");
    struct pos_frame frame;
    struct pos_message reply;
    size_t consumed;
    const char *reason;
    cr_assert_eq(pos_frame_next(world->policy.dialect, world->replies[world->reply_count - 1],
                                &frame, &consumed, &reason),
                 POS_FRAME_READY);
    cr_assert_eq(pos_iso8583_decode(world->policy.dialect, frame.message, &reply, &error), POS_OK);
    (void)pos_message_value(&reply, 39, found, 2);
    cr_expect_str_eq(found, code, "%s", what);
    cr_expect_eq(world->host_message_size > 0, strcmp(code, "00") == 0, "%s", what);
}

/* A good block of this terminal under its TPK. */
static const char *good_block(enum pos_pin_format format)
{
    static uint8_t block[POS_PIN_BLOCK_SIZE_MAX];
    cr_assert_eq(pos_pin_block_make(format, pos_algorithm_working(terminal.algorithm), terminal.tpk,
                                    pos_bytes_text("6225880000000001"), &pin, block),
                 POS_OK);
    return (const char *)block;
}

static const char *good_tag(void)
{
    static char tag[64];
    char digits[33];
    pos_hex_encode(pos_bytes(good_block(POS_PIN_FORMAT_4), 16), digits);
    (void)snprintf(tag, sizeof tag, "A1032%s", digits);
    return tag;
}

static void no_limit(void)
{
    pos_pin_limit_destroy(world->pin_limit);
    cr_assert_eq(pos_pin_limit_create(0, &world->pin_limit), POS_OK);
    world_limit(world, 0, 0);
}

Test(pin, field_53_says_what_field_52_is)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    no_limit();
    static const struct {
        const char *security; /* NULL: none */
        enum pos_pin_format format;
        const char *code;
    } rows[] = {
        {"0100000000000000", POS_PIN_FORMAT_1, "00"},
        {"0300000000000000", POS_PIN_FORMAT_3, "00"},
        {"0399999999999999", POS_PIN_FORMAT_3, "00"},
        {"0100000000000000", POS_PIN_FORMAT_3, "99"},
        {"0300000000000000", POS_PIN_FORMAT_1, "99"},
        {"0200000000000000", POS_PIN_FORMAT_1, "99"},
        {"0400000000000000", POS_PIN_FORMAT_3, "99"},
        {"1300000000000000", POS_PIN_FORMAT_3, "99"},
        {"3000000000000000", POS_PIN_FORMAT_3, "99"},
        {"9900000000000000", POS_PIN_FORMAT_3, "99"},
        {NULL, POS_PIN_FORMAT_3, "99"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct field fields[] = {{52, good_block(rows[i].format)},
                                       {rows[i].security == NULL ? 0 : 53, rows[i].security},
                                       {0, NULL}};
        send(fields, rows[i].code, rows[i].security == NULL ? "none" : rows[i].security);
        if (strcmp(rows[i].code, "00") == 0)
            expect_at_host(POS_ALGORITHM_T2, POS_PIN_FORMAT_0, rows[i].security);
    }
    pos_terminal_fini(&terminal);
}

Test(pin, in_cup_field_53_means_what_UnionPay_means)
{
    const struct pos_policy cup = {
        .dialect = &pos_dialect_cup, .proof_to_register = true, .mac_required = true};
    admit(&cup, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    no_limit();
    const struct pos_sale sale = sale_with(POS_PIN_FORMAT_0);
    sell(&sale, "00", "26: with the card number");
    expect_at_host(POS_ALGORITHM_T2, POS_PIN_FORMAT_0, "26");
    static const struct {
        const char *security;
        const char *code;
    } rows[] = {{"1600000000000000", "00"}, {"1000000000000000", "00"}, {"2600000000000000", "99"},
                {"0600000000000000", "99"}, {"0100000000000000", "99"}, {"3600000000000000", "99"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct field fields[] = {
            {52, good_block(POS_PIN_FORMAT_1)}, {53, rows[i].security}, {0, NULL}};
        send(fields, rows[i].code, rows[i].security);
    }
    pos_terminal_fini(&terminal);
}

Test(pin, a_block_stands_in_one_place_and_suits_its_key)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    no_limit();
    const char *eight = good_block(POS_PIN_FORMAT_3);
    const struct field both[] = {{52, eight}, {53, "0300000000000000"}, {59, "A1002yy"}, {0, NULL}};
    send(both, "99", "field 52 and a tag");
    char sixteen[64];
    (void)snprintf(sixteen, sizeof sixteen, "A1032%032d", 7);
    const struct field tag[] = {{59, sixteen}, {0, NULL}};
    send(tag, "99", "sixteen bytes under TDES");
    pos_terminal_fini(&terminal);

    admit(&strict, 0);
    world_share_pin_key(world, POS_ALGORITHM_A256, POS_PIN_FORMAT_4, zpk);
    no_limit();
    const struct field fields[] = {{52, "12345678"}, {0, NULL}};
    send(fields, "99", "eight bytes under AES");
    char text[256];
    static const struct {
        const char *before, *behind, *code;
    } rows[] = {
        {"", "", "00"},      {"B2002xx", "", "00"}, {"", "B2002xx", "00"},
        {"", "A1000", "99"}, {"A1032", "", "99"},   {"B2002x", "", "00"},
        {"", "B2", "00"},    {"", "B29", "00"},     {"A1002yy", "", "99"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(text, sizeof text, "%s%s%s", rows[i].before, good_tag(), rows[i].behind);
        if (strcmp(rows[i].before, "B2002x") == 0)
            (void)snprintf(text, sizeof text, "%sz", rows[i].before);
        const struct field line[] = {{59, text}, {0, NULL}};
        send(line, rows[i].code, text);
    }
    (void)snprintf(text, sizeof text, "B2002xx%sC3001z", good_tag());
    const struct field line[] = {{59, text}, {0, NULL}};
    send(line, "00", "others go on");
    char got[999];
    struct pos_message message = host_message();
    struct pos_bytes tags = pos_message_value(&message, 59, got, sizeof got);
    cr_expect(tags.size == 7 + 6 + 37 && memcmp(got, "B2002xxC3001zA1032", 18) == 0);
    cr_expect_neq(memcmp(got + 18, good_tag() + 5, 32), 0, "not as it came");
    pos_terminal_fini(&terminal);
}

Test(pin, the_card_is_the_one_in_the_message)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    no_limit();
    static const struct {
        const char *pan, *track, *code;
    } rows[] = {
        {"6225880000000001", NULL, "00"},
        {"6225880000000001", "6225880000000001=3012", "00"},
        {"6225880000000001", "6225880000000002=3012", "99"},
        {"", "6225880000000001=3012", "00"},
        {"", "6225880000000001", "00"},
        {"", "6225880000000100=3012", "99"},
        {"", "=3012", "99"},
        {"", "62258800000000010000=3012", "99"},
        {"6225880000000001", "622588000000000=3012", "99"},
        {"6225880000000100", NULL, "99"},
        {"6225880000000100", "6225880000000001=3012", "99"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct field fields[] = {{2, rows[i].pan},
                                       {52, good_block(POS_PIN_FORMAT_0)},
                                       {rows[i].track == NULL ? 0 : 35, rows[i].track},
                                       {0, NULL}};
        send(fields, rows[i].code, rows[i].track == NULL ? rows[i].pan : rows[i].track);
    }
    pos_terminal_fini(&terminal);
}

Test(pin, the_host_is_told_in_its_own_words_what_its_block_is)
{
    static const struct {
        const struct pos_dialect *dialect;
        enum pos_algorithm zpk;
        enum pos_pin_format format;
        const char *security;
    } rows[] = {
        {&pos_dialect_cup, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, "2600000000000000"},
        {&pos_dialect_cup, POS_ALGORITHM_A128, POS_PIN_FORMAT_4, "2000000000000000"},
        {&pos_dialect_iso87a, POS_ALGORITHM_T2, POS_PIN_FORMAT_3, "0300000000000000"},
    };
    admit(&strict, T2);
    const struct pos_sale sale = sale_with(POS_PIN_FORMAT_0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char security[16];
        world_share_pin_key(world, rows[i].zpk, rows[i].format, zpk);
        world->link.dialect = rows[i].dialect;
        sell(&sale, "00", rows[i].security);
        struct pos_message message = host_message();
        struct pos_bytes value = pos_message_value(&message, 53, security, sizeof security);
        cr_expect(pos_bytes_equal_text(value, rows[i].security), "%s", rows[i].security);
    }
    pos_terminal_fini(&terminal);
}

Test(pin, a_pair_without_its_PIN_key_translates_nothing)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    struct pos_key *tpk = &world_row(world, &terminal.smn)->detail.tpk[0], kept = *tpk;
    const struct pos_sale sale = sale_with(POS_PIN_FORMAT_0);
    tpk->size = 0;
    sell(&sale, "99", "its key is gone");
    *tpk = kept;
    tpk->data[9] ^= 1;
    sell(&sale, "96", "its key is damaged");
    *tpk = kept;
    sell(&sale, "00", "its key is there");
    pos_terminal_fini(&terminal);
}

Test(pin, refusals_do_not_fill_the_log)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    no_limit();
    struct pos_sale sale = sale_with(POS_PIN_FORMAT_0);
    sale.damage_pin = true;
    uint32_t suppressed;
    struct pos_log_limit *limit = world_pin_log(world);
    for (int i = 0; i < 25; i++)
        sell(&sale, "99", "wrong");
    cr_expect_not(pos_log_allow(limit, 10, world->utc_ms, &suppressed), "this second is used up");
    cr_expect(pos_log_allow(limit, 10, world->utc_ms + 1000, &suppressed));
    cr_expect_eq(suppressed, 25 - 10 + 1, "and the next line says how many were left out");
    pos_terminal_fini(&terminal);
}

Test(pin, every_failure_is_the_same_to_whoever_asks)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    no_limit();
    struct pos_sale sales[3];
    for (size_t i = 0; i < 3; i++)
        sales[i] = sale_with(POS_PIN_FORMAT_0);
    sales[0].damage_pin = true;
    sales[1].pin_pan = "6225880000000019";
    size_t size = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i == 2)
            terminal.tpk[3] ^= 8;
        sell(&sales[i], "99", "wrong");
        struct pos_bytes reply = world->replies[world->reply_count - 1];
        cr_expect(i == 0 || reply.size == size, "of one length");
        size = reply.size;
    }
    cr_expect_eq(refusals(POS_REFUSAL_PIN), 3, "and of one reason");
    cr_expect_eq(world->records, 0 + 1, "the binding; PINs are not recorded one by one");
    pos_terminal_fini(&terminal);
}

/* ---- limits and faults ---- */

Test(pin, a_terminal_fails_so_often_in_an_hour_and_is_recorded_once)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    struct pos_sale good = sale_with(POS_PIN_FORMAT_0), bad = good;
    bad.damage_pin = true;
    sell(&good, "00", "before");
    unsigned records = world->records, commits = world->commits;
    for (int i = 0; i < WORLD_PIN_FAILURES; i++)
        sell(&bad, "99", "a failure");
    cr_expect_eq(world->records, records + 1, "the last of them");
    cr_expect_eq(world->commits, commits + 1);
    cr_expect_eq(refusals(POS_REFUSAL_PIN), WORLD_PIN_FAILURES);
    for (int i = 0; i < 10; i++)
        sell(i % 2 == 0 ? &good : &bad, "99", "no more, good or bad");
    cr_expect_eq(refusals(POS_REFUSAL_PIN_LIMIT), 10);
    cr_expect_eq(world->records, records + 1, "once an hour");
    struct pos_verdict verdict;
    world_exchange(world, &terminal, POS_KIND_SALE, &verdict);
    cr_expect_str_eq(verdict.code, "00", "without a PIN it goes on");
    world->utc_ms += 3600000;
    sell(&good, "00", "the next hour");
    pos_terminal_fini(&terminal);
}

Test(pin, without_a_proof_or_a_key_nothing_is_translated)
{
    admit(&strict, T2);
    struct pos_sale sale = sale_with(POS_PIN_FORMAT_0);
    sell(&sale, "99", "no link has a key");
    cr_expect_eq(refusals(POS_REFUSAL_PIN_OFF), 1);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    world->link_fails = POS_ERR_UNREACHABLE;
    sell(&sale, "91", "the link is down");
    world->link_fails = POS_OK;
    const struct pos_policy open_door = {.dialect = &pos_dialect_iso87b};
    world->policy = open_door;
    world_row(world, &terminal.smn)->hot.proved = false;
    terminal.mac = false;
    sell(&sale, "99", "no MAC");
    cr_expect_eq(world->jobs[POS_STRONG_PIN], 0, "the module was never asked");
    terminal.mac = true;
    sell(&sale, "00", "with one");
    pos_terminal_fini(&terminal);
}

Test(pin, what_is_not_the_terminals_fault_is_96_and_does_not_count)
{
    admit(&strict, T2);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    struct pos_sale sale = sale_with(POS_PIN_FORMAT_0);
    sell(&sale, "00", "before");
    for (int i = 0; i < 2 * WORLD_PIN_FAILURES; i++) {
        world->fetch_fails = i % 4 == 0 ? POS_ERR_BUSY : POS_OK;
        world->secure_fails = i % 4 == 1 ? POS_ERR_BUSY : POS_OK;
        world->job_fails = i % 4 == 2 ? POS_ERR_HSM : POS_OK;
        world->dossier_fails = i % 4 == 3 ? POS_ERR_DATABASE : POS_OK;
        sell(&sale, "96", "a fault of ours");
    }
    world->fetch_fails = world->secure_fails = world->job_fails = world->dossier_fails = POS_OK;
    sell(&sale, "00", "it is heard again");
    pos_terminal_fini(&terminal);
}
