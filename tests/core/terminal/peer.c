#include "tests/core/terminal/peer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/crypto/cipher.h"
#include "core/crypto/derive.h"
#include "core/crypto/key_block.h"

/* No two of the eight-byte parts are alike, or TDES would be less than it is. */
#define EIGHT(b)      b, b, b, b, b, b, b, b
#define THIRTY_TWO(b) EIGHT(b), EIGHT((b) + 2), EIGHT((b) + 4), EIGHT((b) + 6)
const uint8_t peer_tmk[32] = {THIRTY_TWO(0x11)};
const uint8_t peer_tpk[32] = {THIRTY_TWO(0x21)};
const uint8_t peer_tak[32] = {THIRTY_TWO(0x31)};
const uint8_t peer_tdk[32] = {THIRTY_TWO(0x41)};

void peer_init(struct peer *peer, enum pos_terminal_stage stage)
{
    peer_init_in(peer, stage, &pos_dialect_iso87b);
}

void peer_init_in(struct peer *peer, enum pos_terminal_stage stage,
                  const struct pos_dialect *dialect)
{
    peer_init_of(peer, stage, dialect, POS_ALGORITHM_A256);
}

void peer_init_of(struct peer *peer, enum pos_terminal_stage stage,
                  const struct pos_dialect *dialect, enum pos_algorithm algorithm)
{
    memset(peer, 0, sizeof *peer);
    pos_terminal_init(&peer->terminal, dialect, "123L013K", "T0000001", "POSGATE00000001");
    if (stage != POS_STAGE_BLANK && pos_terminal_restore(&peer->terminal, stage, 278, algorithm,
                                                         peer_tmk, peer_tpk, peer_tak) != POS_OK)
        assert(false && "restore");
    peer->algorithm = algorithm;
    peer->sale =
        (struct pos_sale){.amount = 12345, .pan = "4111111111111111", .utc_time = "1123090000"};
    peer->code = "00";
    peer->field_37 = "632709000001";
}

void peer_fini(struct peer *peer)
{
    pos_terminal_fini(&peer->terminal);
}

/* The mother POS speaks one dialect alone. */
static const struct pos_dialect *dialect_of(const struct peer *peer, enum pos_kind kind)
{
    return pos_kind_rule(kind)->link == POS_LINK_MOTHER ? &pos_dialect_iso87b
                                                        : peer->terminal.dialect;
}

static void decode_request(struct peer *peer, const struct pos_dialect *dialect)
{
    size_t consumed;
    const char *reason;
    struct pos_decode_error error;
    if (pos_frame_next(dialect, pos_buffer_view(&peer->request), &peer->frame, &consumed,
                       &reason) != POS_FRAME_READY ||
        consumed != peer->request.size)
        assert(!"one frame");
    if (pos_iso8583_decode(dialect, peer->frame.message, &peer->message, &error) != POS_OK)
        assert(!"decode");
}

void peer_ask(struct peer *peer, enum pos_kind kind)
{
    unsigned missing;
    peer->request = pos_buffer(peer->request_memory, sizeof peer->request_memory);
    bool financial = pos_kind_rule(kind)->link == POS_LINK_HOST;
    enum pos_status status = pos_terminal_request(
        &peer->terminal, kind, financial ? &peer->sale : NULL, &peer->request, &peer->state);
    assert(status == POS_OK);
    decode_request(peer, dialect_of(peer, kind));
    status = pos_message_classify(&peer->message, &peer->rule, &missing);
    assert(status == POS_OK);
}

const char *peer_field(const struct peer *peer, unsigned field)
{
    static char text[1000];
    struct pos_bytes value = pos_message_value(&peer->message, field, text, sizeof text - 1);
    text[value.size] = '\0';
    return text;
}

static bool is_tdes(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
}

/* T2 under both TDES TMKs. */
static enum pos_algorithm working_of(enum pos_algorithm tmk)
{
    return is_tdes(tmk) ? POS_ALGORITHM_T2 : tmk;
}

