/* How every answer leaves: one place that builds it, puts its MAC on, counts it and gives the
 * request back. A reply carries a MAC if and only if the request's MAC verified, under the same
 * key. */
#include <string.h>

#include "gateway/session_inside.h"

struct pos_draft *pos_reply_begin(struct pos_request *request, enum pos_response response)
{
    struct pos_session *session = request->session;
    pos_reply_init(&session->draft, &request->message,
                   response == POS_RESPONSE_FORMAT ? NULL : request->rule, response,
                   &session->times);
    return &session->draft;
}

/* The frame in session->out; POS_OK with *frame. */
static enum pos_status make_frame(struct pos_request *request, struct pos_bytes *frame)
{
    struct pos_session *session = request->session;
    const struct pos_dialect *dialect = request->policy->dialect;
    struct pos_buffer out = pos_buffer(session->out, sizeof session->out);
    if (request->proof.verified)
        pos_draft_reserve_mac(&session->draft);
    size_t start = pos_frame_begin(dialect, &request->frame, true, &out);
    struct pos_encoded encoded;
    struct pos_decode_error error;
    enum pos_status status = pos_iso8583_encode(dialect, &session->draft, &out, &encoded, &error);
    if (status == POS_OK && request->proof.verified) {
        uint8_t mac[POS_MAC_SIZE];
        status = pos_hsm_make_mac(session->options.hsm, &request->proof.key, request->proof.purpose,
                                  encoded.covered, mac);
        if (status == POS_OK)
            pos_encoded_set_mac(&encoded, mac);
    }
    if (status == POS_OK)
        status = pos_frame_end(&out, start);
    *frame = pos_buffer_view(&out);
    return status;
}

static void count(struct pos_request *request, size_t response_column, enum pos_refusal refusal)
{
    struct pos_session *session = request->session;
    struct pos_gateway_counters *counters = session->options.counters;
    size_t kind = request->rule == NULL ? POS_COUNT_KIND_OTHER : (size_t)request->rule->kind;
    pos_counter_add(&counters->replies[kind][response_column], 1);
    if (refusal != POS_REFUSAL_NONE)
        pos_counter_add(&counters->refusals[refusal], 1);
    if (request->received_ns == session->now_ns)
        session->turn_answered++;
    else
        pos_histogram_record(&counters->reply_time, session->now_ns - request->received_ns);
}

static size_t column_of(enum pos_response response, struct pos_bytes host_code)
{
    if (host_code.size == 0)
        return (size_t)response;
    for (size_t i = 0; i < POS_RESPONSE_COUNT; i++)
        if (pos_bytes_equal_text(host_code, pos_response_code((enum pos_response)i)))
            return i;
    return POS_COUNT_RESPONSE_OTHER;
}

void pos_reply_send(struct pos_request *request, enum pos_response response,
                    enum pos_refusal refusal, struct pos_bytes host_code)
{
    struct pos_session *session = request->session;
    if (host_code.size > 0)
        pos_draft_set(&session->draft, 39, host_code);
    struct pos_bytes frame;
    if (make_frame(request, &frame) != POS_OK) {
        /* The security module failed, or a host's reply does not fit: say so, without a MAC. */
        response = POS_RESPONSE_MALFUNCTION;
        refusal = POS_REFUSAL_SECURITY_MODULE;
        host_code = pos_bytes(NULL, 0);
        request->proof.verified = false;
        (void)pos_reply_begin(request, response);
        if (make_frame(request, &frame) != POS_OK)
            frame = pos_bytes(NULL, 0);
    }
    session->options.world.reply(session->options.world.context, request->connection, frame);
    count(request, column_of(response, host_code), refusal);
    pos_session_release(request);
}

void pos_reply_code(struct pos_request *request, enum pos_response response,
                    enum pos_refusal refusal)
{
    (void)pos_reply_begin(request, response);
    pos_reply_send(request, response, refusal, pos_bytes(NULL, 0));
}

enum pos_status pos_reply_take_rrn(struct pos_request *request)
{
    if (request->rrn_text[0] != '\0')
        return POS_OK;
    struct pos_session *session = request->session;
    enum pos_status status =
        session->options.world.take_rrn(session->options.world.context, &request->rrn);
    if (status != POS_OK)
        return status;
    memcpy(request->rrn_text, session->day_hour, sizeof session->day_hour);
    uint32_t rest = request->rrn;
    for (size_t i = sizeof request->rrn_text; i-- > sizeof session->day_hour; rest /= 10)
        request->rrn_text[i] = (char)('0' + rest % 10);
    return POS_OK;
}
