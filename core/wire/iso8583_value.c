/* What the fields of a decoded message say. */
#include <assert.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/wire/iso8583.h"

struct pos_bytes pos_message_raw(const struct pos_message *message, unsigned field)
{
    if (!pos_message_has(message, field))
        return pos_bytes(NULL, 0);
    const struct pos_field_view *view = &message->fields[field];
    return pos_bytes(message->bytes.data + view->offset, view->size);
}

/* BCD to characters; the separator D becomes '='. */
static void unpack(const uint8_t *bytes, size_t count, bool filler_in_front, uint8_t *text)
{
    size_t skip = count % 2 != 0 && filler_in_front ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        size_t nibble = i + skip;
        uint8_t byte = bytes[nibble / 2];
        text[i] = (uint8_t)('0' + (nibble % 2 == 0 ? byte >> 4 : byte & 15));
    }
}

static void digits_value(const struct pos_message *message, unsigned field, const uint8_t *wire,
                         size_t count, uint8_t *text)
{
    if (message->dialect->digits == POS_DIGITS_BCD)
        unpack(wire, count, pos_field_set_has(message->dialect->filler_front, field), text);
    else
        memcpy(text, wire, count);
}

static void track_value(const struct pos_message *message, unsigned field, const uint8_t *wire,
                        size_t count, uint8_t *text)
{
    digits_value(message, field, wire, count, text);
    for (size_t i = 0; i < count; i++)
        if (text[i] == 'D')
            text[i] = '=';
}

struct pos_bytes pos_message_value(const struct pos_message *message, unsigned field, void *text,
                                   size_t capacity)
{
    struct pos_bytes raw = pos_message_raw(message, field);
    uint8_t *to = text;
    if (raw.data == NULL || message->fields[field].count > capacity)
        return pos_bytes(NULL, 0);
    size_t count = message->fields[field].count;
    switch (message->dialect->fields[field].kind) {
    case POS_FIELD_N:
        digits_value(message, field, raw.data, count, to);
        break;
    case POS_FIELD_Z:
        track_value(message, field, raw.data, count, to);
        break;
    case POS_FIELD_XN:
        to[0] = raw.data[0];
        digits_value(message, field, raw.data + 1, count - 1, to + 1);
        break;
    case POS_FIELD_B:
        if (message->dialect->binary == POS_BINARY_HEX) {
            enum pos_status status = pos_hex_decode(raw, to, count);
            assert(status == POS_OK); /* checked when it came in */
            break;
        }
        /* fall through */
    default:
        memcpy(to, raw.data, count);
        break;
    }
    return pos_bytes(text, count);
}

uint64_t pos_message_number(const struct pos_message *message, unsigned field, uint64_t absent)
{
    uint8_t digits[18];
    if (message->dialect->fields[field].kind != POS_FIELD_N)
        return absent;
    struct pos_bytes value = pos_message_value(message, field, digits, sizeof digits);
    if (value.size == 0)
        return absent;
    uint64_t number = 0;
    for (size_t i = 0; i < value.size; i++)
        number = number * 10 + (uint64_t)(digits[i] - '0');
    return number;
}

enum pos_status pos_message_mac(const struct pos_message *message, struct pos_bytes *covered,
                                uint8_t mac[POS_MAC_SIZE])
{
    unsigned field = message->present[1] != 0 ? 128 : 64;
    if (!pos_message_has(message, field) || message->fields[field].count != POS_MAC_SIZE)
        return POS_ERR_MAC;
    (void)pos_message_value(message, field, mac, POS_MAC_SIZE);
    *covered = pos_bytes(message->bytes.data, message->fields[field].offset);
    return POS_OK;
}
