/*
 * PINs: a block under the terminal's TPK becomes one under the ZPK of the host link that will carry
 * the message, inside the security module and by its rules alone (core/crypto/pin_block.h).
 *
 * Whatever is wrong with a block, its format, its card number or its key is one answer, 99, one
 * reason and one line in the log: who sends blocks must not learn from the answer which it was. A
 * request that proved nothing has nothing translated; and a terminal's failures are counted, and it
 * is heard no more when there are too many in an hour. The block and the card number are never
 * logged.
 */
#include <string.h>

#include "core/base/hex.h"

#include "gateway/session_inside.h"

enum {
    LINES_A_SECOND = 10,
    TAG_HEAD_SIZE = 5, /* tag of 2 characters, length of 3 digits */
    FIELD_59_SIZE_MAX = 999,
};

/* ---- field 59: a run of tag, length, value; tag A1 is a block of format 4 in hexadecimal ---- */

static const char pin_tag[] = "A1";

/* The tag at `at`, with its head; false at the end and where it is no tag. */
static bool tag_at(struct pos_bytes tags, size_t at, struct pos_bytes *tag)
{
    if (at + TAG_HEAD_SIZE > tags.size)
        return false;
    size_t length = 0;
    for (size_t i = at + 2; i < at + TAG_HEAD_SIZE; i++) {
        if (tags.data[i] < '0' || tags.data[i] > '9')
            return false;
        length = length * 10 + (size_t)(tags.data[i] - '0');
    }
    *tag = pos_bytes(tags.data + at, TAG_HEAD_SIZE + length);
    return true;
}

static bool is_pin_tag(struct pos_bytes tag)
{
    return memcmp(tag.data, pin_tag, 2) == 0;
}

/* Tags named A1, whole or not: one that ends too early is a PIN block all the same. */
static unsigned count_pin_tags(const struct pos_message *message)
{
    char text[FIELD_59_SIZE_MAX];
    struct pos_bytes tags = pos_message_value(message, 59, text, sizeof text), tag;
    unsigned count = 0;
    size_t at = 0;
    for (; tag_at(tags, at, &tag); at += tag.size)
        count += is_pin_tag(tag);
    bool cut = at + 2 <= tags.size && memcmp(tags.data + at, pin_tag, 2) == 0;
    return count + cut;
}

bool pos_pin_present(const struct pos_message *message)
{
    return pos_message_has(message, 52) ||
           (pos_message_has(message, 59) && count_pin_tags(message) > 0);
}

/* ---- what the request says ---- */

static bool read_tagged_block(const struct pos_message *message, struct pos_pin_cryptogram *in)
{
    char text[FIELD_59_SIZE_MAX];
    struct pos_bytes tags = pos_message_value(message, 59, text, sizeof text), tag;
    for (size_t at = 0; tag_at(tags, at, &tag) && at + tag.size <= tags.size; at += tag.size) {
        if (!is_pin_tag(tag))
            continue;
        in->format = POS_PIN_FORMAT_4;
        in->size = POS_PIN_BLOCK_SIZE_MAX;
        struct pos_bytes digits = pos_bytes(tag.data + TAG_HEAD_SIZE, tag.size - TAG_HEAD_SIZE);
        return pos_hex_decode(digits, in->data, in->size) == POS_OK;
    }
    return false;
}

/* Field 53. By its first two digits the format; in UnionPay's meaning the first digit says 1 for a
 * block without a card number, 2 for one with. */
static bool read_format(const struct pos_message *message, enum pos_pin_format *format)
{
    static const struct {
        bool unionpay;
        char digits[3]; /* '?': any */
        enum pos_pin_format format;
    } rows[] = {{false, "00", POS_PIN_FORMAT_0},
                {false, "01", POS_PIN_FORMAT_1},
                {false, "03", POS_PIN_FORMAT_3},
                {true, "1?", POS_PIN_FORMAT_1},
                {true, "2?", POS_PIN_FORMAT_0}};
    char text[16];
    struct pos_bytes value = pos_message_value(message, 53, text, sizeof text);
    *format = POS_PIN_FORMAT_0;
    if (value.size == 0)
        return true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        *format = rows[i].format;
        if (rows[i].unionpay == message->dialect->bare_keys && value.data[0] == rows[i].digits[0] &&
            (rows[i].digits[1] == '?' || value.data[1] == rows[i].digits[1]))
            return true;
    }
    return false;
}

