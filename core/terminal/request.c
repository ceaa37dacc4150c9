/*
 * Requests as a terminal makes them: the fields that the message table asks of a kind, the SMN, the
 * MAC. One builder for all kinds; what differs is in the table and in a few values.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/terminal/keys.h"

enum { STAN_MAX = 999999 };

/* What the draft points to until it is encoded. */
struct values {
    char stan[7], amount[13], original[43];
    char field_60[POS_NETWORK_TEXT_SIZE];
    char announced_smn[sizeof POS_SMN_ANNOUNCEMENT + POS_SMN_SIZE];
    struct pos_network_name network;
    char public_key[2 * POS_EXCHANGE_KEY_SIZE + 1];
    struct pos_pin_fields pin;
};

static bool is_reversal(enum pos_kind kind)
{
    return kind == POS_KIND_REVERSAL || kind == POS_KIND_REVERSAL_ADVICE;
}

/* Those that a reversal can undo. */
static bool moves_money(enum pos_kind kind)
{
    switch (kind) {
    case POS_KIND_SALE:
    case POS_KIND_VOID:
    case POS_KIND_PREAUTHORISATION:
    case POS_KIND_COMPLETION:
    case POS_KIND_REFUND:
        return true;
    default:
        return false;
    }
}

/* A card holder stands there and approves: not in an advice of what was approved before, and not in
 * a reversal. */
static bool takes_pin(const struct pos_kind_rule *rule)
{
    return rule->mti == 0x0100 || rule->mti == 0x0200;
}

/* The transaction type that field 60 of a UnionPay POS message begins with. */
static unsigned type_of(enum pos_kind kind)
{
    switch (kind) {
    case POS_KIND_BALANCE:
        return 1;
    case POS_KIND_PREAUTHORISATION:
        return 10;
    case POS_KIND_COMPLETION:
        return 24;
    case POS_KIND_SALE:
    case POS_KIND_REVERSAL:
    case POS_KIND_REVERSAL_ADVICE:
        return 22;
    case POS_KIND_VOID:
        return 23;
    case POS_KIND_REFUND:
        return 25;
    default:
        return 0;
    }
}

static enum pos_status check_stage(const struct pos_terminal *terminal,
                                   const struct pos_kind_rule *rule, const struct pos_sale *sale)
{
    if (rule->kind == POS_KIND_LOAD || rule->kind == POS_KIND_LOAD_STATUS)
        return POS_ERR_USAGE;
    if ((rule->link == POS_LINK_HOST) != (sale != NULL))
        return POS_ERR_USAGE;
    if (rule->smn && terminal->stage == POS_STAGE_BLANK)
        return POS_ERR_STATE;
    if (pos_terminal_macs(terminal, rule) && pos_terminal_mac_of(terminal, rule->kind) == NULL)
        return POS_ERR_STATE;
    if (is_reversal(rule->kind) && terminal->original.mti == 0)
        return POS_ERR_STATE;
    return POS_OK;
}

static void begin_state(struct pos_terminal *terminal, const struct pos_kind_rule *rule,
                        const struct pos_sale *sale, struct pos_exchange_state *state)
{
    *state = (struct pos_exchange_state){
        .kind = rule->kind,
        .stan = terminal->stan % STAN_MAX + 1,
        .mac = pos_terminal_macs(terminal, rule),
    };
    if (sale == NULL)
        return;
    const char *processing = rule->processing == NULL ? "000000" : rule->processing;
    state->amount = sale->amount;
    if (is_reversal(rule->kind)) {
        state->amount = terminal->original.amount;
        processing = terminal->original.processing;
    }
    (void)snprintf(state->terminal_time, sizeof state->terminal_time, "%s", sale->utc_time);
    if (rule->kind != POS_KIND_SETTLEMENT && rule->kind != POS_KIND_BATCH_UPLOAD)
        (void)snprintf(state->processing, sizeof state->processing, "%s", processing);
}

