/*
 * The worked examples of docs/protocol.md against the product: a Python script made them without
 * the C code, so where both agree the document tells the truth. Frames decode, encode to the same
 * bytes and carry the MAC that the product would make; key blocks unwrap; keys derive.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/crypto/derive.h"
#include "core/crypto/exchange.h"
#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "core/crypto/pin_block.h"
#include "core/terminal/keys.h"
#include "core/wire/frame.h"
#include "core/wire/message.h"

enum {
    DOCUMENT_SIZE_MAX = 262144,
    BLOCK_COUNT_MAX = 128,
    TEXT_SIZE_MAX = 4096,
    FRAME_COUNT_MIN = 14, /* frames, MACs and key blocks that the document shows */
    MAC_COUNT_MIN = 10,
    KEY_BLOCK_COUNT_MIN = 7,
    REGISTRATION_KEY_COUNT_MIN = 3,
};

/* The lines between two fences, borrowed from the document. */
static struct pos_bytes blocks[BLOCK_COUNT_MAX];
static size_t block_count;
static uint8_t *document;

static void read_document(void)
{
    size_t size;
    cr_assert_eq(pos_file_read(POSGATE_SOURCE_DIR "/docs/protocol.md", DOCUMENT_SIZE_MAX, &document,
                               &size, NULL),
                 POS_OK);
    const char *at = (const char *)document;
    block_count = 0;
    while ((at = strstr(at, "\n```\n")) != NULL) {
        const char *begin = at + 5;
        const char *end = strstr(begin - 1, "\n```\n");
        cr_assert_not_null(end);
        cr_assert_lt(block_count, BLOCK_COUNT_MAX);
        blocks[block_count++] = pos_bytes(begin, (size_t)(end + 1 - begin));
        at = end + 4;
    }
}

static void forget_document(void)
{
    free(document);
}

TestSuite(protocol_examples, .init = read_document, .fini = forget_document);

/* Appends characters without blanks and line ends. */
static void put_solid(struct pos_buffer *text, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (from[i] != ' ' && from[i] != '\n')
            pos_buffer_put_u8(text, (uint8_t)from[i]);
}

/* The value of `name` in a listing, its continuation lines joined; empty when it is not there. */
static struct pos_bytes value_of(struct pos_bytes block, const char *name, char *text)
{
    struct pos_buffer value = pos_buffer(text, TEXT_SIZE_MAX);
    size_t name_size = strlen(name);
    bool ours = false;
    const char *line = (const char *)block.data, *end = line + block.size;
    while (line < end) {
        size_t size = (size_t)((const char *)memchr(line, '\n', (size_t)(end - line)) - line);
        if (line[0] != ' ')
            ours = size > name_size && memcmp(line, name, name_size) == 0 && line[name_size] == ':';
        size_t skip = ours && line[0] != ' ' ? name_size + 1 : 0;
        if (ours)
            put_solid(&value, line + skip, size - skip);
        line += size + 1;
    }
    return pos_buffer_view(&value);
}

static size_t hex_value(struct pos_bytes block, const char *name, uint8_t *out)
{
    char text[TEXT_SIZE_MAX];
    struct pos_bytes value = value_of(block, name, text);
    cr_assert_eq(pos_hex_decode(value, out, value.size / 2), POS_OK, "%s", name);
    return value.size / 2;
}

/* A block of nothing but hex digits is a frame. */
static size_t frame_of(struct pos_bytes block, uint8_t *out)
{
    char text[TEXT_SIZE_MAX];
    struct pos_buffer solid = pos_buffer(text, sizeof text);
    put_solid(&solid, (const char *)block.data, block.size);
    if (pos_hex_decode(pos_buffer_view(&solid), out, solid.size / 2) != POS_OK)
        return 0;
    return solid.size / 2;
}

/* Frames with a TPDU are the UnionPay POS form's: no MTI begins with 60. */
static const struct pos_dialect *dialect_of(struct pos_bytes stream)
{
    return stream.size > 2 && stream.data[2] == 0x60 ? &pos_dialect_cup : &pos_dialect_iso87b;
}

static struct pos_message decode(struct pos_bytes stream)
{
    struct pos_frame frame;
    size_t consumed;
    const char *reason = "";
    cr_assert_eq(pos_frame_next(dialect_of(stream), stream, &frame, &consumed, &reason),
                 POS_FRAME_READY, "%s", reason);
    cr_assert_eq(consumed, stream.size);
    struct pos_message message;
    struct pos_decode_error error;
    cr_assert_eq(pos_iso8583_decode(dialect_of(stream), frame.message, &message, &error), POS_OK,
                 "field %d: %s", error.field, pos_decode_reason_text(error.reason));
    return message;
}

