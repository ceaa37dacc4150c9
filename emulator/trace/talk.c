#include "emulator/trace/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
    uint16_t mti; /* 0: free */
    char stan[6], tid[8];
    uint64_t time_ns;
    const struct pos_kind_rule *rule;
};

struct side {
    uint8_t held[POS_FRAME_SIZE_MAX]; /* the beginning of a frame */
    size_t held_size;
    bool lost; /* bytes are passed over until some begin with a frame */
};

struct pos_talk {
    struct pos_trace *trace;
    char names[2][POS_TALK_NAME_SIZE];
    struct pos_port_guess *guess; /* NULL: the dialect is given */
    struct side sides[2];
    struct waiting waiting[POS_TALK_WAITING_COUNT_MAX];
    size_t next_waiting;
};

/* ---- telling ---- */

static const struct pos_dialect *dialect_of(const struct pos_talk *talk)
{
    return talk->guess == NULL ? talk->trace->options.dialect : pos_guess_best(&talk->guess->guess);
}

static struct pos_event event_of(const struct pos_talk *talk, enum pos_talk_side side,
                                 enum pos_event_kind kind, uint64_t time_ns)
{
    struct pos_event event = {.kind = kind,
                              .time_ns = time_ns,
                              .dialect = dialect_of(talk),
                              .latency_ns = POS_EVENT_NO_LATENCY};
    if (talk->names[0][0] != '\0') {
        event.from = talk->names[side];
        event.to = talk->names[1 - side];
    }
    return event;
}

static void tell(const struct pos_talk *talk, const struct pos_event *event)
{
    talk->trace->options.tell(talk->trace->options.context, event);
}

/* ---- pairing ---- */

static void identity(const struct pos_message *message, struct waiting *waiting)
{
    memset(waiting->stan, 0, sizeof waiting->stan);
    memset(waiting->tid, 0, sizeof waiting->tid);
    (void)pos_message_value(message, 11, waiting->stan, sizeof waiting->stan);
    (void)pos_message_value(message, 41, waiting->tid, sizeof waiting->tid);
}

static void note_request(struct pos_talk *talk, const struct pos_message *message,
                         const struct pos_kind_rule *rule, uint64_t time_ns)
{
    struct waiting *waiting = &talk->waiting[talk->next_waiting];
    talk->next_waiting = (talk->next_waiting + 1) % POS_TALK_WAITING_COUNT_MAX;
    talk->trace->unanswered += waiting->mti != 0; /* pushed out */
    *waiting = (struct waiting){.mti = message->mti, .time_ns = time_ns, .rule = rule};
    identity(message, waiting);
}

/* The request that this is the reply to, oldest first; NULL when it was not seen. */
static struct waiting *find_request(struct pos_talk *talk, const struct pos_message *reply)
{
    struct waiting like;
    identity(reply, &like);
    for (size_t i = 0; i < POS_TALK_WAITING_COUNT_MAX; i++) {
        struct waiting *waiting =
            &talk->waiting[(talk->next_waiting + i) % POS_TALK_WAITING_COUNT_MAX];
        if (waiting->mti != 0 && pos_reply_mti(waiting->mti) == reply->mti &&
            memcmp(waiting->stan, like.stan, sizeof like.stan) == 0 &&
            memcmp(waiting->tid, like.tid, sizeof like.tid) == 0)
            return waiting;
    }
    return NULL;
}

static void pair_reply(struct pos_talk *talk, struct pos_event *event)
{
    struct waiting *request = find_request(talk, event->message);
    if (request == NULL)
        return;
    event->rule = request->rule;
    if (request->time_ns != 0 && event->time_ns >= request->time_ns) {
        event->latency_ns = event->time_ns - request->time_ns;
        pos_histogram_record(&talk->trace->latency, event->latency_ns);
    }
    request->mti = 0;
}

/* What a message is by itself. A reply has the fields of its request that tell kinds apart, or it
 * is a 30 and nobody knows. */
