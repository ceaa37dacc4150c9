/*
 * Replies as a terminal judges them, in order of trust: the frame, whose reply it is, the MAC, the
 * fields it must repeat, the ones it must bring; only then is anything taken from it. The first
 * thing that is wrong is explained and ends the judgement.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/terminal/keys.h"

/* One reply under judgement. */
struct judgement {
    struct pos_terminal *terminal;
    const struct pos_exchange_state *state;
    const struct pos_kind_rule *rule;
    const struct pos_dialect *dialect;
    uint64_t echoed[2];
    struct pos_network_name network; /* of the request, when it was a network message */
    struct pos_message reply;
    struct pos_verdict *verdict;
};

static bool refuse(struct judgement *j, enum pos_status status, const char *format, ...)
    POS_PRINTF(3, 4);

/* False, so that `return refuse(...)` ends the judgement. */
static bool refuse(struct judgement *j, enum pos_status status, const char *format, ...)
{
    j->verdict->status = status;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(j->verdict->explanation, sizeof j->verdict->explanation, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- frame and message ---- */

static bool decode(struct judgement *j, struct pos_bytes bytes)
{
    struct pos_frame frame;
    size_t consumed;
    const char *reason = "incomplete";
    enum pos_frame_result result = pos_frame_next(j->dialect, bytes, &frame, &consumed, &reason);
    if (result == POS_FRAME_BROKEN || result == POS_FRAME_PARTIAL)
        return refuse(j, POS_ERR_FORMAT, "reply is no frame: %s", reason);
    if (result != POS_FRAME_READY || consumed != bytes.size)
        return refuse(j, POS_ERR_FORMAT, "reply is not exactly one frame: %zu of %zu bytes",
                      consumed, bytes.size);
    if (j->dialect->routed && !pos_route_answered(&j->terminal->route, &frame))
        return refuse(j, POS_ERR_MISMATCH,
                      "TPDU or header: not the request's with its addresses swapped");
    struct pos_decode_error error;
    if (pos_iso8583_decode(j->dialect, frame.message, &j->reply, &error) != POS_OK)
        return refuse(j, POS_ERR_FORMAT, "reply does not decode: field %u, offset %u: %s",
                      error.field, error.offset, pos_decode_reason_text(error.reason));
    return true;
}

static bool read_code(struct judgement *j)
{
    struct pos_bytes code = pos_message_raw(&j->reply, 39);
    if (code.size != 2)
        return refuse(j, POS_ERR_MISMATCH, "field 39 is missing in the reply");
    memcpy(j->verdict->code, code.data, 2);
    j->verdict->code[2] = '\0';
    return true;
}

static bool has_code(const struct judgement *j, const char *code)
{
    return strcmp(j->verdict->code, code) == 0;
}

static bool right_mti(struct judgement *j)
{
    uint16_t expected = pos_reply_mti(j->rule->network_code != 0 ? j->network.mti : j->rule->mti);
    if (j->reply.mti == expected)
        return true;
    return refuse(j, POS_ERR_MISMATCH, "MTI: expected %04X, got %04X", expected, j->reply.mti);
}

/* ---- fields that the reply repeats ---- */

/* What a field of the request held; NULL for fields that this side does not keep. */
static const char *sent_value(const struct judgement *j, unsigned field, char text[24])
{
    const struct pos_exchange_state *state = j->state;
    if (field == j->dialect->network_field && j->rule->network_code != 0)
        return j->network.text;
    switch (field) {
    case 3:
        return state->processing;
    case 4:
        (void)snprintf(text, 24, "%012llu", (unsigned long long)state->amount);
        return text;
    case 7:
        return state->terminal_time;
    case 11:
        (void)snprintf(text, 24, "%06u", (unsigned)state->stan);
        return text;
    case 41:
        return j->terminal->tid;
    case 42:
        return j->terminal->mid;
    default:
        return NULL;
    }
}

static bool repeats(struct judgement *j, unsigned field)
{
    char expected_text[24], text[64];
    const char *expected = sent_value(j, field, expected_text);
    if (!pos_message_has(&j->reply, field))
        return refuse(j, POS_ERR_MISMATCH, "field %u: the reply does not repeat it", field);
    struct pos_bytes got = pos_message_value(&j->reply, field, text, sizeof text);
    if (expected == NULL || pos_bytes_equal_text(got, expected))
        return true;
    return refuse(j, POS_ERR_MISMATCH, "field %u: expected %s, got %.*s", field, expected,
                  (int)got.size, (const char *)got.data);
}

/* A 30 or 40 may come from a message that could not be read to its end: it repeats what it can. */
static bool may_be_short(const struct judgement *j)
{
    return has_code(j, "30") || has_code(j, "40");
}

static bool repeats_all(struct judgement *j)
{
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_field_set_has(j->echoed, field) || !pos_field_set_has(j->state->sent, field))
            continue;
        if (may_be_short(j) && !pos_message_has(&j->reply, field))
            continue;
        if (!repeats(j, field))
            return false;
    }
    return true;
}

