/*
 * Transactions: what passes authentication goes to the acquirer host and comes back matched.
 *
 * TID and MID are bound to the row: by the operator, or by the first financial message that
 * verifies. What ends at the gateway (the PIN block, the SMN, the MAC) never goes on as it came.
 */
#include <string.h>

#include "gateway/session_inside.h"

/* Fields 41 and 42 as text; false when one is missing. */
static bool read_terminal(const struct pos_message *message, char tid[POS_TID_SIZE + 1],
                          char mid[POS_MID_SIZE + 1])
{
    struct pos_bytes t = pos_message_value(message, 41, tid, POS_TID_SIZE);
    struct pos_bytes m = pos_message_value(message, 42, mid, POS_MID_SIZE);
    tid[POS_TID_SIZE] = '\0';
    mid[POS_MID_SIZE] = '\0';
    return t.size == POS_TID_SIZE && m.size == POS_MID_SIZE;
}

/* A reversal names the RRN of what it reverses; everything else gets one of the gateway's own. */
static bool names_its_rrn(const struct pos_request *request)
{
    return pos_message_has(&request->message, 37) && pos_field_set_has(request->rule->echoed, 37);
}

/* Everything that arrived but what ends here, in plain form: the host may speak another dialect. */
static void make_host_message(struct pos_request *request, struct pos_draft *message)
{
    const struct pos_message *from = &request->message;
    struct pos_session *session = request->session;
    size_t used = 0;
    pos_draft_init(message, from->mti);
    for (unsigned field = 2; field < POS_FIELD_COUNT; field++) {
        if (!pos_message_has(from, field) || field == 52 || field == 62 || field == 64 ||
            (request->pin.translated && (field == 53 || field == 59)))
            continue;
        struct pos_bytes value =
            pos_message_value(from, field, session->plain + used, sizeof session->plain - used);
        pos_draft_set(message, field, value);
        used += value.size;
    }
    if (!names_its_rrn(request))
        pos_draft_set(message, 37, pos_bytes(request->rrn_text, sizeof request->rrn_text));
    (void)pos_pin_put(request, message, (char *)session->plain + used,
                      sizeof session->plain - used);
}

void pos_transaction_forward(struct pos_request *request)
{
    struct pos_session *session = request->session;
    if (pos_reply_take_rrn(request) != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
        return;
    }
    make_host_message(request, &session->draft);
    request->waiting_ns = session->now_ns;
    pos_request_move(request, POS_REQUEST_HOST);
    enum pos_status status =
        session->options.world.forward(session->options.world.context, request, &session->draft);
    if (status == POS_OK)
        pos_counter_add(&session->options.counters->host_requests, 1);
    else if (status == POS_ERR_EXISTS)
        pos_reply_code(request, POS_RESPONSE_DUPLICATE, POS_REFUSAL_DUPLICATE);
    else if (status == POS_ERR_FORMAT || status == POS_ERR_LENGTH) /* not in the host's dialect */
        pos_reply_code(request, POS_RESPONSE_FORMAT, POS_REFUSAL_FORMAT);
    else if (status == POS_ERR_LIMIT)
        pos_reply_code(request, POS_RESPONSE_UNREACHABLE, POS_REFUSAL_HOST_FULL);
    else if (status == POS_ERR_UNREACHABLE)
        pos_reply_code(request, POS_RESPONSE_UNREACHABLE, POS_REFUSAL_HOST_AWAY);
    else /* no MAC for the host */
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_SECURITY_MODULE);
}

/* What may go to the host goes there, its PIN translated. */
static void go_on(struct pos_request *request)
{
    if (pos_pin_present(&request->message))
        pos_pin_start(request);
    else
        pos_transaction_forward(request);
}

static void submit_refusal(struct pos_request *request)
{
    pos_session_write(request, POS_TERMINAL_AUDIT);
    pos_session_record(request, POS_OUTCOME_NONE, "transaction",
                       "refused: TID or MID is not this terminal's");
    pos_session_submit(request);
}

static void refuse_terminal(struct pos_request *request)
{
    /* Recorded only when the request proved its key: nobody else may cause a write. */
    if (request->proof.verified)
        submit_refusal(request);
    else
        pos_reply_code(request, POS_RESPONSE_WRONG_TERMINAL, POS_REFUSAL_WRONG_TERMINAL);
}