static const struct pos_kind_rule *classify(const struct pos_message *message, bool reply)
{
    struct pos_message request = *message;
    const struct pos_kind_rule *rule;
    unsigned missing;
    if (reply)
        request.mti = (uint16_t)(request.mti - 0x10);
    enum pos_status status = pos_message_classify(&request, &rule, &missing);
    bool told = rule != NULL && (rule->processing == NULL || pos_message_has(message, 3)) &&
                missing != message->dialect->network_field;
    return status == POS_OK || told ? rule : NULL;
}

/* ---- frames ---- */

static void add_to_guess(struct pos_talk *talk, enum pos_talk_side side, struct pos_bytes body,
                         uint64_t time_ns)
{
    struct pos_port_guess *guess = talk->guess;
    if (guess == NULL)
        return;
    pos_guess_add(&guess->guess, body, talk->trace->options.bare);
    enum pos_certainty certainty = pos_guess_certainty(&guess->guess);
    if (certainty == guess->told && pos_guess_best(&guess->guess) == guess->told_dialect)
        return;
    guess->told = certainty;
    guess->told_dialect = pos_guess_best(&guess->guess);
    char why[POS_GUESS_TEXT_SIZE];
    pos_guess_explain(&guess->guess, why);
    struct pos_event event = event_of(talk, side, POS_EVENT_GUESS, time_ns);
    (void)snprintf(event.detail, sizeof event.detail, "%s: %s", pos_certainty_text(certainty), why);
    tell(talk, &event);
}

static void decode(struct pos_talk *talk, enum pos_talk_side side, struct pos_bytes body,
                   uint64_t time_ns)
{
    bool bare = talk->trace->options.bare;
    add_to_guess(talk, side, body, time_ns);
    struct pos_event event = event_of(talk, side, POS_EVENT_MESSAGE, time_ns);
    struct pos_message message;
    event.frame.message = pos_guess_message(event.dialect, body, bare);
    if (event.dialect->routed && !bare && event.frame.message.size > 0) {
        event.frame.tpdu = pos_bytes(body.data, POS_TPDU_SIZE);
        event.frame.header = pos_bytes(body.data + POS_TPDU_SIZE, POS_HEADER_SIZE);
    }
    talk->trace->messages++;
    if (pos_iso8583_decode(event.dialect, event.frame.message, &message, &event.error) != POS_OK)
        talk->trace->wrong++;
    event.message = &message;
    event.reply = message.mti != 0 && !pos_mti_is_request(message.mti);
    event.rule = classify(&message, event.reply);
    if (event.reply)
        pair_reply(talk, &event);
    else if (event.error.reason == POS_DECODE_OK || event.rule != NULL)
        note_request(talk, &message, event.rule, time_ns);
    tell(talk, &event);
}

static void tell_broken(struct pos_talk *talk, enum pos_talk_side side, struct pos_bytes rest,
                        const char *reason, uint64_t time_ns)
{
    struct pos_event event = event_of(talk, side, POS_EVENT_FRAME, time_ns);
    (void)snprintf(event.detail, sizeof event.detail,
                   "%s: the length says %u; %zu bytes are passed over", reason,
                   (unsigned)(rest.data[0] << 8 | rest.data[1]), rest.size);
    talk->trace->wrong++;
    talk->trace->skipped += rest.size;
    talk->sides[side].lost = true;
    tell(talk, &event);
}

/* The shortest message a guess may come to; what is too short for the right dialect shows when it
 * is decoded. */
static const struct pos_dialect *frame_dialect(const struct pos_talk *talk)
{
    return talk->guess == NULL ? talk->trace->options.dialect : &pos_dialect_iso87b;
}

