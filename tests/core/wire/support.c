#include "tests/core/wire/support.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"

const struct pos_dialect *dialect(size_t i)
{
    switch (i) {
    case 0:
        return &pos_dialect_iso87b;
    case 1:
        return &pos_dialect_iso87a;
    case 2:
        return &pos_dialect_iso87x;
    default:
        return &pos_dialect_cup;
    }
}

struct message_bytes from_hex(const char *hex)
{
    struct message_bytes out = {.size = 0};
    char text[2 * sizeof out.data];
    size_t size = 0;
    for (; *hex != '\0'; hex++)
        if (*hex != ' ')
            text[size++] = *hex;
    cr_assert_eq(pos_hex_decode(pos_bytes(text, size), out.data, size / 2), POS_OK);
    out.size = size / 2;
    return out;
}

struct pos_bytes view_of(const struct message_bytes *bytes)
{
    return pos_bytes(bytes->data, bytes->size);
}

struct message_bytes build(const struct pos_dialect *dialect, uint16_t mti,
                           const struct plain *values, bool mac)
{
    static const uint8_t eight[POS_MAC_SIZE] = {0xA0, 0x1B, 0, 0xFF, 0x7F, 0x80, 0x10, 0x01};
    struct message_bytes out = {.size = 0};
    struct pos_buffer buffer = pos_buffer(out.data, sizeof out.data);
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    pos_draft_init(&draft, mti);
    for (; values->field != 0; values++)
        pos_draft_set(&draft, values->field, pos_bytes_text(values->value));
    if (mac)
        pos_draft_reserve_mac(&draft);
    cr_assert_eq(pos_iso8583_encode(dialect, &draft, &buffer, &encoded, &error), POS_OK,
                 "%s %04X: field %u: %s", dialect->name, mti, error.field,
                 pos_decode_reason_text(error.reason));
    if (mac)
        pos_encoded_set_mac(&encoded, eight);
    out.size = buffer.size;
    return out;
}

enum pos_status encode_again(const struct pos_message *message, bool echo,
                             struct message_bytes *out, struct pos_decode_error *error)
{
    static uint8_t values[16384];
    struct pos_buffer buffer = pos_buffer(out->data, sizeof out->data);
    struct pos_draft draft;
    struct pos_encoded encoded;
    size_t used = 0;
    pos_draft_init(&draft, message->mti);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_message_has(message, field))
            continue;
        struct pos_bytes value =
            pos_message_value(message, field, values + used, sizeof values - used);
        used += value.size;
        if (echo)
            pos_draft_echo(&draft, field, message);
        else
            pos_draft_set(&draft, field, value);
    }
    enum pos_status status = pos_iso8583_encode(message->dialect, &draft, &buffer, &encoded, error);
    out->size = buffer.size;
    return status;
}

uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static uint8_t random_character(const struct pos_dialect *dialect, enum pos_field_kind kind,
                                uint64_t random)
{
    static const char alphanumeric[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ";
    random >>= 8;
    switch (kind) {
    case POS_FIELD_AN:
        return (uint8_t)alphanumeric[random % (sizeof alphanumeric - 1)];
    case POS_FIELD_ANS:
        if (dialect->high_characters && random % 5 == 0)
            return (uint8_t)(0x80 + random / 8 % 0x80);
        return (uint8_t)(0x20 + random % 0x5F);
    case POS_FIELD_Z:
        return random % 20 == 0 ? '=' : (uint8_t)('0' + random % 10);
    case POS_FIELD_B:
        return (uint8_t)random;
    default:
        return (uint8_t)('0' + random % 10);
    }
}

size_t random_value(const struct pos_dialect *dialect, const struct pos_field *field,
                    uint64_t *state, size_t size_max, uint8_t *value)
{
    size_t size = field->size;
    if (field->length != POS_LENGTH_FIXED)
        size = (size_t)(next_random(state) >> 8) % ((size < size_max ? size : size_max) + 1);
    for (size_t i = 0; i < size; i++)
        value[i] = random_character(dialect, field->kind, next_random(state));
    if (field->kind == POS_FIELD_XN)
        value[0] = next_random(state) >> 63 ? 'C' : 'D';
    return size;
}

void random_draft(const struct pos_dialect *in, uint64_t *state, struct pos_draft *draft,
                  uint8_t *memory)
{
    unsigned want = 1 + (unsigned)(next_random(state) >> 60) * 2;
    size_t size_max = next_random(state) >> 61 == 0 ? 200 : 20;
    pos_draft_init(draft, (uint16_t)(0x0100 << (next_random(state) >> 62)));
    for (unsigned i = 0; i < want; i++) {
        unsigned last = next_random(state) >> 63 ? 64 : 128;
        unsigned field = 2 + (unsigned)(next_random(state) >> 8) % (last - 1);
        if (in->fields[field].kind == POS_FIELD_NONE || pos_field_set_has(draft->present, field))
            continue;
        size_t size = random_value(in, &in->fields[field], state, size_max, memory);
        pos_draft_set(draft, field, pos_bytes(memory, size));
        memory += size;
    }
}

void random_message(const struct pos_dialect *in, uint64_t *state, struct pos_draft *draft,
                    struct message_bytes *bytes)
{
    static uint8_t values[RANDOM_VALUES_SIZE];
    struct pos_encoded encoded;
    struct pos_decode_error error;
    struct pos_buffer out = pos_buffer(bytes->data, sizeof bytes->data);
    random_draft(in, state, draft, values);
    cr_assert_eq(pos_iso8583_encode(in, draft, &out, &encoded, &error), POS_OK, "%s: field %u: %s",
                 in->name, error.field, pos_decode_reason_text(error.reason));
    cr_assert_eq(encoded.bytes.size, out.size);
    bytes->size = out.size;
}

enum pos_status decode_exactly(const struct pos_dialect *in, struct pos_bytes bytes,
                               struct pos_message *message, struct pos_decode_error *error)
{
    uint8_t *exact = malloc(bytes.size + 1);
    cr_assert_not_null(exact);
    if (bytes.size > 0)
        memcpy(exact, bytes.data, bytes.size);
    enum pos_status status = pos_iso8583_decode(in, pos_bytes(exact, bytes.size), message, error);
    free(exact);
    message->bytes = bytes;
    return status;
}