static void expect_encodes_the_same(const struct pos_message *message)
{
    static char values[POS_FIELD_COUNT + 1][1000];
    struct pos_draft draft;
    pos_draft_init(&draft, message->mti);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++)
        if (pos_message_has(message, field))
            pos_draft_set(&draft, field,
                          pos_message_value(message, field, values[field], sizeof values[field]));
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_encoded encoded;
    struct pos_decode_error error;
    cr_assert_eq(pos_iso8583_encode(message->dialect, &draft, &out, &encoded, &error), POS_OK);
    cr_expect(pos_bytes_equal(encoded.bytes, message->bytes), "%04x", message->mti);
}

static void expect_classified(const struct pos_message *message)
{
    const struct pos_kind_rule *rule = NULL;
    unsigned missing = 0;
    cr_expect_eq(pos_message_classify(message, &rule, &missing), POS_OK, "%04x lacks %u",
                 message->mti, missing);
    struct pos_smn smn;
    if (message->dialect == &pos_dialect_cup) { /* captured from a terminal that has no SMN */
        cr_expect_eq(rule->kind, POS_KIND_SIGN_ON);
        cr_expect_eq(pos_message_smn(message, &smn), POS_ERR_FORMAT);
        return;
    }
    if (rule != NULL && rule->smn) {
        cr_assert_eq(pos_message_smn(message, &smn), POS_OK, "%s", rule->name);
        cr_expect_str_eq(smn.text, "123L013K00000278");
    }
}

Test(protocol_examples, frames_are_those_of_the_codec)
{
    size_t count = 0;
    for (size_t i = 0; i < block_count; i++) {
        uint8_t bytes[TEXT_SIZE_MAX / 2];
        size_t size = frame_of(blocks[i], bytes);
        if (size == 0)
            continue;
        struct pos_message message = decode(pos_bytes(bytes, size));
        expect_encodes_the_same(&message);
        if (pos_mti_is_request(message.mti))
            expect_classified(&message);
        count++;
    }
    cr_expect_geq(count, FRAME_COUNT_MIN);
}

Test(protocol_examples, macs_are_those_of_the_product)
{
    size_t count = 0;
    uint8_t frame[TEXT_SIZE_MAX / 2];
    size_t frame_size = 0;
    for (size_t i = 0; i < block_count; i++) {
        uint8_t bytes[TEXT_SIZE_MAX / 2], key[POS_KEY_SIZE_MAX];
        size_t size = frame_of(blocks[i], bytes);
        if (size != 0) {
            memcpy(frame, bytes, size);
            frame_size = size;
        }
        char text[TEXT_SIZE_MAX];
        if (value_of(blocks[i], "MAC over", text).size == 0)
            continue;
        cr_assert_eq(hex_value(blocks[i], "MAC key", key), sizeof key);
        struct pos_message message = decode(pos_bytes(frame, frame_size));
        struct pos_bytes covered;
        uint8_t mac[POS_MAC_SIZE], full[POS_MAC_FULL_SIZE_MAX];
        cr_assert_eq(pos_message_mac(&message, &covered, mac), POS_OK);
        struct pos_mac *context;
        cr_assert_eq(pos_mac_create(POS_MAC_CMAC, POS_ALGORITHM_A256, key, &context), POS_OK);
        cr_assert_eq(pos_mac_compute(context, covered, full), POS_OK);
        pos_mac_destroy(context);
        cr_expect_arr_eq(full, mac, sizeof mac, "%04x", message.mti);
        count++;
    }
    cr_expect_geq(count, MAC_COUNT_MIN);
}

/* An example is about TDES when its heading is: the rest is AES. */
static bool about_tdes(struct pos_bytes block)
{
    const char *heading = strstr((const char *)document, "\n### Key blocks with TDES keys\n");
    cr_assert_not_null(heading);
    return (const char *)block.data > heading;
}

static enum pos_algorithm algorithm_of(struct pos_bytes block, size_t size)
{
    if (about_tdes(block))
        return size == 24 ? POS_ALGORITHM_T3 : POS_ALGORITHM_T2;
    return size == 32 ? POS_ALGORITHM_A256 : POS_ALGORITHM_A128;
}