/* One frame off the front; 0 when none is whole. */
static size_t take_frame(struct pos_talk *talk, enum pos_talk_side side, struct pos_bytes bytes,
                         uint64_t time_ns)
{
    struct pos_frame frame;
    struct pos_event event;
    size_t consumed;
    const char *reason = "";
    switch (pos_frame_next(frame_dialect(talk), bytes, &frame, &consumed, &reason)) {
    case POS_FRAME_READY:
        decode(talk, side,
               pos_bytes(bytes.data + POS_FRAME_LENGTH_SIZE, consumed - POS_FRAME_LENGTH_SIZE),
               time_ns);
        return consumed;
    case POS_FRAME_KEEP_ALIVE:
        talk->trace->keep_alives++;
        event = event_of(talk, side, POS_EVENT_KEEP_ALIVE, time_ns);
        tell(talk, &event);
        return consumed;
    case POS_FRAME_BROKEN:
        tell_broken(talk, side, bytes, reason, time_ns);
        return bytes.size;
    default:
        return 0;
    }
}

/* True when a dialect that may be meant reads a whole frame here: the way back after a gap. */
static bool begins_with_frame(const struct pos_talk *talk, struct pos_bytes bytes)
{
    const struct pos_dialect *dialect;
    for (size_t i = 0; (dialect = pos_dialect_nth(i)) != NULL; i++) {
        struct pos_frame frame;
        struct pos_message message;
        struct pos_decode_error error;
        size_t consumed;
        const char *reason;
        if (talk->guess == NULL && dialect != talk->trace->options.dialect)
            continue;
        if (pos_frame_next(dialect, bytes, &frame, &consumed, &reason) == POS_FRAME_READY &&
            pos_iso8583_decode(dialect, frame.message, &message, &error) == POS_OK)
            return true;
    }
    return false;
}

static void take_frames(struct pos_talk *talk, enum pos_talk_side from, struct pos_bytes *bytes,
                        uint64_t time_ns)
{
    size_t consumed;
    while (bytes->size > 0 && (consumed = take_frame(talk, from, *bytes, time_ns)) > 0)
        *bytes = pos_bytes(bytes->data + consumed, bytes->size - consumed);
}

/* Fills up what is held to one frame, so that it never holds more than that; returns what it took.
 */
static size_t complete_held(struct pos_talk *talk, enum pos_talk_side from, struct pos_bytes bytes,
                            uint64_t time_ns)
{
    struct side *side = &talk->sides[from];
    size_t wanted = POS_FRAME_LENGTH_SIZE;
    if (side->held_size >= POS_FRAME_LENGTH_SIZE)
        wanted += (size_t)(side->held[0] << 8 | side->held[1]);
    size_t size = wanted - side->held_size < bytes.size ? wanted - side->held_size : bytes.size;
    memcpy(side->held + side->held_size, bytes.data, size);
    side->held_size += size;
    struct pos_bytes held = pos_bytes(side->held, side->held_size);
    take_frames(talk, from, &held, time_ns);
    side->held_size = held.size; /* all of it or nothing was taken */
    return size;
}

static void take_framed(struct pos_talk *talk, enum pos_talk_side from, struct pos_bytes bytes,
                        uint64_t time_ns)
{
    struct side *side = &talk->sides[from];
    while (side->held_size > 0 && bytes.size > 0 && !side->lost) {
        size_t used = complete_held(talk, from, bytes, time_ns);
        bytes = pos_bytes(bytes.data + used, bytes.size - used);
    }
    if (bytes.size == 0)
        return;
    if (side->lost && !begins_with_frame(talk, bytes)) {
        talk->trace->skipped += bytes.size;
        return;
    }
    side->lost = false;
    take_frames(talk, from, &bytes, time_ns);
    if (side->lost)
        return;
    memcpy(side->held, bytes.data, bytes.size); /* less than a frame, or it had been taken */
    side->held_size = bytes.size;
}

void pos_talk_bytes(struct pos_talk *talk, enum pos_talk_side side, struct pos_bytes bytes,
                    uint64_t time_ns)
{
    if (bytes.size == 0)
        return;
    if (talk->trace->options.bare)
        decode(talk, side, bytes, time_ns);
    else
        take_framed(talk, side, bytes, time_ns);
}

