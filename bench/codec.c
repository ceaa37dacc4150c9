/*
 * `codec`: messages taken apart and built, in all dialects. The one that counts is a sale with a
 * PIN and a MAC, 17 fields, in iso87b 127 bytes; the others are what terminals send all day. The
 * floors are what touching the same bytes costs without understanding them.
 */
#include <stdio.h>
#include <string.h>

#include "bench/command.h"
#include "bench/micro.h"
#include "core/terminal/terminal.h"

enum {
    SALE_SIZE = 127,
    MESSAGES_EACH = 4, /* dialect: a sale, and three of management */
    MESSAGE_COUNT_MAX = 4 * MESSAGES_EACH,
    VALUE_SIZE_MAX = 64,
    FRAME_SIZE_MAX = 512,
    PARSE_NS = 80, /* the targets */
    BUILD_NS = 200,
};

struct message {
    const struct pos_dialect *dialect;
    uint8_t bytes[FRAME_SIZE_MAX]; /* as sent: what is parsed */
    size_t size;
    uint8_t frame[FRAME_SIZE_MAX]; /* the same in its frame */
    size_t frame_size;
    uint16_t mti; /* what is built: */
    bool mac;
    uint8_t mac_bytes[POS_MAC_SIZE];
    struct pos_bytes values[POS_FIELD_COUNT + 1]; /* in `text`; by number */
    unsigned numbers[POS_FIELD_COUNT];
    size_t number_count;
    uint8_t text[POS_FIELD_COUNT + 1][VALUE_SIZE_MAX];
};

static struct pos_micro micro = {.command = "codec"};
static struct message messages[MESSAGE_COUNT_MAX];
static size_t message_count;

/* ---- what is measured ---- */

static enum pos_status parse_message(void *context, uint64_t count)
{
    const struct message *message = context;
    struct pos_bytes bytes = pos_bytes(message->bytes, message->size);
    struct pos_message parsed;
    struct pos_decode_error error;
    for (uint64_t i = 0; i < count; i++) {
        if (pos_iso8583_decode(message->dialect, bytes, &parsed, &error) != POS_OK)
            return POS_ERR_FORMAT;
        __asm__ volatile("" : : "r"(&parsed) : "memory");
    }
    return POS_OK;
}

static enum pos_status build_once(const struct message *message, struct pos_buffer *out)
{
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    pos_draft_init(&draft, message->mti);
    for (size_t n = 0; n < message->number_count; n++)
        pos_draft_set(&draft, message->numbers[n], message->values[message->numbers[n]]);
    if (message->mac)
        pos_draft_reserve_mac(&draft);
    enum pos_status status = pos_iso8583_encode(message->dialect, &draft, out, &encoded, &error);
    if (status == POS_OK && message->mac)
        pos_encoded_set_mac(&encoded, message->mac_bytes);
    return status;
}

static enum pos_status build_message(void *context, uint64_t count)
{
    const struct message *message = context;
    uint8_t memory[FRAME_SIZE_MAX];
    for (uint64_t i = 0; i < count; i++) {
        struct pos_buffer out = pos_buffer(memory, sizeof memory);
        if (build_once(message, &out) != POS_OK)
            return POS_ERR_FORMAT;
        __asm__ volatile("" : : "r"(memory) : "memory");
    }
    return POS_OK;
}

/* Finds the message in what came, and puts a frame around a reply of the same size. */
static enum pos_status frame_message(void *context, uint64_t count)
{
    const struct message *message = context;
    struct pos_bytes stream = pos_bytes(message->frame, message->frame_size);
    uint8_t memory[FRAME_SIZE_MAX];
    struct pos_frame frame;
    size_t used;
    const char *reason;
    for (uint64_t i = 0; i < count; i++) {
        struct pos_buffer out = pos_buffer(memory, sizeof memory);
        if (pos_frame_next(message->dialect, stream, &frame, &used, &reason) != POS_FRAME_READY)
            return POS_ERR_FORMAT;
        size_t start = pos_frame_begin(message->dialect, &frame, true, &out);
        if (pos_buffer_take(&out, frame.message.size) == NULL ||
            pos_frame_end(&out, start) != POS_OK)
            return POS_ERR_LENGTH;
        __asm__ volatile("" : : "r"(memory), "r"(&frame) : "memory");
    }
    return POS_OK;
}