static struct pos_key_block_protector *protector_of(struct pos_bytes block)
{
    uint8_t key[POS_KEY_SIZE_MAX];
    char text[TEXT_SIZE_MAX];
    const char *name = value_of(block, "session key", text).size != 0 ? "session key" : "TMK";
    size_t size = hex_value(block, name, key);
    struct pos_key_block_protector *protector;
    cr_assert_eq(pos_key_block_protector_create(algorithm_of(block, size), key, &protector),
                 POS_OK);
    return protector;
}

Test(protocol_examples, key_blocks_unwrap_to_their_keys)
{
    size_t count = 0;
    for (size_t i = 0; i < block_count; i++) {
        char text[TEXT_SIZE_MAX];
        struct pos_bytes block = value_of(blocks[i], "block", text);
        if (block.size == 0)
            continue;
        uint8_t expected_key[POS_KEY_SIZE_MAX], key[POS_KEY_SIZE_MAX];
        size_t size = hex_value(blocks[i], "key", expected_key);
        struct pos_key_block_expectation expected = {
            .attributes = {.usage = {text[5], text[6]},
                           .algorithm =
                               pos_key_block_algorithm_letter(algorithm_of(blocks[i], size)),
                           .mode = text[8],
                           .version = {'0', '0'},
                           .exportable = 'N'},
            .key_algorithm = algorithm_of(blocks[i], size)};
        struct pos_key_block_protector *protector = protector_of(blocks[i]);
        struct pos_error error;
        cr_expect_eq(pos_key_block_unwrap(protector, block, &expected, key, &error), POS_OK);
        cr_expect_arr_eq(key, expected_key, size);
        text[40] = text[40] == '0' ? '1' : '0';
        cr_expect_eq(pos_key_block_unwrap(protector, block, &expected, key, &error), POS_ERR_MAC);
        pos_key_block_protector_destroy(protector);
        count++;
    }
    cr_expect_geq(count, KEY_BLOCK_COUNT_MIN);
}

Test(protocol_examples, registration_keys_derive)
{
    size_t count = 0;
    for (size_t i = 0; i < block_count; i++) {
        char text[TEXT_SIZE_MAX];
        if (value_of(blocks[i], "K_reg", text).size == 0)
            continue;
        uint8_t tmk[POS_KEY_SIZE_MAX], expected[POS_KEY_SIZE_MAX], derived[POS_KEY_SIZE_MAX];
        size_t size = hex_value(blocks[i], "TMK", tmk);
        cr_assert_eq(hex_value(blocks[i], "K_reg", expected), size);
        cr_assert_eq(
            pos_derive(algorithm_of(blocks[i], size), tmk, POS_DERIVE_REGISTRATION, derived),
            POS_OK);
        cr_expect_arr_eq(derived, expected, size);
        count++;
    }
    cr_expect_geq(count, REGISTRATION_KEY_COUNT_MIN);
}

Test(protocol_examples, the_session_key_is_agreed_on)
{
    size_t count = 0;
    for (size_t i = 0; i < block_count; i++) {
        char text[TEXT_SIZE_MAX];
        if (value_of(blocks[i], "terminal private", text).size == 0)
            continue;
        uint8_t private_key[32], mother_public[32], expected[32], session_key[POS_KEY_SIZE_MAX];
        (void)hex_value(blocks[i], "terminal private", private_key);
        (void)hex_value(blocks[i], "mother public", mother_public);
        (void)hex_value(blocks[i], "session key", expected);
        struct pos_exchange *exchange;
        cr_assert_eq(pos_exchange_restore(private_key, &exchange), POS_OK);
        cr_assert_eq(
            pos_exchange_session_key(exchange, POS_EXCHANGE_TERMINAL, mother_public, session_key),
            POS_OK);
        cr_expect_arr_eq(session_key, expected, sizeof expected);
        pos_exchange_destroy(exchange);
        count++;
    }
    cr_expect_eq(count, 1);
}

/* The algorithm of the TMK that a form opens under; NONE when there is none. */
static enum pos_algorithm open_form(struct pos_bytes form, const uint8_t *tmk,
                                    struct pos_working_keys *keys)
{
    static const enum pos_algorithm tried[] = {POS_ALGORITHM_T2, POS_ALGORITHM_SM4};
    for (size_t i = 0; i < 2; i++) {
        struct pos_terminal terminal = {.algorithm = tried[i]};
        struct pos_error error;
        memcpy(terminal.tmk, tmk, 16);
        memset(keys, 0, sizeof *keys);
        if (pos_terminal_open_form(&terminal, form, keys, &error) == POS_OK)
            return tried[i];
    }
    return POS_ALGORITHM_NONE;
}