/* Fields that a reply has in its own right, although the request may have had them too. A 30 or 40
 * repeats the network field of any request, because it does not know which it was. */
static bool is_replys_own(const struct judgement *j, unsigned field)
{
    if (field == j->dialect->network_field)
        return may_be_short(j);
    switch (field) {
    case 39:
    case 64:
    case 128:
        return true;
    case 62:
        return j->rule->kind == POS_KIND_SIGN_ON || j->rule->link == POS_LINK_MOTHER;
    case 63:
        return j->rule->kind == POS_KIND_KEY_REQUEST;
    default:
        return false;
    }
}

static bool repeats_nothing_else(struct judgement *j)
{
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_field_set_has(j->state->sent, field) || !pos_message_has(&j->reply, field))
            continue;
        if (!pos_field_set_has(j->echoed, field) && !is_replys_own(j, field))
            return refuse(j, POS_ERR_MISMATCH, "field %u of the request is in the reply", field);
    }
    return true;
}

static bool is_my_reply(struct judgement *j)
{
    if (may_be_short(j) && !pos_message_has(&j->reply, 11))
        return true;
    return repeats(j, 11);
}

/* ---- MAC ---- */

/* These are given before the request's MAC is looked at, or because of it; 96 may be both. */
static bool comes_before_proof(const struct judgement *j)
{
    static const char *const codes[] = {"30", "40", "96", "97", "A0"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (has_code(j, codes[i]))
            return true;
    return false;
}

static bool mac_verifies(struct judgement *j, struct pos_bytes covered,
                         const uint8_t mac[POS_MAC_SIZE])
{
    uint8_t expected[POS_MAC_FULL_SIZE_MAX];
    struct pos_mac *context = pos_terminal_mac_of(j->terminal, j->rule->kind);
    if (context == NULL) /* signed off since it was asked */
        return refuse(j, POS_ERR_MAC, "the key that the request was made under is gone");
    if (pos_mac_compute(context, covered, expected) != POS_OK)
        return refuse(j, POS_ERR_CRYPTO, "the MAC of the reply could not be computed");
    j->verdict->mac_verified = pos_secret_equal(expected, mac, POS_MAC_SIZE);
    if (j->verdict->mac_verified)
        return true;
    return refuse(j, POS_ERR_MAC, "field %u: the MAC of the reply (39=%s) does not verify",
                  pos_message_has(&j->reply, 128) ? 128u : 64u, j->verdict->code);
}

/* A MAC is there if and only if the request's was good. */
static bool right_mac(struct judgement *j)
{
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    bool present = pos_message_mac(&j->reply, &covered, mac) == POS_OK;
    if (present && !j->state->mac)
        return refuse(j, POS_ERR_MAC, "MAC: expected none (the request had no good one), got one");
    if (present)
        return mac_verifies(j, covered, mac);
    if (j->state->mac && !comes_before_proof(j))
        return refuse(j, POS_ERR_MAC, "MAC: the reply (39=%s) has none, so it is not believed",
                      j->verdict->code);
    return true;
}

/* ---- fields that the reply brings ---- */

static bool brings(struct judgement *j, unsigned field)
{
    if (pos_message_has(&j->reply, field))
        return true;
    return refuse(j, POS_ERR_MISMATCH, "field %u is missing in the reply (39=%s)", field,
                  j->verdict->code);
}

static bool brings_all(struct judgement *j)
{
    if (!has_code(j, "30") && !(brings(j, 12) && brings(j, 13)))
        return false;
    return j->rule->link != POS_LINK_HOST || !has_code(j, "00") || brings(j, 37);
}

/* What the dialect makes of the rule; the request was made of the same, so its name is there. */
static void set_dialect(struct judgement *j)
{
    j->dialect = pos_terminal_dialect(j->terminal, j->rule);
    pos_kind_echoed(j->dialect, j->rule, j->echoed);
    if (j->rule->network_code == 0)
        return;
    enum pos_status status = pos_network_name(j->dialect, j->rule, j->terminal->batch, &j->network);
    assert(status == POS_OK);
    (void)status;
}

void pos_terminal_reply(struct pos_terminal *terminal, const struct pos_exchange_state *state,
                        struct pos_bytes frame, struct pos_verdict *verdict)
{
    struct judgement j = {.terminal = terminal,
                          .state = state,
                          .rule = pos_kind_rule(state->kind),
                          .verdict = verdict};
    *verdict = (struct pos_verdict){.status = POS_OK};
    set_dialect(&j);
    bool believed = decode(&j, frame) && read_code(&j) && right_mti(&j) && is_my_reply(&j) &&
                    right_mac(&j) && repeats_all(&j) && repeats_nothing_else(&j) && brings_all(&j);
    if (!believed || !has_code(&j, "00"))
        return;
    struct pos_error error = {.text = "the new keys cannot be used"};
    enum pos_status status = pos_terminal_take(terminal, state->kind, &j.reply, &error);
    if (status != POS_OK)
        (void)refuse(&j, status, "%.150s", error.text);
}
