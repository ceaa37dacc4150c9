#include "gateway/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "gateway/session_inside.h"

enum {
    FORMAT_LINES_A_SECOND = 10,
    FETCH_COUNT_MAX = 4, /* for one request: two TAKs, and each of them once more */
};

enum pos_status pos_session_create(const struct pos_session_options *options,
                                   struct pos_session **session)
{
    struct pos_session *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->options = *options;
    enum pos_status status = pos_request_pool_create(options->pending_count_max, &made->pool);
    if (status == POS_OK)
        status = pos_rate_create(options->registrations_per_second, &made->registration_rate);
    if (status == POS_OK)
        status = pos_rate_create(options->requests_per_second, &made->request_rate);
    if (status == POS_OK && options->remembered_count > 0)
        status = pos_remembered_create(options->remembered_count, &made->remembered);
    if (status != POS_OK) {
        pos_session_destroy(made);
        return status;
    }
    *session = made;
    return POS_OK;
}

void pos_session_destroy(struct pos_session *session)
{
    if (session == NULL)
        return;
    pos_request_pool_destroy(session->pool);
    pos_rate_destroy(session->registration_rate);
    pos_rate_destroy(session->request_rate);
    pos_remembered_destroy(session->remembered);
    free(session);
}

static void put_digits(char *text, size_t size, unsigned value)
{
    for (size_t i = size; i-- > 0; value /= 10)
        text[i] = (char)('0' + value % 10);
}

/* Fields 12 and 13 and the front of an RRN change once a second. */
static void set_local_time(struct pos_session *session)
{
    struct pos_time local = pos_time_local(session->utc_ms);
    put_digits(session->times.time, 2, (unsigned)local.hour);
    put_digits(session->times.time + 2, 2, (unsigned)local.minute);
    put_digits(session->times.time + 4, 2, (unsigned)local.second);
    put_digits(session->times.date, 2, (unsigned)local.month);
    put_digits(session->times.date + 2, 2, (unsigned)local.day);
    put_digits(session->day_hour, 1, (unsigned)local.year % 10);
    put_digits(session->day_hour + 1, 3, (unsigned)local.day_of_year);
    put_digits(session->day_hour + 4, 2, (unsigned)local.hour);
}

void pos_session_set_time(struct pos_session *session, uint64_t now_ns, uint64_t utc_ms)
{
    session->now_ns = now_ns;
    session->utc_ms = utc_ms;
    if (session->times_second != utc_ms / 1000) {
        session->times_second = utc_ms / 1000;
        set_local_time(session);
    }
}

/* ---- receiving ---- */

static bool allowed_by_rates(struct pos_request *request)
{
    struct pos_session *session = request->session;
    if (!pos_rate_allow(session->request_rate, request->address, session->utc_ms))
        return false;
    return request->rule->kind != POS_KIND_REGISTER ||
           pos_rate_allow(session->registration_rate, request->address, session->utc_ms);
}

static unsigned offset_of(const struct pos_message *message, unsigned field)
{
    return pos_message_has(message, field) ? message->fields[field].offset : 0;
}

/* 30, with the place in the log, where a peer cannot make it say more than so often. */
static void refuse_format(struct pos_request *request, unsigned field, unsigned offset,
                          const char *reason)
{
    struct pos_session *session = request->session;
    uint32_t suppressed;
    if (pos_log_allow(&session->format_log, FORMAT_LINES_A_SECOND, session->utc_ms, &suppressed))
        pos_log(POS_LOG_WARNING, "format-error",
                "connection=%llx mti=%04X field=%u offset=%u reason=\"%s\" suppressed=%u",
                (unsigned long long)request->connection, request->message.mti, field, offset,
                reason, suppressed);
    pos_reply_code(request, POS_RESPONSE_FORMAT, POS_REFUSAL_FORMAT);
}

/* Everything that a request can be told without the terminal table. */
static void begin(struct pos_request *request)
{
    unsigned missing = 0;
    enum pos_status status = pos_message_classify(&request->message, &request->rule, &missing);
    if (status == POS_ERR_NOT_FOUND || request->rule->link == POS_LINK_MOTHER) {
        request->rule = NULL; /* what the mother POS answers is as unknown here as anything else */
        pos_reply_code(request, POS_RESPONSE_NOT_SUPPORTED, POS_REFUSAL_UNSUPPORTED);
    } else if (status != POS_OK) {
        refuse_format(request, missing, 0, "missing");
    } else if (request->rule->smn && pos_message_smn(&request->message, &request->smn) != POS_OK) {
        refuse_format(request, 62, offset_of(&request->message, 62), "not an SMN");
    } else if (!allowed_by_rates(request)) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_RATE);
    } else if (!request->rule->smn) {
        pos_reply_code(request, POS_RESPONSE_APPROVED, POS_REFUSAL_NONE); /* echo */
    } else {
        struct pos_session *session = request->session;
        session->turn[session->turn_count++] = request;
        if (session->turn_count == POS_TURN_REQUEST_COUNT_MAX)
            pos_session_turn(session);
    }
}