Test(protocol_examples, forms_open_to_their_keys)
{
    size_t counts[POS_ALGORITHM_COUNT] = {0}, track_keys = 0;
    for (size_t i = 0; i < block_count; i++) {
        char text[TEXT_SIZE_MAX];
        if (value_of(blocks[i], "form", text).size == 0)
            continue;
        uint8_t tmk[POS_KEY_SIZE_MAX], form[POS_WORKING_KEYS_SIZE_MAX], key[POS_KEY_SIZE_MAX];
        struct pos_working_keys keys;
        size_t size = hex_value(blocks[i], "form", form);
        cr_assert_eq(hex_value(blocks[i], "TMK", tmk), 16);
        counts[open_form(pos_bytes(form, size), tmk, &keys)]++;
        cr_expect_arr_eq(keys.tpk, key, hex_value(blocks[i], "TPK", key));
        cr_expect_arr_eq(keys.tak, key, hex_value(blocks[i], "TAK", key));
        size_t track_size = hex_value(blocks[i], "TDK", key);
        cr_expect_arr_eq(keys.tdk, key, track_size);
        track_keys += track_size > 0;
    }
    cr_expect_eq(counts[POS_ALGORITHM_NONE], 0);
    cr_expect_geq(counts[POS_ALGORITHM_T2], 2);
    cr_expect_geq(counts[POS_ALGORITHM_SM4], 1);
    cr_expect_geq(track_keys, 1);
}

Test(protocol_examples, macs_under_tdes_keys_are_those_of_the_product)
{
    static const struct {
        const char *name;
        enum pos_mac_algorithm mac;
    } rows[] = {{"retail MAC", POS_MAC_RETAIL}, {"ECB MAC", POS_MAC_CUP_ECB}};
    for (size_t r = 0; r < 2; r++) {
        size_t count = 0;
        for (size_t i = 0; i < block_count; i++) {
            char text[TEXT_SIZE_MAX];
            if (value_of(blocks[i], rows[r].name, text).size == 0)
                continue;
            uint8_t key[POS_KEY_SIZE_MAX], covered[TEXT_SIZE_MAX / 2], mac[8];
            uint8_t made[POS_MAC_FULL_SIZE_MAX];
            struct pos_mac *context;
            size_t size = hex_value(blocks[i], "bytes covered", covered);
            cr_assert_eq(hex_value(blocks[i], "TAK", key), 16);
            cr_assert_eq(hex_value(blocks[i], rows[r].name, mac), 8);
            cr_assert_eq(pos_mac_create(rows[r].mac, POS_ALGORITHM_T2, key, &context), POS_OK);
            cr_assert_eq(pos_mac_compute(context, pos_bytes(covered, size), made), POS_OK);
            pos_mac_destroy(context);
            cr_expect_arr_eq(made, mac, 8, "%s", rows[r].name);
            count++;
        }
        cr_expect_geq(count, 1, "%s", rows[r].name);
    }
}

Test(protocol_examples, pin_blocks_open_to_their_pins)
{
    size_t count = 0;
    for (size_t i = 0; i < block_count; i++) {
        char text[TEXT_SIZE_MAX], pan_text[TEXT_SIZE_MAX], pin_text[TEXT_SIZE_MAX];
        if (value_of(blocks[i], "PIN block", text).size == 0)
            continue;
        uint8_t key[POS_KEY_SIZE_MAX], block[POS_PIN_BLOCK_SIZE_MAX];
        size_t size = hex_value(blocks[i], "PIN block", block);
        enum pos_algorithm algorithm =
            hex_value(blocks[i], "TPK", key) == 32 ? POS_ALGORITHM_A256 : POS_ALGORITHM_T2;
        struct pos_bytes pan = value_of(blocks[i], "PAN", pan_text);
        struct pos_bytes pin = value_of(blocks[i], "PIN", pin_text);
        struct pos_pin opened;
        cr_expect_eq(pos_pin_block_open(size == 16 ? POS_PIN_FORMAT_4 : POS_PIN_FORMAT_0, algorithm,
                                        key, pan, pos_bytes(block, size), &opened),
                     POS_OK);
        cr_expect(pos_bytes_equal(pos_bytes(opened.digits, opened.size), pin));
        count++;
    }
    cr_expect_geq(count, 2);
}