void pos_transaction_start(struct pos_request *request)
{
    char tid[POS_TID_SIZE + 1], mid[POS_MID_SIZE + 1];
    const struct pos_terminal_hot *hot = &request->hot;
    if (!read_terminal(&request->message, tid, mid)) {
        pos_reply_code(request, POS_RESPONSE_FORMAT, POS_REFUSAL_FORMAT);
        return;
    }
    if (hot->tid[0] != '\0') {
        if (strcmp(hot->tid, tid) != 0 || strcmp(hot->mid, mid) != 0)
            refuse_terminal(request);
        else
            go_on(request);
        return;
    }
    if (request->policy->provisioned) {
        pos_reply_code(request, POS_RESPONSE_WRONG_TERMINAL, POS_REFUSAL_NOT_PROVISIONED);
        return;
    }
    pos_session_write(request, POS_TERMINAL_BIND);
    memcpy(request->write.tid, tid, sizeof tid);
    memcpy(request->write.mid, mid, sizeof mid);
    request->write.force = false;
    if (request->proof.verified)
        pos_session_record(request, POS_OUTCOME_CHANGED, "bind", "done: first use");
    pos_session_submit(request);
}

void pos_transaction_committed(struct pos_request *request)
{
    const struct pos_terminal_write *write = &request->write;
    if (write->operation == POS_TERMINAL_AUDIT && request->pin.refused)
        pos_pin_recorded(request);
    else if (write->operation == POS_TERMINAL_AUDIT)
        pos_reply_code(request, POS_RESPONSE_WRONG_TERMINAL, POS_REFUSAL_WRONG_TERMINAL);
    else if (write->outcome == POS_OUTCOME_TAKEN)
        refuse_terminal(request);
    else if (write->outcome == POS_OUTCOME_UNKNOWN)
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_SMN);
    else if (write->outcome == POS_OUTCOME_STATE && !pos_check_state(request, &write->hot))
        return;
    else
        go_on(request);
}

/* ---- the host's answer ---- */

/* What a host adds to a reply and the terminal may see. */
static const uint8_t host_fields[] = {38, 54, 55};

static void answer_with(struct pos_request *request, const struct pos_message *reply)
{
    char code[2], texts[sizeof host_fields][255];
    struct pos_bytes host_code = pos_message_value(reply, 39, code, sizeof code);
    if (host_code.size != sizeof code) { /* done or not, nobody knows: the terminal must reverse */
        pos_reply_code(request, POS_RESPONSE_TOO_LATE, POS_REFUSAL_HOST_LOST);
        return;
    }
    struct pos_draft *draft = pos_reply_begin(request, POS_RESPONSE_APPROVED);
    for (size_t i = 0; i < sizeof host_fields; i++) {
        struct pos_bytes value =
            pos_message_value(reply, host_fields[i], texts[i], sizeof texts[i]);
        if (value.size > 0)
            pos_draft_set(draft, host_fields[i], value);
    }
    if (!names_its_rrn(request))
        pos_draft_set(draft, 37, pos_bytes(request->rrn_text, sizeof request->rrn_text));
    bool approved = memcmp(code, "00", 2) == 0;
    pos_reply_send(request, POS_RESPONSE_APPROVED,
                   approved ? POS_REFUSAL_NONE : POS_REFUSAL_HOST_DECLINED, host_code);
}

void pos_transaction_host_answered(struct pos_request *request, enum pos_status status,
                                   const struct pos_message *reply)
{
    struct pos_gateway_counters *counters = request->session->options.counters;
    if (status == POS_OK) {
        pos_counter_add(&counters->host_replies, 1);
        pos_histogram_record(&counters->host_time, request->session->now_ns - request->waiting_ns);
        answer_with(request, reply);
        return;
    }
    /* It was sent, and whether the host did it is not known: the terminal must reverse. */
    pos_reply_code(request, POS_RESPONSE_TOO_LATE,
                   status == POS_ERR_TIMEOUT ? POS_REFUSAL_HOST_LATE : POS_REFUSAL_HOST_LOST);
}
