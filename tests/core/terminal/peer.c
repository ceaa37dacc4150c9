#include "tests/core/terminal/peer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/crypto/derive.h"
#include "core/crypto/key_block.h"

#define SIXTEEN(b) b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b
const uint8_t peer_tmk[32] = {SIXTEEN(0x11), SIXTEEN(0x12)};
const uint8_t peer_tpk[32] = {SIXTEEN(0x21), SIXTEEN(0x22)};
const uint8_t peer_tak[32] = {SIXTEEN(0x31), SIXTEEN(0x32)};

static const struct pos_sale sale = {
    .amount = 12345, .pan = "4111111111111111", .utc_time = "1123090000"};

void peer_init(struct peer *peer, enum pos_terminal_stage stage)
{
    peer_init_in(peer, stage, &pos_dialect_iso87b);
}

void peer_init_in(struct peer *peer, enum pos_terminal_stage stage,
                  const struct pos_dialect *dialect)
{
    memset(peer, 0, sizeof *peer);
    pos_terminal_init(&peer->terminal, dialect, "123L013K", "T0000001", "POSGATE00000001");
    if (stage != POS_STAGE_BLANK &&
        pos_terminal_restore(&peer->terminal, stage, 278, POS_ALGORITHM_A256, peer_tmk, peer_tpk,
                             peer_tak) != POS_OK)
        assert(false && "restore");
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
    enum pos_status status = pos_terminal_request(&peer->terminal, kind, financial ? &sale : NULL,
                                                  &peer->request, &peer->state);
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

static struct pos_mac *mac_of(const struct peer *peer)
{
    uint8_t key[32];
    struct pos_mac *mac;
    bool registration = peer->rule->kind == POS_KIND_REGISTER ||
                        peer->rule->kind == POS_KIND_SIGN_ON ||
                        peer->rule->kind == POS_KIND_KEY_CONFIRM;
    if (registration) {
        if (pos_derive(POS_ALGORITHM_A256, peer_tmk, POS_DERIVE_REGISTRATION, key) != POS_OK)
            assert(!"derive");
    } else {
        memcpy(key, peer_tak, sizeof key);
    }
    if (pos_mac_create(POS_MAC_CMAC, POS_ALGORITHM_A256, key, &mac) != POS_OK)
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
    if (peer->field_63 != NULL)
        pos_draft_set(draft, 63, pos_bytes_text(peer->field_63));
    if (peer->rule->link == POS_LINK_HOST)
        pos_draft_set(draft, 37, pos_bytes_text(peer->field_37));
    if (peer->changed != 0) {
        unsigned i = peer->changed - 1;
        draft->echoed[i / 64] &= ~((uint64_t)1 << i % 64);
        pos_draft_set(draft, peer->changed, pos_bytes_text(peer->changed_to));
    }
    if (peer->left_out != 0) {
        unsigned i = peer->left_out - 1;
        draft->present[i / 64] &= ~((uint64_t)1 << i % 64);
        draft->echoed[i / 64] &= ~((uint64_t)1 << i % 64);
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

void peer_wrap(const uint8_t *protection, const char *usage, char mode,
               enum pos_algorithm algorithm, const uint8_t *key, char text[256])
{
    struct pos_key_block_protector *protector;
    const struct pos_key_block_attributes attributes = {.usage = {usage[0], usage[1]},
                                                        .algorithm = 'A',
                                                        .mode = mode,
                                                        .version = {'0', '0'},
                                                        .exportable = 'N'};
    const struct pos_key_block_optional none = {0};
    struct pos_buffer block = pos_buffer(text, 255);
    if (pos_key_block_protector_create(POS_ALGORITHM_A256, protection, &protector) != POS_OK ||
        pos_key_block_wrap(protector, &attributes, &none, algorithm, key, &block) != POS_OK)
        assert(!"wrap");
    text[block.size] = '\0';
    pos_key_block_protector_destroy(protector);
}

void peer_working_keys(char text[512])
{
    char tak[256];
    peer_wrap(peer_tmk, "P0", 'E', POS_ALGORITHM_A256, peer_tpk, text);
    peer_wrap(peer_tmk, "M6", 'C', POS_ALGORITHM_A256, peer_tak, tak);
    memcpy(text + strlen(text), tak, strlen(tak) + 1);
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
    peer_wrap(session_key, usage, 'D', algorithm, peer_tmk, block);
    pos_hex_encode(pos_bytes(own_public, sizeof own_public), field_63);
    (void)snprintf(field_62, 512, "%s%s", index, block);
}