static enum pos_mac_algorithm working_mac_of(const struct peer *peer)
{
    if (!is_tdes(peer->algorithm))
        return POS_MAC_CMAC;
    return peer->terminal.cup_ecb ? POS_MAC_CUP_ECB : POS_MAC_RETAIL;
}

static struct pos_mac *mac_of(const struct peer *peer)
{
    uint8_t key[32];
    struct pos_mac *mac;
    bool registration = peer->rule->kind == POS_KIND_REGISTER ||
                        peer->rule->kind == POS_KIND_SIGN_ON ||
                        peer->rule->kind == POS_KIND_KEY_CONFIRM;
    enum pos_status status;
    if (registration) {
        if (pos_derive(peer->algorithm, peer_tmk, POS_DERIVE_REGISTRATION, key) != POS_OK)
            assert(!"derive");
        status = pos_mac_create(POS_MAC_CMAC, peer->algorithm, key, &mac);
    } else {
        status = pos_mac_create(working_mac_of(peer), working_of(peer->algorithm), peer_tak, &mac);
    }
    if (status != POS_OK)
        assert(!"mac");
    return mac;
}

bool peer_mac_is_good(const struct peer *peer)
{
    struct pos_bytes covered;
    uint8_t got[POS_MAC_SIZE], expected[POS_MAC_FULL_SIZE_MAX];
    if (pos_message_mac(&peer->message, &covered, got) != POS_OK)
        return false;
    struct pos_mac *mac = mac_of(peer);
    enum pos_status status = pos_mac_compute(mac, covered, expected);
    pos_mac_destroy(mac);
    return status == POS_OK && memcmp(got, expected, POS_MAC_SIZE) == 0;
}

static void set_mac(const struct peer *peer, const struct pos_encoded *encoded)
{
    uint8_t value[POS_MAC_FULL_SIZE_MAX];
    struct pos_mac *mac = mac_of(peer);
    if (pos_mac_compute(mac, encoded->covered, value) != POS_OK)
        assert(!"mac");
    pos_mac_destroy(mac);
    if (peer->mac == PEER_MAC_WRONG)
        value[7] ^= 1;
    pos_encoded_set_mac(encoded, value);
}

static void draft_reply(const struct peer *peer, struct pos_draft *draft)
{
    static const struct pos_reply_times times = {.time = {'0', '9', '0', '0', '0', '1'},
                                                 .date = {'1', '1', '2', '3'}};
    pos_reply_init(draft, &peer->message, peer->rule, POS_RESPONSE_APPROVED, &times);
    pos_draft_set(draft, 39, pos_bytes_text(peer->code));
    if (peer->mti != 0)
        draft->mti = peer->mti;
    if (peer->field_62 != NULL)
        pos_draft_set(draft, 62, pos_bytes_text(peer->field_62));
    if (peer->bytes_62.size > 0)
        pos_draft_set(draft, 62, peer->bytes_62);
    if (peer->field_63 != NULL)
        pos_draft_set(draft, 63, pos_bytes_text(peer->field_63));
    if (peer->rule->link == POS_LINK_HOST)
        pos_draft_set(draft, 37, pos_bytes_text(peer->field_37));
    if (peer->changed != 0)
        pos_draft_set(draft, peer->changed, pos_bytes_text(peer->changed_to));
    if (peer->left_out != 0) {
        unsigned i = peer->left_out - 1;
        draft->present[i / 64] &= ~((uint64_t)1 << i % 64);
    }
    if (peer->mac != PEER_MAC_NONE)
        pos_draft_reserve_mac(draft);
}

void peer_answer(struct peer *peer)
{
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    struct pos_buffer out = pos_buffer(peer->reply_memory, sizeof peer->reply_memory);
    draft_reply(peer, &draft);
    const struct pos_dialect *dialect = peer->message.dialect;
    size_t start = pos_frame_begin(dialect, &peer->frame, !peer->lost_way, &out);
    enum pos_status status = pos_iso8583_encode(dialect, &draft, &out, &encoded, &error);
    assert(status == POS_OK);
    if (peer->mac != PEER_MAC_NONE)
        set_mac(peer, &encoded);
    status = pos_frame_end(&out, start);
    assert(status == POS_OK);
    pos_terminal_reply(&peer->terminal, &peer->state, pos_buffer_view(&out), &peer->verdict);
}