/* Copies the frame, because the read buffer is shared, and moves its views to the copy. */
static void keep_frame(struct pos_request *request, const struct pos_frame *frame)
{
    struct pos_buffer copy = pos_buffer(request->bytes, sizeof request->bytes);
    const struct pos_bytes parts[] = {frame->tpdu, frame->header, frame->message};
    struct pos_bytes *const views[] = {&request->frame.tpdu, &request->frame.header,
                                       &request->frame.message};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *views[i] = pos_bytes(copy.data + copy.size, parts[i].size);
        pos_buffer_put(&copy, parts[i]);
    }
}

static struct pos_request *acquire(struct pos_session *session, struct pos_peer *peer)
{
    struct pos_request *request = pos_request_acquire(session->pool);
    if (request == NULL)
        request = &session->spare;
    request->session = session;
    request->connection = peer->connection;
    request->address = peer->address;
    request->policy = peer->policy;
    request->received_ns = session->now_ns;
    request->rule = NULL;
    request->proof.verified = false;
    request->rrn_text[0] = '\0';
    request->fetch_count = 0;
    request->pin.translated = request->pin.refused = false;
    request->link.number = POS_LINK_ANY;
    pos_request_move(request, POS_REQUEST_TURN);
    return request;
}

void pos_session_release(struct pos_request *request)
{
    struct pos_session *session = request->session;
    if (request == &session->spare)
        pos_request_move(request, POS_REQUEST_FREE);
    else
        pos_request_release(session->pool, request);
}

static enum pos_session_close take_frame(struct pos_session *session, struct pos_peer *peer,
                                         const struct pos_frame *frame, const char **reason)
{
    if (peer->unanswered >= session->options.pipeline_count_max) {
        *reason = "too many unanswered requests";
        return POS_SESSION_PIPELINE;
    }
    struct pos_request *request = acquire(session, peer);
    keep_frame(request, frame);
    struct pos_decode_error error;
    enum pos_status status = pos_iso8583_decode(peer->policy->dialect, request->frame.message,
                                                &request->message, &error);
    if (!pos_mti_is_request(request->message.mti)) {
        *reason = pos_decode_reason_text(status == POS_OK ? POS_DECODE_MTI : error.reason);
        pos_session_release(request);
        return POS_SESSION_NO_REQUEST;
    }
    peer->unanswered++;
    if (status != POS_OK)
        refuse_format(request, error.field, error.offset, pos_decode_reason_text(error.reason));
    else if (request == &session->spare)
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
    else
        begin(request);
    return POS_SESSION_OPEN;
}

size_t pos_session_receive(struct pos_session *session, struct pos_peer *peer,
                           struct pos_bytes stream, enum pos_session_close *close,
                           const char **reason)
{
    size_t used = 0;
    *close = POS_SESSION_OPEN;
    while (used < stream.size && *close == POS_SESSION_OPEN) {
        struct pos_frame frame;
        size_t consumed = 0;
        enum pos_frame_result result =
            pos_frame_next(peer->policy->dialect, pos_bytes(stream.data + used, stream.size - used),
                           &frame, &consumed, reason);
        used += consumed;
        if (result == POS_FRAME_PARTIAL)
            break;
        if (result == POS_FRAME_BROKEN)
            *close = POS_SESSION_BAD_FRAME;
        else if (result == POS_FRAME_KEEP_ALIVE)
            pos_counter_add(&session->options.counters->keep_alives, 1);
        else
            *close = take_frame(session, peer, &frame, reason);
    }
    return used;
}

void pos_session_turn_done(struct pos_session *session, uint64_t now_ns)
{
    if (session->turn_answered > 0)
        pos_histogram_record_times(&session->options.counters->reply_time, now_ns - session->now_ns,
                                   session->turn_answered);
    session->turn_answered = 0;
    pos_counter_set(&session->options.counters->pending, pos_session_pending(session));
}

uint32_t pos_session_pending(const struct pos_session *session)
{
    return pos_request_pool_taken(session->pool);
}

/* ---- completions ---- */

void pos_session_fetched(struct pos_request *request)
{
    if (request->rule->kind == POS_KIND_REGISTER)
        pos_registration_fetched(request);
    else if (request->rule->kind == POS_KIND_SIGN_ON)
        pos_sign_on_fetched(request);
    else
        pos_pin_fetched(request);
}

enum pos_status pos_session_count_verb(struct pos_session *session, enum pos_verb verb,
                                       enum pos_status status)
{
    pos_counter_add(&session->options.counters->module[verb][pos_verb_outcome(status)], 1);
    return status;
}