static void set_text(struct pos_draft *draft, unsigned field, const char *text)
{
    pos_draft_set(draft, field, pos_bytes_text(text));
}

static enum pos_status set_key_request(struct pos_terminal *terminal, struct values *values,
                                       struct pos_draft *draft)
{
    if (terminal->exchange == NULL) {
        enum pos_status status = pos_exchange_create(&terminal->exchange);
        if (status != POS_OK)
            return status;
    }
    uint8_t public_key[POS_EXCHANGE_KEY_SIZE];
    pos_exchange_public(terminal->exchange, public_key);
    pos_hex_encode(pos_bytes(public_key, sizeof public_key), values->public_key);
    set_text(draft, 62, terminal->serial);
    set_text(draft, 63, values->public_key);
    return POS_OK;
}

/* Field 90: MTI 4, STAN 6, date-time 10, acquirer 11, forwarder 11 (ISO 8583:1987, field 90). */
static void set_reversal(const struct pos_original *original, struct values *values,
                         struct pos_draft *draft)
{
    (void)snprintf(values->original, sizeof values->original, "%04X%06u%s%022d",
                   (unsigned)original->mti, (unsigned)original->stan % 1000000u, original->time, 0);
    set_text(draft, 90, values->original);
    set_text(draft, 39, "68"); /* why: no reply in time */
}

static void set_financial(const struct pos_terminal *terminal, const struct pos_kind_rule *rule,
                          const struct pos_sale *sale, const struct pos_exchange_state *state,
                          struct values *values, struct pos_draft *draft)
{
    if (state->processing[0] != '\0') {
        set_text(draft, 3, state->processing);
        set_text(draft, 2, sale->pan);
        set_text(draft, 22, "012");
        set_text(draft, 25, "00");
        set_text(draft, 49, "156");
    }
    if (moves_money(rule->kind) || is_reversal(rule->kind)) {
        (void)snprintf(values->amount, sizeof values->amount, "%012llu",
                       (unsigned long long)state->amount % 1000000000000u);
        set_text(draft, 4, values->amount);
    }
    set_text(draft, 7, state->terminal_time);
    if (is_reversal(rule->kind))
        set_reversal(&terminal->original, values, draft);
}

/* Field 60 of a financial message where the dialect numbers batches in it. */
static void set_batch(const struct pos_terminal *terminal, const struct pos_kind_rule *rule,
                      struct values *values, struct pos_draft *draft)
{
    if (terminal->dialect->network_field != 60)
        return;
    (void)snprintf(values->field_60, sizeof values->field_60, "%02u%06u000",
                   type_of(rule->kind) % 100u, (unsigned)terminal->batch % 1000000u);
    set_text(draft, 60, values->field_60);
}

static void set_smn(const struct pos_terminal *terminal, const struct pos_kind_rule *rule,
                    struct values *values, struct pos_draft *draft)
{
    if (rule->kind != POS_KIND_SIGN_ON || !terminal->dialect->announces_smn) {
        set_text(draft, 62, terminal->smn.text);
        return;
    }
    (void)snprintf(values->announced_smn, sizeof values->announced_smn, "%s%s",
                   POS_SMN_ANNOUNCEMENT, terminal->smn.text);
    set_text(draft, 62, values->announced_smn);
}

/* MTI and, of a network message, the field that names it. */
static enum pos_status begin_draft(const struct pos_terminal *terminal,
                                   const struct pos_kind_rule *rule, struct values *values,
                                   struct pos_draft *draft)
{
    const struct pos_dialect *dialect = pos_terminal_dialect(terminal, rule);
    pos_draft_init(draft, rule->mti);
    if (rule->network_code == 0)
        return POS_OK;
    enum pos_status status = pos_network_name(dialect, rule, terminal->batch, &values->network);
    if (status != POS_OK)
        return status;
    draft->mti = values->network.mti;
    set_text(draft, dialect->network_field, values->network.text);
    return POS_OK;
}

