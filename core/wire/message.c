#include "core/wire/message.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A field's bit in its half of a set. */
#define LOW(field)  ((uint64_t)1 << ((field)-1))
#define HIGH(field) ((uint64_t)1 << ((field)-65))

#define MANAGEMENT(id, words, code, has_smn, has_mac)                                              \
    [POS_KIND_##id] = {.kind = POS_KIND_##id,                                                      \
                       .name = (words),                                                            \
                       .link = POS_LINK_GATEWAY,                                                   \
                       .mti = 0x0800,                                                              \
                       .network_code = (code),                                                     \
                       .smn = (has_smn),                                                           \
                       .mac = (has_mac),                                                           \
                       .required = {LOW(11) | LOW(41), HIGH(70)},                                  \
                       .echoed = {LOW(7) | LOW(11) | LOW(41), HIGH(70)}}

#define AMOUNT LOW(4)
/* Field 3 and what every financial request has besides. */
#define FINANCIAL_REQUIRED                                                                         \
    (LOW(3) | LOW(7) | LOW(11) | LOW(22) | LOW(25) | LOW(41) | LOW(42) | LOW(49))
#define FINANCIAL_ECHOED (LOW(3) | LOW(7) | LOW(11) | LOW(41) | LOW(42))

#define FINANCIAL(id, words, type, code, amount)                                                   \
    [POS_KIND_##id] = {.kind = POS_KIND_##id,                                                      \
                       .name = (words),                                                            \
                       .link = POS_LINK_HOST,                                                      \
                       .mti = (type),                                                              \
                       .processing = (code),                                                       \
                       .smn = true,                                                                \
                       .mac = true,                                                                \
                       .card = true,                                                               \
                       .required = {FINANCIAL_REQUIRED | (amount), 0},                             \
                       .echoed = {FINANCIAL_ECHOED | (amount), 0}}

/* A reversal names its original in field 90 and its reason in 39; the card is the original's. */
#define REVERSAL(id, words, type)                                                                  \
    [POS_KIND_##id] = {.kind = POS_KIND_##id,                                                      \
                       .name = (words),                                                            \
                       .link = POS_LINK_HOST,                                                      \
                       .mti = (type),                                                              \
                       .smn = true,                                                                \
                       .mac = true,                                                                \
                       .required = {FINANCIAL_REQUIRED | AMOUNT | LOW(39), HIGH(90)},              \
                       .echoed = {FINANCIAL_ECHOED | AMOUNT | LOW(37), 0}}

#define BATCH(id, words, type)                                                                     \
    [POS_KIND_##id] = {.kind = POS_KIND_##id,                                                      \
                       .name = (words),                                                            \
                       .link = POS_LINK_HOST,                                                      \
                       .mti = (type),                                                              \
                       .smn = true,                                                                \
                       .mac = true,                                                                \
                       .required = {LOW(11) | LOW(41) | LOW(42), 0},                               \
                       .echoed = {LOW(7) | LOW(11) | LOW(41) | LOW(42), 0}}

#define MOTHER(id, words, code, proof, fields)                                                     \
    [POS_KIND_##id] = {.kind = POS_KIND_##id,                                                      \
                       .name = (words),                                                            \
                       .link = POS_LINK_MOTHER,                                                    \
                       .mti = 0x0800,                                                              \
                       .network_code = (code),                                                     \
                       .smn = (proof),                                                             \
                       .mac = (proof),                                                             \
                       .required = {LOW(11) | (fields), HIGH(70)},                                 \
                       .echoed = {LOW(11), HIGH(70)}}