void pos_session_secured(struct pos_request *request)
{
    static const enum pos_verb verbs[POS_STRONG_WORK_COUNT] = {
        [POS_STRONG_FETCH] = POS_VERB_FETCH_MAC_KEY,
        [POS_STRONG_PAIR] = POS_VERB_GENERATE,
        [POS_STRONG_WRAP] = POS_VERB_WRAP,
        [POS_STRONG_PIN] = POS_VERB_TRANSLATE_PIN};
    (void)pos_session_count_verb(request->session, verbs[request->job.work], request->job.status);
    request->then(request);
}

void pos_session_secure(struct pos_request *request, void (*then)(struct pos_request *request))
{
    const struct pos_world *world = &request->session->options.world;
    request->then = then;
    request->waiting_ns = request->session->now_ns;
    pos_request_move(request, POS_REQUEST_STRONGROOM);
    enum pos_status status = world->secure(world->context, request);
    if (status == POS_OK)
        return;
    request->job.status = status;
    then(request);
}

enum pos_refusal pos_session_why_not_secured(const struct pos_request *request)
{
    enum pos_status status = request->job.status;
    return status == POS_ERR_BUSY || status == POS_ERR_TIMEOUT ? POS_REFUSAL_OVERLOAD
                                                               : POS_REFUSAL_SECURITY_MODULE;
}

static void key_is_here(struct pos_request *request)
{
    if (request->job.status == POS_OK)
        request->again(request);
    else
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, pos_session_why_not_secured(request));
}

/* A key that is gone again before it was used, time after time: there are too many. */
void pos_session_bring_key(struct pos_request *request, void (*again)(struct pos_request *request))
{
    if (request->fetch_count++ >= FETCH_COUNT_MAX) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
        return;
    }
    request->again = again;
    pos_session_secure(request, key_is_here);
}

void pos_session_committed(struct pos_request *request, enum pos_status status)
{
    struct pos_session *session = request->session;
    pos_histogram_record(&session->options.counters->commit_time,
                         session->now_ns - request->waiting_ns);
    if (status != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
        return;
    }
    switch (request->rule->kind) {
    case POS_KIND_REGISTER:
        pos_registration_committed(request);
        break;
    case POS_KIND_SIGN_ON:
        pos_sign_on_committed(request);
        break;
    case POS_KIND_SIGN_OFF:
        pos_sign_off_committed(request);
        break;
    default:
        pos_transaction_committed(request);
        break;
    }
}

void pos_session_host_answered(struct pos_request *request, enum pos_status status,
                               const struct pos_message *reply)
{
    pos_transaction_host_answered(request, status, reply);
}

void pos_session_write(struct pos_request *request, enum pos_terminal_operation operation)
{
    request->event_count = 0;
    request->write.operation = operation;
    request->write.smn = request->smn;
    request->write.utc_ms = request->session->utc_ms;
    memset(request->write.events, 0, sizeof request->write.events);
}

void pos_session_record(struct pos_request *request, enum pos_terminal_outcome outcome,
                        const char *what, const char *text)
{
    assert(request->event_count < POS_REQUEST_EVENT_COUNT_MAX);
    struct pos_audit_event *event = &request->events[request->event_count++];
    *event = (struct pos_audit_event){.utc_ms = request->session->utc_ms,
                                      .who = "gateway",
                                      .what = what,
                                      .on_what = request->smn.text,
                                      .outcome = text};
    request->write.events[outcome] = event;
}

/* As far as the turn's look-up knows: what repeats goes through the committer and writes nothing.
 * Every other operation is asked for only when there is something to change or to record. */
static bool would_write(const struct pos_request *request)
{
    const struct pos_terminal_hot *hot = &request->hot;
    if (request->found != POS_OK)
        return true;
    if (request->write.operation == POS_TERMINAL_REGISTER)
        return request->write.proved && (!hot->proved || (hot->ecb && !request->write.ecb));
    return request->write.operation != POS_TERMINAL_SIGN_ON || hot->tak[1].size == 0;
}

void pos_session_fetch_dossier(struct pos_request *request)
{
    const struct pos_world *world = &request->session->options.world;
    pos_request_move(request, POS_REQUEST_DOSSIER);
    if (world->fetch(world->context, request) != POS_OK)
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
}

void pos_session_submit(struct pos_request *request)
{
    struct pos_session *session = request->session;
    const struct pos_world *world = &session->options.world;
    if (!world->may_write(world->context) && would_write(request)) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_LOW_DISK);
        return;
    }
    request->waiting_ns = session->now_ns;
    pos_request_move(request, POS_REQUEST_COMMIT);
    enum pos_status status = world->commit(world->context, request);
    if (status != POS_OK)
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION,
                       status == POS_ERR_BUSY ? POS_REFUSAL_OVERLOAD : POS_REFUSAL_DATABASE);
}
