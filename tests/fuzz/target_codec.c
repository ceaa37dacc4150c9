/*
 * A message in one dialect. What decodes must encode again, to the same bytes from its wire form
 * and to the same values from its plain form; and whatever came, the reply that says so can be
 * made.
 */
#include <string.h>

#include "core/wire/message.h"
#include "tests/fuzz/fuzz.h"

static uint8_t plain[2 * POS_FRAME_BODY_SIZE_MAX];
static uint8_t encoded_memory[POS_FRAME_BODY_SIZE_MAX], second_memory[POS_FRAME_BODY_SIZE_MAX];

static void draft_of(const struct pos_message *message, bool echo, struct pos_draft *draft)
{
    size_t used = 0;
    pos_draft_init(draft, message->mti);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_message_has(message, field))
            continue;
        struct pos_bytes value =
            pos_message_value(message, field, plain + used, sizeof plain - used);
        fuzz_must(value.size == message->fields[field].count, "a value is as long as it says");
        used += value.size;
        if (echo)
            pos_draft_echo(draft, field, message);
        else
            pos_draft_set(draft, field, value);
    }
}

static struct pos_bytes encode(const struct pos_dialect *dialect, const struct pos_draft *draft,
                               uint8_t *memory, const char *what)
{
    struct pos_buffer out = pos_buffer(memory, POS_FRAME_BODY_SIZE_MAX);
    struct pos_encoded encoded;
    struct pos_decode_error error;
    fuzz_must(pos_iso8583_encode(dialect, draft, &out, &encoded, &error) == POS_OK, what);
    return pos_buffer_view(&out);
}

/* What of a byte may be spelled in two ways: a letter's case in hexadecimal, D or = in a track's
 * characters, F or 0 as the filler of packed digits. */
static bool same_byte(const struct pos_dialect *dialect, uint8_t came, uint8_t again, bool values)
{
    bool hexadecimal = dialect->bitmap == POS_BITMAP_HEX || dialect->binary == POS_BINARY_HEX;
    if (came == again)
        return true;
    if (hexadecimal && came >= 'a' && came <= 'f')
        return came - 'a' + 'A' == again;
    if (!values)
        return false;
    if (dialect->digits == POS_DIGITS_ASCII)
        return came == 'D' && again == '=';
    return dialect->filler_f && ((came == (again | 0x0F) && (again & 0x0F) == 0) ||
                                 (came == (again | 0xF0) && (again & 0xF0) == 0));
}

/* The same message, but for what may be spelled in two ways, and for a second bitmap with nothing
 * in it where the dialect lets one pass. `values`: it was encoded from its plain values. */
static bool same_bytes(const struct pos_message *message, struct pos_bytes again, bool values)
{
    const struct pos_dialect *dialect = message->dialect;
    size_t head = (dialect->digits == POS_DIGITS_BCD ? 2 : 4) +
                  (dialect->bitmap == POS_BITMAP_BINARY ? 8 : 16);
    struct pos_bytes bytes = message->bytes;
    size_t left_out = bytes.size - again.size;
    bool may_leave_out = dialect->bitmap_second_empty && message->present[1] == 0;
    if (left_out != 0 && !(may_leave_out && left_out == 8))
        return false;
    for (size_t i = 0; i < again.size; i++) {
        size_t place = i < head ? i : i + left_out;
        bool first_bit = left_out != 0 && i == head - 8;
        uint8_t came = first_bit ? bytes.data[place] & 0x7F : bytes.data[place];
        if (!same_byte(dialect, came, again.data[i], values))
            return false;
    }
    return true;
}

static void encode_again(const struct pos_message *message)
{
    const struct pos_dialect *dialect = message->dialect;
    struct pos_draft draft;
    draft_of(message, true, &draft);
    struct pos_bytes again = encode(dialect, &draft, encoded_memory, "wire forms encode again");
    fuzz_must(same_bytes(message, again, false), "wire forms encode to the same bytes");

    draft_of(message, false, &draft);
    struct pos_bytes first = encode(dialect, &draft, encoded_memory, "values encode again");
    fuzz_must(same_bytes(message, first, true), "values encode to the same bytes");
    struct pos_message second;
    struct pos_decode_error error;
    fuzz_must(pos_iso8583_decode(dialect, first, &second, &error) == POS_OK,
              "what was encoded decodes");
    fuzz_must(second.mti == message->mti && second.present[0] == message->present[0] &&
                  second.present[1] == message->present[1],
              "to the same fields");
    draft_of(&second, false, &draft);
    fuzz_must(
        pos_bytes_equal(first, encode(dialect, &draft, second_memory, "and encodes once more")),
        "to the same bytes from then on");
}

static void reply_to(const struct pos_message *message, const struct pos_kind_rule *rule,
                     enum pos_response response)
{
    const struct pos_reply_times times = {.time = "090000", .date = "1123"};
    struct pos_draft draft;
    pos_reply_init(&draft, message, rule, response, &times);
    pos_draft_reserve_mac(&draft);
    (void)encode(message->dialect, &draft, encoded_memory, "a reply can be made");
}

static void understand(const struct pos_message *message)
{
    const struct pos_kind_rule *rule = NULL;
    unsigned missing = 0;
    struct pos_smn smn;
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    enum pos_status status = pos_message_classify(message, &rule, &missing);
    fuzz_must((status == POS_ERR_NOT_FOUND) == (rule == NULL), "a request has a rule");
    fuzz_must(status != POS_ERR_FORMAT || missing != 0, "a missing field has a number");
    if (pos_message_smn(message, &smn) == POS_OK)
        fuzz_must(pos_smn_key_index(&smn) <= POS_KEY_INDEX_MAX, "an SMN has an index");
    if (pos_message_mac(message, &covered, mac) == POS_OK)
        fuzz_must(covered.size < message->bytes.size, "a MAC covers what is before it");
    (void)pos_message_number(message, 4, 0);
    (void)pos_message_number(message, 11, 0);
    if (pos_mti_is_request(message->mti) && status == POS_OK)
        reply_to(message, rule, POS_RESPONSE_APPROVED);
}

static void codec(const char *name, const uint8_t *data, size_t size)
{
    const struct pos_dialect *dialect = pos_dialect_find(pos_bytes_text(name));
    struct pos_message message;
    struct pos_decode_error error = {.reason = POS_DECODE_OK};
    if (dialect == NULL)
        return;
    if (pos_iso8583_decode(dialect, pos_bytes(data, size), &message, &error) == POS_OK) {
        encode_again(&message);
        understand(&message);
    } else {
        fuzz_must(error.reason != POS_DECODE_OK && error.offset <= size,
                  "an error has a reason and a place");
        (void)pos_decode_reason_text(error.reason);
    }
    if (pos_mti_is_request(message.mti))
        reply_to(&message, NULL, POS_RESPONSE_FORMAT);
}

void fuzz_codec_cup(const uint8_t *data, size_t size)
{
    codec("cup", data, size);
}

void fuzz_codec_iso87a(const uint8_t *data, size_t size)
{
    codec("iso87a", data, size);
}

void fuzz_codec_iso87b(const uint8_t *data, size_t size)
{
    codec("iso87b", data, size);
}

void fuzz_codec_iso87x(const uint8_t *data, size_t size)
{
    codec("iso87x", data, size);
}