static bool read_block(const struct pos_message *message, struct pos_pin_cryptogram *in)
{
    unsigned tags = count_pin_tags(message);
    if (!pos_message_has(message, 52))
        return tags == 1 && read_tagged_block(message, in);
    in->size = (uint8_t)pos_message_value(message, 52, in->data, sizeof in->data).size;
    return tags == 0 && read_format(message, &in->format) &&
           in->size == pos_pin_block_size(in->format);
}

/* From field 2, or the track; where both are they must agree. */
static bool read_pan(const struct pos_message *message, struct pos_pin_transit *pin)
{
    char track[37];
    struct pos_bytes pan = pos_message_value(message, 2, pin->pan, sizeof pin->pan);
    struct pos_bytes whole = pos_message_value(message, 35, track, sizeof track);
    size_t size = 0;
    while (size < whole.size && whole.data[size] != '=')
        size++;
    if (pan.size == 0 && size <= sizeof pin->pan)
        memcpy(pin->pan, track, size);
    else if (whole.size > 0 && (size != pan.size || memcmp(track, pin->pan, size) != 0))
        return false;
    pin->pan_size = (uint8_t)(pan.size > 0 ? pan.size : size);
    return pin->pan_size > 0;
}

static bool read_pin(struct pos_request *request)
{
    struct pos_pin_transit *pin = &request->pin;
    *pin = (struct pos_pin_transit){.translated = false};
    return read_block(&request->message, &pin->in) && read_pan(&request->message, pin);
}

/* ---- refusals ---- */

static void submit_record(struct pos_request *request)
{
    request->pin.refused = true;
    pos_session_write(request, POS_TERMINAL_AUDIT);
    pos_session_record(request, POS_OUTCOME_NONE, "pin", "refused: too many PIN blocks failed");
    pos_session_submit(request);
}

/* The one way in which a PIN is refused. */
static void refuse(struct pos_request *request)
{
    struct pos_session *session = request->session;
    uint32_t suppressed;
    if (pos_log_allow(&session->pin_log, LINES_A_SECOND, session->utc_ms, &suppressed))
        pos_log(POS_LOG_WARNING, "pin-refused", "smn=%s suppressed=%u", request->smn.text,
                suppressed);
    pos_reply_code(request, POS_RESPONSE_PIN, POS_REFUSAL_PIN);
}

static bool end(struct pos_request *request, bool failed)
{
    struct pos_session *session = request->session;
    return pos_pin_limit_end(session->options.pin_limit, &request->smn, session->utc_ms, failed);
}

void pos_pin_recorded(struct pos_request *request)
{
    refuse(request);
}

/* The last failure of the hour is recorded: its terminal proved its key, so it may cause a write.
 */
static void fail(struct pos_request *request)
{
    if (end(request, true))
        submit_record(request);
    else
        refuse(request);
}

/* Nobody's fault but ours: not counted. */
static void give_up(struct pos_request *request, enum pos_refusal refusal)
{
    (void)end(request, false);
    pos_reply_code(request, POS_RESPONSE_MALFUNCTION, refusal);
}

/* ---- the way ---- */

static void translated(struct pos_request *request)
{
    enum pos_status status = request->job.status;
    if (status == POS_OK) {
        (void)end(request, false);
        request->pin.translated = true;
        pos_transaction_forward(request);
    } else if (pos_status_class(status) == POS_CLASS_ENVIRONMENT) {
        give_up(request, pos_session_why_not_secured(request));
    } else {
        fail(request);
    }
}