static const struct pos_kind_rule rules[POS_KIND_COUNT] = {
    MANAGEMENT(REGISTER, "register", 901, true, true),
    MANAGEMENT(SIGN_ON, "sign-on", 1, true, true),
    MANAGEMENT(AUTHENTICATE, "authenticate", 902, true, true),
    MANAGEMENT(SIGN_OFF, "sign-off", 2, true, true),
    MANAGEMENT(ECHO, "echo", 301, false, false),
    FINANCIAL(SALE, "sale", 0x0200, "000000", AMOUNT),
    FINANCIAL(BALANCE, "balance", 0x0200, "310000", 0),
    FINANCIAL(VOID, "void", 0x0200, "200000", AMOUNT),
    FINANCIAL(PREAUTHORISATION, "preauthorisation", 0x0100, NULL, AMOUNT),
    FINANCIAL(COMPLETION, "completion", 0x0220, "000000", AMOUNT),
    FINANCIAL(REFUND, "refund", 0x0220, "200000", AMOUNT),
    REVERSAL(REVERSAL, "reversal", 0x0400),
    REVERSAL(REVERSAL_ADVICE, "reversal-advice", 0x0420),
    BATCH(SETTLEMENT, "settlement", 0x0500),
    BATCH(BATCH_UPLOAD, "batch-upload", 0x0320),
    MOTHER(LOAD, "load", 921, false, LOW(62)),
    MOTHER(LOAD_STATUS, "load-status", 922, false, 0),
    MOTHER(KEY_REQUEST, "key-request", 911, false, LOW(62) | LOW(63)),
    MOTHER(KEY_CONFIRM, "key-confirm", 912, true, 0),
};

const struct pos_kind_rule *pos_kind_rule(enum pos_kind kind)
{
    assert(kind < POS_KIND_COUNT);
    return &rules[kind];
}

/* The table speaks of field 70; a dialect may have its network code elsewhere. */
static void in_dialect(const struct pos_dialect *dialect, const uint64_t set[2], uint64_t out[2])
{
    out[0] = set[0];
    out[1] = set[1];
    if (dialect->network_field == 70 || (set[1] & HIGH(70)) == 0)
        return;
    out[1] &= ~HIGH(70);
    pos_field_set_add(out, dialect->network_field);
}

enum { NO_CODE = 1000 };

/* The network code as the dialect sends it: all of field 70, or digits 9 to 11 of field 60 (behind
 * two of type and six of batch). */
static uint16_t sent_code(const struct pos_message *message)
{
    unsigned field = message->dialect->network_field;
    uint64_t number = pos_message_number(message, field, NO_CODE);
    if (field == 70 || number == NO_CODE)
        return (uint16_t)number;
    uint8_t digits[18];
    struct pos_bytes text = pos_message_value(message, field, digits, sizeof digits);
    if (text.size < 11)
        return NO_CODE;
    return (uint16_t)((digits[8] - '0') * 100 + (digits[9] - '0') * 10 + (digits[10] - '0'));
}

/* Whether this MTI is a network message's in the dialect, and then its code in posgate's own
 * table: NO_CODE when it means nothing. */
static bool network_code(const struct pos_message *message, uint16_t *code)
{
    const struct pos_network_code *row = message->dialect->network_codes;
    *code = NO_CODE;
    if (row == NULL) {
        *code = message->mti == 0x0800 ? sent_code(message) : NO_CODE;
        return message->mti == 0x0800;
    }
    bool network = false;
    uint16_t sent = sent_code(message);
    for (; row->mti != 0; row++) {
        network = network || row->mti == message->mti;
        if (row->mti == message->mti && row->code == sent)
            *code = row->means;
    }
    return network;
}

static const struct pos_kind_rule *network_rule(uint16_t code)
{
    for (size_t i = 0; i < POS_KIND_COUNT; i++)
        if (rules[i].network_code == code && rules[i].mti == 0x0800)
            return &rules[i];
    return NULL;
}

static const struct pos_kind_rule *other_rule(uint16_t mti, struct pos_bytes processing)
{
    for (size_t i = 0; i < POS_KIND_COUNT; i++) {
        const struct pos_kind_rule *rule = &rules[i];
        if (rule->mti != mti || rule->network_code != 0)
            continue;
        /* Without field 3 the first of the MTI does: it will miss the field. */
        if (rule->processing == NULL || processing.size == 0 ||
            memcmp(rule->processing, processing.data, 6) == 0)
            return rule;
    }
    return NULL;
}

static unsigned missing_field(const struct pos_message *message, const struct pos_kind_rule *rule)
{
    uint64_t required[2];
    in_dialect(message->dialect, rule->required, required);
    uint64_t low = required[0] & ~message->present[0];
    uint64_t high = required[1] & ~message->present[1];
    if (rule->card && !pos_message_has(message, 2) && !pos_message_has(message, 35))
        return 2;
    if (low != 0)
        return (unsigned)__builtin_ctzll(low) + 1;
    return high != 0 ? (unsigned)__builtin_ctzll(high) + 65 : 0;
}

