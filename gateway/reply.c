/* How every answer leaves: one place that builds it, puts its MAC on, counts it and gives the
 * request back. A reply carries a MAC if and only if the request's MAC verified, under the same
 * key. */
#include <string.h>

#include "gateway/session_inside.h"

enum { REPLY_FETCH_COUNT_MAX = 8 }; /* by one request in all */

struct pos_draft *pos_reply_begin(struct pos_request *request, enum pos_response response)
{
    struct pos_session *session = request->session;
    pos_reply_init(&session->draft, &request->message,
                   response == POS_RESPONSE_FORMAT ? NULL : request->rule, response,
                   &session->times);
    return &session->draft;
}

/* ---- frame and MAC ---- */

/* The frame in session->out, with room for the MAC that is due. */
static enum pos_status make_frame(struct pos_request *request, struct pos_bytes *frame,
                                  struct pos_encoded *encoded)
{
    struct pos_session *session = request->session;
    const struct pos_dialect *dialect = request->policy->dialect;
    struct pos_buffer out = pos_buffer(session->out, sizeof session->out);
    if (request->proof.verified)
        pos_draft_reserve_mac(&session->draft);
    size_t start = pos_frame_begin(dialect, &request->frame, true, &out);
    struct pos_decode_error error;
    enum pos_status status = pos_iso8583_encode(dialect, &session->draft, &out, encoded, &error);
    if (status == POS_OK)
        status = pos_frame_end(&out, start);
    *frame = pos_buffer_view(&out);
    return status;
}

/* POS_ERR_BUSY: the loop has not got the key. */
static enum pos_status put_mac(struct pos_request *request, const struct pos_encoded *encoded)
{
    uint8_t mac[POS_MAC_SIZE];
    if (!request->proof.verified)
        return POS_OK;
    struct pos_session *session = request->session;
    enum pos_status status = pos_hsm_make_mac(session->options.hsm, &request->proof.key,
                                              request->proof.purpose, encoded->covered, mac);
    if (status == POS_OK)
        pos_encoded_set_mac(encoded, mac);
    return pos_session_count_verb(session, POS_VERB_MAKE_MAC, status);
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

static void leave(struct pos_request *request, struct pos_bytes frame, size_t column,
                  enum pos_refusal refusal)
{
    struct pos_session *session = request->session;
    session->options.world.reply(session->options.world.context, request->connection, frame);
    count(request, column, refusal);
    pos_session_release(request);
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

/* The security module failed, or a host's reply does not fit: say so, without a MAC. */
static void leave_malfunction(struct pos_request *request)
{
    struct pos_bytes frame;
    struct pos_encoded encoded;
    request->proof.verified = false;
    (void)pos_reply_begin(request, POS_RESPONSE_MALFUNCTION);
    if (make_frame(request, &frame, &encoded) != POS_OK)
        frame = pos_bytes(NULL, 0);
    leave(request, frame, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_SECURITY_MODULE);
}

/* ---- replies that wait for their MAC's key ---- */

static void fetch_key(struct pos_request *request);

static void unpark(struct pos_request *request)
{
    const struct pos_parked_reply *parked = &request->parked;
    const struct pos_encoded encoded = {
        .covered = pos_bytes(request->room + parked->covered_offset, parked->covered_size),
        .mac = request->room + parked->mac_offset,
        .mac_form = parked->mac_form};
    enum pos_status status = request->job.status;
    if (status == POS_OK)
        status = put_mac(request, &encoded);
    if (status == POS_OK)
        leave(request, pos_bytes(request->room, parked->size), parked->column, parked->refusal);
    else if (status == POS_ERR_BUSY)
        fetch_key(request);
    else
        leave_malfunction(request);
}

static void fetch_key(struct pos_request *request)
{
    const struct pos_world *world = &request->session->options.world;
    request->job = (struct pos_strong_job){
        .work = POS_STRONG_FETCH,
        .fetch = {.key = &request->proof.key, .purpose = request->proof.purpose}};
    request->then = unpark;
    pos_request_move(request, POS_REQUEST_STRONGROOM);
    if (request->fetch_count++ >= REPLY_FETCH_COUNT_MAX ||
        world->secure(world->context, request) != POS_OK)
        leave_malfunction(request);
}

/* The frame moves out of the session's buffer, which the next reply needs. */
static void park(struct pos_request *request, struct pos_bytes frame,
                 const struct pos_encoded *encoded, size_t column, enum pos_refusal refusal)
{
    request->parked =
        (struct pos_parked_reply){.size = frame.size,
                                  .covered_offset = (size_t)(encoded->covered.data - frame.data),
                                  .covered_size = encoded->covered.size,
                                  .mac_offset = (size_t)(encoded->mac - frame.data),
                                  .mac_form = encoded->mac_form,
                                  .column = column,
                                  .refusal = refusal};
    memcpy(request->room, frame.data, frame.size);
    fetch_key(request);
}

void pos_reply_send(struct pos_request *request, enum pos_response response,
                    enum pos_refusal refusal, struct pos_bytes host_code)
{
    struct pos_session *session = request->session;
    struct pos_bytes frame;
    struct pos_encoded encoded;
    if (host_code.size > 0)
        pos_draft_set(&session->draft, 39, host_code);
    enum pos_status status = make_frame(request, &frame, &encoded);
    if (status == POS_OK)
        status = put_mac(request, &encoded);
    if (status == POS_OK)
        leave(request, frame, column_of(response, host_code), refusal);
    else if (status == POS_ERR_BUSY)
        park(request, frame, &encoded, column_of(response, host_code), refusal);
    else
        leave_malfunction(request);
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