static enum pos_status fill(struct pos_terminal *terminal, const struct pos_kind_rule *rule,
                            const struct pos_sale *sale, const struct pos_exchange_state *state,
                            struct values *values, struct pos_draft *draft)
{
    enum pos_status status = begin_draft(terminal, rule, values, draft);
    if (status != POS_OK)
        return status;
    (void)snprintf(values->stan, sizeof values->stan, "%06u", (unsigned)state->stan % 1000000u);
    set_text(draft, 11, values->stan);
    if (rule->link != POS_LINK_MOTHER) {
        set_text(draft, 41, terminal->tid);
        if (terminal->mid[0] != '\0' && rule->kind != POS_KIND_ECHO)
            set_text(draft, 42, terminal->mid);
    }
    if (rule->smn)
        set_smn(terminal, rule, values, draft);
    if (sale != NULL) {
        set_financial(terminal, rule, sale, state, values, draft);
        set_batch(terminal, rule, values, draft);
    }
    if (sale != NULL && sale->pin != NULL && takes_pin(rule)) {
        status = pos_terminal_put_pin(terminal, sale, &values->pin, draft);
        if (status != POS_OK)
            return status;
    }
    return rule->kind == POS_KIND_KEY_REQUEST ? set_key_request(terminal, values, draft) : POS_OK;
}

static enum pos_status put_mac(struct pos_mac *context, const struct pos_encoded *encoded)
{
    uint8_t mac[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status = pos_mac_compute(context, encoded->covered, mac);
    if (status == POS_OK)
        pos_encoded_set_mac(encoded, mac); /* leftmost eight bytes */
    return status;
}

static enum pos_status put_frame(const struct pos_terminal *terminal,
                                 const struct pos_dialect *dialect, struct pos_mac *context,
                                 const struct pos_draft *draft, struct pos_buffer *out)
{
    struct pos_encoded encoded;
    struct pos_decode_error error;
    const struct pos_frame model = pos_route_frame(&terminal->route);
    size_t start = pos_frame_begin(dialect, &model, false, out);
    enum pos_status status = pos_iso8583_encode(dialect, draft, out, &encoded, &error);
    if (status == POS_OK && context != NULL)
        status = put_mac(context, &encoded);
    if (status == POS_OK)
        return pos_frame_end(out, start);
    out->size = start;
    return status;
}

static void remember(struct pos_terminal *terminal, const struct pos_kind_rule *rule,
                     const struct pos_exchange_state *state)
{
    terminal->stan = state->stan;
    if (!moves_money(rule->kind))
        return;
    struct pos_original *original = &terminal->original;
    *original =
        (struct pos_original){.mti = rule->mti, .stan = state->stan, .amount = state->amount};
    memcpy(original->processing, state->processing, sizeof original->processing);
    memcpy(original->time, state->terminal_time, sizeof original->time);
}

enum pos_status pos_terminal_request(struct pos_terminal *terminal, enum pos_kind kind,
                                     const struct pos_sale *sale, struct pos_buffer *out,
                                     struct pos_exchange_state *state)
{
    const struct pos_kind_rule *rule = pos_kind_rule(kind);
    enum pos_status status = check_stage(terminal, rule, sale);
    if (status != POS_OK)
        return status;
    begin_state(terminal, rule, sale, state);
    struct values values;
    struct pos_draft draft;
    status = fill(terminal, rule, sale, state, &values, &draft);
    if (status != POS_OK)
        return status;
    if (state->mac)
        pos_draft_reserve_mac(&draft);
    memcpy(state->sent, draft.present, sizeof state->sent);
    status = put_frame(terminal, pos_terminal_dialect(terminal, rule),
                       state->mac ? pos_terminal_mac_of(terminal, kind) : NULL, &draft, out);
    if (status == POS_OK)
        remember(terminal, rule, state);
    return status;
}