static enum pos_status copy_bytes(void *context, uint64_t count)
{
    const struct message *message = context;
    uint8_t memory[FRAME_SIZE_MAX];
    for (uint64_t i = 0; i < count; i++) {
        memcpy(memory, message->bytes, message->size);
        __asm__ volatile("" : : "r"(memory) : "memory");
    }
    return POS_OK;
}

/* Each byte by itself, as a parser that knows a table of characters and nothing better. */
static enum pos_status scan_bytes(void *context, uint64_t count)
{
    static uint8_t table[256];
    const struct message *message = context;
    for (uint64_t i = 0; i < count; i++) {
        unsigned seen = 0;
        for (size_t at = 0; at < message->size; at++)
            seen |= table[message->bytes[at]];
        __asm__ volatile("" : : "r"(seen), "r"(table) : "memory");
    }
    return POS_OK;
}

/* ---- the messages ---- */

static const struct {
    unsigned number;
    const char *text;
} sale[] = {
    {2, "6212345678901234567"},
    {3, "000000"},
    {4, "000000012345"},
    {7, "1123184501"},
    {11, "000123"},
    {12, "194501"},
    {13, "1123"},
    {14, "2912"},
    {22, "021"},
    {25, "00"},
    {35, "6212345678901234567=2912101000012345"},
    {41, "BENCH001"},
    {42, "BENCHMERCHANT01"},
    {49, "156"},
    {52, "\x11\x22\x33\x44\x55\x66\x77\x88"},
    {62, "123L013K00000278"},
};

static enum pos_status put_into_frame(struct message *message)
{
    struct pos_frame model = pos_route_frame(&pos_route_usual);
    struct pos_buffer out = pos_buffer(message->frame, sizeof message->frame);
    size_t start = pos_frame_begin(message->dialect, &model, false, &out);
    pos_buffer_put(&out, pos_bytes(message->bytes, message->size));
    enum pos_status status = pos_frame_end(&out, start);
    message->frame_size = out.size;
    return status;
}

/* From the wire to what a build begins with, and back: the same bytes. */
static enum pos_status learn_values(struct message *message)
{
    struct pos_message parsed;
    struct pos_decode_error error;
    struct pos_bytes covered;
    struct pos_bytes bytes = pos_bytes(message->bytes, message->size);
    if (pos_iso8583_decode(message->dialect, bytes, &parsed, &error) != POS_OK)
        return POS_ERR_FORMAT;
    message->mti = parsed.mti;
    message->mac = pos_message_mac(&parsed, &covered, message->mac_bytes) == POS_OK;
    message->number_count = 0;
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_message_has(&parsed, field) || field == 64 || field == 128)
            continue;
        message->values[field] =
            pos_message_value(&parsed, field, message->text[field], VALUE_SIZE_MAX);
        message->numbers[message->number_count++] = field;
    }
    uint8_t memory[FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    enum pos_status status = build_once(message, &out);
    bool same = out.size == message->size && memcmp(memory, message->bytes, out.size) == 0;
    if (status == POS_OK && !same)
        return POS_ERR_MISMATCH;
    return status == POS_OK ? put_into_frame(message) : status;
}

static struct message *new_message(const struct pos_dialect *dialect)
{
    struct message *message = &messages[message_count++];
    message->dialect = dialect;
    return message;
}

static enum pos_status make_sale(struct message *message)
{
    struct pos_buffer out = pos_buffer(message->bytes, sizeof message->bytes);
    message->mti = 0x0200;
    message->mac = true;
    memset(message->mac_bytes, 0x5A, POS_MAC_SIZE);
    for (size_t i = 0; i < sizeof sale / sizeof sale[0]; i++) {
        unsigned number = sale[i].number;
        message->numbers[message->number_count++] = number;
        message->values[number] = pos_bytes_text(sale[i].text);
    }
    enum pos_status status = build_once(message, &out);
    message->size = out.size;
    if (status == POS_OK && message->dialect == &pos_dialect_iso87b && out.size != SALE_SIZE)
        return POS_ERR_LENGTH;
    return status == POS_OK ? learn_values(message) : status;
}