/* ---- beginnings and ends ---- */

static struct pos_port_guess *guess_of(struct pos_trace *trace, uint32_t port)
{
    for (size_t i = 0; i < trace->guess_count; i++)
        if (trace->guesses[i].port == port)
            return &trace->guesses[i];
    if (trace->guess_count == POS_TALK_PORT_COUNT_MAX)
        return &trace->guesses[POS_TALK_PORT_COUNT_MAX - 1];
    struct pos_port_guess *guess = &trace->guesses[trace->guess_count++];
    *guess = (struct pos_port_guess){.port = port};
    return guess;
}

struct pos_talk *pos_talk_open(struct pos_trace *trace, const char *client, const char *server,
                               uint32_t port)
{
    struct pos_talk *talk = calloc(1, sizeof *talk);
    if (talk == NULL)
        return NULL;
    talk->trace = trace;
    if (trace->options.dialect == NULL)
        talk->guess = guess_of(trace, port);
    (void)snprintf(talk->names[POS_TALK_CLIENT], sizeof talk->names[0], "%s", client);
    (void)snprintf(talk->names[POS_TALK_SERVER], sizeof talk->names[0], "%s", server);
    return talk;
}

/* What is held when nothing more comes. */
static void drop_held(struct pos_talk *talk, enum pos_talk_side from, uint64_t time_ns)
{
    struct side *side = &talk->sides[from];
    if (side->held_size == 0)
        return;
    struct pos_event event = event_of(talk, from, POS_EVENT_CUT, time_ns);
    bool pasted = talk->names[0][0] == '\0';
    if (side->held_size < POS_FRAME_LENGTH_SIZE)
        (void)snprintf(event.detail, sizeof event.detail, "ends inside the length of a frame");
    else
        (void)snprintf(event.detail, sizeof event.detail,
                       "ends inside a frame: its length says %u, %zu bytes are there%s",
                       (unsigned)(side->held[0] << 8 | side->held[1]),
                       side->held_size - POS_FRAME_LENGTH_SIZE,
                       pasted ? "; --bare is for messages without their length" : "");
    side->held_size = 0;
    talk->trace->wrong++;
    tell(talk, &event);
}

void pos_talk_gap(struct pos_talk *talk, enum pos_talk_side from, uint32_t missing,
                  uint64_t time_ns)
{
    struct side *side = &talk->sides[from];
    struct pos_event event = event_of(talk, from, POS_EVENT_GAP, time_ns);
    if (missing == 0)
        (void)snprintf(event.detail, sizeof event.detail,
                       "the capture begins inside this connection");
    else
        (void)snprintf(event.detail, sizeof event.detail,
                       "%u bytes are missing in the capture, and %zu before them begin a frame",
                       missing, side->held_size);
    talk->trace->skipped += side->held_size;
    talk->trace->gaps++;
    side->held_size = 0;
    side->lost = true;
    tell(talk, &event);
}

size_t pos_talk_waiting(const struct pos_talk *talk)
{
    size_t count = 0;
    for (size_t i = 0; i < POS_TALK_WAITING_COUNT_MAX; i++)
        count += talk->waiting[i].mti != 0;
    return count;
}

void pos_talk_pause(struct pos_talk *talk, uint64_t time_ns)
{
    for (size_t side = 0; side < 2; side++) {
        drop_held(talk, (enum pos_talk_side)side, time_ns);
        talk->sides[side].lost = false;
    }
}

void pos_talk_close(struct pos_talk *talk, uint64_t time_ns)
{
    pos_talk_pause(talk, time_ns);
    talk->trace->unanswered += pos_talk_waiting(talk);
    free(talk);
}

void pos_trace_forget(struct pos_trace *trace)
{
    for (size_t i = 0; i < trace->guess_count; i++)
        trace->guesses[i] = (struct pos_port_guess){.port = trace->guesses[i].port};
}