void peer_wrap(enum pos_algorithm protection_algorithm, const uint8_t *protection,
               const char *usage, char mode, enum pos_algorithm algorithm, const uint8_t *key,
               char text[256])
{
    struct pos_key_block_protector *protector;
    const struct pos_key_block_attributes attributes = {.usage = {usage[0], usage[1]},
                                                        .algorithm =
                                                            is_tdes(algorithm)               ? 'T'
                                                            : algorithm == POS_ALGORITHM_SM4 ? '4'
                                                                                             : 'A',
                                                        .mode = mode,
                                                        .version = {'0', '0'},
                                                        .exportable = 'N'};
    const struct pos_key_block_optional none = {0};
    struct pos_buffer block = pos_buffer(text, 255);
    if (pos_key_block_protector_create(protection_algorithm, protection, &protector) != POS_OK ||
        pos_key_block_wrap(protector, &attributes, &none, algorithm, key, &block) != POS_OK)
        assert(!"wrap");
    text[block.size] = '\0';
    pos_key_block_protector_destroy(protector);
}

void peer_working_keys(enum pos_algorithm tmk, char text[512])
{
    char tak[256];
    enum pos_algorithm working = working_of(tmk);
    peer_wrap(tmk, peer_tmk, "P0", 'E', working, peer_tpk, text);
    peer_wrap(tmk, peer_tmk, is_tdes(tmk) ? "M3" : "M6", 'C', working, peer_tak, tak);
    memcpy(text + strlen(text), tak, strlen(tak) + 1);
}

static void encrypt_in_ecb(enum pos_algorithm algorithm, const uint8_t *key, uint8_t *data,
                           size_t size)
{
    struct pos_cipher cipher = {0};
    if (pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, key) != POS_OK ||
        pos_cipher_ecb(&cipher, data, size) != POS_OK)
        assert(!"encrypt");
    pos_cipher_fini(&cipher);
}

size_t peer_form(enum pos_algorithm tmk, const struct peer_part parts[3], uint8_t out[60])
{
    size_t at = 0;
    for (const struct peer_part *part = parts; part < parts + 3 && part->size > 0; part++) {
        uint8_t check[16] = {0};
        memcpy(out + at, part->key, part->size);
        encrypt_in_ecb(tmk, peer_tmk, out + at, part->size);
        memset(out + at + part->size, 0, part->zeros_size);
        at += part->size + part->zeros_size;
        encrypt_in_ecb(working_of(tmk), part->key, check, is_tdes(tmk) ? 8 : 16);
        memcpy(out + at, check, 4);
        at += 4;
    }
    return at;
}

void peer_key_reply(const struct peer *peer, const char *index, const char *usage,
                    enum pos_algorithm algorithm, char field_62[512], char field_63[65])
{
    struct pos_exchange *exchange;
    uint8_t terminal_public[32], own_public[32], session_key[POS_KEY_SIZE_MAX];
    char block[256];
    if (pos_exchange_create(&exchange) != POS_OK ||
        pos_hex_decode(pos_bytes_text(peer_field(peer, 63)), terminal_public, 32) != POS_OK ||
        pos_exchange_session_key(exchange, POS_EXCHANGE_MOTHER, terminal_public, session_key) !=
            POS_OK)
        assert(!"exchange");
    pos_exchange_public(exchange, own_public);
    pos_exchange_destroy(exchange);
    peer_wrap(POS_ALGORITHM_A256, session_key, usage, 'D', algorithm, peer_tmk, block);
    pos_hex_encode(pos_bytes(own_public, sizeof own_public), field_63);
    (void)snprintf(field_62, 512, "%s%s", index, block);
}