/* As core/terminal sends it; without its frame. */
static enum pos_status make_request(struct message *message, enum pos_kind kind)
{
    static const uint8_t key[POS_KEY_SIZE_MAX] = {1};
    uint8_t memory[FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_terminal terminal;
    struct pos_exchange_state state;
    struct pos_frame frame;
    size_t used;
    const char *reason;
    pos_terminal_init(&terminal, message->dialect, "123L013K", "BENCH001", "BENCHMERCHANT01");
    enum pos_status status = pos_terminal_restore(&terminal, POS_STAGE_SIGNED_ON, 278,
                                                  POS_ALGORITHM_A256, key, key, key);
    if (status == POS_OK)
        status = pos_terminal_request(&terminal, kind, NULL, &out, &state);
    pos_terminal_fini(&terminal);
    if (status != POS_OK)
        return status;
    if (pos_frame_next(message->dialect, pos_buffer_view(&out), &frame, &used, &reason) !=
        POS_FRAME_READY)
        return POS_ERR_FORMAT;
    message->size = frame.message.size;
    memcpy(message->bytes, frame.message.data, frame.message.size);
    return learn_values(message);
}

/* ---- the command ---- */

static void add(struct message *message, const char *kind, bool counts, int scan)
{
    const char *dialect = message->dialect->name;
    struct pos_micro_subject subject = {.run = parse_message, .context = message, .floor = scan};
    int parse =
        pos_micro_add(&micro, &subject, "parse %s %s, %zu bytes", dialect, kind, message->size);
    subject.run = build_message;
    int build =
        pos_micro_add(&micro, &subject, "build %s %s, %zu bytes", dialect, kind, message->size);
    if (!counts)
        return;
    subject = (struct pos_micro_subject){
        .run = frame_message, .context = message, .floor = POS_MICRO_NONE};
    (void)pos_micro_add(&micro, &subject, "frame %s, in and out", dialect);
    pos_micro_check(&micro,
                    (struct pos_micro_check){.of = parse, .to = POS_MICRO_NONE, .target = PARSE_NS},
                    "parse/%s", dialect);
    pos_micro_check(&micro,
                    (struct pos_micro_check){.of = build, .to = POS_MICRO_NONE, .target = BUILD_NS},
                    "build/%s", dialect);
}

static int add_floors(struct message *message)
{
    struct pos_micro_subject subject = {
        .run = copy_bytes, .context = message, .floor = POS_MICRO_NONE};
    (void)pos_micro_add(&micro, &subject, "copy of %zu bytes", message->size);
    subject.run = scan_bytes;
    return pos_micro_add(&micro, &subject, "byte by byte, %zu bytes", message->size);
}

static enum pos_status add_dialect(const struct pos_dialect *dialect)
{
    static const struct {
        enum pos_kind kind;
        const char *name;
    } kinds[] = {{POS_KIND_REGISTER, "register"},
                 {POS_KIND_SIGN_ON, "sign-on"},
                 {POS_KIND_AUTHENTICATE, "authenticate"}};
    struct message *message = new_message(dialect);
    enum pos_status status = make_sale(message);
    if (status != POS_OK)
        return status;
    int scan = add_floors(message);
    add(message, "sale", true, scan);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && status == POS_OK; i++) {
        message = new_message(dialect);
        status = make_request(message, kinds[i].kind);
        add(message, kinds[i].name, false, POS_MICRO_NONE);
    }
    return status;
}

static enum pos_status add_all(struct pos_error *error)
{
    const struct pos_dialect *dialect;
    for (size_t d = 0; (dialect = pos_dialect_nth(d)) != NULL; d++) {
        if (message_count + MESSAGES_EACH > MESSAGE_COUNT_MAX)
            return pos_error_set(error, POS_ERR_LIMIT, "more dialects than expected");
        enum pos_status status = add_dialect(dialect);
        if (status != POS_OK)
            return pos_error_set(error, status, "cannot make messages in %s: %s", dialect->name,
                                 pos_status_text(status));
    }
    return POS_OK;
}

int pos_command_codec(int argc, char **argv)
{
    struct pos_error error = {0};
    pos_micro_begin(&micro,
                    "Measures taking messages apart and building them, in all dialects, beside "
                    "copying the same bytes and looking at each of them.",
                    NULL, NULL, argc, argv);
    (void)snprintf(micro.note, sizeof micro.note,
                   "Not measured here: dl_iso8583 takes 334 ns to parse and 599 ns to build the "
                   "127-byte sale, by an earlier measurement elsewhere.");
    enum pos_status status = add_all(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&micro, &error);
    return pos_micro_finish(&micro, status, &error);
}