static bool same_key(const struct pos_key *a, const struct pos_key *b)
{
    return a->size > 0 && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* The TPK of the pair whose TAK verified; NULL when that pair is gone. */
static const struct pos_key *tpk_of(const struct pos_request *request)
{
    const struct pos_dossier *dossier = &request->dossier;
    for (size_t i = 0; i < 2; i++)
        if (same_key(&dossier->hot.tak[i], &request->proof.key) && dossier->detail.tpk[i].size > 0)
            return &dossier->detail.tpk[i];
    return NULL;
}

/* Blocks of 8 bytes go under TDES, those of 16 under AES and SM4. */
static bool suits(const struct pos_key *tpk, const struct pos_pin_cryptogram *in)
{
    return (pos_algorithm_working(tpk->algorithm) == POS_ALGORITHM_T2) ==
           (in->format != POS_PIN_FORMAT_4);
}

void pos_pin_fetched(struct pos_request *request)
{
    const struct pos_key *tpk = tpk_of(request);
    struct pos_pin_transit *pin = &request->pin;
    if (request->dossier.status != POS_OK) {
        give_up(request, POS_REFUSAL_DATABASE);
        return;
    }
    if (tpk == NULL || !suits(tpk, &pin->in)) {
        fail(request);
        return;
    }
    pin->out = (struct pos_pin_cryptogram){.format = request->link.pin_format};
    request->job = (struct pos_strong_job){.work = POS_STRONG_PIN,
                                           .pin = {.tpk = tpk,
                                                   .zpk = &request->link.pin_key,
                                                   .pan = pos_bytes(pin->pan, pin->pan_size),
                                                   .in = &pin->in,
                                                   .out = &pin->out}};
    pos_session_secure(request, translated);
}

static void fetch(struct pos_request *request)
{
    const struct pos_world *world = &request->session->options.world;
    pos_request_move(request, POS_REQUEST_DOSSIER);
    if (world->fetch(world->context, request) != POS_OK)
        give_up(request, POS_REFUSAL_OVERLOAD);
}

void pos_pin_start(struct pos_request *request)
{
    struct pos_session *session = request->session;
    const struct pos_world *world = &session->options.world;
    enum pos_status status = world->choose_link(world->context, &request->link);
    if (status == POS_ERR_NOT_FOUND)
        pos_reply_code(request, POS_RESPONSE_PIN, POS_REFUSAL_PIN_OFF);
    else if (status != POS_OK)
        pos_reply_code(request, POS_RESPONSE_UNREACHABLE, POS_REFUSAL_HOST_AWAY);
    else if (!request->proof.verified)
        refuse(request);
    else if (!pos_pin_limit_begin(session->options.pin_limit, &request->smn, session->utc_ms))
        pos_reply_code(request, POS_RESPONSE_PIN, POS_REFUSAL_PIN_LIMIT);
    else if (!read_pin(request))
        fail(request);
    else
        fetch(request);
}

/* ---- the host's message ---- */

/* Field 53 as the host's dialect has it: what the block is now, no more what it was. */
static struct pos_bytes security_field(const struct pos_request *request, char *memory)
{
    enum pos_pin_format format = request->pin.out.format;
    memset(memory, '0', 16);
    if (!request->link.dialect->bare_keys) {
        memory[1] = (char)('0' + format);
    } else {
        memory[0] = '2';
        memory[1] = format == POS_PIN_FORMAT_4 ? '0' : '6';
    }
    return pos_bytes(memory, 16);
}

static void put_tag(struct pos_buffer *tags, const struct pos_pin_cryptogram *block)
{
    char digits[2 * POS_PIN_BLOCK_SIZE_MAX + 1];
    pos_hex_encode(pos_bytes(block->data, block->size), digits);
    pos_buffer_format(tags, "%s%03zu%s", pin_tag, strlen(digits), digits);
}

/* Field 59 without the terminal's block, with the host's where it is of format 4. */
static struct pos_bytes tags_field(const struct pos_request *request, char *memory, size_t capacity)
{
    char text[FIELD_59_SIZE_MAX];
    struct pos_bytes tags = pos_message_value(&request->message, 59, text, sizeof text), tag;
    struct pos_buffer out = pos_buffer(memory, capacity);
    size_t at = 0;
    for (; tag_at(tags, at, &tag) && at + tag.size <= tags.size; at += tag.size)
        if (!is_pin_tag(tag))
            pos_buffer_put(&out, tag);
    if (request->pin.out.format == POS_PIN_FORMAT_4)
        put_tag(&out, &request->pin.out);
    if (at < tags.size) /* what is no tag was there before and stays, at the end */
        pos_buffer_put(&out, pos_bytes(tags.data + at, tags.size - at));
    return pos_buffer_view(&out);
}

size_t pos_pin_put(const struct pos_request *request, struct pos_draft *message, char *memory,
                   size_t capacity)
{
    const struct pos_pin_cryptogram *out = &request->pin.out;
    if (!request->pin.translated)
        return 0;
    struct pos_bytes security = security_field(request, memory);
    struct pos_bytes tags = tags_field(request, memory + security.size, capacity - security.size);
    pos_draft_set(message, 53, security);
    if (tags.size > 0)
        pos_draft_set(message, 59, tags);
    if (out->format != POS_PIN_FORMAT_4)
        pos_draft_set(message, 52, pos_bytes(out->data, out->size));
    return security.size + tags.size;
}