enum pos_status pos_message_classify(const struct pos_message *message,
                                     const struct pos_kind_rule **rule, unsigned *missing)
{
    uint16_t code;
    uint8_t digits[6];
    *missing = 0;
    bool network = network_code(message, &code);
    if (network && !pos_message_has(message, message->dialect->network_field)) {
        *rule = &rules[0];
        *missing = message->dialect->network_field;
        return POS_ERR_FORMAT;
    }
    *rule = network ? network_rule(code)
                    : other_rule(message->mti, pos_message_value(message, 3, digits, 6));
    if (*rule == NULL)
        return POS_ERR_NOT_FOUND;
    *missing = missing_field(message, *rule);
    return *missing == 0 ? POS_OK : POS_ERR_FORMAT;
}

enum pos_status pos_message_smn(const struct pos_message *message, struct pos_smn *smn)
{
    enum { ANNOUNCEMENT_SIZE = sizeof POS_SMN_ANNOUNCEMENT - 1 };
    struct pos_bytes text = pos_message_raw(message, 62);
    if (text.size == ANNOUNCEMENT_SIZE + POS_SMN_SIZE &&
        memcmp(text.data, POS_SMN_ANNOUNCEMENT, ANNOUNCEMENT_SIZE) == 0)
        text = pos_bytes(text.data + ANNOUNCEMENT_SIZE, POS_SMN_SIZE);
    return pos_smn_parse(text, smn);
}

/* The row that the dialect sends for a code of posgate's own table; NULL when it has none. */
static const struct pos_network_code *network_row(const struct pos_dialect *dialect, uint16_t means)
{
    for (const struct pos_network_code *row = dialect->network_codes; row->mti != 0; row++)
        if (row->means == means)
            return row;
    return NULL;
}

enum pos_status pos_network_name(const struct pos_dialect *dialect,
                                 const struct pos_kind_rule *rule, uint32_t batch,
                                 struct pos_network_name *name)
{
    const struct pos_network_code own = {rule->mti, rule->network_code, rule->network_code};
    const struct pos_network_code *row =
        dialect->network_codes == NULL ? &own : network_row(dialect, rule->network_code);
    if (rule->network_code == 0 || row == NULL)
        return POS_ERR_NOT_FOUND;
    name->mti = row->mti;
    if (dialect->network_field == 60)
        (void)snprintf(name->text, sizeof name->text, "00%06u%03u", (unsigned)batch % 1000000u,
                       row->code % 1000u);
    else
        (void)snprintf(name->text, sizeof name->text, "%03u", row->code % 1000u);
    return POS_OK;
}

void pos_kind_echoed(const struct pos_dialect *dialect, const struct pos_kind_rule *rule,
                     uint64_t echoed[2])
{
    in_dialect(dialect, rule->echoed, echoed);
}

bool pos_mti_is_request(uint16_t mti)
{
    return mti != 0 && (mti >> 4 & 1) == 0;
}

void pos_reply_init(struct pos_draft *reply, const struct pos_message *request,
                    const struct pos_kind_rule *rule, enum pos_response response,
                    const struct pos_reply_times *times)
{
    static const uint64_t always[2] = {LOW(11) | LOW(41), HIGH(70)};
    bool format = response == POS_RESPONSE_FORMAT;
    uint64_t echoed[2];
    in_dialect(request->dialect, rule == NULL || format ? always : rule->echoed, echoed);
    pos_draft_init(reply, pos_reply_mti(request->mti));
    for (unsigned word = 0; word < 2; word++)
        for (uint64_t left = echoed[word] & request->present[word]; left != 0; left &= left - 1)
            pos_draft_echo(reply, 64 * word + (unsigned)__builtin_ctzll(left) + 1, request);
    pos_draft_set(reply, 39, pos_bytes_text(pos_response_code(response)));
    if (format)
        return;
    assert(times != NULL);
    pos_draft_set(reply, 12, pos_bytes(times->time, sizeof times->time));
    pos_draft_set(reply, 13, pos_bytes(times->date, sizeof times->date));
}
